"""An incident from the ledger: what belongs to it, what the first hour asks for, what the carrier is told, a bundle."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.evidence.bundle import HEAD, write
from ringfence.evidence.carrier import to_carrier
from ringfence.evidence.case import Case, CaseError, gather
from ringfence.evidence.first_hour import first_hour
from ringfence.ledger.ledger import Ledger
from ringfence.ledger.messages import Message
from ringfence.ledger.reading import Reader
from ringfence.model import SECOND, Accepted, Answered, Attempt, Ended, Fact, Released
from ringfence.model.settings import Ledger as Settings
from ringfence.testing.trial import Trial

ENFORCED = '[trunk.carrier]\npermit = ["US", "GB", "LV"]\n[behaviour]\nmode = "enforce"\n'
LONDON = "011442079460018"
HOUR = 3600 * SECOND
INCIDENT = "i-a13"
"""Begins with the first call to Latvia that evening."""
AGENT = "eyeBeam\x1b[2J"


class Recorded(Trial):
    """Keeps its facts, as a ledger does."""

    def __init__(self, folder: Path, lines: str) -> None:
        self.facts: list[Fact] = []
        super().__init__(folder, lines)

    def happens(self, fact: Fact) -> None:
        self.facts.append(fact)
        super().happens(fact)

    def place(self, dialled: str, talk_s: int | None = None, **changes: object) -> Attempt:
        """A call of the thief; answered where it is let out, and over where a length is given."""
        attempt = self.attempt(dialled, user_agent=AGENT, **changes)
        if self.decide(attempt).verdict.outcome == "allow":
            self.happens(Answered(at=self.now, id=attempt.id, leg="t"))
            if talk_s is not None:
                self.now += talk_s * SECOND
                self.happens(Ended(at=self.now, id=attempt.id, leg="t", cause="bye-caller"))
        self.now += 30 * SECOND
        return attempt


class Scene:
    """Extension 101: wrong passwords, a registration, a test call, a call that is cut, refusals, containments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trial = trial = Recorded(folder, ENFORCED)
        trial.used_to(LONDON, 10)
        trial.facts.clear()
        trial.wrong_password(7, "203.0.113.9:5060")
        self.test = trial.place("011441214960018", 20)
        trial.now += 2 * HOUR
        trial.call("12125550143", seconds=0)
        self.attack = [trial.place(f"0113712910{number}001") for number in range(1, 10)]
        """The first two are let out, and cut at the third."""
        self.end = trial.now

    def kept(self, *more: Fact) -> Reader:
        """The ledger of it, to read."""
        path = self.folder / "ledger.db"
        opened = Ledger.open(Settings(path=str(path)), "n1", wake=lambda call: call(), clock=lambda: self.end)
        for fact in (*self.trial.facts, *more):
            opened.append(fact)
        invite = b"INVITE sip:01137129101001@127.0.0.1 SIP/2.0\r\nCall-ID: c@pbx\r\n\r\n"
        opened.store_message(Message(self.end, self.attack[0].id, self.attack[0].call_id, "in 127.0.0.2:5060", invite))
        opened.close()
        return Reader(path)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def case(scene: Scene) -> Iterator[Case]:
    with scene.kept() as reader:
        yield gather(reader, INCIDENT[:-1])


def ids(calls: object) -> list[str]:
    return [call.decided.attempt.id for call in calls]  # type: ignore[attr-defined]


def test_what_belongs_to_it(scene: Scene, case: Case) -> None:
    assert ids(case.calls) == [attempt.id for attempt in scene.attack]
    assert ids(case.beside) == [scene.test.id], "a test call comes before; calls at home are nobody's business"
    assert ids(case.let_out) == [scene.test.id, *ids(case.calls)[:2]]
    assert (case.source, case.accounts, case.node) == ("pbx", ("101",), "n1")
    assert {fact.name for fact in case.in_force(scene.end)} >= {"pbx/101", "+37129102"}
    assert case.in_force(scene.end + 30 * HOUR) == []
    assert [logged.kind for logged in case.knocks] == ["auth-failed"] * 7


def test_what_was_undone_is_not_in_force(scene: Scene) -> None:
    held = [fact.id for fact in scene.trial.engine.containments]
    with scene.kept(*(Released(at=scene.end, id=one, owner="noc") for one in held)) as reader:
        found = gather(reader, INCIDENT)
    assert found.in_force(scene.end) == []
    assert [one.kind for one in found.orders][-len(held) :] == ["released"] * len(held)


def test_what_was_accepted_is_not_in_force(scene: Scene) -> None:
    assert [incident.id for incident in scene.trial.engine.incidents] == [INCIDENT]
    fact = Accepted(
        at=scene.end, id="o1", incident=INCIDENT, source="pbx", prefixes=("371",), owner="o", why="w",
        until=scene.end + HOUR,
    )  # fmt: skip
    with scene.kept(fact) as reader:
        assert gather(reader, INCIDENT).in_force(scene.end) == []


@pytest.mark.parametrize("wanted", ["", "i-", "i-x", "x"])
def test_what_is_no_incident_is_said(wanted: str, tmp_path: Path) -> None:
    trial = Recorded(tmp_path, ENFORCED)
    quiet = Scene.__new__(Scene)
    quiet.folder, quiet.trial, quiet.end = tmp_path, trial, trial.now
    quiet.attack = [trial.place("12125550143", 60)]
    with quiet.kept() as reader, pytest.raises(CaseError, match=f"there is no incident '{wanted}' in this ledger"):
        gather(reader, wanted)


def test_the_first_hour(scene: Scene, case: Case) -> None:
    text = "\n".join(first_hour(case, scene.end))
    assert text.startswith(f"Incident {case.incident}, node n1\nFrom 2026-11-27 19:01:11 UTC to ")
    for line in (
        "9 calls of source pbx, 7 refused",
        "101  extension  127.0.0.2  eyeBeam\\x1b[2J  9",
        "7 wrong passwords for these accounts within the day.",
        "+37129102xxx  LV       1",
        "3 calls, 2 minutes",
        "before or beside it: a test, or business?",
        "extension pbx/101 is contained for calls abroad to new numbers until 2026-11-27 23:",
        "change the passwords of 101",
        "take from permit what nobody needs: LV were permitted when they were called",
        "send carrier.txt of the bundle to the carrier",
        f"ringfence release {case.incident}",
    ):
        assert line in text, text
    assert "ringfence contain extension pbx/101" not in text, "it is contained"
    assert "calls cut" not in text, "nothing is up"
    assert "\x1b" not in text


def test_what_is_not_held_is_to_be_held_and_what_is_up_to_be_cut(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    after = scene.trial.place(LONDON)  # To where it is used to call.
    with scene.kept() as reader:
        found = gather(reader, INCIDENT)
    text = "\n".join(first_hour(found, scene.end + 30 * HOUR))
    assert f"end what is still up: ringfence calls cut {after.id}" in text
    assert f"ringfence contain extension pbx/101 --for 24h --cut --incident {found.incident}" in text
    assert "Nothing is contained now." in text


def test_the_carrier_is_told_what_reached_it(scene: Scene, case: Case) -> None:
    text = "\n".join(to_carrier(case))
    assert "We refused 7. 3 reached you" in text
    assert "+37129102xxx  called once" in text
    reached = text[text.index("Calls that reached you") :]
    shown = [attempt.call_id for attempt in (scene.test, *scene.attack) if attempt.call_id in reached.split()]
    assert shown == [scene.test.call_id, *(attempt.call_id for attempt in scene.attack[:2])]


def test_the_bundle(scene: Scene) -> None:
    policy = (scene.trial.engine.policy.version, (scene.folder / "policy.toml").read_text())
    with scene.kept() as reader:
        found = gather(reader, INCIDENT)
        for name in ("one.zip", "two.zip"):
            names = write(found, reader, policy, scene.end, scene.folder / name)
        other = write(found, reader, ("other", ""), scene.end, scene.folder / "other.zip")
    assert (scene.folder / "one.zip").read_bytes() == (scene.folder / "two.zip").read_bytes()
    assert "policy.toml" in names and "policy.toml" not in other
    with zipfile.ZipFile(scene.folder / "one.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert list(files) == names
    sums = dict(reversed(line.split("  ")) for line in files.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    rows = list(csv.DictReader(io.StringIO(files["calls.csv"].decode())))
    assert tuple(rows[0]) == HEAD
    assert [row["belongs"] for row in rows] == ["beside", *["incident"] * 9]
    facts = [json.loads(line) for line in files["facts.jsonl"].decode().splitlines()]
    assert [fact["seq"] for fact in facts] == sorted({fact["seq"] for fact in facts})
    assert {fact["kind"] for fact in facts} == {"decided", "answered", "ended", "contained", "auth-failed"}
    assert not any({"edge", "dialog"} & set(fact["entry"]) for fact in facts)
    assert b"INVITE sip:01137129101001" in files[f"messages/{scene.attack[0].id}.txt"]
    assert b"ledger of node n1: intact; entries 1 to " in files["chain.txt"]


def test_a_bundle_is_for_its_owner_and_whole_or_not_there(
    scene: Scene, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = scene.folder / "x.zip"
    with Reader(scene.folder / "ledger.db") as reader:
        write(case, reader, None, scene.end, out)
        before = out.read_bytes()
        assert stat.S_IMODE(out.stat().st_mode) == 0o600

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
        with pytest.raises(CaseError, match="No space left on device"):
            write(case, reader, None, scene.end, out)
    assert out.read_bytes() == before
    assert not list(scene.folder.glob("*.draft"))


def test_a_place_that_cannot_be_written_is_said(scene: Scene, case: Case) -> None:
    with Reader(scene.folder / "ledger.db") as reader, pytest.raises(CaseError, match=r"gone/x\.zip: No such file"):
        write(case, reader, None, scene.end, Path("gone/x.zip"))


@pytest.mark.parametrize(
    ("naming", "said", "unsaid"),
    [
        ("label", ["change the passwords of 101"], ["forwarding", "by the Call-ID"]),
        ("number", ["change the passwords of 101"], ["forwarding", "by the Call-ID"]),
        ("forwarder", ["take back the forwarding of 101"], ["passwords of", "by the Call-ID"]),
        (
            "caller-id",
            ["find out in the PBX, by the Call-ID, whose calls showed 101", "ringfence release"],
            ["passwords of", "extension pbx/101", "forwarding"],
        ),
    ],
)
def test_whom_to_stop_is_said_by_what_the_name_is(
    naming: str, said: list[str], unsaid: list[str], tmp_path: Path
) -> None:
    """Nobody can change the password of a caller ID."""
    scene = Scene.__new__(Scene)
    scene.folder, scene.trial = tmp_path, Recorded(tmp_path, ENFORCED)
    scene.trial.used_to(LONDON, 10)
    scene.trial.facts.clear()
    scene.attack = [scene.trial.place(f"0113712910{number}001", extension_is=naming) for number in range(1, 10)]
    scene.end = scene.trial.now
    (incident,) = scene.trial.engine.incidents
    with scene.kept() as reader:
        text = "\n".join(first_hour(gather(reader, incident.id), scene.end))
    for line in said:
        assert line in text, text
    for line in unsaid:
        assert line not in text, text
