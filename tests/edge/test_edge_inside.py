"""Requests inside a dialog, and calls that outlive the process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from table import INSIDE, NUMBER, OUTSIDE, Table

from ringfence.model import SECOND
from ringfence.testing import wire
from ringfence.testing.peer import Dialog, Leg, answer_ok, call, leg, response_to


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


@pytest.mark.parametrize("method", ["INFO", "UPDATE", "NOTIFY", "FOO"])
def test_requests_pass_both_ways(table: Table, method: str) -> None:
    dialog, offered = table.connect()
    for party, other in ((dialog, table.carrier), (offered, table.pbx)):
        party.send(method, ("X-Odd", "kept"))
        request = other.expect(method)
        assert request.value("X-Odd") == "kept"
        answer_ok(other, request)
        assert party.peer.expect(200, method=method)
    table.hang_up(dialog)
    assert table.slots == 0


def test_a_reinvite_passes_with_its_ack(table: Table) -> None:
    dialog, _ = table.connect()
    dialog.send("INVITE", ("Contact", table.pbx.contact), body=wire.SDP)
    again = table.carrier.expect("INVITE")
    assert again.uri == wire.uri_of(table.carrier.contact)
    table.carrier.send(response_to(again, 200, "OK", ("Contact", table.carrier.contact)), again.origin)
    assert table.pbx.expect(200, method="INVITE")
    dialog.cseq -= 1
    dialog.send("ACK")
    assert table.carrier.expect("ACK")
    assert table.slots == 1
    table.hang_up(dialog)


def test_a_request_goes_where_the_record_says(table: Table) -> None:
    """A Request-URI or Route of the sender can't steer it elsewhere."""
    dialog, _ = table.connect()
    request = dialog.request("INFO")
    request = replace(request, start="INFO sip:+53123456@evil.example SIP/2.0")
    request = request.having(("Route", "<sip:evil.example;lr>"))
    table.pbx.send(request, INSIDE)
    info = table.carrier.expect("INFO")
    assert wire.uri_of(table.carrier.contact) == info.uri
    assert info.all("Route") == []


def test_a_transfer_is_refused(table: Table) -> None:
    dialog, _ = table.connect()
    dialog.send("REFER", ("Refer-To", "<sip:+53123456@carrier>"))
    assert table.pbx.expect(603, method="REFER")
    assert table.carrier.heard() == []


@pytest.mark.parametrize("who", ["stranger", "second"])
def test_a_bye_of_somebody_else_ends_nothing(table: Table, who: str) -> None:
    dialog, offered = table.connect()
    seat = getattr(table, who)
    seat.send(offered.request("BYE"), OUTSIDE)
    assert table.slots == 1
    assert (table.pbx.heard(), table.carrier.heard()) == ([], [])
    dialog.send("BYE")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    assert table.slots == 0


def test_a_bye_with_wrong_tags_is_481(table: Table) -> None:
    dialog, _ = table.connect()
    replace(dialog, remote=f"{dialog.remote}x").send("BYE")
    assert table.pbx.expect(481)
    assert table.slots == 1


def test_an_old_cseq_is_500(table: Table) -> None:
    dialog, _ = table.connect()
    table.pbx.send(dialog.request("BYE", cseq=0), INSIDE)
    assert table.pbx.expect(500)
    assert table.slots == 1
    table.hang_up(dialog)
    assert table.slots == 0


def test_a_bye_ends_when_it_is_answered_or_given_up(table: Table) -> None:
    dialog, _ = table.connect()
    dialog.send("BYE")
    assert table.slots == 1
    table.run(40)
    assert table.slots == 0
    assert len([m for m in table.carrier.heard() if m.method == "BYE"]) > 5
    table.run(10)
    assert table.edge.status()["transactions"] == 0


def test_a_challenged_bye_ends_nothing_yet(table: Table) -> None:
    dialog, _ = table.connect()
    dialog.send("BYE")
    bye = table.carrier.expect("BYE")
    table.carrier.send(response_to(bye, 407, "Proxy Authentication Required"), bye.origin)
    assert table.pbx.expect(407)
    assert table.slots == 1
    table.hang_up(dialog)
    assert table.slots == 0


def test_a_session_timer_is_asked_for_and_ends_what_isnt_refreshed(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk="session_timer_s = 120")
    made = table.dial(NUMBER, "+12125550100", ("Supported", "timer"))
    offered = table.offered()
    assert offered.invite.value("Session-Expires") == "120"
    offered.answer(("Session-Expires", "120;refresher=uac"), ("Require", "timer"))
    dialog = made.confirm(table.pbx.expect(200, method="INVITE"))
    table.run(100)
    dialog.send("UPDATE", ("Session-Expires", "120;refresher=uac"), ("Supported", "timer"))
    update = table.carrier.expect("UPDATE")
    table.carrier.send(response_to(update, 200, "OK", ("Session-Expires", "120;refresher=uac")), update.origin)
    table.run(100)
    assert table.slots == 1
    table.run(120)
    assert table.carrier.expect("BYE")
    table.run(40)
    assert (table.slots, table.told()[-1]) == (0, "ended lost")


def test_prack_in_the_early_dialog(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    offered.ring(183, "Session Progress", ("Require", "100rel"), ("RSeq", "1"))
    early = made.dialog(table.pbx.expect(183))
    early.send("PRACK", ("RAck", "1 1 INVITE"))
    answer_ok(table.carrier, table.carrier.expect("PRACK"))
    assert table.pbx.expect(200, method="PRACK")
    offered.refuse(486, "Busy Here")
    made.ack_refusal(table.pbx.expect(486))
    assert (table.slots, table.edge.status()["dialogs"]) == (0, 0)


def test_inbound_calls_find_the_pbx(table: Table) -> None:
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    assert offered.invite.user == "12125550123"
    offered.answer()
    dialog = made.confirm(table.carrier.expect(200, method="INVITE"))
    table.pbx.expect("ACK")
    assert table.edge.status()["dialogs"] == 1
    dialog.send("BYE")
    answer_ok(table.pbx, table.pbx.expect("BYE"))
    assert table.carrier.expect(200, method="BYE")
    assert (table.told(), table.edge.status()["dialogs"]) == (["arrived", "answered", "ended bye-caller"], 0)


def came_in(table: Table) -> tuple[Dialog, Leg]:
    """An inbound call that is up: the carrier's dialog, and the PBX's."""
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    offered.answer()
    dialog = made.confirm(table.carrier.expect(200, method="INVITE"))
    table.pbx.expect("ACK")
    return dialog, offered


@pytest.mark.parametrize("ended_by", ["carrier", "pbx", "operator"])
def test_an_inbound_call_goes_on_after_a_restart(table: Table, ended_by: str) -> None:
    dialog, offered = came_in(table)
    table.restart()
    for here, there in ((offered, table.carrier), (dialog, table.pbx)):
        here.send("INVITE", body=wire.SDP)
        again = there.expect("INVITE")
        leg(there, again).answer()
        assert here.peer.expect(200, method="INVITE")
        here.peer.send(here.request("ACK", cseq=here.cseq), here.next_hop)
        assert there.expect("ACK")
    if ended_by == "operator":
        assert table.edge.cut(table.told_ids("Arrived")[0], "", "operator", table.now)
        table.settle()
        for seat in (table.pbx, table.carrier):
            answer_ok(seat, seat.expect("BYE"))
    else:
        here, there = (dialog, table.pbx) if ended_by == "carrier" else (offered, table.carrier)
        here.send("BYE")
        answer_ok(there, there.expect("BYE"))
        assert here.peer.expect(200, method="BYE")
    assert table.edge.status()["dialogs"] == 0
    table.restart()
    assert table.edge.status()["dialogs"] == 0


def test_the_caller_of_an_inbound_call_may_still_be_shown_after_a_restart(tmp_path: Path) -> None:
    table = Table(tmp_path, source='caller_id_policy = "owned_or_forwarded"')
    dialog, _ = came_in(table)
    table.restart()
    table.dial(NUMBER, "+13105550199")
    table.carrier.expect("INVITE")
    dialog.send("BYE")
    answer_ok(table.pbx, table.pbx.expect("BYE"))
    table.dial(NUMBER, "+13105550199")
    assert table.pbx.expect(603)


def test_a_forwarded_call_may_show_its_live_caller_only(tmp_path: Path) -> None:
    table = Table(tmp_path, source='caller_id_policy = "owned_or_forwarded"')
    table.dial(NUMBER, "+13105550199")
    assert table.pbx.expect(603)
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    leg(table.pbx, table.pbx.expect("INVITE")).answer()
    dialog = made.confirm(table.carrier.expect(200, method="INVITE"))
    table.pbx.expect("ACK")
    table.dial(NUMBER, "+13105550199")
    table.carrier.expect("INVITE")
    dialog.send("BYE")
    answer_ok(table.pbx, table.pbx.expect("BYE"))
    table.dial(NUMBER, "+13105550199")
    assert table.pbx.expect(603)


def test_a_registration_passes_with_our_contact_and_calls_come_back_through_it(table: Table) -> None:
    headers = [
        ("Via", f"SIP/2.0/UDP 127.0.1.1:5070;rport;branch={wire.new_branch()}"),
        ("From", "<sip:u@carrier.example>;tag=1"),
        ("To", "<sip:u@carrier.example>"),
        ("Call-ID", "r1"),
        ("CSeq", "1 REGISTER"),
        ("Max-Forwards", "70"),
        ("Contact", "<sip:u@127.0.1.1:5070;line=abc>;expires=300"),
    ]
    table.pbx.send(wire.Sip("REGISTER sip:carrier.example SIP/2.0", tuple(headers)), INSIDE)
    register = table.carrier.expect("REGISTER")
    assert register.uri == "sip:carrier.example"
    contact = wire.uri_of(register.value("Contact"))
    assert contact.startswith("sip:u@127.0.0.1:5080;rf=")
    ok = response_to(register, 200, "OK", ("Contact", f"<{contact}>;expires=60"))
    table.carrier.send(ok, register.origin)
    assert table.pbx.expect(200).value("Contact") == "<sip:u@127.0.1.1:5070;line=abc>;expires=60"
    made = call(table.carrier, OUTSIDE, "u", "+13105550199")
    table.pbx.heard()
    invite = replace(made.invite, start=f"INVITE {contact} SIP/2.0").having(
        ("Call-ID", "i2"), ("Via", f"SIP/2.0/UDP 127.0.2.1:5090;branch={wire.new_branch()}")
    )
    table.carrier.send(invite, OUTSIDE)
    assert table.pbx.expect("INVITE").uri == "sip:u@127.0.1.1:5070;line=abc"


def test_an_answered_call_outlives_the_process(table: Table) -> None:
    dialog, offered = table.connect()
    table.restart()
    assert table.slots == 1
    offered.send("INFO")
    answer_ok(table.pbx, table.pbx.expect("INFO"))
    assert table.carrier.expect(200, method="INFO")
    table.hang_up(dialog)
    assert (table.slots, table.told()[-1]) == (0, "ended bye-caller")


def test_an_answered_call_can_be_cut_after_a_restart(table: Table) -> None:
    table.connect()
    table.restart()
    (call_id,) = table.engine.calls
    assert table.edge.cut(call_id, "", "operator", table.now)
    table.settle()
    for side in (table.pbx, table.carrier):
        answer_ok(side, side.expect("BYE"))
    assert table.slots == 0


@pytest.mark.parametrize("rang", [False, True])
def test_an_answer_after_a_restart_finds_its_way(table: Table, rang: bool) -> None:
    made = table.dial()
    offered = table.offered()
    if rang:
        offered.ring()
        table.pbx.expect(180)
    table.restart()
    dialog = table.answer(made, offered)
    assert (table.slots, table.told()) == (1, ["decided", "answered"])
    table.hang_up(dialog)
    assert table.slots == 0


def test_a_rejection_after_a_restart_is_acknowledged_and_ends(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    table.restart()
    offered.refuse(486, "Busy Here")
    assert table.carrier.expect("ACK")
    assert table.pbx.expect(486).call_id == made.call_id
    assert (table.slots, table.told()[-1]) == (0, "ended rejected")


def test_an_invite_repeated_after_a_restart_is_the_same_attempt(table: Table) -> None:
    made = table.dial()
    first = table.carrier.expect("INVITE")
    table.restart()
    table.pbx.send(made.invite, INSIDE)
    second = table.carrier.expect("INVITE")
    assert first.all("Via")[0] == second.all("Via")[0]
    assert (table.slots, table.attempts) == (1, 1)


def test_what_was_allowed_and_never_heard_of_again_is_lost(table: Table) -> None:
    table.dial()
    table.restart()
    table.run(400)
    assert (table.slots, table.told()[-1]) == (0, "ended lost")
    assert table.edge.status()["orphans"] == 0


def test_a_forged_branch_is_no_key(table: Table) -> None:
    table.dial()
    offered = table.offered()
    table.restart()
    forged = offered.invite.all("Via")[0].replace("rf-", "rf-0")
    response = response_to(offered.invite, 200, "OK", ("Contact", table.carrier.contact))
    vias = [forged, *offered.invite.all("Via")[1:]]
    table.carrier.send(response.having(*(("Via", via) for via in vias)), OUTSIDE)
    assert table.pbx.heard() == []
    assert table.told() == ["decided"]


def test_an_inbound_call_whose_end_was_lost_is_ended_after_a_day(table: Table) -> None:
    """Else calls whose BYE never came would fill the table, and no call would find room."""
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    offered.answer()
    made.confirm(table.carrier.expect(200))
    table.run(86_000)
    assert table.edge.status()["dialogs"] == 1
    table.run(500)
    for seat in (table.pbx, table.carrier):
        answer_ok(seat, seat.expect("BYE"))
    assert (table.edge.status()["dialogs"], table.edge._edge.inbound) == (0, {})


def test_time(table: Table) -> None:
    assert table.edge.due() is None
    table.dial()
    due = table.edge.due()
    assert due is not None and due - table.now == SECOND // 2
