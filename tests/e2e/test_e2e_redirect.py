"""An SBC that keeps its way to the carrier: it asks, is told where to, and somebody tells when a call is over."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import CALLER, INCREMENT, NUMBER, Meters, Site, site

from ringfence.testing import scenarios as play
from ringfence.testing import sipp
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.kamailio import REDIRECTED, Kamailio
from ringfence.testing.peer import Call
from ringfence.testing.process import polls
from ringfence.testing.wire import host_port

pytestmark = pytest.mark.e2e

CALLS = 40
CUBA = "0115378345678"


def redirecting(guard: Guard, hold_s: int = 3600) -> None:
    """Change its policy: a source that is redirected takes no calls."""
    guard.edit('directions = ["out", "in"]', f'directions = ["out"]\nredirect = {{ hold_s = {hold_s} }}')
    guard.edit("deliver_to =", "# deliver_to =")


@contextlib.contextmanager
def asked(directory: Path, hold_s: int = 3600) -> Iterator[Site]:
    with site(directory, start=False) as made:
        redirecting(made.guard, hold_s)
        made.guard.start()
        yield made


@pytest.fixture
def stage(tmp_path):
    with asked(tmp_path) as made:
        yield made


def moved(stage: Site, made: Call) -> str:
    """The id of a call that was told where to go."""
    answer = stage.pbx.expect(302, call_id=made.call_id)
    made.ack_refusal(answer)
    assert answer.all("Contact") == [f"<sip:{NUMBER}@{host_port(stage.carrier.address)}>;q=1.0"]
    return answer.value("X-Ringfence-Call")


def test_a_call_is_held_over_a_crash_until_its_end_is_told(stage):
    made = stage.dial()
    id = moved(stage, made)
    assert stage.settled(Meters(1, 1, INCREMENT)) == Meters(1, 1, INCREMENT)
    stage.guard.process.kill()
    stage.guard.start()
    assert stage.meters() == Meters(1, 1, INCREMENT)
    (row,) = stage.calls()
    assert (row["id"], row["state"]) == (id, "redirected")
    cut = stage.guard.cli("calls", "cut", id, "--control", str(stage.guard.control))
    assert (cut.returncode, "can't be cut here" in cut.stderr) == (2, True)
    told = stage.guard.cli("calls", "ended", made.call_id, "--talked-s", "61", "--control", str(stage.guard.control))
    assert told.stdout == "1 over, 0 not held here\n"
    assert stage.meters() == Meters(0, 1, INCREMENT)
    assert stage.carrier.heard(0.0) == []
    story = stage.guard.cli("explain", id, "--ledger", "state/ledger.db").stdout
    assert "told to send it as +12125550143" in story
    assert "ended told after 61 s" in story
    verified = stage.guard.cli("ledger", "verify", "--ledger", "state/ledger.db")
    assert verified.returncode == 0, verified.stdout


def test_who_did_not_hear_the_answer_of_a_killed_guard_is_the_same_call(stage):
    made = stage.dial()
    stage.pbx.expect(302, call_id=made.call_id)
    stage.guard.process.kill()
    stage.guard.start()
    stage.pbx.send(made.invite, stage.guard.inside)
    made.ack_refusal(stage.pbx.expect(302, call_id=made.call_id, repeats=True))
    assert stage.meters() == Meters(1, 1, INCREMENT)


def test_calls_of_sipp_get_their_302_and_end_by_call_records(stage, tmp_path):
    with sipp.caller(
        play.redirected_caller(), tmp_path, stage.guard.inside,
        calls=CALLS, rate=40, numbers=[(NUMBER, CALLER)], host=PBX,
    ) as caller:  # fmt: skip
        done = caller.finish(60)
    assert (done.succeeded, done["moved"]) == (CALLS, CALLS), caller.complaints()
    assert stage.meters() == Meters(CALLS, CALLS, CALLS * INCREMENT)
    ids = sorted({row["id"] for row in stage.calls()})
    records = tmp_path / "calls.csv"
    rows = [f"{id},2026-11-26T10:00:00,2026-11-26T10:00:05,2026-11-26T10:01:05,{CALLER},{NUMBER}\n" for id in ids[:-1]]
    records.write_text("call_id,start,answer,end,caller,dialled\n" + "".join(rows))
    told = stage.guard.cli("calls", "ended", "--cdr", str(records), "--control", str(stage.guard.control))
    assert told.stdout == f"{CALLS - 1} over, 0 not held here\n", told.stderr
    again = stage.guard.cli("calls", "ended", "--cdr", str(records), "--control", str(stage.guard.control))
    assert again.stdout == f"0 over, {CALLS - 1} not held here\n"
    assert stage.meters() == Meters(1, CALLS, CALLS * INCREMENT)


def test_a_hold_ends_by_itself(tmp_path):
    with asked(tmp_path, hold_s=10) as stage:
        moved(stage, stage.dial())
        for _ in polls(30.0, every_s=0.5):
            if not stage.calls():
                break
        assert stage.meters() == Meters(0, 1, INCREMENT)
        assert "0:10, presumed" in re.sub(r"\s+", " ", stage.guard.cli("log", "--ledger", "state/ledger.db").stdout)


def test_kamailio_asks_follows_and_tells_no(tmp_path):
    """A real SBC: SIPp calls it, it asks the guard, and sends the call where the 302 says."""
    with sipp.callee(play.callee(), tmp_path, host=CARRIER) as carrier, contextlib.ExitStack() as end:
        guard = Guard(tmp_path, (PBX, 5060), carrier.address)
        redirecting(guard)
        end.enter_context(guard)
        sbc = end.enter_context(Kamailio(tmp_path, guard.inside, host=PBX, config=REDIRECTED))
        with sipp.caller(
            play.strict_caller(), tmp_path, sbc.address, calls=20, rate=10, numbers=[("12125550143", CALLER)],
        ) as caller:  # fmt: skip
            done = caller.finish(60)
        assert done.succeeded == 20, caller.complaints() + sbc.tail() + guard.process.tail()
        with sipp.caller(
            play.caller(), tmp_path, sbc.address, calls=5, rate=5, numbers=[(CUBA, CALLER)], name="refused"
        ) as caller:
            done = caller.finish(60)
        assert done["refused_603"] == 5, caller.complaints()
        taken = carrier.stop()
        assert taken["offered"] == 20
        calls = guard.ask("calls")
        assert {row["e164"] for row in calls} == {"12125550143"}
        assert len(calls) == 20
