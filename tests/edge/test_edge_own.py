"""Carriers that see nothing of the inside (A14): calls of every kind work, and what they get names no PBX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from table import ADVERTISED, INSIDE, NUMBER, OUTSIDE, SECOND_CARRIER, Table
from test_edge_enrolment import REGISTER, challenge, secrets

from ringfence.edge.effects import Send
from ringfence.model import Answered, Cut, DialogChanged
from ringfence.testing import wire
from ringfence.testing.peer import Call, Dialog, Leg, alone, answer_ok, call, leg, response_to

OWN = 'identity = "own"'
SEEN = f'advertise = "{ADVERTISED[0]}"'
SECRETS = re.compile(rb"127\.0\.[01]\.1|\bpbx\b|\bn1-[0-9a-f]{10}|office", re.IGNORECASE)
"""The PBX and the inside listener, the PBX's name in Contact and Call-ID, our node, and what the SDP is named."""
OFFER = (
    "v=0\r\no=office 17 3 IN IP4 127.0.1.1\r\ns=office PBX\r\ni=of 127.0.1.1\r\ne=me@office.example\r\n"
    "c=IN IP4 192.0.2.44\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
)


class Hidden(Table):
    """A table that keeps what goes outside."""

    outgoing: list[bytes]

    def _sent(self, send: Send) -> None:
        if send.hop.listener == "outside":
            self.outgoing.append(send.data)
        super()._sent(send)


def hidden(folder: Path, trunk: str = "", **policy: object) -> Hidden:
    Hidden.outgoing = []
    return Hidden(folder, trunk=f"{OWN}\n{trunk}", outside=SEEN, **policy)  # type: ignore[arg-type]


def tells_nothing(table: Hidden) -> None:
    """Nothing that went outside names the inside."""
    told = [(SECRETS.findall(data), data.decode()) for data in table.outgoing if SECRETS.search(data)]
    assert told == []
    assert table.outgoing


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Hidden]:
    made = hidden(tmp_path)
    yield made
    tells_nothing(made)


def dialled(table: Table, *headers: tuple[str, str]) -> Call:
    return call(table.pbx, INSIDE, NUMBER, "+12125550100", *headers, body=OFFER)


def up(table: Table) -> tuple[Dialog, Leg]:
    return table.connect(dialled(table))


def came_in(table: Table) -> tuple[Dialog, Leg]:
    """An inbound call: the carrier's dialog and the PBX's."""
    made = call(table.carrier, ADVERTISED, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    offered.ring(180, "Ringing", ("User-Agent", "office 1.0"))
    assert table.carrier.expect(180).to_tag == wire.tag_of(offered.local)
    picks_up(offered)
    dialog = made.confirm(table.carrier.expect(200, method="INVITE"))
    table.pbx.expect("ACK")
    return dialog, offered


def picks_up(offered: Leg) -> None:
    """The PBX answers."""
    headers = ("Contact", offered.peer.contact), ("Server", "office 1.0")
    final = response_to(offered.invite, 200, "OK", *headers, body=OFFER, tag=wire.tag_of(offered.local))
    offered.peer.send(final, offered.invite.origin)


def bye(here: Dialog, there: Dialog) -> None:
    here.send("BYE")
    answer_ok(there.peer, there.peer.expect("BYE"))
    assert here.peer.expect(200, method="BYE").call_id == here.call_id


# --- what the carrier sees ------------------------------------------------------------------------------------------


def test_the_carrier_sees_us_and_the_pbx_sees_itself(table: Hidden) -> None:
    made = dialled(table)
    invite = table.carrier.expect("INVITE")
    assert invite.value("From").startswith("<sip:+12125550100@127.0.9.1>;tag=")
    assert invite.value("To") == f"<sip:{NUMBER}@127.0.2.1:5090>"
    assert re.fullmatch(r"<sip:rf-[-.0-9a-f]+@127\.0\.9\.1:5080>", invite.value("Contact"))
    assert invite.call_id.startswith("rf-")
    assert (len(invite.all("Via")), invite.all("Record-Route")) == (1, [])
    assert invite.cseq[0] != 1
    assert "o=- 17 3 IN IP4 127.0.9.1\r\ns=-\r\nc=IN IP4 192.0.2.44\r\n" in invite.body
    offered = leg(table.carrier, invite)
    offered.ring()
    ringing = table.pbx.expect(180)
    offered.answer()
    final = table.pbx.expect(200)
    for response in (ringing, final):
        assert (response.call_id, response.cseq) == (made.call_id, (1, "INVITE"))
        assert response.all("Via") == [table.stamped(made)]
        assert response.value("From") == made.local
        assert response.value("To") == f"{made.remote};tag={wire.tag_of(offered.local)}"
        (route,) = response.all("Record-Route")
        assert wire.address_of(wire.uri_of(route)) == INSIDE
    dialog = made.confirm(final)
    ack = table.carrier.expect("ACK")
    assert (ack.call_id, ack.cseq[0]) == (invite.call_id, invite.cseq[0])
    table.hang_up(dialog)
    assert (table.slots, table.told()[-1]) == (0, "ended bye-caller")


def test_a_display_name_that_names_the_inside_is_left_out(table: Hidden) -> None:
    shown = '"office at 127.0.1.1" <sip:+12125550100@127.0.1.1>;tag=7'
    made = replace(dialled(table).invite).having(("From", shown), ("Call-ID", "x@127.0.1.1"))
    table.carrier.heard()
    table.outgoing.clear()
    table.pbx.send(made.having(("Via", f"SIP/2.0/UDP 127.0.1.1:5070;branch={wire.new_branch()}")), INSIDE)
    assert table.carrier.expect("INVITE").value("From") == "<sip:+12125550100@127.0.9.1>;tag=7"


@pytest.mark.parametrize(
    ("asserted", "seen"),
    [
        ("<tel:+12125550111;phone-context=pbx>", "<sip:+12125550111@127.0.9.1>"),
        ("<sip:+12125550111;phone-context=pbx@127.0.1.1;line=office>", "<sip:+12125550111@127.0.9.1>"),
        ("<sip:+12125550111@127.0.1.1;user=phone>;x=pbx", "<sip:+12125550111@127.0.9.1;user=phone>"),
        ("<sip:+12125550111:pw@pbx?Replaces=pbx>", "<sip:+12125550111@127.0.9.1>"),
    ],
)
def test_of_who_calls_the_carrier_sees_the_number_alone(table: Hidden, asserted: str, seen: str) -> None:
    dialled(table, ("P-Asserted-Identity", asserted))
    assert table.carrier.expect("INVITE").value("P-Asserted-Identity") == seen


def test_who_asks_for_privacy_is_at_no_host(table: Hidden) -> None:
    made = call(table.pbx, INSIDE, NUMBER, "anonymous", ("P-Asserted-Identity", "<sip:+12125550111@127.0.1.1>"))
    table.carrier.heard()
    table.outgoing.clear()
    invite = made.invite.having(
        ("From", "<sip:anonymous@anonymous.invalid>;tag=a"),
        ("Call-ID", "anonymous@pbx"),
        ("Via", f"SIP/2.0/UDP 127.0.1.1:5070;branch={wire.new_branch()}"),
    )
    table.pbx.send(replace(invite, body=OFFER), INSIDE)
    assert table.carrier.expect("INVITE").value("From") == "<sip:anonymous@anonymous.invalid>;tag=a"


def test_what_makes_a_message_is_never_passed_by_name(tmp_path: Path) -> None:
    table = hidden(tmp_path, 'pass_headers = ["Via", "Contact", "Record-Route", "Route", "From"]')
    dialled(table, ("Record-Route", "<sip:127.0.1.1;lr>"))
    invite = table.carrier.expect("INVITE")
    assert (len(invite.all("Via")), invite.all("Record-Route"), len(invite.all("From"))) == (1, [], 1)
    tells_nothing(table)


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ([("X-Hop", "127.0.1.1")], []),
        ([("X-Account", "17")], ["X-Account"]),
        ([("X-Account", "17 at pbx")], []),
        ([("User-Agent", "office 1.0"), ("Server", "office")], []),
        ([("Subject", "hello"), ("Priority", "urgent")], ["Subject", "Priority"]),
        ([("Subject", "to 127.0.1.1:5070")], []),
        ([("Warning", '399 127.0.1.1 "x"'), ("Call-Info", "<http://127.0.1.1/a>"), ("Alert-Info", "<x>")], []),
        ([("Referred-By", "<sip:a@pbx>"), ("History-Info", "<sip:a@pbx>;index=1")], []),
        ([("Authorization", 'Digest username="pbx", realm="x", uri="sip:127.0.0.1"')], []),
        ([("Proxy-Authorization", 'Digest username="pbx", realm="x", uri="sip:127.0.0.1"')], []),
        ([("Supported", "100rel, timer"), ("Allow", "INVITE, INFO")], ["Supported", "Allow"]),
    ],
)
def test_only_headers_that_are_known_to_be_harmless_pass(
    tmp_path: Path, headers: list[tuple[str, str]], passes: list[str]
) -> None:
    table = hidden(tmp_path, 'pass_headers = ["X-Account"]')
    dialled(table, *headers)
    invite = table.carrier.expect("INVITE")
    assert [name for name, _ in headers if invite.all(name)] == passes
    tells_nothing(table)


def test_the_asserted_caller_has_our_host(table: Hidden) -> None:
    dialled(table, ("P-Asserted-Identity", "<sip:+12125550111@127.0.1.1>"))
    assert table.carrier.expect("INVITE").value("P-Asserted-Identity") == "<sip:+12125550111@127.0.9.1>"


def test_a_registered_trunk_shows_its_domain(tmp_path: Path) -> None:
    table = hidden(tmp_path, REGISTER.format(more=""))
    dialled(table)
    invite = table.carrier.expect("INVITE")
    assert "@carrier.example>" in invite.value("From")
    tells_nothing(table)


def test_a_registration_of_the_pbx_is_not_passed(table: Hidden) -> None:
    table.pbx.send(alone(table.pbx, "REGISTER", "sip:carrier.example", "sip:u@carrier.example"), INSIDE)
    assert table.pbx.expect(403)
    dialled(table)


def test_of_a_message_within_a_message_the_carrier_gets_the_first_line(table: Hidden) -> None:
    dialog, _ = up(table)
    fragment = "SIP/2.0 200 OK\r\nContact: <sip:102@127.0.1.1>\r\n"
    notify = dialog.request("NOTIFY", ("Event", "refer"), ("Content-Type", "message/sipfrag;version=2.0"))
    table.pbx.send(replace(notify, body=fragment), INSIDE)
    assert table.carrier.expect("NOTIFY").body == "SIP/2.0 200 OK\r\n"


# --- calls of every kind --------------------------------------------------------------------------------------------


def test_both_sides_may_hang_up(table: Hidden) -> None:
    dialog, offered = up(table)
    bye(offered, dialog)
    assert (table.slots, table.told()[-1]) == (0, "ended bye-callee")


def test_hold_from_both_sides(table: Hidden) -> None:
    for here, there in (up(table), came_in(table)):
        for asks, answers in ((here, there), (there, here)):
            asks.send("INVITE", body=OFFER.replace("17 3", "17 4"))
            again = answers.peer.expect("INVITE")
            assert (again.call_id, again.value("From"), again.value("To")) == (
                answers.call_id,
                answers.remote,
                answers.local,
            )
            answers.peer.send(
                response_to(again, 200, "OK", ("Contact", answers.peer.contact), body=OFFER), again.origin
            )
            assert asks.peer.expect(200, method="INVITE").cseq[0] == asks.cseq
            asks.peer.send(asks.request("ACK", cseq=asks.cseq), asks.next_hop)
            assert answers.peer.expect("ACK").cseq[0] == again.cseq[0]
        bye(here, there)


@pytest.mark.parametrize("inbound", [False, True])
def test_prack_names_the_invite_as_the_other_side_numbers_it(table: Hidden, inbound: bool) -> None:
    if inbound:
        made = call(table.carrier, ADVERTISED, "12125550123", "+13105550199")
        offered = leg(table.pbx, table.pbx.expect("INVITE"))
    else:
        made = dialled(table)
        offered = leg(table.carrier, table.carrier.expect("INVITE"))
    offered.ring(183, "Progress", ("RSeq", "9"), ("Require", "100rel"))
    early = made.dialog(made.peer.expect(183))
    early.send("PRACK", ("RAck", "9 1 INVITE"))
    prack = offered.peer.expect("PRACK")
    assert (prack.value("RAck"), prack.cseq[0]) == (f"9 {offered.invite.cseq[0]} INVITE", offered.invite.cseq[0] + 1)
    answer_ok(offered.peer, prack)
    assert early.peer.expect(200, method="PRACK").cseq == (2, "PRACK")
    picks_up(offered)
    made.peer.expect(200, method="INVITE")
    made.peer.send(early.request("ACK", cseq=1), early.next_hop)
    assert offered.peer.expect("ACK").cseq[0] == offered.invite.cseq[0]
    bye(offered, early)


def test_a_call_is_cancelled(table: Hidden) -> None:
    made = dialled(table)
    offered = table.offered()
    offered.ring()
    made.cancel()
    assert table.pbx.expect(200, method="CANCEL")
    cancel = table.carrier.expect("CANCEL")
    assert (cancel.call_id, cancel.cseq[0]) == (offered.invite.call_id, offered.invite.cseq[0])
    assert cancel.value("Via") == offered.invite.value("Via")
    answer_ok(table.carrier, cancel)
    offered.refuse(487)
    assert table.pbx.expect(487).call_id == made.call_id
    assert table.slots == 0


def test_why_it_is_cancelled_is_told_without_the_inside(table: Hidden) -> None:
    made = dialled(table)
    table.offered().ring()
    kept = tuple(h for h in made.invite.headers if h[0] in ("Via", "Max-Forwards", "From", "To", "Call-ID"))
    reasons = 'SIP;cause=200;text="Call completed elsewhere"', 'X;text="picked up at 127.0.1.1"'
    why = tuple(("Reason", reason) for reason in reasons)
    table.pbx.send(wire.Sip(f"CANCEL {made.invite.uri} SIP/2.0", (*kept, ("CSeq", "1 CANCEL"), *why)), INSIDE)
    assert table.carrier.expect("CANCEL").all("Reason") == [reasons[0]]


def test_a_refusal_comes_back_as_an_answer_to_what_was_asked(table: Hidden) -> None:
    made = dialled(table)
    offered = table.offered()
    offered.refuse(486, "Busy Here")
    ack = table.carrier.expect("ACK")
    assert (ack.call_id, ack.cseq[0]) == (offered.invite.call_id, offered.invite.cseq[0])
    busy = table.pbx.expect(486)
    assert (busy.call_id, busy.cseq, busy.all("Via")) == (made.call_id, (1, "INVITE"), [table.stamped(made)])
    made.ack_refusal(busy)


def test_forks_make_a_dialog_each(table: Hidden) -> None:
    made = dialled(table)
    invite = table.carrier.expect("INVITE")
    one, two = leg(table.carrier, invite), leg(table.carrier, invite)
    for fork in (one, two):
        fork.ring()
        assert table.pbx.expect(180).to_tag == wire.tag_of(fork.local)
    dialogs = [table.answer(made, fork) for fork in (one, two)]
    for dialog, fork in zip(dialogs, (one, two), strict=True):
        dialog.send("BYE")
        request = table.carrier.expect("BYE")
        assert request.to_tag == wire.tag_of(fork.local)
        answer_ok(table.carrier, request)
        table.pbx.expect(200, method="BYE")
    assert table.slots == 0


def test_repetitions_are_repetitions(table: Hidden) -> None:
    made = dialled(table)
    offered = table.offered()
    table.pbx.send(made.invite, INSIDE)
    assert table.carrier.heard() == []
    table.run(0.6)
    assert [message.raw for message in table.carrier.heard()] == [offered.invite.raw]
    answer = offered.answer()
    dialog = made.confirm(table.pbx.expect(200))
    table.carrier.expect("ACK")
    table.carrier.send(answer, OUTSIDE)
    again = table.pbx.expect(200)
    assert (again.call_id, again.all("Via"), len(again.all("Record-Route"))) == (
        made.call_id,
        [table.stamped(made)],
        1,
    )
    made.confirm(again)
    assert table.carrier.expect("ACK").cseq[0] == offered.invite.cseq[0]
    table.hang_up(dialog)


def test_the_next_address_gets_the_same_call(tmp_path: Path) -> None:
    table = hidden(tmp_path, two_addresses=True)
    made = dialled(table)
    first = table.offered()
    first.refuse(503)
    table.carrier.expect("ACK")
    second = leg(table.spare, table.spare.expect("INVITE"))
    assert (second.invite.call_id, second.invite.cseq) == (first.invite.call_id, first.invite.cseq)
    assert second.invite.all("Via") != first.invite.all("Via")
    second.answer()
    assert made.confirm(table.pbx.expect(200))
    tells_nothing(table)


@pytest.mark.parametrize("second", ["", OWN])
def test_the_next_trunk_has_its_own_identity_and_a_late_answer_of_the_first_is_hung_up(
    tmp_path: Path, second: str
) -> None:
    table = hidden(tmp_path, two_trunks=True, second=second)
    made = dialled(table)
    first = table.offered()
    table.run(4.5)
    table.carrier.heard()
    other = leg(table.second, table.second.expect("INVITE"))
    assert (other.invite.call_id == made.call_id) is (second == "")
    first.answer()
    ack, hung_up = table.carrier.expect("ACK"), table.carrier.expect("BYE")
    assert ack.call_id == hung_up.call_id == first.invite.call_id
    assert ack.cseq[0] == first.invite.cseq[0] == hung_up.cseq[0] - 1
    answer_ok(table.carrier, hung_up)
    other.answer()
    dialog = made.confirm(table.pbx.expect(200, method="INVITE"))
    table.second.expect("ACK")
    dialog.send("BYE")
    answer_ok(table.second, table.second.expect("BYE"))
    assert table.pbx.expect(200, method="BYE")
    if second:
        tells_nothing(table)


def test_a_challenge_that_we_answer_goes_on_from_our_own_numbers(tmp_path: Path) -> None:
    table = hidden(tmp_path, REGISTER.format(more=""))
    table.edge.trust(secrets(), table.now)
    table.run(0.1)
    table.carrier.heard()
    made = dialled(table)
    first = table.carrier.expect("INVITE")
    _, value = challenge("n5")
    table.carrier.send(response_to(first, 407, "Prove It", ("Proxy-Authenticate", value), tag="c"), OUTSIDE)
    table.carrier.expect("ACK")
    second = table.carrier.expect("INVITE")
    assert (second.call_id, second.cseq[0]) == (first.call_id, first.cseq[0] + 1)
    dialog = table.answer(made, leg(table.carrier, second))
    assert table.last_answer.all("Via") == [table.stamped(made)]
    table.restart()
    dialog.send("BYE")
    request = table.carrier.expect("BYE")
    assert request.cseq[0] == second.cseq[0] + 1
    answer_ok(table.carrier, request)
    assert table.pbx.expect(200, method="BYE").cseq == (2, "BYE")
    tells_nothing(table)


def test_a_challenge_for_the_pbx_is_the_next_number(table: Hidden) -> None:
    made = dialled(table)
    first = table.carrier.expect("INVITE")
    table.carrier.send(response_to(first, 401, "Who", ("WWW-Authenticate", "Digest x"), tag="c"), OUTSIDE)
    made.ack_refusal(table.pbx.expect(401))
    table.carrier.expect("ACK")
    made.again()
    second = table.carrier.expect("INVITE")
    assert (second.call_id, second.cseq[0]) == (first.call_id, first.cseq[0] + 1)


def test_we_may_end_it_and_ask_whether_it_is_up(table: Hidden) -> None:
    _, offered = up(table)
    table.run(601)
    asked = table.carrier.expect("OPTIONS")
    assert (asked.call_id, asked.cseq[0]) == (offered.invite.call_id, offered.invite.cseq[0])
    (call_id,) = table.engine.calls
    table.obey((Cut(call_id, "", "operator", "ordered"),))
    table.settle()
    hung_up = table.carrier.expect("BYE")
    assert (hung_up.call_id, hung_up.value("From"), hung_up.value("To")) == (
        offered.invite.call_id,
        offered.remote,
        offered.local,
    )


def test_an_inbound_call_shows_the_carrier_nothing(table: Hidden) -> None:
    dialog, offered = came_in(table)
    assert wire.address_of(dialog.target) == ADVERTISED
    assert dialog.routes == ()
    bye(dialog, offered)
    dialog, offered = came_in(table)
    bye(offered, dialog)
    assert table.edge.status()["dialogs"] == 0


def test_a_via_that_cannot_be_read_is_left_out_like_any(table: Hidden) -> None:
    """Found by the fuzz run: a header in which anything may stand had all Vias read."""
    made = dialled(table).invite
    table.carrier.heard()
    via = f"SIP/2.0/UDP 127.0.1.1:5070;branch={wire.new_branch()}"
    spoilt = made.having(("Via", via), ("Call-ID", "v@pbx"), ("Reason", "Q.850;cause=16"))
    lines = (*spoilt.headers, ("Via", "<sip:pbx>;tag=8"))
    table.pbx.send(replace(spoilt, headers=lines), INSIDE)
    assert table.carrier.expect("INVITE").value("Reason") == "Q.850;cause=16"


# --- other calls named ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Replaces", "Join"])
def test_a_call_that_is_to_be_replaced_is_named_as_the_carrier_knows_it(table: Hidden, header: str) -> None:
    dialog, offered = up(table)
    tags = f"to-tag={wire.tag_of(offered.local)};from-tag={wire.tag_of(dialog.local)}"
    dialled(table, (header, f"{dialog.call_id};{tags}"))
    invite = table.carrier.expect("INVITE")
    assert invite.value(header) == f"{offered.invite.call_id};{tags}"
    made = call(table.carrier, ADVERTISED, "12125550123", "+13105550199", (header, invite.value(header)))
    assert made.call_id
    assert table.pbx.expect("INVITE").value(header) == f"{dialog.call_id};{tags}"


def test_a_call_that_the_carrier_does_not_have_is_not_named(table: Hidden) -> None:
    dialled(table, ("Replaces", "other@127.0.1.1;to-tag=1;from-tag=2"), ("Target-Dialog", "z@pbx;local-tag=1"))
    invite = table.carrier.expect("INVITE")
    assert (invite.all("Replaces"), invite.all("Target-Dialog")) == ([], [])


# --- over a restart -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller_ends", [False, True])
def test_a_call_goes_on_after_a_restart(table: Hidden, caller_ends: bool) -> None:
    dialog, offered = up(table)
    table.restart()
    for here, there in ((dialog, offered), (offered, dialog)):
        here.send("INVITE", body=OFFER)
        again = there.peer.expect("INVITE")
        there.peer.send(response_to(again, 200, "OK", ("Contact", there.peer.contact), body=OFFER), again.origin)
        assert here.peer.expect(200, method="INVITE").call_id == here.call_id
        here.peer.send(here.request("ACK", cseq=here.cseq), here.next_hop)
        assert there.peer.expect("ACK").cseq[0] == again.cseq[0]
    bye(*((dialog, offered) if caller_ends else (offered, dialog)))
    assert table.slots == 0


@pytest.mark.parametrize("rang", [False, True])
def test_an_answer_after_a_restart_finds_its_way(table: Hidden, rang: bool) -> None:
    made = dialled(table)
    offered = table.offered()
    if rang:
        offered.ring()
        table.pbx.expect(180)
    table.restart()
    dialog = table.answer(made, offered)
    final = table.last_answer
    assert (final.call_id, final.all("Via")) == (made.call_id, [table.stamped(made)])
    bye(dialog, offered)
    assert table.slots == 0


def test_an_answer_that_is_repeated_after_a_restart_leads_back_to_us(table: Hidden) -> None:
    made = dialled(table)
    answer = table.offered().answer()
    first = table.pbx.expect(200)
    table.restart()
    table.carrier.send(answer, OUTSIDE)
    again = table.pbx.expect(200)
    assert (again.value("To"), again.all("Record-Route")) == (first.value("To"), first.all("Record-Route"))
    dialog = made.confirm(again)
    assert table.carrier.expect("ACK")
    table.hang_up(dialog)


def test_a_refusal_after_a_restart_finds_its_way(table: Hidden) -> None:
    made = dialled(table)
    offered = table.offered()
    table.restart()
    offered.refuse(486)
    assert table.carrier.expect("ACK").call_id == offered.invite.call_id
    assert table.pbx.expect(486).call_id == made.call_id
    assert table.slots == 0


def test_a_call_that_rings_is_cancelled_after_a_restart(table: Hidden) -> None:
    made = dialled(table)
    offered = table.offered()
    offered.ring()
    table.pbx.expect(180)
    table.restart()
    made.cancel()
    cancel = table.carrier.expect("CANCEL")
    assert (cancel.value("Via"), cancel.call_id) == (offered.invite.value("Via"), offered.invite.call_id)
    answer_ok(table.carrier, cancel)
    offered.refuse(487)
    assert table.pbx.expect(487).call_id == made.call_id


def test_an_answer_inside_the_call_finds_its_way_after_a_restart(table: Hidden) -> None:
    """The request went through before, its answer comes after."""
    dialog, offered = up(table)
    for here, there in ((dialog, offered), (offered, dialog)):
        sent = here.send("INFO")
        info = there.peer.expect("INFO")
        table.restart()
        answer_ok(there.peer, info)
        final = here.peer.expect(200, method="INFO")
        assert (final.call_id, final.cseq, wire.tag_of(final.value("From"))) == (
            here.call_id,
            sent.cseq,
            wire.tag_of(here.local),
        )
        assert len(final.all("Via")) == 1


@pytest.mark.parametrize("caller_ends", [False, True])
def test_an_answer_that_was_not_told_is_made_good(table: Hidden, caller_ends: bool) -> None:
    dialog, offered = up(table)
    table.facts = [fact for fact in table.facts if not isinstance(fact, Answered | DialogChanged)]
    table.restart()
    bye(*((dialog, offered) if caller_ends else (offered, dialog)))
    assert (table.slots, table.told()[-1]) == (0, "ended bye-caller" if caller_ends else "ended bye-callee")


def test_an_answer_to_a_call_that_is_being_hung_up_for_nobody_has_nowhere_to_go(table: Hidden) -> None:
    """Found by the fuzz run."""
    dialled(table)
    offered = table.offered()
    table.facts.clear()
    table.restart()
    answer = offered.answer()
    table.carrier.send(answer, OUTSIDE)
    assert [message.method for message in table.carrier.heard()].count("BYE") == 1
    assert (table.pbx.heard(), table.edge.status().get("error", 0)) == ([], 0)


def test_an_inbound_call_known_by_its_answer_alone_is_not_kept_for_ever(table: Hidden) -> None:
    """Found by the fuzz run."""
    call(table.carrier, ADVERTISED, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    table.restart()
    picks_up(offered)
    assert table.edge.status()["dialogs"] == 1
    table.run(87_000)
    assert table.edge.status()["dialogs"] == 0


def test_what_nobody_knows_any_more_is_hung_up(table: Hidden) -> None:
    dialled(table)
    offered = table.offered()
    table.facts.clear()
    table.restart()
    offered.answer()
    ack, hung_up = table.carrier.expect("ACK"), table.carrier.expect("BYE")
    assert ack.call_id == hung_up.call_id == offered.invite.call_id
    assert ack.cseq[0] == offered.invite.cseq[0]


def test_a_call_that_no_record_tells_of_can_be_ended_by_the_pbx(table: Hidden) -> None:
    dialog, offered = up(table)
    table.facts.clear()
    table.restart()
    dialog.send("BYE")
    request = table.carrier.expect("BYE")
    assert (request.call_id, request.to_tag) == (offered.invite.call_id, wire.tag_of(offered.local))
    assert request.cseq[0] == offered.invite.cseq[0] + 1
    answer_ok(table.carrier, request)
    assert table.pbx.expect(200, method="BYE").call_id == dialog.call_id


@pytest.mark.parametrize("carrier_ends", [False, True])
def test_an_inbound_call_goes_on_after_a_restart(table: Hidden, carrier_ends: bool) -> None:
    dialog, offered = came_in(table)
    table.restart()
    for here, there in ((dialog, offered), (offered, dialog)):
        here.send("INFO")
        answer_ok(there.peer, there.peer.expect("INFO"))
        assert here.peer.expect(200, method="INFO")
    bye(*((dialog, offered) if carrier_ends else (offered, dialog)))


@pytest.mark.parametrize("carrier_ends", [False, True])
def test_an_inbound_call_that_rings_is_answered_after_a_restart(table: Hidden, carrier_ends: bool) -> None:
    made = call(table.carrier, ADVERTISED, "12125550123", "+13105550199")
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    table.restart()
    offered.ring()
    assert wire.address_of(wire.uri_of(table.carrier.expect(180).value("Contact"))) == ADVERTISED
    picks_up(offered)
    dialog = made.confirm(table.carrier.expect(200))
    assert table.pbx.expect("ACK")
    bye(*((dialog, offered) if carrier_ends else (offered, dialog)))
    assert table.edge.status()["dialogs"] == 0


def test_an_inbound_call_without_record_can_be_ended_by_the_pbx(table: Hidden) -> None:
    dialog, offered = came_in(table)
    table.facts.clear()
    table.restart()
    bye(offered, dialog)


def test_two_trunks_that_answer_with_the_same_tag(tmp_path: Path) -> None:
    """Over a restart: the late answer of the first is being hung up, and the second's isn't taken for it."""
    table = hidden(tmp_path, two_trunks=True, second=OWN)
    made = dialled(table)
    first = table.offered()
    table.run(5)
    second = table.offered(table.second)
    table.restart()
    second.local = f"{second.local.partition(';')[0]};tag={wire.tag_of(first.local)}"
    first.answer()
    assert [message.method for message in table.carrier.heard()][-2:] == ["ACK", "BYE"]
    second.answer()
    assert [message.method for message in table.second.heard()][-2:] == ["ACK", "BYE"]
    made.ack_refusal(table.pbx.expect(502))
    tells_nothing(table)


# --- who may speak --------------------------------------------------------------------------------------------------


def test_the_carriers_call_id_is_no_key_for_others(table: Hidden) -> None:
    dialog, offered = up(table)
    for seat, to in ((table.second, OUTSIDE), (table.stranger, OUTSIDE), (table.stranger, INSIDE)):
        seat.send(offered.request("BYE"), to)
    table.pbx.send(dialog.request("BYE").having(("Call-ID", offered.invite.call_id)), INSIDE)
    assert table.pbx.expect(481)
    assert (table.slots, table.carrier.heard()) == (1, [])
    assert SECOND_CARRIER


def test_our_own_call_that_comes_back_is_a_loop(table: Hidden) -> None:
    dialled(table)
    invite = table.carrier.expect("INVITE")
    table.carrier.send(invite.having(("Via", f"SIP/2.0/UDP 127.0.2.1:5090;branch={wire.new_branch()}")), OUTSIDE)
    assert table.carrier.expect(482)


def test_a_policy_that_changes_leaves_calls_as_they_are(table: Hidden, tmp_path: Path) -> None:
    dialog, offered = up(table)
    (tmp_path / "other").mkdir()
    table.edge.use(Table(tmp_path / "other", outside=SEEN).policy)
    bye(offered, dialog)


def test_the_record_is_what_the_ledger_has(table: Hidden) -> None:
    """A reader of the ledger finds both Call-IDs of a call in it."""
    _, offered = up(table)
    (fact,) = [fact for fact in table.facts if isinstance(fact, Answered)]
    assert offered.invite.call_id.encode() in fact.dialog
