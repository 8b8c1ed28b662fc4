"""Wrong passwords and what comes after them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringfence.engine import registrations as room
from ringfence.engine.registrations import Registrations
from ringfence.engine.snapshot import dump, load
from ringfence.model import SECOND, AuthFailed, Registered
from ringfence.testing.trial import Trial

THERE, HERE = "203.0.113.9:5060", "127.0.0.2:5060"
BIRMINGHAM = "011441214960018"
DAY = 86_400 * SECOND


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """An extension that calls London each day."""
    trial = Trial(tmp_path, '[trunk.carrier]\npermit = ["US", "GB"]\n')
    trial.used_to("011442079460018", 10)
    return trial


def weight(trial: Trial, dialled: str = BIRMINGHAM, peer: str = THERE) -> int:
    trial.call(dialled, peer=peer)
    return sum(hit.weight for hit in trial.hits if hit.rule == "guessed-password")


@pytest.mark.parametrize(("times", "expected"), [(2, 0), (3, 25), (5, 45), (19, 45), (20, 70)])
def test_it_weighs_more_the_more_were_wrong(trial: Trial, times: int, expected: int) -> None:
    trial.wrong_password(times, THERE)
    trial.registered(THERE)
    assert weight(trial) == expected


def test_without_a_registration_nothing_was_guessed(trial: Trial) -> None:
    trial.wrong_password(50, THERE)
    assert weight(trial) == 0


def test_guesses_from_everywhere_are_one_story(trial: Trial) -> None:
    for network in range(30):
        trial.wrong_password(1, f"198.51.{network}.9:5060")
    trial.registered(THERE)
    assert weight(trial) == 70


def test_the_own_phone_meanwhile_changes_nothing(trial: Trial) -> None:
    for _ in range(5):
        trial.wrong_password(5, THERE)
        trial.registered(HERE)
    assert weight(trial, peer=HERE) == 0
    trial.registered(THERE)
    assert weight(trial) == 70
    trial.registered(HERE)
    assert weight(trial, "011441612345678") == 70


def test_calls_to_what_the_extension_calls_are_its_own(trial: Trial) -> None:
    trial.wrong_password(30, THERE)
    trial.registered(THERE)
    assert weight(trial, "011442079460018") == 0


def test_after_a_day_it_is_forgotten(trial: Trial) -> None:
    trial.wrong_password(30, THERE)
    trial.now += DAY
    trial.registered(THERE)
    assert weight(trial) == 0
    trial.wrong_password(30, THERE)
    trial.registered("192.0.2.1:5060")
    trial.now += DAY
    assert weight(trial) == 0


def test_snapshots_have_it(trial: Trial) -> None:
    trial.wrong_password(7, THERE)
    trial.registered(THERE)
    state = dump(trial.engine)
    load(trial.engine, state)
    assert dump(trial.engine) == state
    assert weight(trial) == 45


def test_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_ACCOUNTS", 10)
    table = Registrations()
    for number in range(100):
        for network in range(40):
            peer = f"10.{network}.0.1:5060"
            table.failed(f"caller:pbx/{number}", AuthFailed(at=number, source="pbx", account="", peer=peer))
            table.registered(f"caller:pbx/{number}", Registered(at=number, source="pbx", account="", peer=peer))
    state = table.dump()
    assert list(state["failed"]) == list(state["guessed"]) == [f"caller:pbx/{number}" for number in range(90, 100)]
    assert {len(rows) for rows in state["failed"].values()} == {room.MAX_FAILURES}
    assert {len(rows) for rows in state["guessed"].values()} == {room.MAX_NETWORKS}
