"""What a guard that was killed had passed on, but not yet told the ledger (F5)."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import INSIDE, OUTSIDE, Table

from ringfence.model import Answered
from ringfence.model.fact import Arrived
from ringfence.testing import wire
from ringfence.testing.peer import Call, Dialog, Leg, answer_ok, call, leg


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def killed(table: Table, kind: type) -> None:
    """The process dies before facts of this kind were committed."""
    table.facts = [fact for fact in table.facts if not isinstance(fact, kind)]
    table.restart()


def up_though_unknown(table: Table) -> tuple[Dialog, Dialog]:
    dialog, offered = table.connect()
    killed(table, Answered)
    return dialog, offered


@pytest.mark.parametrize("side", ["caller", "callee"])
@pytest.mark.parametrize("source", ["", 'caller_id_policy = "substitute"'])
def test_a_call_whose_answer_was_lost_can_be_ended(tmp_path: Path, side: str, source: str) -> None:
    table = Table(tmp_path, source=source)
    caller, callee = up_though_unknown(table)
    table.hang_up(caller if side == "caller" else callee)
    assert table.told() == ["decided", "answered", f"ended bye-{side}"]
    assert (table.slots, table.edge.status()["dialogs"], table.edge.status()["orphans"]) == (0, 0, 0)


def test_an_ack_tells_of_a_lost_answer(table: Table) -> None:
    caller, callee = up_though_unknown(table)
    table.pbx.send(caller.request("ACK", cseq=1), caller.next_hop)
    assert table.carrier.expect("ACK").uri == f"sip:carrier@127.0.2.1:{callee.peer.address[1]}"
    assert (table.told(), table.slots) == (["decided", "answered"], 1)
    (call_id,) = table.engine.calls
    assert table.edge.cut(call_id, "", "operator", table.now)
    table.settle()
    for side in (table.pbx, table.carrier):
        answer_ok(side, side.expect("BYE"))
    assert table.told()[-1] == "ended operator"


def test_a_reinvite_of_the_carrier_tells_of_a_lost_answer(table: Table) -> None:
    _, callee = up_though_unknown(table)
    callee.send("INVITE")
    assert table.pbx.expect("INVITE")
    assert table.told() == ["decided", "answered"]


@pytest.mark.parametrize("method", ["PRACK", "UPDATE", "INFO"])
def test_what_early_dialogs_have_too_tells_of_no_answer(table: Table, method: str) -> None:
    caller, _ = up_though_unknown(table)
    caller.send(method)
    assert table.pbx.expect(481)
    assert table.told() == ["decided"]


def test_the_ack_of_a_refusal_tells_of_no_answer(table: Table) -> None:
    made = table.dial()
    table.offered().refuse(486)
    refusal = table.pbx.expect(486)
    table.carrier.expect("ACK")
    killed(table, type(table.facts[-1]))
    made.ack_refusal(refusal)
    assert (table.told(), table.carrier.heard()) == (["decided"], [])


@pytest.mark.parametrize("who", ["stranger", "second"])
def test_somebody_else_proves_nothing(table: Table, who: str) -> None:
    caller, callee = up_though_unknown(table)
    seat = getattr(table, who)
    seat.send(caller.request("BYE"), INSIDE)
    seat.send(callee.request("BYE"), callee.next_hop)
    assert (table.told(), table.slots, table.carrier.heard(), table.pbx.heard()) == (["decided"], 1, [], [])


@pytest.mark.parametrize("rang", [False, True])
def test_a_ringing_call_can_be_cut_after_a_restart(table: Table, rang: bool) -> None:
    made = table.dial()
    offered = table.offered()
    if rang:
        offered.ring()
        table.pbx.expect(180)
    table.restart()
    (call_id,) = table.engine.calls
    assert table.edge.cut(call_id, "", "operator", table.now)
    table.settle()
    cancel = table.carrier.expect("CANCEL")
    assert (cancel.value("Via"), cancel.uri) == (offered.invite.all("Via")[0], offered.invite.uri)
    answer_ok(table.carrier, cancel)
    offered.refuse(487, "Request Terminated")
    assert table.carrier.expect("ACK")
    made.ack_refusal(table.pbx.expect(480))
    assert (table.slots, table.told()) == (0, ["decided", "ended operator"])


def test_a_call_cut_after_a_restart_that_is_answered_all_the_same_is_hung_up(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    table.restart()
    table.edge.cut(next(iter(table.engine.calls)), "", "operator", table.now)
    table.settle()
    answer_ok(table.carrier, table.carrier.expect("CANCEL"))
    offered.answer()
    assert table.carrier.expect("ACK")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    made.ack_refusal(table.pbx.expect(480))
    assert (table.slots, table.told()) == (0, ["decided", "answered", "ended operator"])


def test_a_cut_that_nobody_hears_ends_in_a_moment_and_both_sides_can_still_hang_up(table: Table) -> None:
    caller, callee = up_though_unknown(table)
    table.edge.cut(next(iter(table.engine.calls)), "", "operator", table.now)
    table.settle()
    table.carrier.heard()
    table.run(5)
    assert (table.slots, table.told()) == (0, ["decided", "ended operator"])
    for dialog, other in ((caller, table.carrier), (callee, table.pbx)):
        dialog.send("BYE")
        answer_ok(other, other.expect("BYE"))
        assert dialog.peer.expect(200, method="BYE")


# --- calls that came in ---------------------------------------------------------------------------------------------


@pytest.fixture(params=["transparent", "own"])
def both(tmp_path: Path, request: pytest.FixtureRequest) -> Table:
    return Table(tmp_path, trunk=f'identity = "{request.param}"')


def rang(table: Table) -> tuple[Call, Leg]:
    """A call from outside that rings when the process dies."""
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    offered.ring()
    table.carrier.expect(180)
    table.restart()
    return made, offered


@pytest.mark.parametrize("side", ["carrier", "pbx"])
def test_a_call_in_that_is_answered_after_a_restart_is_one_like_any(both: Table, side: str) -> None:
    """Known from then on: changed, ended by either side, and told."""
    made, offered = rang(both)
    offered.answer()
    dialog = made.confirm(both.carrier.expect(200, method="INVITE"))
    assert both.pbx.expect("ACK")
    assert (both.told()[-1], both.edge.status()["dialogs"]) == ("answered", 1)
    for here, there in ((offered, both.carrier), (dialog, both.pbx)):
        here.send("INVITE", body=wire.SDP)
        leg(there, there.expect("INVITE")).answer()
        assert here.peer.expect(200, method="INVITE")
        here.peer.send(here.request("ACK", cseq=here.cseq), here.next_hop)
        assert there.expect("ACK")
    here, there = (dialog, both.pbx) if side == "carrier" else (offered, both.carrier)
    here.send("BYE")
    answer_ok(there, there.expect("BYE"))
    assert here.peer.expect(200, method="BYE")
    assert (both.slots, both.edge.status()["dialogs"]) == (0, 0)
    assert both.told()[-1] == ("ended bye-caller" if side == "carrier" else "ended bye-callee")


def test_it_can_be_cut_and_outlives_one_more_restart(both: Table) -> None:
    made, offered = rang(both)
    offered.answer()
    made.confirm(both.carrier.expect(200, method="INVITE"))
    both.pbx.expect("ACK")
    both.restart()
    assert both.edge.cut(both.told_ids("Arrived")[0], "", "operator", both.now)
    both.settle()
    for seat in (both.pbx, both.carrier):
        answer_ok(seat, seat.expect("BYE"))
    assert both.told()[-1] == "ended operator"


def test_a_call_in_that_is_refused_after_a_restart_is_told_as_over(table: Table) -> None:
    made, offered = rang(table)
    offered.refuse(486)
    made.ack_refusal(table.carrier.expect(486))
    assert table.told()[-1] == "ended rejected"
    assert list(table.engine.open) == []


def test_an_answer_to_a_call_in_that_the_ledger_has_not_passes_all_the_same(table: Table) -> None:
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    killed(table, Arrived)
    offered.answer()
    dialog = made.confirm(table.carrier.expect(200, method="INVITE"))
    assert table.pbx.expect("ACK")
    dialog.send("BYE")
    answer_ok(table.pbx, table.pbx.expect("BYE"))
    assert table.carrier.expect(200, method="BYE")
    assert table.slots == 0
