"""`status`, `calls`, `calls cut`, `reload`: a running guard as its operator sees it, and none running."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from clikit import Run

from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.peer import Call, Dialog, Leg, Peer, answer_ok, call, leg
from ringfence.testing.process import polls

UK, CALLER = "+442079460000", "+12125550100"


class Site(NamedTuple):
    """A guard with one call up and one that rings."""

    guard: Guard
    pbx: Peer
    carrier: Peer
    up: tuple[Dialog, Leg]
    rings: tuple[Call, Leg]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("guard")
    caps = "concurrent = { expected = 2, alert = 3, block = 4 }\nspend = { international = { per_day = 20 } }"
    with (
        Peer(PBX, name="pbx") as pbx,
        Peer(CARRIER, name="carrier") as carrier,
        Guard(directory, pbx.address, carrier.address, trunk=caps) as guard,
    ):
        first = call(pbx, guard.inside, UK, CALLER)
        offered = leg(carrier, carrier.expect("INVITE", call_id=first.call_id))
        offered.answer()
        dialog = first.confirm(pbx.expect(200, call_id=first.call_id))
        second = call(pbx, guard.inside, "+12125550143", CALLER)
        ringing = leg(carrier, carrier.expect("INVITE", call_id=second.call_id))
        ringing.ring()
        pbx.expect(180, call_id=second.call_id)
        for _ in polls(10.0):
            if sorted(row["state"] for row in guard.ask("calls")) == ["ringing", "up"]:
                break
        yield Site(guard, pbx, carrier, (dialog, offered), (second, ringing))


@pytest.fixture
def control(site: Site) -> tuple[str, Path]:
    return "--control", site.guard.control


# --- status ---------------------------------------------------------------------------------------------------------


def test_status_for_people(site: Site, run: Run, control: tuple[str, Path]) -> None:
    told = run("status", *control)
    assert (told.code, told.err) == (0, "")
    first, second, *_ = told.out.splitlines()
    assert re.fullmatch(r"ringfence [0-9.]+, node \S+, policy [0-9a-f]{12}", first)
    assert re.fullmatch(r"up for \d+:\d\d, 2 calls in progress, ledger writing", second)
    meters = {tuple(row[:3]): row[3:] for row in told.rows}
    assert meters["meter", "class", "window"] == ["now", "expected", "alert", "block"]
    assert meters["calls of trunk carrier", "all", "now"] == ["2", "2", "3", "4"]
    assert meters["attempts of source pbx", "all", "24 hours"] == ["2"]
    # The UK call is paid a minute ahead: 0.012 a minute, in seconds.
    spent = meters["money of trunk carrier", "international", "24 hours"]
    assert spent[1:] == ["20.00"]
    assert 0 < float(spent[0]) < 0.1
    assert not any("caller pbx/" in row[0] for row in told.rows)


def test_extensions_on_demand(run: Run, control: tuple[str, Path]) -> None:
    assert any(
        row[:3] == [f"calls of caller pbx/{CALLER}", "all", "now"] for row in run("status", *control, "--callers").rows
    )


def test_status_for_programs(run: Run, control: tuple[str, Path]) -> None:
    told = run("status", *control, "--json")
    assert told.code == 0
    found = json.loads(told.out)
    assert (found["calls"], found["ledger"]["state"], found["errors"]) == (2, "writing", 0)
    assert {"version", "node", "policy", "up_s", "meters", "contained", "edge", "sockets", "names"} <= found.keys()


def test_a_ledger_that_is_down_is_an_exit_code(tmp_path: Path, run: Run) -> None:
    (tmp_path / "state" / "ledger.db").mkdir(parents=True)
    with Guard(tmp_path, (PBX, 5060), (CARRIER, 5060)) as guard:
        told = run("status", "--control", guard.control)
        assert told.code == 1
        assert re.search(r"0 calls in progress, ledger DOWN\nledger state/ledger\.db: .*when_down", told.out)
        assert run("status", "--control", guard.control, "--json").code == 1


# --- calls ----------------------------------------------------------------------------------------------------------


def test_calls_for_people(site: Site, run: Run, control: tuple[str, Path]) -> None:
    told = run("calls", *control)
    assert (told.code, told.err) == (0, "")
    head, *rows = told.rows
    assert head == ["id", "state", "since", "for", "source", "caller", "dialled", "number", "trunk", "cost"]
    up, ringing = sorted(rows, key=lambda row: row[1], reverse=True)
    assert up[1] == "up"
    assert up[4:9] == ["pbx", CALLER, UK, UK, "carrier"]
    assert float(up[9]) > 0
    assert ringing[1] == "ringing"
    assert ringing[9] == "0.00"


def test_calls_for_programs(run: Run, control: tuple[str, Path]) -> None:
    rows = json.loads(run("calls", *control, "--json").out)
    assert sorted((row["state"], row["e164"], row["class"]) for row in rows) == [
        ("ringing", "12125550143", "domestic"),
        ("up", "442079460000", "international"),
    ]


def test_none_in_progress(tmp_path: Path, run: Run) -> None:
    with Guard(tmp_path, (PBX, 5060), (CARRIER, 5060)) as guard:
        assert run("calls", "--control", guard.control) == (0, "no calls in progress\n", "")
        assert run("calls", "--control", guard.control, "--json") == (0, "[]\n", "")


def test_a_call_is_cut(site: Site, run: Run, control: tuple[str, Path]) -> None:
    made = call(site.pbx, site.guard.inside, UK, CALLER)
    offered = leg(site.carrier, site.carrier.expect("INVITE", call_id=made.call_id))
    offered.answer()
    made.confirm(site.pbx.expect(200, call_id=made.call_id))
    before = json.loads(run("calls", *control, "--json").out)
    newest = max(before, key=lambda row: row["since"])["id"]
    assert run("calls", "cut", newest, *control) == (0, f"call {newest} is being ended\n", "")
    for side in (site.pbx, site.carrier):
        answer_ok(side, side.expect("BYE", call_id=made.call_id))
    for _ in polls(10.0):
        left = [row["id"] for row in site.guard.ask("calls")]
        if newest not in left:
            break
    assert sorted(left) == sorted({row["id"] for row in before} - {newest})


def test_a_call_that_isnt_there_cant_be_cut(run: Run, control: tuple[str, Path]) -> None:
    told = run("calls", "cut", "n1-77", *control)
    assert told == (2, "", "no call 'n1-77' is in progress; `ringfence calls` lists them\n")


# --- reload ---------------------------------------------------------------------------------------------------------


def test_reload_tells_what_is_in_force(site: Site, run: Run, control: tuple[str, Path]) -> None:
    told = run("reload", *control)
    assert (told.code, told.err) == (0, "")
    assert told.out == f"policy {site.guard.ask('status')['policy'][:12]} is in force\n"


def test_reload_of_a_policy_with_mistakes_tells_them_all(site: Site, run: Run, control: tuple[str, Path]) -> None:
    good = site.guard.policy.read_text()
    site.guard.policy.write_text(good.replace("permit =", "permitt =").replace("zone =", "zon ="))
    try:
        told = run("reload", *control)
    finally:
        site.guard.policy.write_text(good)
    assert (told.code, told.out) == (2, "")
    first, *mistakes = told.err.splitlines()
    assert first == "the policy has mistakes, the one before stays in force:"
    assert len(mistakes) >= 2
    assert all(line.startswith(f"{site.guard.policy}:") for line in mistakes)


# --- no guard -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("status",), ("calls",), ("calls", "cut", "n1-1"), ("reload",)], ids=" ".join)
def test_no_guard_is_running(tmp_path: Path, run: Run, command: tuple[str, ...]) -> None:
    path = tmp_path / "control.sock"
    says = f"no guard answers at {path}; start it with `ringfence serve`, or name its --control\n"
    assert run(*command, "--control", path) == (2, "", says)


def test_accounts_where_nobody_registers(run: Run, control: tuple[str, Path]) -> None:
    assert run("accounts", *control).out == "no account is registered\n"
    assert json.loads(run("accounts", *control, "--json").out) == []
