"""What RFC 3261 and its kin ask of a proxy where no other test has it; `docs/standards.md` is the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from table import CALLER, INSIDE, NUMBER, OUTSIDE, PBX, Table

from ringfence.sip.headers import MAX_FORWARDED
from ringfence.testing import wire
from ringfence.testing.peer import alone, answer_ok, call, leg, response_to

BODY = "v=0\r\no=- 1 1 IN IP4 127.0.1.1\r\ns=-\r\nc=IN IP4 127.0.1.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


# --- what a request has to be (§8.2, §16.3) -------------------------------------------------------------------------


def asked(table: Table, method: str, *headers: tuple[str, str], uri: str = "sip:x@127.0.0.1") -> wire.Sip:
    """The final answer to a request outside calls."""
    table.pbx.send(alone(table.pbx, method, uri, "sip:101@127.0.1.1", *headers), INSIDE)
    return table.pbx.expect(0, method=method)


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
def test_an_extension_that_a_proxy_would_have_to_know_is_refused(table: Table, method: str) -> None:
    final = asked(table, method, ("Proxy-Require", "privacy, sec-agree"), uri=f"sip:{NUMBER}@127.0.0.1")
    assert (final.status, final.value("Unsupported")) == (420, "privacy, sec-agree")
    assert table.carrier.heard() == []


def test_as_many_headers_as_leave_room_for_those_of_each_hop(table: Table) -> None:
    """With one more the request is refused: an answer that repeats its Vias might not be readable."""
    first = table.dial()
    table.connect(first)
    room = MAX_FORWARDED - first.invite.to_bytes().partition(b"\r\n\r\n")[0].count(b"\r\n")
    table.connect(table.dial(NUMBER, CALLER, *[("X-More", "1")] * room))
    more = table.dial(NUMBER, CALLER, *[("X-More", "1")] * (room + 1))
    assert (table.pbx.expect(0, call_id=more.call_id).status, table.carrier.heard()) == (513, [])


@pytest.mark.parametrize("number", ["911", "urn:service:sos"])
def test_an_emergency_call_goes_out_whatever_a_proxy_would_have_to_know(table: Table, number: str) -> None:
    """And the carrier's proxies aren't asked what would have them refuse it."""
    uri = number if number.startswith("urn:") else f"sip:{number}@127.0.0.1"
    call(table.pbx, INSIDE, number, CALLER, ("Proxy-Require", "sec-agree"), ("Require", "sec-agree"), uri=uri)
    sent = table.offered().invite
    assert (sent.user, sent.all("Proxy-Require"), sent.value("Require")) == ("911", [], "sec-agree")


def test_a_call_from_outside_to_such_a_number_is_no_emergency(table: Table) -> None:
    call(table.carrier, OUTSIDE, "911", CALLER, ("Proxy-Require", "sec-agree"))
    assert table.carrier.expect(0).status == 420


def test_an_extension_that_is_asked_of_us_alone_is_refused(table: Table) -> None:
    final = asked(table, "OPTIONS", ("Require", "foo"))
    assert (final.status, final.value("Unsupported")) == (420, "foo")


def test_what_is_required_of_the_far_side_passes(table: Table) -> None:
    table.dial(NUMBER, CALLER, ("Require", "100rel"))
    assert table.offered().invite.value("Require") == "100rel"


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER"])
def test_a_scheme_that_nobody_knows_is_refused(table: Table, method: str) -> None:
    assert asked(table, method, uri="soap.beep://192.0.2.103:3002").status == 416
    assert table.carrier.heard() == []


def test_a_call_to_such_a_scheme_is_told_as_a_call_to_no_number(table: Table) -> None:
    assert asked(table, "INVITE", uri="soap.beep://192.0.2.103:3002").status == 603
    assert table.told() == ["decided"]


@pytest.mark.parametrize(
    ("method", "status"),
    [("SUBSCRIBE", 405), ("PUBLISH", 405), ("FOO", 405), ("MESSAGE", 603), ("REFER", 603)]
    + [(method, 481) for method in ("BYE", "UPDATE", "INFO", "PRACK", "NOTIFY")],
)
def test_methods_outside_calls(table: Table, method: str, status: int) -> None:
    final = asked(table, method)
    assert (final.status, table.carrier.heard()) == (status, [])
    if status == 405:
        assert method not in final.value("Allow").split(", ")


def test_options_say_what_is_understood(table: Table) -> None:
    final = asked(table, "OPTIONS")
    assert (final.status, final.value("Accept")) == (200, "application/sdp")
    assert {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"} <= set(final.value("Allow").split(", "))


# --- requests on their way (§16.6) ----------------------------------------------------------------------------------


PARTS = (
    "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: application/pidf+xml\r\n"
    "Content-ID: <l@x>\r\n\r\n<presence/>\r\n--b--\r\n"
)
BODIES = [
    ("application/sdp", BODY),
    ("multipart/mixed;boundary=b", PARTS),
    ("application/pkcs7-mime; smime-type=enveloped-data", "\x01\x02not ours\r\n\r\n"),
]


@pytest.mark.parametrize(("kind", "body"), BODIES, ids=[kind for kind, _ in BODIES])
def test_what_nobody_judges_passes_as_it_is(table: Table, kind: str, body: str) -> None:
    kept = [
        ("Call-Info", "<http://a.example/x>;purpose=icon"),
        ("User-to-User", "56a3;encoding=hex"),
        ("X-Odd", "1, 2"),
    ]
    made = call(table.pbx, INSIDE, NUMBER, CALLER, *kept, body=body)
    invite = made.invite.having(("Content-Type", kind), ("Via", via()), ("Call-ID", "kept"))
    table.offered()
    table.pbx.send(invite, INSIDE)
    sent = table.offered().invite
    assert [(name, sent.value(name)) for name, _ in kept] == kept
    assert (sent.body, sent.value("Content-Type"), sent.value("To")) == (body, kind, made.remote)
    assert (sent.value("From"), sent.value("Call-ID")) == (made.local, "kept")


def via() -> str:
    """Of another request of the PBX."""
    return f"SIP/2.0/UDP 127.0.1.1:5070;branch={wire.new_branch()}"


def test_line_ends_before_a_request_are_nothing(table: Table) -> None:
    table.deliver(b"\r\n\r\n" + alone(table.pbx, "OPTIONS", "sip:127.0.0.1", "sip:101@x").to_bytes(), PBX, INSIDE)
    assert table.pbx.expect(200, method="OPTIONS")


@pytest.mark.parametrize("number", ["911", "urn:service:sos"])
def test_an_emergency_call_takes_its_location_along(table: Table, number: str) -> None:
    """RFC 6442, RFC 6881: by value in the body, or by reference in a header."""
    uri = number if number.startswith("urn:") else f"sip:{number}@127.0.0.1"
    headers = ("Geolocation", "<cid:l@x>"), ("Geolocation-Routing", "yes")
    call(table.pbx, INSIDE, number, "+13105550199", *headers, body=PARTS, uri=uri)
    sent = table.offered().invite
    assert (sent.user, sent.body, sent.value("Geolocation")) == ("911", PARTS, "<cid:l@x>")


def test_a_caller_may_stay_anonymous_to_whom_he_calls(table: Table) -> None:
    """RFC 3323 §4.1, RFC 3325 §9.3: the carrier is told who calls, and keeps it to itself."""
    anonymous, asserted = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=a1', "<sip:+12125550100@pbx.example>"
    made = call(table.stranger, INSIDE, NUMBER, CALLER, ("P-Asserted-Identity", asserted), ("Privacy", "id"))
    table.pbx.send(made.invite.having(("From", anonymous), ("Via", via())), INSIDE)
    sent = table.offered().invite
    assert (sent.value("From"), sent.value("P-Asserted-Identity"), sent.value("Privacy")) == (anonymous, asserted, "id")


def test_without_max_forwards_it_gets_one(table: Table) -> None:
    made = call(table.stranger, INSIDE, NUMBER, CALLER)
    old = made.invite.having(("Via", via()))
    old = replace(old, headers=tuple(h for h in old.headers if h[0] != "Max-Forwards"))
    table.pbx.send(old, INSIDE)
    assert table.offered().invite.value("Max-Forwards") == "70"


def test_an_offer_may_come_late(table: Table) -> None:
    """INVITE without SDP, offer in the 200, answer in the ACK (RFC 3264 §4, RFC 3665 §3.6)."""
    made = call(table.pbx, INSIDE, NUMBER, CALLER, body="")
    offered = table.offered()
    assert offered.invite.body == ""
    offered.answer()
    answer = table.pbx.expect(200, method="INVITE")
    dialog = made.dialog(answer)
    table.pbx.send(dialog.request("ACK", cseq=1, body=BODY), dialog.next_hop)
    assert (answer.body, table.carrier.expect("ACK").body) == (wire.SDP, BODY)


STRICT = "sip:edge@127.0.2.1:5090"


def test_a_strict_router_of_the_carrier_gets_its_request_uri(table: Table) -> None:
    """RFC 3261 §16.6 step 6, §12.2.1.1: a route without ;lr becomes the Request-URI, and the target goes last."""
    made = table.dial()
    offered = table.offered()
    routes = [("Record-Route", f"<{STRICT}>"), *(("Record-Route", r) for r in offered.invite.all("Record-Route"))]
    answer = response_to(offered.invite, 200, "OK", ("Contact", "<sip:gw@127.0.2.1:5099>"), tag="g1")
    table.carrier.send(answer.having(*routes), OUTSIDE)
    dialog = made.confirm(table.pbx.expect(200, method="INVITE"))
    ack = table.carrier.expect("ACK")
    assert (ack.uri, ack.all("Route")) == (STRICT, ["<sip:gw@127.0.2.1:5099>"])
    dialog.send("BYE")
    bye = table.carrier.expect("BYE")
    assert (bye.uri, bye.all("Route")) == (STRICT, ["<sip:gw@127.0.2.1:5099>"])


def test_a_strict_router_before_us_is_understood(table: Table) -> None:
    """RFC 3261 §16.4: it writes our own route into the Request-URI and the target last among the Routes."""
    dialog, _ = table.connect()
    bye = dialog.request("BYE")
    mangled = [("Route", route) for route in dialog.routes[1:]] + [("Route", f"<{dialog.target}>")]
    bye = replace(bye, start=f"BYE {wire.uri_of(dialog.routes[0])} SIP/2.0").having(*mangled)
    table.pbx.send(bye, INSIDE)
    heard = table.carrier.expect("BYE")
    assert (heard.uri, heard.all("Route")) == (wire.uri_of(table.carrier.contact), [])


def test_one_call_passes_once(table: Table) -> None:
    """A spiral (RFC 3261 §16.3 item 4) has the Call-ID and tag of the call that is up: it can't be told from it."""
    made = table.dial()
    first = table.offered().invite
    back = first.having(("Via", f"SIP/2.0/UDP 127.0.2.1:5090;branch={wire.new_branch()}"))
    table.carrier.send(replace(back, start="INVITE sip:12125550123@127.0.0.1:5080 SIP/2.0"), OUTSIDE)
    assert table.carrier.expect(0, call_id=made.call_id).status == 482


# --- transactions (§17, RFC 4320) -----------------------------------------------------------------------------------


def test_the_ack_of_a_refusal_is_of_its_invite(table: Table) -> None:
    table.dial()
    offered = table.offered()
    offered.refuse(486, "Busy Here")
    ack, invite = table.carrier.expect("ACK"), offered.invite
    assert (ack.uri, ack.all("Via"), ack.cseq) == (invite.uri, invite.all("Via")[:1], (1, "ACK"))
    assert (ack.value("From"), ack.to_tag) == (invite.value("From"), wire.tag_of(offered.local))


def test_what_is_no_invite_gets_neither_100_nor_408(table: Table) -> None:
    dialog, _ = table.connect()
    table.pbx.inbox.clear()
    dialog.send("INFO")
    table.run(60)
    assert table.pbx.inbox == []
    table.hang_up(dialog)


# --- responses on their way (§16.7, §18.2) --------------------------------------------------------------------------


def test_a_100_is_between_neighbours(table: Table) -> None:
    table.dial()
    offered = table.offered()
    assert table.pbx.expect(100).to_tag == ""
    offered.ring(100, "Trying")
    offered.ring(199, "Early Dialog Terminated")
    assert [message.status for message in table.pbx.heard()] == [199]


@pytest.mark.parametrize("status", [404, 480, 486, 488, 500, 600, 603])
def test_a_final_answer_is_not_tried_elsewhere(tmp_path: Path, status: int) -> None:
    table = Table(tmp_path, two_addresses=True)
    made = table.dial()
    table.offered().refuse(status, "No", ("Warning", '399 x "kept"'))
    final = table.pbx.expect(0)
    assert (final.status, final.value("Warning")) == (status, '399 x "kept"')
    made.ack_refusal(final)
    assert (table.spare.heard(), table.slots) == ([], 0)


@pytest.mark.parametrize(
    ("said", "left_alone_s"), [("", 30), ("300", 300), ("300 (in maintenance)", 300), ("soon", 30)]
)
def test_an_address_that_says_503_is_left_alone_as_long_as_it_wants(
    tmp_path: Path, said: str, left_alone_s: int
) -> None:
    """RFC 3261 §21.5.4, RFC 3263 §4.3; then it is the first again."""
    table = Table(tmp_path, two_addresses=True)
    table.dial()
    table.offered().refuse(503, "Service Unavailable", *([("Retry-After", said)] if said else []))
    table.offered(table.spare).refuse(486)
    for after_s, seat in ((left_alone_s - 5, table.spare), (10, table.carrier)):
        table.run(after_s)
        table.carrier.inbox.clear()
        table.dial()
        table.offered(seat).refuse(486)


def test_a_503_of_the_pbx_is_no_503_of_ours(table: Table) -> None:
    """The carrier would take all behind us for dead (RFC 3261 §16.7 step 6)."""
    made = call(table.carrier, OUTSIDE, "12125550123", "+13105550199")
    leg(table.pbx, table.pbx.expect("INVITE")).refuse(503, "Service Unavailable", ("Retry-After", "3600"))
    final = table.carrier.expect(0)
    assert (final.status, final.value("Retry-After")) == (500, "")
    made.ack_refusal(final)
    assert table.told() == ["arrived", "ended unreachable"]


def test_an_answer_goes_where_the_request_came_from(table: Table) -> None:
    """Not to `maddr`, nor to another host in Via (RFC 3261 §18.2.2): nobody has us write to somebody else."""
    request = alone(table.pbx, "OPTIONS", "sip:127.0.0.1", "sip:101@127.0.1.1")
    other = f"SIP/2.0/UDP 127.0.3.1:5070;maddr=127.0.3.1;branch={wire.new_branch()}"
    table.pbx.send(request.having(("Via", other)), INSIDE)
    assert table.pbx.expect(200).value("Via") == f"{other};received={PBX[0]}"
    assert table.stranger.heard() == []


# --- CANCEL (§9, RFC 3326) ------------------------------------------------------------------------------------------

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


@pytest.mark.parametrize("heard", ["ringing", "nothing yet", "restarted"])
def test_a_cancel_says_why_as_the_callers_did(table: Table, heard: str) -> None:
    made = table.dial()
    offered = table.offered()
    if heard == "ringing":
        offered.ring()
    if heard == "restarted":
        table.restart()
    kept = tuple(h for h in made.invite.headers if h[0] in ("Via", "Max-Forwards", "From", "To", "Call-ID"))
    cancel = wire.Sip(f"CANCEL {made.invite.uri} SIP/2.0", (*kept, ("CSeq", "1 CANCEL"), ("Reason", ELSEWHERE)))
    table.pbx.send(cancel, INSIDE)
    if heard == "nothing yet":
        offered.ring()
    assert table.carrier.expect("CANCEL").all("Reason") == [ELSEWHERE]


def test_a_cancel_of_a_reinvite_says_so_too(table: Table) -> None:
    dialog, _ = table.connect()
    again = dialog.send("INVITE", body=BODY)
    leg(table.carrier, table.carrier.expect("INVITE")).ring()
    kept = tuple(h for h in again.headers if h[0] in ("Via", "Max-Forwards", "From", "To", "Call-ID", "Route"))
    cancel = wire.Sip(
        f"CANCEL {again.uri} SIP/2.0", (*kept, ("CSeq", f"{again.cseq[0]} CANCEL"), ("Reason", ELSEWHERE))
    )
    table.pbx.send(cancel, INSIDE)
    assert table.carrier.expect("CANCEL").all("Reason") == [ELSEWHERE]


def test_a_cancel_of_nothing_goes_nowhere(table: Table) -> None:
    made = call(table.stranger, INSIDE, NUMBER, CALLER)
    kept = tuple(h for h in made.invite.headers if h[0] in ("Max-Forwards", "From", "To", "Call-ID"))
    table.pbx.send(wire.Sip(f"CANCEL {made.invite.uri} SIP/2.0", (("Via", via()), *kept, ("CSeq", "1 CANCEL"))), INSIDE)
    assert table.pbx.expect(0).status == 481
    assert table.carrier.heard() == []


# --- inside a call (§12 to §15) -------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_hold_and_resume(table: Table, direction: str) -> None:
    """RFC 5359 §2.1 to §2.3, RFC 3264 §8.4: the offer says it, and passes byte for byte."""
    dialog, _ = table.connect()
    for body in (f"{BODY}a={direction}\r\n", f"{BODY}a=sendrecv\r\n"):
        dialog.send("INVITE", ("Contact", table.pbx.contact), body=body)
        offered = leg(table.carrier, table.carrier.expect("INVITE"))
        assert offered.invite.body == body
        offered.answer()
        table.pbx.expect(200, method="INVITE")
        table.pbx.send(dialog.request("ACK", cseq=dialog.cseq), dialog.next_hop)
        table.carrier.expect("ACK")
    assert table.slots == 1
    table.hang_up(dialog)
    assert table.slots == 0


def test_a_reinvite_that_is_refused_leaves_the_call(table: Table) -> None:
    """RFC 3261 §14.1: 491 where both ask at once, 488 where the offer isn't taken; the session stays as it was."""
    dialog, _ = table.connect()
    for status in (491, 488):
        again = dialog.send("INVITE", body=BODY)
        leg(table.carrier, table.carrier.expect("INVITE")).refuse(status, "No")
        assert table.pbx.expect(status, method="INVITE").cseq == again.cseq
    assert table.slots == 1
    table.hang_up(dialog)


def test_a_third_party_is_a_call_of_its_own(table: Table) -> None:
    """RFC 5359 §2.10: whoever joins calls is charged with both."""
    first, _ = table.connect()
    second, _ = table.connect(table.dial("+12125550144"))
    assert (table.slots, table.attempts) == (2, 2)
    for dialog in (first, second):
        table.hang_up(dialog)
    assert table.slots == 0


def test_early_media_passes_before_the_answer(table: Table) -> None:
    """RFC 3960: a 183 with SDP costs nothing by itself."""
    table.dial()
    offered = table.offered()
    progress = response_to(
        offered.invite, 183, "Session Progress", ("Contact", table.carrier.contact), body=BODY, tag="e1"
    )
    table.carrier.send(progress, OUTSIDE)
    assert table.pbx.expect(183).body == BODY
    assert table.told() == ["decided"]


def test_an_update_changes_the_session_before_the_answer(table: Table) -> None:
    """RFC 3311 §5: in an early dialog."""
    made = table.dial()
    offered = table.offered()
    offered.ring()
    early = made.dialog(table.pbx.expect(180))
    early.send("UPDATE", body=BODY)
    update = table.carrier.expect("UPDATE")
    assert update.body == BODY
    answer_ok(table.carrier, update)
    assert table.pbx.expect(200, method="UPDATE")
