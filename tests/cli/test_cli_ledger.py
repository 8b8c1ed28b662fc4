"""`ringfence explain` and `ringfence ledger verify`: what is told of a call, what is proved, and what can't be read."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from clikit import POLICY, SECOND_US, TEN, Run, kept, ledger, morning

from ringfence.ledger.files import VERSION
from ringfence.model import Arrived, Ended, PolicyChanged
from ringfence.policy import Loader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return kept(tmp_path)


def edit(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute(statement)


# --- explain --------------------------------------------------------------------------------------------------------


def test_the_story_of_an_allowed_call(path: Path, run: Run) -> None:
    told = run("explain", "n1-1", "--ledger", path)
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[:6] == [
        "2026-11-26 10:00:00.000  call n1-1",
        "from     127.0.1.1:5060, source pbx, verified by address",
        "caller   '+12125550100', extension '201'",
        "dialled  '011442079460000', read as +442079460000 (fixed, GB)",
        "trunk    carrier, sent as +442079460000",
        "price    0.60 a minute (United Kingdom), 60/60 s",
    ]
    assert "verdict  allow" in lines
    assert ["money of trunk carrier", "international", "24 hours", "0.60", "20.00"] in told.rows
    assert ["calls of trunk carrier", "all", "now", "1", "4"] in told.rows
    assert lines[-2:] == ["2026-11-26 10:00:05.000  answered t1", "2026-11-26 10:01:10.000  ended bye-caller 200 t1"]


def test_a_refused_call_is_an_exit_code_and_names_every_rule(path: Path, run: Run) -> None:
    told = run("explain", "n1-2", "--ledger", path)
    assert told.code == 1
    verdict = "deny destination-not-permitted — +5378345678 (fixed, CU) isn't permitted for trunk carrier"
    assert f"verdict  {verdict}" in told.out
    assert "sent as (nothing)" in told.out
    assert "isn't permitted for trunk carrier  [trunk.carrier.permit]" in told.out
    assert "block price-over-ceiling: " in told.out
    assert "counted against" not in told.out  # It holds nothing.


def test_the_line_of_the_policy_is_that_of_the_decision(tmp_path: Path, run: Run) -> None:
    path, facts = tmp_path / "ledger.db", morning(tmp_path)
    file = tmp_path / "policy.toml"
    with ledger(path) as opened:
        for shift, at in ((0, TEN - 60 * SECOND_US), (5, TEN + 3600 * SECOND_US)):
            file.write_text("\n" * shift + POLICY)
            loaded = Loader(str(file)).load()
            opened.append(PolicyChanged(at=at, version=loaded.policy.version, by="me", places=loaded.places))
        for fact in facts:
            opened.append(fact)
    assert f"  [{file}:11 trunk.carrier.permit]" in run("explain", "n1-2", "--ledger", path).out


def test_an_observed_hit_is_marked(path: Path, run: Run) -> None:
    told = run("explain", "n1-3", "--ledger", path)
    assert told.code == 0
    assert "block caller-id-not-owned (observed only): caller ID '+13105550199'" in told.out


def test_its_messages_are_shown_where_asked_for(path: Path, run: Run) -> None:
    assert "INVITE" not in run("explain", "n1-1", "--ledger", path).out
    told = run("explain", "n1-1", "--ledger", path, "--messages").out
    assert told.endswith(
        "\n\n2026-11-26 10:00:00.000 in 127.0.1.1:5060\n"
        "INVITE sip:011442079460000@127.0.0.1 SIP/2.0\r\nCall-ID: n1-1@pbx\n"
    )


def test_programs_get_every_fact(path: Path, run: Run) -> None:
    told = json.loads(run("explain", "n1-1", "--ledger", path, "--json").out)
    assert (told["id"], told["outcome"], told["cost_micros"]) == ("n1-1", "allow", 1_200_000)
    assert [fact["fact"] for fact in told["facts"]] == ["decided", "answered", "ended"]
    assert told["facts"][0]["hold"]["charges"]


def test_the_beginning_of_an_id_is_enough_where_it_is_the_only_one(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as opened:
        for fact in morning(tmp_path)[:3]:
            opened.append(fact)
    assert "call n1-1" in run("explain", "n1", "--ledger", path).out


SIGNED = Arrived(
    at=TEN, id="n1-9-in", source="pbx", trunk="carrier", caller="+12155551212", dialled="+12125550123",
    verstat="passed", attestation="A", origid="123e4567-e89b-12d3-a456-426655440000",
)  # fmt: skip
FALSE = msgspec.structs.replace(SIGNED, verstat="failed", attestation="", origid="", verstat_why="signed 99 s ago")


@pytest.mark.parametrize(
    ("fact", "signed"),
    [
        (SIGNED, "signed   passed, attestation A, origid 123e4567-e89b-12d3-a456-426655440000"),
        (FALSE, "signed   failed — signed 99 s ago"),
        (msgspec.structs.replace(SIGNED, verstat=""), ""),
    ],
)
def test_the_story_of_an_inbound_call(tmp_path: Path, run: Run, fact: Arrived, signed: str) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as opened:
        for one in (fact, Ended(at=TEN + 1_000_000, id=fact.id, cause="rejected", status=486)):
            opened.append(one)
    told = run("explain", "n1-9", "--ledger", path)
    assert (told.code, told.out.splitlines()) == (
        0,
        [
            "2026-11-26 10:00:00.000  inbound call n1-9-in",
            "trunk    carrier, to source pbx",
            "caller   '+12155551212'",
            "dialled  '+12125550123'",
            *([signed] if signed else []),
            "2026-11-26 10:00:01.000  ended rejected 486",
        ],
    )
    shown = json.loads(run("explain", "n1-9", "--ledger", path, "--json").out)
    assert (shown["id"], shown["facts"][0]["verstat"]) == ("n1-9-in", fact.verstat)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("n1-", "'n1-' begins several calls: n1-1, n1-2, n1-3, n1-4, n1-5\n"),
        ("n2", "no call 'n2' in this ledger; `ringfence log` lists them\n"),
    ],
)
def test_an_id_that_isnt_one(path: Path, run: Run, asked: str, says: str) -> None:
    assert run("explain", asked, "--ledger", path) == (2, "", says)


def test_a_call_whose_verdict_was_purged_is_said(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as opened:
        opened.append(morning(tmp_path)[2])
    told = run("explain", "n1-1", "--ledger", path)
    assert told == (2, "", "call n1-1: the verdict on it is no longer kept\n")


# --- verify ---------------------------------------------------------------------------------------------------------


def test_an_intact_ledger_is_proved(path: Path, run: Run) -> None:
    told = run("ledger", "verify", "--ledger", path)
    says = f"{path}: intact; node n1, entries 1 to 12, 12 with their bodies, 2 signed heads\n"
    assert told == (0, says, "")


def test_programs_get_names(path: Path, run: Run) -> None:
    told = run("ledger", "verify", "--ledger", path, "--json")
    assert told.code == 0
    assert json.loads(told.out) == {
        "node": "n1", "first": 1, "last": 12, "entries": 12, "bodies": 12, "heads": 2, "signed": 12, "segments": 1,
        "broken": None, "doubts": [],
    }  # fmt: skip


def test_a_changed_entry_is_named(path: Path, run: Run) -> None:
    edit(path, "UPDATE facts SET body = x'00' WHERE seq = 3")
    assert run("ledger", "verify", "--ledger", path) == (1, f"{path}: broken at entry 3: the body was changed\n", "")
    told = run("ledger", "verify", "--ledger", path, "--json")
    assert told.code == 1
    assert json.loads(told.out)["broken"] == {"seq": 3, "why": "the body was changed"}


def test_a_head_that_was_kept_elsewhere(path: Path, run: Run) -> None:
    """Who can write the ledger and has the key can make a new one; a head from before tells."""
    head = path.with_suffix(".head").read_text().strip()
    assert run("ledger", "verify", "--ledger", path, "--head", head).code == 0
    for part in path.parent.glob("ledger.*"):
        if part.is_file() and part.suffix != ".key":
            part.unlink()
    with ledger(path) as opened:
        for fact in morning(path.parent)[:9]:
            opened.append(fact)
    assert run("ledger", "verify", "--ledger", path).code == 0
    told = run("ledger", "verify", "--ledger", path, "--head", head)
    assert told.code == 1
    assert "broken at entry 11: the end is cut off: a signed head tells of entry 12" in told.out


def test_a_head_that_is_none(path: Path, run: Run) -> None:
    told = run("ledger", "verify", "--ledger", path, "--head", "n1 12")
    assert told.code == 2
    assert "'n1 12' is no signed head: it is one line of five words" in told.err


def test_what_can_be_proved_neither_way_is_said(path: Path, run: Run) -> None:
    path.with_suffix(".head").write_text("torn")
    told = run("ledger", "verify", "--ledger", path)
    assert told.code == 0
    assert f"not proved: {path.with_suffix('.head')} can't be read" in told.out


# --- what can't be read ---------------------------------------------------------------------------------------------

COMMANDS = [("log",), ("explain", "n1-1"), ("ledger", "verify")]
each = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])


@each
def test_no_ledger(tmp_path: Path, run: Run, command: tuple[str, ...]) -> None:
    path = tmp_path / "none.db"
    says = f"ledger {path}: there is none; name it with --ledger, or start the guard once\n"
    assert run(*command, "--ledger", path) == (2, "", says)
    assert not path.exists()


@each
def test_a_ledger_of_a_newer_version(path: Path, run: Run, command: tuple[str, ...]) -> None:
    edit(path, f"PRAGMA user_version = {VERSION + 1}")
    told = run(*command, "--ledger", path)
    says = f"ledger {path}: written by a newer Ringfence (format {VERSION + 1}); use that one\n"
    assert told == (2, "", says)


@each
@pytest.mark.parametrize(
    ("content", "says"),
    [(b"no database" * 100, "the file is damaged or no ledger"), (b"", "is no ledger, or nothing was written yet")],
    ids=["rubbish", "empty"],
)
def test_a_file_that_is_no_ledger(
    tmp_path: Path, run: Run, command: tuple[str, ...], content: bytes, says: str
) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    told = run(*command, "--ledger", path)
    assert (told.code, told.out, len(told.err.splitlines())) == (2, "", 1)
    assert told.err.startswith(f"ledger {path}: {says}")
    assert path.read_bytes() == content


@each
def test_a_ledger_that_isnt_ours_to_read(
    path: Path, run: Run, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read all, so the kernel's answer is put in its mouth."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    says = f"ledger {path}: may not be read by this user; run this as the user of the guard\n"
    assert run(*command, "--ledger", path) == (2, "", says)


@each
def test_a_directory_that_isnt_ours_to_look_into(
    path: Path, run: Run, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", denied)
    told = run(*command, "--ledger", path)
    assert told == (2, "", f"ledger {path}: Permission denied; run this as the user of the guard\n")


@each
def test_a_directory(tmp_path: Path, run: Run, command: tuple[str, ...]) -> None:
    says = f"ledger {tmp_path}: is a directory; name the file in it, as [ledger] path in the policy does\n"
    assert run(*command, "--ledger", tmp_path) == (2, "", says)


def test_what_no_head_tells_of_is_said(path: Path, run: Run) -> None:
    edit(path, "DELETE FROM heads")
    path.with_suffix(".head").unlink()
    told = run("ledger", "verify", "--ledger", path)
    assert told.code == 0
    assert "0 signed heads\n  not signed yet: entries 1 to 12; whether more came after entry 0 isn't proved" in told.out
