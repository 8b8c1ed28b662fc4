"""What isn't a plain outbound call: registrations, inbound calls, challenges, requests inside calls, keep-alives."""

import pytest
from rig import CALLER, INCREMENT, NUMBER, OWNED, Meters, Site, site

from ringfence.testing import wire
from ringfence.testing.guard import CARRIER, PBX, STRANGER
from ringfence.testing.peer import Dialog, Peer, alone, response_to
from ringfence.testing.wire import Sip

pytestmark = pytest.mark.e2e

CHALLENGES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
CREDENTIALS = 'Digest username="u", realm="c", nonce="1", uri="sip:c", response="0"'
METHODS = ("INVITE", "UPDATE", "INFO", "NOTIFY", "FLUMMOX")
"""Sent inside a call; the last is in no RFC."""


@pytest.fixture
def stage(tmp_path):
    with site(tmp_path) as running:
        yield running


# --- registrations --------------------------------------------------------------------------------------------------


def registered(stage: Site) -> str:
    """The PBX registers with its carrier, which asks for a password once; the contact that the carrier was given."""
    registrar = f"sip:{wire.host_port(stage.carrier.address)}"
    own = f"<sip:s@{wire.host_port(stage.pbx.address)};line=xyz>;expires=300"
    first = alone(stage.pbx, "REGISTER", registrar, f"sip:account@{CARRIER}", ("Contact", own))
    stage.pbx.send(first, stage.guard.inside)
    asked = stage.carrier.expect("REGISTER")
    stage.carrier.send(response_to(asked, 401, "Unauthorized", ("WWW-Authenticate", "Digest x")), asked.origin)
    assert stage.pbx.expect(401).value("WWW-Authenticate") == "Digest x"
    via = ("Via", f"SIP/2.0/UDP {wire.host_port(stage.pbx.address)};branch={wire.new_branch()};rport")
    again = first.having(via, ("CSeq", "2 REGISTER"), ("Authorization", CREDENTIALS))
    stage.pbx.send(again, stage.guard.inside)
    asked = stage.carrier.expect("REGISTER")
    assert (asked.uri, asked.value("Authorization")) == (registrar, CREDENTIALS)
    contact = wire.uri_of(asked.value("Contact"))
    stage.carrier.send(response_to(asked, 200, "OK", ("Contact", f"<{contact}>;expires=120")), asked.origin)
    assert stage.pbx.expect(200, method="REGISTER").value("Contact") == own.replace("expires=300", "expires=120")
    return contact


def test_a_registered_pbx_gets_its_calls(stage):
    """The carrier calls the contact that it was given: that is the guard, and the PBX finds its own contact in it."""
    contact = registered(stage)
    assert wire.address_of(contact) == stage.guard.outside
    made = stage.dialled_in("s", uri=contact)
    offered = stage.offered(made)
    assert offered.invite.uri == f"sip:s@{wire.host_port(stage.pbx.address)};line=xyz"
    dialog, _ = stage.answer(made, offered)
    stage.hang_up(dialog, stage.pbx)


def test_a_registration_may_be_taken_back(stage):
    registrar = f"sip:{wire.host_port(stage.carrier.address)}"
    last = alone(stage.pbx, "REGISTER", registrar, f"sip:account@{CARRIER}", ("Contact", "*"), ("Expires", "0"))
    stage.pbx.send(last, stage.guard.inside)
    assert stage.carrier.expect("REGISTER").value("Contact") == "*"


def test_nobody_registers_with_us(stage):
    """A REGISTER from the carrier's side goes nowhere, and a stranger's isn't even answered."""
    wanted = alone(stage.carrier, "REGISTER", f"sip:{PBX}", f"sip:100@{PBX}")
    stage.carrier.send(wanted, stage.guard.outside)
    assert stage.carrier.expect(0).status == 403
    with Peer(STRANGER, name="stranger") as stranger:
        stranger.send(alone(stranger, "REGISTER", f"sip:{PBX}", f"sip:100@{PBX}"), stage.guard.inside)
        assert stranger.heard(0.3) == []
    assert stage.pbx.heard(0.0) == []


# --- inbound calls --------------------------------------------------------------------------------------------------


def test_an_inbound_call_reaches_the_pbx_and_costs_nothing(stage):
    made = stage.dialled_in()
    offered = stage.offered(made)
    assert offered.invite.uri == f"sip:{OWNED}@{wire.host_port(stage.pbx.address)}"
    offered.ring()
    stage.carrier.expect(180)
    dialog, _ = stage.answer(made, offered)
    stage.hang_up(offered, stage.carrier)
    assert dialog.target == f"sip:pbx@{wire.host_port(stage.pbx.address)}"
    assert stage.meters() == Meters(0, 0, 0)


def test_an_inbound_call_is_given_up_by_the_carrier(stage):
    made = stage.dialled_in()
    offered = stage.offered(made)
    offered.ring()
    stage.carrier.expect(180)
    made.cancel()
    stage.carrier.expect(200, method="CANCEL")
    cancel = stage.pbx.expect("CANCEL")
    stage.pbx.send(response_to(cancel, 200, "OK"), cancel.origin)
    offered.refuse(487, "Request Terminated")
    assert stage.carrier.expect(0, method="INVITE").status == 487


def test_a_number_goes_to_the_source_that_names_it_and_to_no_other(tmp_path):
    with site(tmp_path, source=f'dids = ["{OWNED}"]') as stage:
        stage.offered(stage.dialled_in("12125550123"))
        made = stage.dialled_in("+12125550199")
        assert stage.carrier.expect(0, call_id=made.call_id).status == 404
        assert stage.pbx.heard(0.2) == []


# --- challenges -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", CHALLENGES)
def test_a_challenge_goes_to_the_pbx_and_the_next_try_is_the_same_call(tmp_path, status):
    """It fits under a cap of one call a day, and a second call doesn't (A9)."""
    challenge, credentials = CHALLENGES[status]
    with site(tmp_path, trunk="calls_per_day = { block = 1 }") as stage:
        made = stage.dial()
        stage.offered(made).refuse(status, "Who Are You", (challenge, 'Digest realm="c", nonce="1"'))
        assert stage.refused(made).value(challenge) == 'Digest realm="c", nonce="1"'
        made.again((credentials, CREDENTIALS))
        _, dialog, offered = stage.connect(made)
        assert offered.invite.value(credentials) == CREDENTIALS
        stage.hang_up(dialog, stage.carrier)
        assert stage.settled(Meters(0, 1, INCREMENT)) == Meters(0, 1, INCREMENT)
        assert stage.refused(stage.dial()).status == 480


def test_another_number_after_a_challenge_is_another_call(stage):
    """A verdict isn't carried over: what is dialled after the challenge is judged as if there had been none."""
    made = stage.dial()
    stage.offered(made).refuse(401, "Who Are You", ("WWW-Authenticate", "Digest x"))
    stage.refused(made)
    made.cseq += 1
    cuba = made.request("INVITE", ("Authorization", CREDENTIALS), body=wire.SDP, cseq=made.cseq)
    start = f"INVITE sip:0115378345678@{wire.host_port(stage.guard.inside)} SIP/2.0"
    stage.pbx.send(Sip(start, cuba.headers, cuba.body), stage.guard.inside)
    assert stage.pbx.expect(0, method="INVITE").status == 603
    assert [message for message in stage.carrier.heard(0.2) if message.method == "INVITE"] == []


# --- inside calls ---------------------------------------------------------------------------------------------------


def passes(speaker: Dialog, listener: Dialog, method: str) -> None:
    """A request inside a call, and its answer, arrive as they were sent but for what a proxy has to change."""
    sent = speaker.send(method, ("X-Odd", 'a;"b, c"'), ("Event", "talk"), body=f"{wire.SDP}a=x\r\n")
    came = listener.peer.expect(method, call_id=speaker.call_id)
    kept = ("From", "To", "Call-ID", "CSeq", "Contact", "X-Odd", "Event", "Content-Type")
    assert [came.all(name) for name in kept] == [sent.all(name) for name in kept]
    assert (came.uri, came.body) == (listener.peer.contact.strip("<>"), sent.body)
    contact = ("Contact", listener.peer.contact)
    listener.peer.send(response_to(came, 200, "Fine", contact, ("X-Answer", "1, 2"), body="v=0\r\n"), came.origin)
    answer = speaker.peer.expect(200, method=method, call_id=speaker.call_id)
    assert (answer.start, answer.value("X-Answer"), answer.body) == ("SIP/2.0 200 Fine", "1, 2", "v=0\r\n")
    assert answer.all("Via") == _stamped(sent, speaker)
    if method == "INVITE":
        speaker.peer.send(speaker.request("ACK", cseq=sent.cseq[0]), speaker.next_hop)
        assert listener.peer.expect("ACK", call_id=speaker.call_id).cseq == (sent.cseq[0], "ACK")


def _stamped(sent: Sip, speaker: Dialog) -> list[str]:
    """The Via of a request as its answer has it: where it came from is written in (RFC 3581 §4)."""
    host, port = speaker.peer.address
    return [sent.value("Via").replace(";rport", f";rport={port}") + f";received={host}"]


@pytest.mark.parametrize("inbound", [False, True], ids=["outbound", "inbound"])
def test_requests_inside_a_call_pass_unharmed_both_ways(stage, inbound):
    _, dialog, offered = stage.connect(stage.dialled_in() if inbound else None)
    for method in METHODS:
        passes(dialog, offered, method)
        passes(offered, dialog, method)
    stage.hang_up(offered, dialog.peer)
    if not inbound:
        assert stage.settled(Meters(0, 1, INCREMENT)) == Meters(0, 1, INCREMENT)


@pytest.mark.parametrize("inbound", [False, True], ids=["outbound", "inbound"])
def test_a_reliable_provisional_answer_is_acknowledged_by_prack(stage, inbound):
    """RFC 3262: while it rings, and UPDATE after it (RFC 3311)."""
    made = stage.dialled_in() if inbound else stage.dial()
    offered = stage.offered(made)
    offered.ring(183, "Session Progress", ("Require", "100rel"), ("RSeq", "17"))
    early = made.dialog(made.peer.expect(183, call_id=made.call_id))
    prack = early.send("PRACK", ("RAck", "17 1 INVITE"))
    came = offered.peer.expect("PRACK", call_id=made.call_id)
    assert (came.value("RAck"), came.cseq, came.to_tag) == ("17 1 INVITE", prack.cseq, wire.tag_of(offered.local))
    offered.peer.send(response_to(came, 200, "OK"), came.origin)
    made.peer.expect(200, method="PRACK")
    passes(early, offered, "UPDATE")
    passes(offered, early, "UPDATE")
    made.cseq = early.cseq
    offered.answer()
    made.peer.expect(200, method="INVITE")
    early.peer.send(early.request("ACK", cseq=1), early.next_hop)
    offered.peer.expect("ACK")
    stage.hang_up(early, offered.peer)


def test_a_new_contact_is_where_the_call_goes_on(stage):
    """After a re-INVITE that moves the carrier's side, the BYE goes to its new contact (RFC 3261 §12.2)."""
    _, dialog, offered = stage.connect()
    with Peer(CARRIER, name="moved") as moved:
        sent = offered.request("INVITE", body=wire.SDP).having(("Contact", moved.contact))
        stage.carrier.send(sent, offered.next_hop)
        came = stage.pbx.expect("INVITE")
        stage.pbx.send(response_to(came, 200, "OK", ("Contact", stage.pbx.contact)), came.origin)
        stage.carrier.expect(200, method="INVITE")
        stage.carrier.send(offered.request("ACK", cseq=sent.cseq[0]), offered.next_hop)
        stage.pbx.expect("ACK")
        dialog.target = moved.contact.strip("<>")
        stage.hang_up(dialog, moved)


def test_a_transfer_is_declined_and_the_call_goes_on(stage):
    """REFER would have the other side place a call that nobody judged (C10)."""
    _, dialog, offered = stage.connect()
    for speaker, other in ((dialog, stage.carrier), (offered, stage.pbx)):
        speaker.send("REFER", ("Refer-To", "<sip:+5378345678@x>"))
        assert speaker.peer.expect(0, method="REFER").status == 603
        assert other.heard(0.1) == []
    stage.hang_up(dialog, stage.carrier)


# --- keep-alives ----------------------------------------------------------------------------------------------------


def test_keep_alives_are_answered_to_those_we_know_alone(stage):
    inside, outside = stage.guard.inside, stage.guard.outside
    for peer, listener in ((stage.pbx, inside), (stage.carrier, outside)):
        peer.send(alone(peer, "OPTIONS", f"sip:{wire.host_port(listener)}", "sip:ping@x"), listener)
        answer = peer.expect(0, method="OPTIONS")
        assert (answer.status, "INVITE" in answer.value("Allow")) == (200, True)
    with Peer(STRANGER, name="stranger") as stranger:
        for peer, listener in ((stranger, inside), (stranger, outside), (stage.pbx, outside), (stage.carrier, inside)):
            peer.send(alone(peer, "OPTIONS", f"sip:{wire.host_port(listener)}", "sip:ping@x"), listener)
        assert stranger.heard(0.3) + stage.pbx.heard(0.1) + stage.carrier.heard(0.1) == []


# --- the next address -----------------------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path):
    """A carrier with two addresses to send to; the second is `spare`."""
    with Peer(CARRIER, name="spare") as spare, site(tmp_path, spare) as running:
        yield running, spare


def connected_by(stage: Site, spare: Peer, made) -> Dialog:
    offered = stage.offered(made, by=spare)
    dialog, _ = stage.answer(made, offered)
    return dialog


def test_an_address_that_is_unavailable_gives_way_to_the_next(two):
    """The PBX hears of it only by a call that works; the next call doesn't ask the address that failed."""
    stage, spare = two
    made = stage.dial()
    stage.offered(made).refuse(503, "Service Unavailable")
    stage.carrier.expect("ACK")
    stage.hang_up(connected_by(stage, spare, made), spare)
    stage.hang_up(connected_by(stage, spare, stage.dial()), spare)
    assert stage.carrier.heard(0.1) == []
    assert stage.settled(Meters(0, 2, 2 * INCREMENT)) == Meters(0, 2, 2 * INCREMENT)


def test_an_address_that_is_silent_gives_way_and_its_late_answer_is_hung_up(two):
    """The late answer is a call that the carrier may bill, so that it is counted too."""
    stage, spare = two
    made = stage.dial()
    silent = stage.offered(made)
    dialog = connected_by(stage, spare, made)
    silent.answer()
    stage.carrier.expect("ACK")
    bye = stage.carrier.expect("BYE")
    stage.carrier.send(response_to(bye, 200, "OK"), bye.origin)
    stage.hang_up(dialog, spare)
    assert stage.settled(Meters(0, 1, 2 * INCREMENT)) == Meters(0, 1, 2 * INCREMENT)


def test_when_every_address_is_unavailable_the_call_fails_once_and_costs_nothing(two):
    stage, spare = two
    made = stage.dial()
    for peer in (stage.carrier, spare):
        stage.offered(made, by=peer).refuse(503, "Service Unavailable")
        peer.expect("ACK")
    assert stage.refused(made).status == 500
    assert stage.settled(Meters(0, 1, 0)) == Meters(0, 1, 0)


def test_a_busy_number_is_not_tried_at_the_next_address(two):
    stage, spare = two
    made = stage.dial(NUMBER, CALLER)
    stage.offered(made).refuse(486, "Busy Here")
    assert stage.refused(made).status == 486
    assert spare.heard(0.2) == []
