"""From the ledger back to the state before the end: with a snapshot, without a usable one, and without a ledger."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Event
from typing import Any, cast

import msgspec
import pytest
from servekit import NOON, SECOND_US, answered, decide, hung_up, ledger, policy

from ringfence.engine.engine import Engine
from ringfence.ledger.errors import LedgerError
from ringfence.ledger.ledger import Ledger
from ringfence.model import Arrived
from ringfence.server import recovery
from ringfence.server.recovery import ENGINE, recover, take_snapshot

WAIT_S = 20.0


LATER = NOON + 100 * SECOND_US


def state(engine: Engine) -> Any:
    """Calls in progress, and what every meter reads."""
    calls = [msgspec.to_builtins(live) for live in engine.calls.values()]
    return calls, {key: value for key in engine.meters if (value := engine.meters.read(key, LATER))}


def kept(engine: Engine, journal: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a snapshot and wait until it lies there."""
    done, errors = Event(), []
    monkeypatch.setattr(recovery, "_told", lambda error: (errors.append(error), done.set()))
    take_snapshot(journal, engine, NOON)
    assert done.wait(WAIT_S)
    assert errors == [None]


def morning(engine: Engine, journal: Ledger) -> None:
    """One call that is over, one that is up."""
    for fact in (
        decide(engine, "over", NOON),
        answered(engine, "over", NOON + SECOND_US),
        hung_up(engine, "over", NOON + 61 * SECOND_US),
        decide(engine, "up", NOON + 62 * SECOND_US),
        answered(engine, "up", NOON + 63 * SECOND_US),
    ):
        journal.append(fact)


def afternoon(engine: Engine, journal: Ledger) -> None:
    """One call that rings."""
    journal.append(decide(engine, "rings", NOON + 70 * SECOND_US))


def test_snapshot_and_tail_are_the_state_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = policy(tmp_path)
    before = Engine(site, "n1")
    with ledger(site) as journal:
        morning(before, journal)
        kept(before, journal, monkeypatch)
        afternoon(before, journal)
    with ledger(site) as journal:
        found = recover(journal, site, "n1")
    assert state(found.engine) == state(before)
    assert len(state(before)[1]) > 10  # They do read something.
    assert found.tail == 1
    assert [(type(fact).__name__, fact.at - NOON) for fact in found.open_facts] == [
        ("Decided", 62 * SECOND_US),
        ("Answered", 63 * SECOND_US),
        ("Decided", 70 * SECOND_US),
    ]


def test_the_facts_of_inbound_calls_that_ring_or_are_up_come_back(tmp_path: Path) -> None:
    site = policy(tmp_path)
    before = Engine(site, "n1")
    with ledger(site) as journal:
        for call, *later in (("rings",), ("up", "answered"), ("over", "answered", "ended")):
            arrived = Arrived(at=NOON, id=call, source="pbx", trunk="carrier", caller="+13105550199", dialled="101")
            before.apply(arrived, now=NOON)
            journal.append(arrived)
            if later:
                journal.append(answered(before, call, NOON + SECOND_US))
            if later[1:]:
                journal.append(hung_up(before, call, NOON + 2 * SECOND_US))
    with ledger(site) as journal:
        found = recover(journal, site, "n1")
    assert [(type(fact).__name__, getattr(fact, "id", "")) for fact in found.open_facts] == [
        ("Arrived", "rings"),
        ("Arrived", "up"),
        ("Answered", "up"),
    ]


def test_without_a_snapshot_all_facts_are_read(tmp_path: Path) -> None:
    site = policy(tmp_path)
    before = Engine(site, "n1")
    with ledger(site) as journal:
        morning(before, journal)
    with ledger(site) as journal:
        found = recover(journal, site, "n1")
    assert (found.tail, list(found.engine.calls)) == (5, ["up"])
    assert state(found.engine) == state(before)


@pytest.mark.parametrize(
    "foreign",
    [{}, {ENGINE: b"\xc1"}, {ENGINE: msgspec.msgpack.encode([])}, {ENGINE: msgspec.msgpack.encode({"meters": 1})}],
    ids=["no engine", "rubbish", "a list", "other meters"],
)
def test_a_snapshot_of_another_making_is_passed_over_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, foreign: dict[str, bytes]
) -> None:
    """An update may not stop the guard from starting."""
    site = policy(tmp_path)
    before = Engine(site, "n1")
    with ledger(site) as journal:
        morning(before, journal)
        done = Event()
        journal.write_snapshot(foreign, NOON, lambda error: done.set())
        assert done.wait(WAIT_S)
    with ledger(site) as journal:
        found = recover(journal, site, "n1")
    assert "the snapshot can't be used" in caplog.text
    assert found.tail == 5
    assert state(found.engine) == state(before)


class Unreadable:
    """A ledger that can't be read."""

    down = "ledger state/ledger.db: the file is damaged"

    def load_snapshot(self) -> None:
        raise LedgerError(self.down)


def test_a_ledger_that_cant_be_read_leaves_meters_empty_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = policy(tmp_path)
    found = recover(cast(Ledger, Unreadable()), site, "n1")
    assert state(found.engine) == state(Engine(site, "n1"))
    assert found[1:] == ([], 0)
    assert "the file is damaged: calls and caps of the time before are not known, meters begin at zero" in caplog.text


def test_no_snapshot_is_asked_of_a_ledger_that_is_down(tmp_path: Path) -> None:
    take_snapshot(cast(Ledger, Unreadable()), Engine(policy(tmp_path), "n1"), NOON)  # It has no `write_snapshot`.


def test_a_snapshot_that_cant_be_written_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = policy(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "ledger.snapshots").write_text("a file in the way")
    told, tell = Event(), recovery._told
    monkeypatch.setattr(recovery, "_told", lambda error: (tell(error), told.set()))
    caplog.set_level(logging.WARNING)
    with ledger(site) as journal:
        take_snapshot(journal, Engine(site, "n1"), NOON)
        assert told.wait(WAIT_S)
    assert "no snapshot was written: snapshot in" in caplog.text
