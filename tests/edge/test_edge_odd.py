"""What goes wrong: broken and odd messages, bounds, reloads, overload."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import CALLER, CARRIER, INSIDE, NUMBER, OUTSIDE, PBX, Table

from ringfence.edge import answers, core, invites, state
from ringfence.policy import Loader
from ringfence.testing import wire
from ringfence.testing.peer import Call, Leg, answer_ok, call, leg, response_to


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


# --- messages that can't be taken -----------------------------------------------------------------------------------


def raw(table: Table, *changes: tuple[bytes, bytes], method: bytes = b"INVITE") -> bytes:
    """An INVITE of the PBX, changed."""
    data = (
        Call(
            table.pbx,
            "raw@pbx",
            f"<sip:{CALLER}@pbx>;tag=r1",
            f"<sip:{NUMBER}@x>",
            f"sip:{NUMBER}@127.0.0.1",
            via=INSIDE,
        )
        .request(method.decode(), cseq=1)
        .to_bytes()
    )
    for old, new in changes:
        assert old in data
        data = data.replace(old, new)
    return data


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ([(b"Max-Forwards: 70", b"Max-Forwards: 70\r\nMax-Forwards: 70")], 400),
        ([(b";tag=r1", b"")], 400),
        ([(b"Contact:", b"X-Contact:")], 400),
        ([(b"Contact: <sip:", b"Contact: <<sip:")], 400),
        ([(b"CSeq: 1 INVITE", b"CSeq: 1 BYE")], 400),
        ([(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia")], 505),
        ([(b"Max-Forwards: 70", b"Max-Forwards: 0")], 483),
        ([(b"Max-Forwards: 70", b"Max-Forwards: 256")], 400),
        ([(b"Max-Forwards: 70", b"Max-Forwards: 70\r\nProxy-Require: bogus")], 420),
        ([(b"sip:+12125550143@127.0.0.1 ", b"sip:127.0.0.1 ")], 404),
        ([(b"Max-Forwards: 70", b"Max-Forwards: 70\r\nSupported: timer\r\nSession-Expires: 60")], 422),
        ([(b"Max-Forwards: 70", b"Max-Forwards: 70\r\nMin-SE: 4000=")], 400),
    ],
)
def test_a_broken_invite_gets_its_answer_and_holds_nothing(
    table: Table, changes: list[tuple[bytes, bytes]], status: int
) -> None:
    table.deliver(raw(table, *changes), PBX, INSIDE)
    final = table.pbx.expect(0)
    assert (final.status, final.call_id, table.carrier.heard()) == (status, "raw@pbx", [])
    table.run(60)
    left = table.edge.status()
    counted = [fact for fact in table.facts if type(fact).__name__ != "Strangers"]
    assert (left["transactions"], left["waiting"], counted) == (0, 0, [])


def test_a_pbx_that_routes_strictly_is_told_what_its_setting_lacks(table: Table) -> None:
    strict = (b"Max-Forwards", b"Route: <sip:+12125550143@127.0.0.9>\r\nMax-Forwards")
    table.deliver(raw(table, (b"sip:+12125550143@127.0.0.1 ", b"sip:127.0.0.1 "), strict), PBX, INSIDE)
    final = table.pbx.expect(404)
    assert (final.start, table.carrier.heard()) == ("SIP/2.0 404 Outbound Proxy Lacks ;lr", [])


@pytest.mark.parametrize("junk", [b"", b"\r\n\r\n", b"\x00", b"INVITE", b"SIP/2.0 200 OK\r\n\r\n", b"\xff" * 2000])
def test_junk_is_not_answered(table: Table, junk: bytes) -> None:
    table.deliver(junk, PBX, INSIDE)
    assert table.pbx.inbox == []


def test_a_broken_ack_or_response_is_not_answered(table: Table) -> None:
    table.deliver(raw(table, (b"CSeq: 1 ACK", b"CSeq: x ACK"), method=b"ACK"), PBX, INSIDE)
    table.deliver(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.1.1:5070\r\n\r\n", PBX, INSIDE)
    assert table.pbx.inbox == []


def test_our_own_fault_is_told_as_500_and_leaves_nothing(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(invites.sending, "ask", stumble)
    made = table.dial()
    made.ack_refusal(table.pbx.expect(500))
    table.run(60)
    left = table.edge.status()
    assert (left["transactions"], left["waiting"], left["error"]) == (0, 0, 1)


def test_a_loop_is_refused(table: Table) -> None:
    table.dial()
    first = table.carrier.expect("INVITE")
    vias = [("Via", "SIP/2.0/UDP 127.0.2.1:5090;branch=z9hG4bKx"), *(("Via", via) for via in first.all("Via"))]
    table.carrier.send(first.having(*vias), OUTSIDE)
    assert table.carrier.expect(482).cseq == (1, "INVITE")


def test_a_merged_request_is_refused(table: Table) -> None:
    made = table.dial()
    table.offered()
    other = ("Via", f"SIP/2.0/UDP 127.0.1.1:5070;rport;branch={wire.new_branch()}")
    table.pbx.send(made.invite.having(other), INSIDE)
    assert table.pbx.expect(482)
    assert table.slots == 1


def test_requests_without_a_branch_are_told_apart(table: Table) -> None:
    via = ("Via", "SIP/2.0/UDP 127.0.1.1:5070")
    for number in ("+12125550143", "+12125550144"):
        made = call(table.stranger, INSIDE, number, CALLER)
        table.pbx.send(made.invite.having(via), INSIDE)
        table.pbx.send(made.invite.having(via), INSIDE)
    assert [m.user for m in table.carrier.heard()] == ["+12125550143", "+12125550144"]


# --- answers at odd times -------------------------------------------------------------------------------------------


def test_an_answer_repeated_after_the_end_is_no_new_call(table: Table) -> None:
    dialog, offered = table.connect()
    table.hang_up(dialog)
    offered.peer.send(
        response_to(offered.invite, 200, "OK", ("Contact", table.carrier.contact), tag=tag(offered)), OUTSIDE
    )
    assert (table.slots, table.told()[1:]) == (0, ["answered", "ended bye-caller"])
    assert table.pbx.heard() == []


def tag(offered: Leg) -> str:
    return wire.tag_of(offered.local)


def test_an_answer_repeated_while_it_is_cut_is_acknowledged_again(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    answer = offered.answer()
    table.edge.cut(next(iter(table.engine.calls)), "", "operator", table.now)
    table.settle()
    assert [m.method for m in table.carrier.heard()] == ["ACK", "BYE"]
    table.carrier.send(answer, OUTSIDE)
    assert [m.method for m in table.carrier.heard()] == ["ACK"]
    assert made.call_id


def test_a_bye_in_the_early_dialog_ends_nothing_yet(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    offered.ring()
    made.dialog(table.pbx.expect(180)).send("BYE")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    assert (table.slots, table.told()) == (1, ["decided"])
    offered.refuse(487, "Request Terminated")
    assert (table.slots, table.told()[-1]) == (0, "ended rejected")


def test_what_happened_in_the_early_dialog_still_holds(table: Table) -> None:
    """A cut after PRACK: the BYE's CSeq is over that of the PRACK."""
    made = table.dial()
    offered = table.offered()
    offered.ring(183, "Session Progress", ("Require", "100rel"), ("RSeq", "1"))
    early = made.dialog(table.pbx.expect(183))
    early.send("PRACK", ("RAck", "1 1 INVITE"))
    answer_ok(table.carrier, table.carrier.expect("PRACK"))
    table.answer(made, offered)
    table.edge.cut(next(iter(table.engine.calls)), "", "operator", table.now)
    table.settle()
    assert table.carrier.expect("BYE").cseq[0] > early.cseq


def test_a_408_of_the_far_side_is_its_answer(tmp_path: Path) -> None:
    """Its callee didn't pick up; another address would ring him again."""
    table = Table(tmp_path, two_addresses=True)
    made = table.dial()
    offered = table.offered()
    offered.ring()
    offered.refuse(408, "Request Timeout")
    made.ack_refusal(table.pbx.expect(408))
    assert (table.spare.heard(), table.told()[-1]) == ([], "ended rejected")


def test_a_late_answer_of_the_first_trunk_is_settled_apart(tmp_path: Path) -> None:
    table = Table(tmp_path, two_trunks=True)
    table.dial()
    table.run(5)
    first, second = table.offered(), table.offered(table.second)
    first.answer()
    table.carrier.expect("ACK")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    assert table.told()[-1] == "ended late"
    second.answer()
    table.pbx.expect(200)
    assert (table.slots_of("second"), len(table.engine.calls)) == (1, 1)
    second.send("BYE")
    answer_ok(table.pbx, table.pbx.expect("BYE"))
    assert (table.slots, table.slots_of("second"), len(table.engine.calls)) == (0, 0, 0)


def test_a_late_answer_of_a_trunk_whose_successor_refuses_is_settled(tmp_path: Path) -> None:
    table = Table(tmp_path, two_trunks=True, second="permit = []")
    table.dial()
    first = table.offered()
    table.run(5)
    table.pbx.expect(603)
    first.answer()
    table.carrier.expect("ACK")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    assert (table.slots, len(table.engine.calls)) == (0, 0)


def test_a_redirection_of_an_inbound_call_does_not_reach_the_carrier(table: Table) -> None:
    """It would place a call at our cost that nobody judged (C10)."""
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    offered.refuse(302, "Moved", ("Contact", "<sip:+53123456@carrier.example>"))
    final = table.carrier.expect(0)
    assert (final.status, final.value("Contact")) == (480, "")
    made.ack_refusal(final)


def test_forks_are_bounded(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_FORKS", 3)
    table.dial()
    first = table.offered()
    for _ in range(5):
        leg(table.carrier, first.invite).ring()
    assert (len(table.pbx.heard()), table.edge.status()["dialogs"]) == (3, 3)
    for _ in range(5):
        leg(table.carrier, first.invite).answer()
    assert len([m for m in table.pbx.heard() if m.status == 200]) == 3
    for bye in [m for m in table.carrier.heard() if m.method == "BYE"]:
        answer_ok(table.carrier, bye)
    assert (table.slots, table.told().count("ended late")) == (3, 2)


# --- cuts -----------------------------------------------------------------------------------------------------------


def test_a_challenged_attempt_that_is_cut_is_told_once(table: Table) -> None:
    made = table.dial()
    table.offered().refuse(401, "Unauthorized")
    made.ack_refusal(table.pbx.expect(401))
    assert table.edge.cut(next(iter(table.engine.calls)), "", "operator", table.now)
    table.settle()
    table.run(60)
    assert table.told() == ["decided", "challenged", "ended operator"]


def test_a_cancel_that_is_never_heard_ends_soon(table: Table) -> None:
    made = table.dial()
    made.cancel()
    table.pbx.expect(200, method="CANCEL")
    table.run(5)
    assert table.pbx.expect(487, method="INVITE")
    assert (table.slots, table.told()[-1]) == (0, "ended cancelled")


# --- bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", ["half_open", "half_open_in_all"])
def test_calls_that_wait_are_bounded_but_emergencies_pass(tmp_path: Path, bound: str) -> None:
    table = Table(tmp_path, source=f"[requests]\n{bound} = 2")
    for _ in range(3):
        table.dial()
    assert (table.pbx.expect(0).status, len(table.carrier.heard())) == (503, 2)
    table.dial("911")
    assert table.offered().invite.user == "911"


def test_remembered_addresses_are_bounded(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "MAX_ORIGINS", 3)
    for port in range(10):
        table.edge.receive(b"\r\n\r\n", "127.0.1.1", 6000 + port, "inside", 1)
    assert table.edge.status()["keepalive"] == 10
    assert len(table.edge._edge.origins) == 1


def test_challenged_attempts_are_bounded(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MAX_RETRIES", 2)
    for _ in range(3):
        made = table.dial()
        table.offered().refuse(401, "Unauthorized")
        made.ack_refusal(table.pbx.expect(401))
    assert (table.edge.status()["challenged"], table.slots, table.told()[-1]) == (2, 2, "ended challenged")


def test_transactions_are_bounded_and_calls_can_still_end(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    from ringfence.edge import arrivals

    dialog, _ = table.connect()
    monkeypatch.setattr(arrivals, "MAX_TRANSACTIONS", 4)
    for _ in range(10):
        table.dial()
    assert table.edge.status()["bound"] == 7
    table.hang_up(dialog)


# --- reloads --------------------------------------------------------------------------------------------------------


def reload(table: Table, tmp_path: Path, *changes: tuple[str, str]) -> None:
    path = tmp_path / "policy.toml"
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    table.edge.use(Loader(str(path)).load().policy)


def test_a_source_that_gets_another_name_can_hang_up(table: Table, tmp_path: Path) -> None:
    dialog, _ = table.connect()
    reload(table, tmp_path, ("[source.pbx]", "[source.other]"))
    table.hang_up(dialog)
    assert table.told()[-1] == "ended bye-caller"


def test_a_source_that_is_gone_may_end_its_calls_and_begin_none(table: Table, tmp_path: Path) -> None:
    dialog, _ = table.connect()
    reload(table, tmp_path, ("127.0.1.1", "127.0.1.9"))
    table.dial()
    assert table.pbx.expect(403)
    table.hang_up(dialog)
    assert table.slots == 0


def test_a_trunk_that_goes_while_it_is_asked(tmp_path: Path) -> None:
    table = Table(tmp_path, two_trunks=True)
    table.held_back = True
    table.dial()
    reload(table, tmp_path, ("[trunk.carrier]", "[trunk.other]"), ('"carrier"', '"other"'))
    table.commit()
    assert table.pbx.expect(0).status in (500, 503)
    table.run(60)
    assert (table.slots, table.edge.status()["waiting"]) == (0, 0)


# --- overload -------------------------------------------------------------------------------------------------------


def test_what_was_refused_at_the_door_stays_refused(table: Table) -> None:
    table.edge.overloaded(True)
    made = table.dial()
    assert table.pbx.expect(503).value("Reason").startswith("SIP;cause=503")
    table.edge.overloaded(False)
    table.pbx.send(made.invite, INSIDE)
    assert (table.pbx.expect(503).call_id, table.carrier.heard()) == (made.call_id, [])
    table.dial()
    table.offered()
    table.run(40)
    table.pbx.heard()
    table.pbx.send(made.invite, INSIDE)
    assert table.carrier.expect("INVITE")


def test_what_was_taken_before_overload_goes_on(table: Table) -> None:
    made = table.dial()
    table.edge.overloaded(True)
    table.pbx.heard()
    table.pbx.send(made.invite, INSIDE)
    assert [m for m in table.pbx.heard() if m.status == 503] == []
    offered = table.offered()
    dialog = table.answer(made, offered)
    dialog.send("INVITE", body=wire.SDP)
    answer_ok(table.carrier, table.carrier.expect("INVITE"))
    table.pbx.expect(200, method="INVITE")
    table.hang_up(dialog)


def test_datagrams_that_waited_too_long_close_the_door_and_fresh_ones_open_it(table: Table) -> None:
    for waited, status in ((99_000, 0), (101_000, 503), (50_000, 503), (10_000, 0)):
        table.edge.waited(waited)
        made = table.dial()
        finals = [m.status for m in table.pbx.heard() if m.status >= 200]
        assert finals == ([status] if status else [])
        assert made.call_id


def test_an_inbound_call_is_refused_at_the_door_too(table: Table) -> None:
    table.edge.overloaded(True)
    call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    assert table.carrier.expect(503)
    assert table.pbx.heard() == []


# --- after a restart ------------------------------------------------------------------------------------------------


def test_a_caller_can_cancel_after_a_restart(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    offered.ring()
    table.restart()
    made.cancel()
    assert table.pbx.expect(200, method="CANCEL")
    cancel = table.carrier.expect("CANCEL")
    assert (cancel.value("Via"), cancel.uri) == (offered.invite.all("Via")[0], offered.invite.uri)
    assert cancel.value("From") == offered.invite.value("From")
    answer_ok(table.carrier, cancel)
    offered.refuse(487, "Request Terminated")
    final = table.pbx.expect(487, method="INVITE")
    assert (final.value("Via"), final.value("From")) == (table.stamped(made), made.local)
    assert (table.slots, table.told()[-1]) == (0, "ended cancelled")


def test_a_cancel_of_somebody_else_does_nothing_after_a_restart(table: Table) -> None:
    made = table.dial()
    table.offered()
    table.restart()
    table.second.send(wire.parse(cancel_of(made), CARRIER), OUTSIDE)
    assert table.edge.status()["transactions"] == 1
    assert table.carrier.heard() == []
    assert table.slots == 1


def cancel_of(made: Call) -> bytes:
    return made.invite.to_bytes().replace(b"INVITE sip", b"CANCEL sip", 1).replace(b"1 INVITE", b"1 CANCEL")


def test_the_ring_limit_holds_after_a_restart(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk="ring_limit_s = 20")
    made = table.dial()
    offered = table.offered()
    table.restart()
    offered.ring()
    table.run(21)
    assert table.carrier.expect("CANCEL")
    offered.refuse(487, "Request Terminated")
    made.ack_refusal(table.pbx.expect(408))
    assert (table.slots, table.told()[-1]) == (0, "ended no-answer")


def test_a_rejection_after_a_restart_is_repeated_until_acknowledged(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    table.restart()
    offered.refuse(486, "Busy Here")
    table.run(4)
    finals = [m for m in table.pbx.heard() if m.status == 486]
    assert len(finals) > 2
    made.ack_refusal(finals[0])
    table.run(40)
    assert table.edge.status()["transactions"] == 0


def test_a_substituted_caller_is_put_back_after_a_restart(tmp_path: Path) -> None:
    table = Table(tmp_path, source='caller_id_policy = "substitute"')
    made = table.dial(NUMBER, "101")
    offered = table.offered()
    table.restart()
    dialog = table.answer(made, offered)
    assert "101@" in table.last_answer.value("From")
    offered.send("BYE")
    assert "101@" in table.pbx.expect("BYE").value("To")
    assert dialog.call_id


def test_an_answer_repeated_after_a_restart_passes(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    answer = offered.answer()
    table.pbx.expect(200)
    table.restart()
    table.carrier.send(answer, OUTSIDE)
    dialog = made.confirm(table.pbx.expect(200))
    assert table.carrier.expect("ACK")
    table.hang_up(dialog)
    assert table.told() == ["decided", "answered", "ended bye-caller"]


def test_a_bye_answered_after_a_restart_ends_the_call(table: Table) -> None:
    dialog, _ = table.connect()
    dialog.send("BYE")
    bye = table.carrier.expect("BYE")
    table.restart()
    answer_ok(table.carrier, bye)
    assert table.pbx.expect(200, method="BYE")
    assert (table.slots, table.told()[-1]) == (0, "ended bye-caller")


def test_a_cut_after_a_restart_is_ahead_of_requests_that_no_record_tells_of(table: Table) -> None:
    dialog, _ = table.connect()
    for _ in range(5):
        dialog.send("INFO")
        answer_ok(table.carrier, table.carrier.expect("INFO"))
    table.restart()
    table.edge.cut(next(iter(table.engine.calls)), "", "operator", table.now)
    table.settle()
    assert table.carrier.expect("BYE").cseq[0] > dialog.cseq


def test_an_answer_that_nobody_knows_of_is_hung_up(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    made.cancel()
    table.run(5)
    table.restart()
    offered.answer()
    assert table.carrier.expect("ACK").cseq == (1, "ACK")
    bye = table.carrier.expect("BYE")
    assert (bye.to_tag, bye.cseq[0]) == (tag(offered), 2)
    answer_ok(table.carrier, bye)
    assert (table.edge.status()["dialogs"], table.slots) == (0, 0)


def test_an_inbound_call_whose_answer_was_not_told_can_be_ended_after_a_restart(table: Table) -> None:
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    offered.answer()
    answer = table.carrier.expect(200)
    table.facts.clear()
    table.restart()
    dialog = made.confirm(answer)
    assert table.pbx.expect("ACK")
    offered.send("INFO")
    assert table.pbx.expect(481)
    for here, there in ((offered, table.carrier), (dialog, table.pbx)):
        here.send("BYE")
        bye = there.expect("BYE")
        assert bye.all("Route") == []
        answer_ok(there, bye)
        assert here.peer.expect(200, method="BYE")


def test_an_inbound_call_is_answered_after_a_restart(table: Table) -> None:
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    table.restart()
    offered.answer()
    assert table.carrier.expect(200).call_id == made.call_id
