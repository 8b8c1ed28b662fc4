"""Calls through the edge as playbooks: what each party sees, and what is left on the meters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from table import CALLER, INSIDE, NUMBER, OUTSIDE, Table

from ringfence.sip.address import parse_address
from ringfence.testing import wire
from ringfence.testing.peer import answer_ok, call, leg, response_to


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def test_a_call_is_asked_about_forwarded_answered_and_ended(table: Table) -> None:
    made = table.dial()
    assert table.pbx.expect(100).method == "INVITE"
    offered = table.offered()
    assert offered.invite.user == NUMBER
    assert len(offered.invite.all("Via")) == 2
    assert len(offered.invite.all("Record-Route")) == 2
    assert offered.invite.value("Max-Forwards") == "69"
    offered.ring()
    assert table.pbx.expect(180).call_id == made.call_id
    dialog = table.answer(made, offered)
    assert table.slots == 1
    table.hang_up(dialog)
    assert (table.slots, table.attempts) == (0, 1)
    assert table.told() == ["decided", "answered", "ended bye-caller"]
    table.run(60)
    status = table.edge.status()
    assert (status["transactions"], status["dialogs"], status["waiting"]) == (0, 0, 0)


def test_the_callee_hangs_up(table: Table) -> None:
    _, offered = table.connect()
    table.hang_up(offered)
    assert (table.slots, table.told()[-1]) == (0, "ended bye-callee")


def test_a_refusal_says_why_and_reaches_nobody(table: Table) -> None:
    made = table.dial("0115372041000")
    refused = table.pbx.expect(603)
    assert refused.value("Reason").startswith('SIP;cause=603;text="')
    made.ack_refusal(refused)
    assert table.carrier.heard() == []
    table.run(60)
    assert table.pbx.heard() == []
    assert table.edge.status()["transactions"] == 0


def test_a_refusal_is_repeated_until_it_is_acknowledged(table: Table) -> None:
    made = table.dial("0115372041000")
    table.run(4)
    repeats = [message for message in table.pbx.heard() if message.status == 603]
    assert len(repeats) == 4
    made.ack_refusal(repeats[0])
    table.run(40)
    assert table.pbx.heard() == []


def test_a_stranger_hears_nothing(table: Table) -> None:
    call(table.stranger, INSIDE, NUMBER, CALLER)
    call(table.stranger, OUTSIDE, NUMBER, CALLER)
    assert table.stranger.inbox == []
    table.run(11)
    assert [f.address for f in table.facts if type(f).__name__ == "Strangers"] == ["127.0.3.1", "127.0.3.1"]


def test_what_the_pbx_sends_and_nobody_can_read_is_told_and_counted(
    table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    good = table.dial().invite
    bad = replace(good, start="INVITE 2125550123 SIP/2.0").having(("Call-ID", "bad"))
    for _ in range(3):
        via = ("Via", f"SIP/2.0/UDP 127.0.1.1:5070;rport;branch={wire.new_branch()}")
        table.pbx.send(bad.having(via), INSIDE)
    assert table.pbx.expect(400, call_id="bad")
    table.run(11)
    (counted,) = [fact for fact in table.facts if type(fact).__name__ == "Strangers"]
    assert (counted.address, counted.requests) == ("127.0.1.1", {"malformed": 3})
    said = [record.getMessage() for record in caplog.records]
    assert said == ["a message from pbx (127.0.1.1:5070) can't be read: bad URI"]


def test_options_are_answered_to_those_we_know(table: Table) -> None:
    options = table.dial().invite
    request = replace(options, start=f"OPTIONS sip:{INSIDE[0]} SIP/2.0", body="").having(("CSeq", "1 OPTIONS"))
    request = request.having(("Via", f"SIP/2.0/UDP 127.0.1.1:5070;rport;branch={wire.new_branch()}"), ("Call-ID", "o"))
    table.pbx.send(request, INSIDE)
    via = table.pbx.expect(200, method="OPTIONS").value("Via")
    assert (";rport=5070;" in via, via.endswith(";received=127.0.1.1")) == (True, True)


def test_a_repeated_invite_is_one_attempt(table: Table) -> None:
    table.held_back = True
    made = table.dial()
    table.pbx.send(made.invite, INSIDE)
    table.commit()
    offered = table.offered()
    table.pbx.send(made.invite, INSIDE)
    offered.ring()
    table.pbx.send(made.invite, INSIDE)
    assert table.carrier.heard() == []
    assert len([m for m in table.pbx.heard() if m.status == 180]) == 2
    assert (table.slots, table.attempts) == (1, 1)


def test_an_unanswered_invite_is_repeated_and_given_up(table: Table) -> None:
    table.dial()
    table.run(40)
    assert len([m for m in table.carrier.heard() if m.method == "INVITE"]) == 7
    assert table.pbx.expect(0).status == 408
    assert (table.slots, table.told()[-1]) == (0, "ended unreachable")


def test_cancel(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    offered.ring()
    made.cancel()
    assert table.pbx.expect(200, method="CANCEL")
    cancel = table.carrier.expect("CANCEL")
    assert cancel.value("Via") == offered.invite.all("Via")[0]
    answer_ok(table.carrier, cancel)
    offered.refuse(487, "Request Terminated")
    assert table.carrier.expect("ACK")
    made.ack_refusal(table.pbx.expect(487))
    assert (table.slots, table.told()[-1]) == (0, "ended cancelled")
    table.run(60)
    assert table.edge.status()["transactions"] == 0


def test_a_cancel_waits_for_a_provisional_answer(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    made.cancel()
    assert [m.method for m in table.carrier.heard()] == []
    offered.ring()
    assert table.carrier.expect("CANCEL")
    offered.refuse(487, "Request Terminated")
    assert table.pbx.expect(487)
    assert table.slots == 0


def test_a_cancel_before_the_verdict(table: Table) -> None:
    table.held_back = True
    made = table.dial()
    made.cancel()
    assert table.pbx.expect(487)
    table.commit()
    assert table.carrier.heard() == []
    assert (table.slots, table.told()) == (0, ["decided", "ended cancelled"])


def test_an_answer_that_crosses_the_cancel_wins(table: Table) -> None:
    made = table.dial()
    offered = table.offered()
    offered.ring()
    made.cancel()
    dialog = table.answer(made, offered)
    table.hang_up(dialog)
    assert (table.slots, table.told()) == (0, ["decided", "answered", "ended bye-caller"])


def test_a_far_side_that_ignores_the_cancel(table: Table) -> None:
    made = table.dial()
    table.offered().ring()
    made.cancel()
    table.run(40)
    assert table.pbx.expect(487)
    assert (table.slots, table.told()[-1]) == (0, "ended cancelled")


@pytest.mark.parametrize("status", [404, 486, 500, 603])
def test_a_rejection_passes_and_ends(table: Table, status: int) -> None:
    made = table.dial()
    table.offered().refuse(status, "No")
    assert table.carrier.expect("ACK")
    made.ack_refusal(table.pbx.expect(status))
    assert (table.slots, table.attempts, table.told()[-1]) == (0, 1, "ended rejected")


def test_ringing_has_a_limit(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk="ring_limit_s = 10")
    made = table.dial()
    offered = table.offered()
    offered.ring()
    table.run(11)
    assert table.carrier.expect("CANCEL")
    offered.refuse(487, "Request Terminated")
    made.ack_refusal(table.pbx.expect(408))
    assert (table.slots, table.told()[-1]) == (0, "ended no-answer")


def test_each_forked_answer_is_a_call(table: Table) -> None:
    made = table.dial()
    first = table.offered()
    second = leg(table.carrier, first.invite)
    dialogs = []
    for fork in (first, second):
        fork.answer()
        dialogs.append(made.confirm(table.pbx.expect(200, method="INVITE")))
        table.carrier.expect("ACK")
    assert table.slots == 2
    table.hang_up(dialogs[0])
    assert table.slots == 1
    table.hang_up(second)
    assert table.slots == 0


def test_a_repeated_answer_passes_again_and_counts_once(table: Table) -> None:
    table.dial()
    offered = table.offered()
    answer = offered.answer()
    for _ in range(2):
        table.carrier.send(answer, offered.invite.origin)
    assert len([m for m in table.pbx.heard() if m.status == 200]) == 3
    assert (table.slots, table.told()) == (1, ["decided", "answered"])


def test_a_challenged_call_is_one_attempt(table: Table) -> None:
    made = table.dial()
    table.offered().refuse(407, "Proxy Authentication Required", ("Proxy-Authenticate", 'Digest realm="c"'))
    refused = table.pbx.expect(407)
    assert refused.value("Proxy-Authenticate") == 'Digest realm="c"'
    made.ack_refusal(refused)
    made.again(("Proxy-Authorization", "Digest x"))
    assert (table.slots, table.attempts) == (1, 1)
    dialog, offered = table.connect(made)
    assert offered.invite.value("Proxy-Authorization") == "Digest x"
    table.hang_up(dialog)
    assert (table.slots, table.attempts) == (0, 1)


def test_a_challenged_caller_that_gives_up_gives_back(table: Table) -> None:
    made = table.dial()
    table.offered().refuse(401, "Unauthorized")
    made.ack_refusal(table.pbx.expect(401))
    assert table.slots == 1
    table.run(40)
    assert (table.slots, table.told()[-1]) == (0, "ended challenged")


def test_a_challenged_call_to_another_number_is_another_attempt(table: Table) -> None:
    made = table.dial()
    table.offered().refuse(401, "Unauthorized")
    made.ack_refusal(table.pbx.expect(401))
    other = replace(made, invite=replace(made.invite, start=f"INVITE sip:0115372041000@{INSIDE[0]} SIP/2.0"))
    other.again(("Authorization", "Digest x"))
    assert table.pbx.expect(603)
    assert table.slots == 0


def test_a_silent_address_gives_way_to_the_next(tmp_path: Path) -> None:
    table = Table(tmp_path, two_addresses=True)
    table.dial()
    table.run(5)
    offered = table.offered(table.spare)
    offered.answer()
    assert table.pbx.expect(200)
    assert (table.slots, table.attempts) == (1, 1)
    table.carrier.heard()
    table.dial("+12125550144")
    assert table.spare.expect("INVITE")
    assert table.carrier.heard() == []


def test_a_silent_address_that_wakes_up_is_hung_up(tmp_path: Path) -> None:
    table = Table(tmp_path, two_addresses=True)
    made = table.dial()
    table.run(5)
    dead, spare = table.offered(), table.offered(table.spare)
    spare.ring()
    dead.answer()
    table.carrier.expect("ACK")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    assert [m.status for m in table.pbx.heard() if m.status >= 200] == []
    assert table.slots == 1
    spare.answer()
    assert table.pbx.expect(200, call_id=made.call_id)
    assert (table.slots, len(table.engine.calls)) == (1, 1)


def test_a_silent_address_that_wakes_up_while_they_talk_is_hung_up(tmp_path: Path) -> None:
    """The caller isn't given a second answer, which not every PBX would hang up."""
    table = Table(tmp_path, two_addresses=True)
    made = table.dial()
    table.run(5)
    dead, spare = table.offered(), table.offered(table.spare)
    spare.answer()
    made.confirm(table.pbx.expect(200))
    dead.answer()
    table.carrier.expect("ACK")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    assert table.pbx.heard() == []
    assert (table.slots, table.told()[-1]) == (1, "ended late")


def test_a_silent_address_that_wakes_up_with_nonsense_ends_nothing(tmp_path: Path) -> None:
    table = Table(tmp_path, two_addresses=True)
    made = table.dial()
    table.run(5)
    dead, spare = table.offered(), table.offered(table.spare)
    spare.ring()
    nonsense = response_to(dead.invite, 200, "OK", ("Contact", "<sip:"), tag="dead")
    table.carrier.send(nonsense, OUTSIDE)
    table.carrier.expect("BYE")
    spare.answer()
    assert table.pbx.expect(200, call_id=made.call_id)


def test_a_503_tries_the_next_trunk_which_judges_again(tmp_path: Path) -> None:
    table = Table(tmp_path, two_trunks=True)
    table.dial()
    table.offered().refuse(503, "Service Unavailable")
    offered = table.offered(table.second)
    assert offered.invite.user == f"77{NUMBER}"
    assert table.slots == 0
    assert table.told() == ["decided", "decided"]
    offered.refuse(503, "Service Unavailable")
    assert table.pbx.expect(500)
    assert table.told()[-1] == "ended unreachable"


def test_a_cut_call_ends_on_both_sides(table: Table) -> None:
    dialog, _ = table.connect()
    (call_id,) = table.engine.calls
    assert table.edge.cut(call_id, "", "operator", table.now)
    table.settle()
    for side in (table.pbx, table.carrier):
        bye = side.expect("BYE")
        answer_ok(side, bye)
    assert (table.slots, table.told()[-1]) == (0, "ended operator")
    assert dialog.call_id


def test_a_ringing_call_that_is_cut(table: Table) -> None:
    table.dial()
    offered = table.offered()
    offered.ring()
    (call_id,) = table.engine.calls
    table.edge.cut(call_id, "", "operator", table.now)
    table.settle()
    assert table.carrier.expect("CANCEL")
    offered.refuse(487, "Request Terminated")
    assert table.pbx.expect(480)
    assert table.slots == 0


def test_the_longest_call_is_ended_by_bye(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk="max_call_s = 60")
    table.connect()
    table.run(61)
    for side in (table.pbx, table.carrier):
        answer_ok(side, side.expect("BYE"))
    assert (table.slots, table.told()[-1]) == (0, "ended longest-call")


def test_a_cut_call_whose_sides_are_dead_ends_all_the_same(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk="max_call_s = 60")
    table.connect()
    table.run(100)
    assert (table.slots, table.told()[-1]) == (0, "ended longest-call")


def test_a_paced_call_waits(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk="calls_per_second = { block = 2, burst = 1, pace_ms = 600 }")
    table.dial()
    paced = table.dial("+12125550144")
    table.run(0.49)
    assert {m.user for m in table.carrier.heard()} == {NUMBER}
    table.run(0.02)
    assert table.carrier.expect("INVITE", call_id=paced.call_id)


def test_overload_refuses_new_calls_at_the_door_but_not_an_emergency(table: Table) -> None:
    dialog, _ = table.connect()
    table.edge.overloaded(True)
    table.dial()
    assert table.pbx.expect(503).value("Retry-After") == ""
    assert table.carrier.heard() == []
    table.dial("911")
    assert table.offered().invite.user == "911"
    table.hang_up(dialog)


def test_in_overload_the_table_of_transactions_does_not_grow(table: Table) -> None:
    table.edge.overloaded(True)
    for _ in range(50):
        table.dial()
    assert table.edge.status()["transactions"] == 0


def test_what_nobody_may_steer_is_dropped(table: Table) -> None:
    unjudged = ("Route", "<sip:evil.example;lr>"), ("Remote-Party-ID", "<sip:1@x>")
    made = table.dial(f"{NUMBER};rn=+53123456;npdi", CALLER, *unjudged)
    offered = table.offered()
    assert offered.invite.uri == f"sip:{NUMBER}@127.0.2.1:5090"
    assert (offered.invite.all("Route"), offered.invite.all("Remote-Party-ID")) == ([], [])
    assert made.call_id == offered.invite.call_id


def test_a_substituted_caller_is_put_back_for_the_pbx(tmp_path: Path) -> None:
    table = Table(tmp_path, source='caller_id_policy = "substitute"')
    made = table.dial(NUMBER, "101")
    offered = table.offered()
    assert wire.uri_of(offered.invite.value("From")).startswith(f"sip:{CALLER}@")
    dialog = table.answer(made, offered)
    assert "101@" in dialog.local
    table.hang_up(dialog)
    made = table.dial(NUMBER, "101")
    offered = table.offered()
    table.answer(made, offered)
    offered.send("BYE")
    bye = table.pbx.expect("BYE")
    assert "101@" in bye.value("To")


# --- who is shown ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ("acct1", "acct1"),
        ("4711_trunk", "4711_trunk"),
        ("2125550100", "+12125550100"),
        ("201", "+12125550100"),
        ("12125550107p1", "+12125550100"),
        ("x18005551212", "+12125550100"),
    ],
)
def test_an_account_in_from_stays_beside_the_asserted_caller(table: Table, user: str, shown: str) -> None:
    table.dial(NUMBER, user, ("P-Asserted-Identity", "<sip:2125550100@pbx>"))
    offered = table.offered()
    assert offered.invite.all("P-Asserted-Identity") == ["<sip:+12125550100@pbx>"]
    assert parse_address(offered.invite.value("From").encode()).uri.user == shown
    offered.ring()
    assert parse_address(table.pbx.expect(180).value("From").encode()).uri.user == user


def test_a_source_that_only_takes_calls_reaches_emergency_numbers_and_nothing_else(tmp_path: Path) -> None:
    """C8 before A10; what else it tries is in the ledger."""
    table = Table(tmp_path, directions='["in"]')
    table.dial()
    assert table.pbx.expect(0).status == 603
    assert (table.told(), table.carrier.heard()) == (["decided"], [])
    dialog, offered = table.connect(table.dial("911"))
    assert (offered.invite.user, table.slots) == ("911", 1)
    table.hang_up(dialog)
    table.edge.overloaded(True)
    table.dial("911")
    assert table.offered().invite.user == "911"


def test_a_stranger_gets_no_answer_when_he_dials_an_emergency_number(table: Table) -> None:
    """A1 before C8: anybody could send the police anywhere."""
    for listener in (INSIDE, OUTSIDE):
        call(table.stranger, listener, "911", CALLER)
        call(table.stranger, listener, "911;user=phone", CALLER)
    call(table.carrier, INSIDE, "911", CALLER)
    call(table.pbx, OUTSIDE, "911", CALLER)
    assert table.stranger.heard() + table.carrier.heard() + table.pbx.heard() == []
    assert table.told() == []
