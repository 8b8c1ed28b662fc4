"""The ledger can't be written: `when_down` of the trunk holds, and never is a call let through unjudged (F6)."""

import json
import subprocess
from typing import Any

import pytest
from rig import NUMBER, Site, site

from ringfence.testing.disk import NoDiskError, fill, small_disk
from ringfence.testing.peer import leg
from ringfence.testing.process import polls

pytestmark = pytest.mark.e2e

BRITISH, JAMAICA, EMERGENCY = "+442079460123", "+18762101230", "911"
WHEN_DOWN = {
    "national_only": {NUMBER: 0, BRITISH: 503, JAMAICA: 603, EMERGENCY: 0},
    "refuse": {NUMBER: 503, BRITISH: 503, JAMAICA: 603, EMERGENCY: 0},
    "allow": {NUMBER: 0, BRITISH: 0, JAMAICA: 603, EMERGENCY: 0},
}
"""Number to the refusal that it gets, 0 where it reaches the carrier. Jamaica isn't permitted at any time."""


@pytest.fixture
def disk(tmp_path):
    """Two megabytes of their own, in the place of the guard's state."""
    try:
        with small_disk(tmp_path / "state") as path:
            yield path
    except NoDiskError as error:
        pytest.skip(str(error))


def outcome(stage: Site, number: str) -> int:
    """Status of the refusal, or 0 where the carrier is offered the call, which says busy then."""
    made = stage.dial(number)
    for _ in polls(5.0):
        for message in stage.carrier.arrived(0.0):
            if message.method == "INVITE" and message.user == number:
                leg(stage.carrier, message).refuse(486, "Busy Here")
                assert stage.refused(made).status == 486
                return 0
        for message in stage.pbx.arrived(0.0):
            if message.call_id == made.call_id and message.status >= 200:
                made.ack_refusal(message)
                return message.status
    raise AssertionError(f"nothing became of the call to {number}")


def outcomes(stage: Site) -> dict[str, int]:
    return {number: outcome(stage, number) for number in (NUMBER, BRITISH, JAMAICA, EMERGENCY)}


def state(stage: Site) -> str:
    return str(stage.guard.ask("status")["ledger"]["state"])


def until_down(stage: Site) -> str:
    """Make calls that are refused in any case until the ledger knows; what it says."""
    for _ in polls(20.0):
        assert outcome(stage, JAMAICA) == 603
        if state(stage) != "writing":
            return state(stage)
    raise AssertionError("the ledger never went down")


def until_up(stage: Site) -> None:
    for _ in polls(20.0):
        if state(stage) == "writing":
            return
    raise AssertionError(state(stage))


def entries(stage: Site, *options: str) -> list[dict[str, Any]]:
    """`ringfence log`, oldest first."""
    done = stage.guard.cli("log", "--ledger", "state/ledger.db", "--json", "--limit", "10000", *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def verified(stage: Site) -> None:
    done = stage.guard.cli("ledger", "verify", "--ledger", "state/ledger.db")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("when_down", WHEN_DOWN)
def test_a_full_disk(tmp_path, disk, when_down):
    """What is allowed and refused meanwhile, that a call goes on and ends, and that all is written afterwards."""
    with site(tmp_path, trunk=f'when_down = "{when_down}"') as stage:
        assert outcomes(stage) == {NUMBER: 0, BRITISH: 0, JAMAICA: 603, EMERGENCY: 0}
        _, dialog, _ = stage.connect()
        filler = fill(disk / "filler")
        assert "the disk is full" in until_down(stage)
        assert outcomes(stage) == WHEN_DOWN[when_down]
        assert "the ledger is down, when_down of each trunk holds" in stage.guard.process.said()
        stage.hang_up(dialog, stage.carrier)
        filler.unlink()
        until_up(stage)
        assert outcomes(stage) == {NUMBER: 0, BRITISH: 0, JAMAICA: 603, EMERGENCY: 0}
        assert "the ledger works again" in stage.guard.process.said()
        stage.guard.process.end()
        verified(stage)
        (outage,) = entries(stage, "--kind", "outage")
        assert "full" in outage["entry"]["why"]
        assert outage["entry"]["lost"] == {}
        calls = [call for call in entries(stage) if call["dialled"] != JAMAICA]
        assert sorted({call["status"] for call in calls}) == sorted({0, *WHEN_DOWN[when_down].values()} - {603})
        assert len(calls) == 10
        stage.guard.start()
        assert stage.meters().calls == 0


def test_the_first_call_that_cannot_be_recorded_does_not_pass(tmp_path, disk):
    """Nobody knew of the full disk before its commit failed; those that passed until then are all recorded."""
    with site(tmp_path) as stage:
        fill(disk / "filler")
        passed = 0
        while (status := outcome(stage, BRITISH)) == 0:
            passed += 1
        assert status == 503
        assert "the disk is full" in state(stage)
        assert stage.guard.process.end() == 0
        assert "facts aren't written" in stage.guard.process.said()
        assert [call["outcome"] for call in entries(stage)] == ["allow"] * passed


def test_caps_hold_while_nothing_can_be_written(tmp_path, disk):
    """Meters are in memory: what was counted before the outage still counts, and what passes in it counts too."""
    with site(tmp_path, trunk="concurrent = { block = 2 }") as stage:
        stage.connect()
        filler = fill(disk / "filler")
        until_down(stage)
        _, dialog, _ = stage.connect()
        assert outcome(stage, NUMBER) == 480
        stage.hang_up(dialog, stage.carrier)
        stage.connect()
        assert outcome(stage, NUMBER) == 480
        filler.unlink()
        until_up(stage)
        assert outcome(stage, NUMBER) == 480
        assert stage.meters().calls == 2


def test_a_ledger_that_is_taken_away_while_it_runs(tmp_path):
    """The directory is gone and can't be made again; then it is put back, and the chain goes on."""
    with site(tmp_path) as stage:
        _, dialog, _ = stage.connect()
        (tmp_path / "state").rename(tmp_path / "gone")
        (tmp_path / "state").write_text("in the way")
        assert "state/ledger.db" in until_down(stage)
        assert outcomes(stage) == WHEN_DOWN["national_only"]
        (tmp_path / "state").unlink()
        (tmp_path / "gone").rename(tmp_path / "state")
        until_up(stage)
        stage.hang_up(dialog, stage.carrier)
        assert outcome(stage, BRITISH) == 0
        stage.guard.process.end()
        verified(stage)
        assert len(entries(stage, "--kind", "outage")) == 1
        assert [call["dialled"] for call in entries(stage)][-1] == BRITISH


def test_a_disk_that_is_read_only_at_the_start(tmp_path, disk):
    """It starts, since a guard that is down protects nobody, and says so; calls of before are known all the same."""
    with site(tmp_path) as stage:
        _, dialog, _ = stage.connect()
        stage.guard.process.end()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        stage.guard.start()
        assert "read-only" in state(stage)
        assert stage.meters().calls == 1
        assert outcomes(stage) == WHEN_DOWN["national_only"]
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        until_up(stage)
        stage.hang_up(dialog, stage.carrier)
        assert outcome(stage, BRITISH) == 0
        stage.guard.process.end()
        verified(stage)


def test_a_full_disk_at_the_very_first_start_is_an_error_in_words(tmp_path, disk):
    """There is nothing to go on with: neither key nor secret can be made."""
    fill(disk / "filler")
    with site(tmp_path, start=False) as stage:
        process = stage.guard.start(ready=False)
        assert process.wait(20) == 2
        assert "No space left on device" in process.said()
        assert "Traceback" not in process.said()
