"""`kill -9` at any moment: no call is let through twice or forgotten, and the ledger verifies (F5).

Beside the call that meets the crash another one is up all the time, and a third one was over before.
"""

import signal
import sys
from pathlib import Path

import pytest
from moments import FATAL
from rig import BY_THE_HOUR, INCREMENT, Meters, Site

from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.peer import Call, Dialog, Leg, Peer, answer_ok
from ringfence.testing.process import polls

pytestmark = pytest.mark.e2e

BEFORE = Meters(1, 2, 2 * INCREMENT)
"""With the call that is up and the one that is over."""
WITH = Meters(2, 3, 3 * INCREMENT)
"""With the call that met the crash."""


class Crash(Site):
    """A site whose guard dies at a moment, and is started again."""

    up: Dialog

    def dies(self) -> None:
        """The guard is gone by SIGKILL."""
        assert self.guard.process.wait(15) == -signal.SIGKILL

    def comes_back(self) -> None:
        """With every call it had, and what they cost."""
        self.guard.start()
        assert self.meters() == WITH

    def in_ledger(self, kind: str, count: int) -> None:
        """Wait until the ledger holds so many facts of a kind."""
        for _ in polls(10.0, every_s=0.2):
            listed = self.guard.cli("log", "--kind", kind, "--json", "--ledger", "state/ledger.db").stdout
            if len(listed.splitlines()) >= count:
                return
        pytest.fail(f"less than {count} of {kind} in the ledger:\n{listed}")

    def over(self, attempts: int) -> None:
        """Hang up the call that was up all the time: nothing is held, and the ledger is intact."""
        self.hang_up(self.up, self.carrier)
        assert self.settled(Meters(0, attempts, attempts * INCREMENT)) == Meters(0, attempts, attempts * INCREMENT)
        self.guard.process.end()
        done = self.guard.cli("ledger", "verify", "--ledger", "state/ledger.db")
        assert done.returncode == 0, done.stdout + done.stderr

    def cut(self, call_id: str) -> None:
        """`ringfence calls cut`, and both sides take their BYE."""
        done = self.guard.cli("calls", "cut", call_id, "--control", str(self.guard.control))
        assert done.returncode == 0, done.stderr

    def fatal(self) -> dict:
        """The call that met the crash, as `ringfence calls` has it."""
        (found,) = (row for row in self.calls() if row["dialled"] == FATAL)
        return found


@pytest.fixture
def stage(tmp_path, request):
    """The moment is the test's parameter."""
    with Peer(PBX, name="pbx") as pbx, Peer(CARRIER, name="carrier") as carrier:
        guard = Guard(tmp_path, pbx.address, carrier.address)
        (tmp_path / "rates.csv").write_text(BY_THE_HOUR)
        guard.start(program=(sys.executable, Path(__file__).with_name("moments.py"), request.param))
        with guard:
            running = Crash(pbx, carrier, guard)
            _, over, _ = running.connect()
            running.hang_up(over, carrier)
            _, running.up, _ = running.connect()
            assert running.settled(BEFORE) == BEFORE
            yield running


def at(*moments: str):
    return pytest.mark.parametrize("stage", moments, indirect=True)


@at("reserved")
def test_after_reserve(stage):
    """Nobody was told anything: what was charged is given back, the caller's repetition is a call like any other."""
    made = stage.dial(FATAL)
    stage.dies()
    assert stage.carrier.heard(0.2) == []
    stage.guard.start()
    assert stage.meters() == BEFORE
    stage.pbx.send(made.invite, stage.guard.inside)
    _, dialog, _ = stage.connect(made)
    assert stage.settled(WITH) == WITH
    stage.hang_up(dialog, stage.carrier)
    stage.over(3)


@at("committed")
def test_after_the_commit(stage):
    """It is on the meters; the caller's repetition is the same attempt."""
    made = stage.dial(FATAL)
    stage.dies()
    assert stage.carrier.heard(0.2) == []
    stage.guard.start()
    assert stage.meters() == WITH
    stage.pbx.send(made.invite, stage.guard.inside)
    _, dialog, _ = stage.connect(made)
    assert stage.settled(WITH) == WITH
    stage.hang_up(dialog, stage.carrier)
    stage.over(3)


@at("committed")
def test_after_the_commit_the_caller_gives_up(stage):
    made = stage.dial(FATAL)
    stage.dies()
    stage.guard.start()
    made.cancel()
    stage.pbx.expect(200, method="CANCEL")
    assert stage.settled(Meters(1, 3, 2 * INCREMENT)) == Meters(1, 3, 2 * INCREMENT)


@at("committed")
def test_after_the_commit_it_can_be_cut(stage):
    stage.dial(FATAL)
    stage.dies()
    stage.guard.start()
    stage.cut(stage.fatal()["id"])
    assert stage.settled(Meters(1, 3, 2 * INCREMENT)) == Meters(1, 3, 2 * INCREMENT)


def forwarded(stage) -> tuple[Call, Leg]:
    made = stage.dial(FATAL)
    offered = stage.offered(made)
    stage.dies()
    stage.comes_back()
    return made, offered


def answered_then(stage, made, offered):
    offered.ring()
    stage.pbx.expect(180, call_id=made.call_id)
    stage.answer(made, offered)
    assert stage.settled(WITH) == WITH
    stage.hang_up(offered, stage.pbx)
    return WITH.money


def refused(stage, made, offered):
    offered.refuse(486, "Busy Here")
    assert stage.refused(made).status == 486
    stage.carrier.expect("ACK", call_id=made.call_id)
    return BEFORE.money


def cancelled(stage, made, offered):
    made.cancel()
    stage.pbx.expect(200, method="CANCEL")
    answer_ok(stage.carrier, stage.carrier.expect("CANCEL", call_id=made.call_id))
    offered.refuse(487, "Request Terminated")
    assert stage.refused(made).status == 487
    return BEFORE.money


def cut_then_answered(stage, made, offered):
    """The carrier answers what was cut while it rang: it is hung up at once, and paid."""
    stage.cut(stage.fatal()["id"])
    offered.answer()
    stage.carrier.expect("ACK", call_id=made.call_id)
    answer_ok(stage.carrier, stage.carrier.expect("BYE", call_id=made.call_id))
    return stage.meters().money


@at("forwarded")
@pytest.mark.parametrize("then", [answered_then, refused, cancelled, cut_then_answered], ids=lambda then: then.__name__)
def test_after_forward(stage, then):
    money = then(stage, *forwarded(stage))
    expected = Meters(1, 3, money)
    assert stage.settled(expected) == expected


def caller_hangs_up(stage, dialog, offered):
    stage.hang_up(dialog, stage.carrier)


def callee_hangs_up(stage, dialog, offered):
    stage.hang_up(offered, stage.pbx)


def operator_cuts(stage, dialog, offered):
    stage.cut(stage.fatal()["id"])
    for side in (stage.pbx, stage.carrier):
        answer_ok(side, side.expect("BYE", call_id=dialog.call_id))


ENDS = [caller_hangs_up, callee_hangs_up, operator_cuts]


@at("answered")
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_after_the_200(stage, end):
    """The PBX has the 200, the ledger knows nothing of it: the carrier repeats it until the ACK comes through."""
    made = stage.dial(FATAL)
    offered = stage.offered(made)
    answer = offered.answer()
    stage.pbx.expect(200, call_id=made.call_id, method="INVITE")
    stage.dies()
    stage.comes_back()
    stage.carrier.send(answer, offered.invite.origin)
    dialog = made.confirm(stage.pbx.expect(200, call_id=made.call_id, method="INVITE", repeats=True))
    stage.carrier.expect("ACK", call_id=made.call_id)
    assert stage.settled(WITH) == WITH
    end(stage, dialog, offered)
    stage.over(3)


def confirmed(stage) -> tuple[Dialog, Leg]:
    made = stage.dial(FATAL)
    _, dialog, offered = stage.connect(made)
    return dialog, offered


@at("confirmed")
@pytest.mark.parametrize("end", ENDS[:2], ids=lambda end: end.__name__)
def test_after_the_ack(stage, end):
    """Both ends have their call and repeat nothing; the ledger knows only that it was let through.

    What the callee's tag is nobody knows until one of them says something: the operator's BYE would be refused.
    """
    dialog, offered = confirmed(stage)
    stage.dies()
    stage.comes_back()
    end(stage, dialog, offered)
    stage.over(3)


@at("never")
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_after_the_ledger_was_told_of_the_answer(stage, end):
    dialog, offered = confirmed(stage)
    stage.in_ledger("answered", WITH.attempts)
    stage.guard.process.kill()
    stage.comes_back()
    end(stage, dialog, offered)
    stage.over(3)
