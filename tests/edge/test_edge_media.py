"""SRTP per trunk (A8): what is offered and answered in every message of a call, and that a fallback ends it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from table import CALLER, INSIDE, NUMBER, OUTSIDE, Seat, Table

from ringfence.model import Decided, Ended, MediaElsewhere, MediaMismatch
from ringfence.model.media import Stream
from ringfence.testing import wire
from ringfence.testing.peer import Call, Dialog, Leg, answer_ok, call, leg, response_to
from ringfence.testing.wire import SDP, Sip

KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
PRINT = "a=fingerprint:SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\na=setup:actpass\r\n"
PLAIN = SDP
SDES = SDP.replace("RTP/AVP", "RTP/SAVP") + KEY
DTLS = SDP.replace("RTP/AVP", "UDP/TLS/RTP/SAVP") + PRINT
BEST_EFFORT = SDP + KEY
BROKEN = "v=0\r\nm=audio\r\n"
FAX = SDP.replace("m=audio 40000 RTP/AVP 0", "m=image 40000 udptl t38")
FALLBACKS = {"plain": PLAIN, "best effort": BEST_EFFORT, "fax": FAX, "broken": BROKEN}
PUBLIC = "Media Encryption Mismatch"


@pytest.fixture(params=["transparent", "own"])
def table(tmp_path: Path, request: pytest.FixtureRequest) -> Table:
    return Table(tmp_path, trunk=f'srtp = "required"\nidentity = "{request.param}"')


def dial(table: Table, body: str, *headers: tuple[str, str], number: str = NUMBER) -> Call:
    return call(table.pbx, INSIDE, number, CALLER, *headers, body=body)


def connect(table: Table, body: str = SDES) -> tuple[Dialog, Leg]:
    made = dial(table, body)
    offered = table.offered()
    offered.answer(body=body)
    dialog = made.confirm(table.pbx.expect(200))
    table.carrier.expect("ACK")
    return dialog, offered


def mismatches(table: Table) -> list[tuple[str, str, bool]]:
    return [(fact.by, fact.what, fact.ended) for fact in table.facts if isinstance(fact, MediaMismatch)]


def hung_up(table: Table, *seats: Seat) -> None:
    """Both sides, or those named, get a BYE of ours; after their answers the call is over and holds nothing."""
    for seat in seats or (table.pbx, table.carrier):
        bye = seat.expect("BYE")
        assert "ended by the firewall" in bye.value("Reason")
        answer_ok(seat, bye)
    over(table)


def over(table: Table) -> None:
    assert table.slots == 0
    assert [fact.cause for fact in table.facts if isinstance(fact, Ended)][-1] == "srtp-mismatch"
    table.run(60)
    status = table.edge.status()
    assert (status["transactions"], status["dialogs"], status["waiting"]) == (0, 0, 0)


# --- the first offer ------------------------------------------------------------------------------------------------


OFFERS = {
    ("required", "plain"): (PLAIN, False),
    ("required", "best effort"): (BEST_EFFORT, False),
    ("required", "sdes"): (SDES, True),
    ("required", "dtls"): (DTLS, True),
    ("required", "broken"): (BROKEN, False),
    ("required", "fax"): (FAX, False),
    ("required", "none"): ("", True),
    ("offered", "plain"): (PLAIN, False),
    ("offered", "best effort"): (BEST_EFFORT, True),
    ("offered", "sdes"): (SDES, True),
    ("offered", "sdes, or plain"): (SDES + "m=audio 40002 RTP/AVP 0\r\n", True),
    ("offered", "sdes, and plain video"): (SDES + "m=video 40002 RTP/AVP 96\r\n", False),
    ("forbidden", "plain"): (PLAIN, True),
    ("forbidden", "best effort"): (BEST_EFFORT, False),
    ("forbidden", "sdes"): (SDES, False),
    ("forbidden", "broken"): (BROKEN, False),
}


@pytest.mark.parametrize(("srtp", "body", "passes"), [(k[0], *v) for k, v in OFFERS.items()], ids=map(" ".join, OFFERS))
def test_the_offer_of_a_call_out(tmp_path: Path, srtp: str, body: str, passes: bool) -> None:
    table = Table(tmp_path, trunk=f'srtp = "{srtp}"')
    made = dial(table, body)
    if passes:
        assert table.offered().invite.body == body
        return
    refused = table.pbx.expect(488)
    assert refused.start == f"SIP/2.0 488 {PUBLIC}"
    assert refused.value("Reason") == f'SIP;cause=488;text="{PUBLIC}"'
    made.ack_refusal(refused)
    assert (table.carrier.heard(), table.slots) == ([], 0)
    (decided,) = [fact for fact in table.facts if isinstance(fact, Decided)]
    assert decided.verdict.reason == "srtp-mismatch"
    assert f'srtp = "{srtp}"' in decided.verdict.text


def test_nothing_is_asked_or_read_without_srtp(tmp_path: Path) -> None:
    table = Table(tmp_path)
    for body in (PLAIN, SDES, BROKEN):
        dial(table, body)
        assert table.offered().invite.body == body
    assert [fact.attempt.media for fact in table.facts if isinstance(fact, Decided)] == [None] * 3


@pytest.mark.parametrize("body", [PLAIN, BROKEN], ids=["plain", "broken"])
def test_an_emergency_call_passes_all_the_way(table: Table, body: str) -> None:
    made = dial(table, body, number="911")
    offered = table.offered()
    offered.answer(body=body)
    dialog = made.confirm(table.pbx.expect(200))
    table.carrier.expect("ACK")
    dialog.send("INVITE", body=PLAIN)
    assert table.carrier.expect("INVITE").body == PLAIN
    assert mismatches(table) == []


def test_in_observe_mode_it_is_told_and_passes(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk='srtp = "required"', source='mode = "observe"')
    dialog, _ = connect(table, PLAIN)
    (decided,) = [fact for fact in table.facts if isinstance(fact, Decided)]
    assert [(hit.rule, hit.enforced) for hit in decided.verdict.hits] == [("srtp-mismatch", False)]
    assert mismatches(table) == [("trunk:carrier", "200 to INVITE", False)]
    table.hang_up(dialog)


def test_the_rule_can_be_switched_off(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk='srtp = "required"', source='[rules.srtp-mismatch]\nmode = "off"')
    dialog, _ = connect(table, PLAIN)
    assert mismatches(table) == []
    table.hang_up(dialog)


def test_of_two_descriptions_both_are_judged(table: Table) -> None:
    body = "".join(f"--b\r\nContent-Type: application/sdp\r\n\r\n{part}\r\n" for part in (SDES, PLAIN)) + "--b--\r\n"
    made = dial(table, "")
    table.offered()
    kind = ("Content-Type", "multipart/mixed;boundary=b")
    invite = Sip(made.invite.start, made.invite.headers, body).having(
        kind, ("Call-ID", "two"), ("Via", "SIP/2.0/UDP 127.0.1.1:5070;branch=z9hG4bKtwo;rport")
    )
    table.pbx.send(invite, INSIDE)
    assert table.pbx.expect(488, call_id="two")


TYPES = [
    "application/sdp",
    "application/sdp;x=y",
    "APPLICATION/SDP",
    "multipart/mixed;boundary=b",
    'multipart/mixed;boundary="b"',
    "text/plain",
    "application",
    "",
]
LINES = [
    *SDES.split("\r\n"),
    *DTLS.split("\r\n"),
    "m=audio 40000 RTP/AVP 0",
    "m=image 40002 udptl t38",
    "m=audio 0 RTP/AVP 0",
    " m=audio 40000 RTP/AVP 0",
    "M=audio 40000 RTP/AVP 0",
    "--b",
    "--b--",
    "",
    "Content-Type: application/sdp",
    "Content-Type: text/plain",
]
TAIL = [
    "m=audio 40000 RTP/AVP 0",
    "m=audio 0 RTP/AVP 0",
    " m=audio 40000 RTP/AVP 0",
    "M=audio 40000 RTP/AVP 0",
    "m=video 40002 RTP/SAVP 96",
    "a=x:y",
    "c=IN IP4 127.0.0.1",
    KEY.strip(),
    "--b--",
]
ENDS = st.sampled_from(["\r\n", "\r\n", "\n", "\r"])


def joined(lines: list[str], most: int) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(st.sampled_from(lines), ENDS), max_size=most)
    return pairs.map(lambda found: "".join(line + end for line, end in found))


BODIES = st.one_of(
    joined(LINES, 24),
    joined(TAIL, 4).map(lambda tail: SDES + tail),
    joined(TAIL, 4).map(lambda tail: f"--b\r\nContent-Type: application/sdp\r\n\r\n{SDES}{tail}\r\n--b--\r\n"),
)


def reads_plain(body: str) -> bool:
    """Whether the most lenient of readers finds a stream in the clear: another reading than the guard's own."""
    found = re.findall(r"(?:^|[\r\n])[ \t]*m[ \t]*=[ \t]*\S+[ \t]+([0-9]+)\S*[ \t]+(\S+)", body, re.IGNORECASE)
    return any(int(port) and not re.search("SAVP|TLS", profile.upper()) for port, profile in found)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, kind=st.sampled_from(TYPES))
@example(body=SDES, kind="application/sdp")
@example(body=f"--b\r\nContent-Type: application/sdp\r\n\r\n{SDES}\r\n--b--", kind="multipart/mixed;boundary=b")
def test_nothing_that_anybody_reads_as_plain_gets_out(tmp_path: Path, body: str, kind: str) -> None:
    table = Table(tmp_path, trunk='srtp = "required"')
    invite = call(table.pbx, INSIDE, NUMBER, CALLER, body="").invite
    table.carrier.heard()
    via = ("Via", f"SIP/2.0/UDP 127.0.1.1:5070;rport;branch={wire.new_branch()}")
    headers = Sip(invite.start, invite.headers).having(via, ("Call-ID", "fuzzed"), ("Content-Type", kind)).headers
    table.pbx.send(Sip(invite.start, headers, body), INSIDE)
    assert "error" not in table.edge.status()
    sent = [message for message in table.carrier.heard() if message.method == "INVITE"]
    assert sent or [message.status for message in table.pbx.heard() if message.status >= 300]
    taken_for_sdp = kind.lower().startswith(("application/sdp", "multipart")) or body.startswith("v=")
    assert not (taken_for_sdp and any(reads_plain(message.body) for message in sent))


# --- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", FALLBACKS.values(), ids=FALLBACKS)
def test_an_answer_that_falls_back_is_hung_up_and_never_reaches_the_caller(table: Table, body: str) -> None:
    made = dial(table, SDES)
    offered = table.offered()
    offered.answer(body=body)
    made.ack_refusal(table.pbx.expect(488))
    table.carrier.expect("ACK")
    assert mismatches(table) == [("trunk:carrier", "200 to INVITE", True)]
    hung_up(table, table.carrier)
    assert table.pbx.heard() == []
    assert table.told()[:3] == ["decided", "answered", "mediamismatch"]


def test_the_evidence_says_what_was_seen_and_holds_no_key(table: Table) -> None:
    dial(table, SDES)
    table.offered().answer(body=SDES + "m=video 40002 RTP/AVP 96\r\n")
    (fact,) = [fact for fact in table.facts if isinstance(fact, MediaMismatch)]
    assert fact.media.streams == (Stream("audio", "sdes"), Stream("video", "plain"))
    assert (fact.srtp, fact.media.hosts) == ("required", ("127.0.0.1",))
    assert fact.why == 'the trunk has srtp = "required", and video is in the clear'
    assert "WVNfX19" not in repr(table.facts)


def test_early_media_in_the_clear_is_cancelled(table: Table) -> None:
    made = dial(table, SDES)
    offered = table.offered()
    offered.ring(183, "Session Progress", body=PLAIN)
    cancel = table.carrier.expect("CANCEL")
    answer_ok(table.carrier, cancel)
    assert table.pbx.heard() == []
    offered.refuse(487)
    table.carrier.expect("ACK")
    made.ack_refusal(table.pbx.expect(488))
    assert mismatches(table) == [("trunk:carrier", "183 to INVITE", True)]
    over(table)


def test_an_answer_that_crosses_the_cancel_is_hung_up(table: Table) -> None:
    made = dial(table, SDES)
    offered = table.offered()
    offered.ring(183, "Session Progress", body=PLAIN)
    answer_ok(table.carrier, table.carrier.expect("CANCEL"))
    offered.answer(body=SDES)
    made.ack_refusal(table.pbx.expect(488))
    table.carrier.expect("ACK")
    hung_up(table, table.carrier)


def test_a_repeated_answer_that_says_otherwise_ends_the_call(table: Table) -> None:
    made = dial(table, SDES)
    offered = table.offered()
    answer = offered.answer(body=SDES)
    made.confirm(table.pbx.expect(200))
    table.carrier.expect("ACK")
    table.carrier.send(Sip(answer.start, answer.headers, PLAIN), OUTSIDE)
    hung_up(table)


def test_of_two_forks_the_one_in_the_clear_is_hung_up(table: Table) -> None:
    made = dial(table, SDES)
    invite = table.carrier.expect("INVITE")
    first, second = leg(table.carrier, invite), leg(table.carrier, invite)
    first.answer(body=SDES)
    dialog = made.confirm(table.pbx.expect(200))
    table.carrier.expect("ACK")
    second.answer(body=PLAIN)
    table.carrier.expect("ACK")
    answer_ok(table.carrier, table.carrier.expect("BYE"))
    assert not [message for message in table.pbx.heard() if message.status]
    assert table.edge.status()["dialogs"] == 2  # The caller doesn't know of it, and says so.
    table.hang_up(dialog)


def test_offered_takes_a_plain_answer(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk='srtp = "offered"')
    made = dial(table, SDES)
    table.offered().answer(body=PLAIN)
    dialog = made.confirm(table.pbx.expect(200))
    table.carrier.expect("ACK")
    dialog.send("INVITE", body=PLAIN)
    assert table.carrier.expect("INVITE").body == PLAIN
    assert mismatches(table) == []


@pytest.fixture(params=["transparent", "own"])
def offering(tmp_path: Path, request: pytest.FixtureRequest) -> Table:
    return Table(tmp_path, trunk=f'srtp = "offered"\nidentity = "{request.param}"')


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("side", ["pbx", "carrier"])
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("body", [PLAIN, BROKEN], ids=["plain", "broken"])
def test_where_srtp_was_answered_offered_takes_no_fallback(
    offering: Table, killed: bool, side: str, method: str, body: str
) -> None:
    dialog, offered = connect(offering)
    if killed:
        offering.restart()
    (dialog if side == "pbx" else offered).send(method, body=body)
    assert (offering.pbx if side == "pbx" else offering.carrier).expect(488, method=method)
    by = "source:pbx" if side == "pbx" else "trunk:carrier"
    assert mismatches(offering) == [(by, method, True)]
    hung_up(offering)


def test_nor_in_the_answer_to_a_later_offer(offering: Table) -> None:
    dialog, _ = connect(offering)
    dialog.send("INVITE", body=BEST_EFFORT)
    leg(offering.carrier, offering.carrier.expect("INVITE")).answer(body=PLAIN)
    assert offering.pbx.expect(488, method="INVITE")
    assert mismatches(offering) == [("trunk:carrier", "200 to INVITE", True)]


@pytest.mark.parametrize("body", [SDES, DTLS, BEST_EFFORT, FAX], ids=["sdes", "dtls", "best effort", "fax"])
def test_what_it_takes_after_srtp_was_answered(offering: Table, body: str) -> None:
    """Media of another kind was never secured."""
    dialog, _ = connect(offering)
    dialog.send("INVITE", body=body)
    assert offering.carrier.expect("INVITE").body.startswith(body[:20])
    assert mismatches(offering) == []


def test_srtp_that_nobody_took_binds_nobody(offering: Table) -> None:
    made = dial(offering, BEST_EFFORT)
    offering.offered().answer(body=PLAIN)
    dialog = made.confirm(offering.pbx.expect(200))
    offering.carrier.expect("ACK")
    dialog.send("INVITE", body=SDES)
    leg(offering.carrier, offering.carrier.expect("INVITE")).refuse(488)
    offering.pbx.expect(488)
    dialog.send("INVITE", body=PLAIN)
    assert offering.carrier.expect("INVITE")
    assert mismatches(offering) == []


@pytest.mark.parametrize("status", [183, 200])
def test_the_first_offer_is_judged_wherever_it_comes(offering: Table, status: int) -> None:
    made = dial(offering, "")
    offered = offering.offered()
    if status == 200:
        offered.answer(body=PLAIN)
    else:
        offered.ring(183, "Session Progress", ("RSeq", "1"), ("Require", "100rel"), body=PLAIN)
        offering.carrier.expect("CANCEL")
        offered.refuse(487)
    made.ack_refusal(offering.pbx.expect(488))
    assert mismatches(offering) == [("trunk:carrier", f"{status} to INVITE", True)]


def test_a_late_offer_may_be_answered_without_srtp(offering: Table) -> None:
    made = dial(offering, "")
    offering.offered().answer(body=BEST_EFFORT)
    made.confirm(offering.pbx.expect(200), PLAIN)
    assert offering.carrier.expect("ACK").body
    assert mismatches(offering) == []


@pytest.mark.parametrize("body", [PLAIN, SDES], ids=["plain", "sdes"])
def test_a_late_offer_of_the_pbx_is_judged(offering: Table, body: str) -> None:
    call(offering.carrier, OUTSIDE, CALLER, NUMBER, body="")
    offering.offered(offering.pbx).answer(body=body)
    assert offering.carrier.expect(0).status == (488 if body == PLAIN else 200)


def test_forbidden_ends_a_call_that_turns_to_srtp(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk='srtp = "forbidden"')
    dialog, _ = connect(table, PLAIN)
    dialog.send("INVITE", body=SDES)
    assert table.pbx.expect(488)
    hung_up(table)


def test_an_offer_in_the_answer_is_judged(table: Table) -> None:
    made = dial(table, "")
    table.offered().answer(body=PLAIN)
    made.ack_refusal(table.pbx.expect(488))
    table.carrier.expect("ACK")
    hung_up(table, table.carrier)


def test_an_answer_in_the_ack_is_judged_and_not_passed(table: Table) -> None:
    made = dial(table, "")
    table.offered().answer(body=SDES)
    made.confirm(table.pbx.expect(200), PLAIN)
    assert table.carrier.expect("ACK").body == ""
    assert mismatches(table) == [("source:pbx", "ACK", True)]
    hung_up(table)


def test_a_good_answer_in_the_ack_passes(table: Table) -> None:
    made = dial(table, "")
    table.offered().answer(body=DTLS)
    dialog = made.confirm(table.pbx.expect(200), DTLS)
    assert table.carrier.expect("ACK").body == DTLS
    table.hang_up(dialog)


# --- inside a call --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("body", FALLBACKS.values(), ids=FALLBACKS)
@pytest.mark.parametrize("side", ["pbx", "carrier"])
def test_a_fallback_inside_a_call_ends_it(table: Table, method: str, body: str, side: str) -> None:
    dialog, offered = connect(table)
    sender, other = (dialog, table.carrier) if side == "pbx" else (offered, table.pbx)
    sender.send(method, body=body)
    assert sender.peer.expect(488, method=method)
    assert method not in [message.method for message in other.inbox if not message.status]
    by = {"pbx": "source:pbx", "carrier": "trunk:carrier"}[side]
    assert mismatches(table) == [(by, method, True)]
    hung_up(table)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_an_answer_inside_a_call_that_falls_back_ends_it(table: Table, method: str) -> None:
    dialog, _ = connect(table)
    dialog.send(method, body=SDES)
    asked = table.carrier.expect(method)
    contact = ("Contact", table.carrier.contact)
    table.carrier.send(response_to(asked, 200, "OK", contact, body=PLAIN), OUTSIDE)
    assert table.pbx.expect(488, method=method)
    assert mismatches(table) == [("trunk:carrier", f"200 to {method}", True)]
    hung_up(table)


def test_what_stays_encrypted_passes(table: Table) -> None:
    dialog, offered = connect(table)
    held = SDES.replace("IN IP4 127.0.0.1\r\nt=", "IN IP4 0.0.0.0\r\nt=") + "a=sendonly\r\n"
    for sender, other, body in ((dialog, table.carrier, held), (offered, table.pbx, DTLS)):
        sender.send("INVITE", body=body)
        asked = other.expect("INVITE")
        assert asked.body == body
        other.send(response_to(asked, 200, "OK", ("Contact", other.contact), body=body), asked.origin)
        assert sender.peer.expect(200, method="INVITE").body == body
    assert mismatches(table) == []
    table.hang_up(dialog)


def test_other_bodies_pass(table: Table) -> None:
    dialog, _ = connect(table)
    dialog.send("INFO", ("Content-Type", "application/dtmf-relay"))
    table.carrier.expect("INFO")
    dialog.send("MESSAGE", body=PLAIN)
    assert table.carrier.expect("MESSAGE").body == PLAIN


def test_a_refusal_that_says_what_would_do_passes(table: Table) -> None:
    dialog, _ = connect(table)
    dialog.send("INVITE", body=SDES)
    asked = table.carrier.expect("INVITE")
    table.carrier.send(response_to(asked, 488, "Not Acceptable Here", body=PLAIN), OUTSIDE)
    assert table.pbx.expect(488, method="INVITE").body == PLAIN
    assert mismatches(table) == []


def test_a_fallback_before_the_answer_cancels_the_call(table: Table) -> None:
    made = dial(table, SDES)
    offered = table.offered()
    offered.ring(183, "Session Progress", ("RSeq", "1"), ("Require", "100rel"), body=SDES)
    early = made.dialog(table.pbx.expect(183))
    early.send("PRACK", ("RAck", "1 1 INVITE"), body=PLAIN)
    assert table.pbx.expect(488, method="PRACK")
    answer_ok(table.carrier, table.carrier.expect("CANCEL"))
    offered.refuse(487)
    table.carrier.expect("ACK")
    made.ack_refusal(table.pbx.expect(488, method="INVITE"))
    over(table)


# --- calls in -------------------------------------------------------------------------------------------------------


def test_an_offer_of_the_carrier_in_the_clear_is_refused(table: Table) -> None:
    made = call(table.carrier, OUTSIDE, CALLER, NUMBER, body=PLAIN)
    refused = table.carrier.expect(488)
    assert refused.value("Reason") == f'SIP;cause=488;text="{PUBLIC}"'
    made.ack_refusal(refused)
    assert table.pbx.heard() == []
    assert mismatches(table) == [("trunk:carrier", "INVITE", True)]
    assert table.told() == ["arrived", "mediamismatch", "ended srtp-mismatch"]
    table.run(60)
    assert table.edge.status()["waiting"] == 0


def test_an_answer_of_the_pbx_in_the_clear_is_hung_up(table: Table) -> None:
    made = call(table.carrier, OUTSIDE, CALLER, NUMBER, body=SDES)
    table.offered(table.pbx).answer(body=PLAIN)
    made.ack_refusal(table.carrier.expect(488))
    table.pbx.expect("ACK")
    assert mismatches(table) == [("source:pbx", "200 to INVITE", True)]
    hung_up(table, table.pbx)


def test_an_encrypted_call_in_passes(table: Table) -> None:
    made = call(table.carrier, OUTSIDE, CALLER, NUMBER, body=SDES)
    table.offered(table.pbx).answer(body=SDES)
    made.confirm(table.carrier.expect(200))
    assert table.pbx.expect("ACK")
    assert mismatches(table) == []


# --- across a restart, and another policy ---------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["pbx", "carrier"])
def test_a_fallback_after_a_restart_ends_the_call(table: Table, side: str) -> None:
    dialog, offered = connect(table)
    table.restart()
    sender = dialog if side == "pbx" else offered
    sender.send("INVITE", body=PLAIN)
    assert sender.peer.expect(488, method="INVITE")
    hung_up(table)


def test_an_answer_that_comes_after_a_restart_is_judged(table: Table) -> None:
    made = dial(table, SDES)
    offered = table.offered()
    table.restart()
    offered.answer(body=PLAIN)
    made.ack_refusal(table.pbx.expect(488))
    table.carrier.expect("ACK")
    hung_up(table, table.carrier)


def test_an_answer_to_a_re_invite_that_comes_after_a_restart_is_judged(table: Table) -> None:
    dialog, _ = connect(table)
    dialog.send("INVITE", body=SDES)
    asked = table.carrier.expect("INVITE")
    table.restart()
    table.carrier.send(response_to(asked, 200, "OK", ("Contact", table.carrier.contact), body=PLAIN), asked.origin)
    assert [message.status for message in table.pbx.inbox if message.status == 200] == []
    hung_up(table)


def test_an_answer_to_a_call_in_that_comes_after_a_restart_is_judged(table: Table) -> None:
    for body, passes in ((PLAIN, False), (SDES, True)):
        call(table.carrier, OUTSIDE, CALLER, NUMBER, body=SDES)
        offered = table.offered(table.pbx)
        table.restart()
        offered.answer(body=body)
        assert bool([message for message in table.carrier.heard() if message.status == 200]) == passes


def test_a_fallback_of_a_call_in_after_a_restart_ends_it(table: Table) -> None:
    made = call(table.carrier, OUTSIDE, CALLER, NUMBER, body=SDES)
    table.offered(table.pbx).answer(body=SDES)
    dialog = made.confirm(table.carrier.expect(200))
    table.pbx.expect("ACK")
    table.restart()
    dialog.send("INVITE", body=PLAIN)
    assert table.carrier.expect(488, method="INVITE")
    hung_up(table)


def test_a_reload_changes_nothing_for_calls_that_are_up(tmp_path: Path, table: Table) -> None:
    dialog, _ = connect(table)
    (tmp_path / "other").mkdir()
    table.edge.use(Table(tmp_path / "other").policy)
    dialog.send("INVITE", body=PLAIN)
    assert table.pbx.expect(488, method="INVITE")
    hung_up(table)


# --- failover -------------------------------------------------------------------------------------------------------


EXCEPTION = """
[[transport_exception]]
source = "pbx"
trunk = "second"
gives_up = ["srtp"]
owner = "noc@example.net"
why = "the second carrier has no SRTP"
until = {until}
"""


@pytest.mark.parametrize(
    ("first", "second", "until", "goes_on"),
    [
        ("required", "required", "2027-01-14", True),
        ("offered", "required", "2027-01-14", True),
        ("required", "offered", "2027-01-14", False),
        ("required", "offered", "2027-01-15", True),
        ("offered", "", "2027-01-14", False),
        ("offered", "", "2027-01-15", True),
        ("", "required", "2027-01-14", True),
    ],
)
def test_a_failover_gives_up_srtp_only_while_an_exception_holds(
    tmp_path: Path, first: str, second: str, until: str, goes_on: bool
) -> None:
    trunk, other = (f'srtp = "{srtp}"' if srtp else "" for srtp in (first, second))
    source = EXCEPTION.format(until=until)  # It is the 15th of January 2027 there.
    table = Table(tmp_path, trunk=trunk, second=other, source=source, two_trunks=True)
    made = dial(table, SDES)
    table.offered().refuse(503)
    table.carrier.expect("ACK")
    if goes_on:
        assert table.offered(table.second).invite.body == SDES
        told = [command.hit.rule for command in table.alerts]
        assert told == (["weaker-trunk"] if until == "2027-01-15" else [])
    else:
        made.ack_refusal(table.pbx.expect(500))
        assert table.second.heard() == []


def test_what_the_next_trunk_asks_is_judged_too(tmp_path: Path) -> None:
    table = Table(tmp_path, second='srtp = "required"', two_trunks=True)
    made = dial(table, PLAIN)
    table.offered().refuse(503)
    table.carrier.expect("ACK")
    made.ack_refusal(table.pbx.expect(488))
    assert table.second.heard() == []


def test_an_emergency_call_fails_over_to_any_trunk(tmp_path: Path) -> None:
    source = EXCEPTION.format(until="2027-01-14")
    table = Table(tmp_path, trunk='srtp = "required"', source=source, two_trunks=True)
    dial(table, PLAIN, number="911")
    table.offered().refuse(503)
    table.carrier.expect("ACK")
    table.offered(table.second).answer(body=PLAIN)
    assert table.pbx.expect(200).body == PLAIN


# --- where media goes -----------------------------------------------------------------------------------------------


AWAY = SDP.replace("c=IN IP4 127.0.0.1", "c=IN IP4 203.0.113.66")
NEAR = 'media = ["127.0.0.0/24"]'


def away(table: Table) -> list[tuple[str, str, str]]:
    return [(fact.by, fact.what, fact.why) for fact in table.facts if isinstance(fact, MediaElsewhere)]


def test_an_offer_that_sends_media_elsewhere_is_a_hit(tmp_path: Path) -> None:
    table = Table(tmp_path, source=NEAR)
    for body in (SDP, AWAY, BROKEN):
        dial(table, body)
        assert table.offered().invite.body == body
    hits = [fact.verdict.hits for fact in table.facts if isinstance(fact, Decided)]
    assert [[(hit.rule, hit.weight) for hit in found] for found in hits] == [
        [],
        [("media-elsewhere", 40)],
        [("media-elsewhere", 40)],
    ]
    assert hits[1][0].text == "source pbx has media sent to 203.0.113.66, outside its ranges"


def test_an_answer_that_sends_media_elsewhere_is_told_and_weighed(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk=NEAR)
    made = dial(table, SDP)
    table.offered().answer(body=AWAY)
    made.confirm(table.pbx.expect(200))
    why = "trunk carrier has media sent to 203.0.113.66, outside its ranges"
    assert away(table) == [("trunk:carrier", "200 to INVITE", why)]
    assert [command.hit.text for command in table.alerts] == [why]
    (live,) = table.engine.calls.values()
    assert [hit.rule for hit in table.engine.weigh(live.attempt, now=table.now)] == ["media-elsewhere"]


def test_a_call_that_is_turned_elsewhere_is_cut_where_that_is_enough(tmp_path: Path) -> None:
    source = NEAR + '\n[behaviour]\nmode = "enforce"\nblock = 40\nalert = "off"'
    table = Table(tmp_path, source=source)
    dialog, _ = connect(table, SDP)
    dialog.send("INVITE", body=AWAY)
    for seat in (table.pbx, table.carrier):
        answer_ok(seat, seat.expect("BYE"))
    assert table.told()[-1] == "ended suspicious-call"
    assert table.slots == 0


def test_hold_is_nowhere_and_no_hit(tmp_path: Path) -> None:
    table = Table(tmp_path, source=NEAR)
    dialog, _ = connect(table, SDP)
    dialog.send("INVITE", body=SDP.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0"))
    assert away(table) == []


def test_a_call_in_whose_media_is_elsewhere_is_told(tmp_path: Path) -> None:
    table = Table(tmp_path, trunk=NEAR, source=NEAR)
    call(table.carrier, OUTSIDE, CALLER, NUMBER, body=AWAY)
    table.offered(table.pbx).answer(body=AWAY)
    assert [(by, what) for by, what, _ in away(table)] == [("trunk:carrier", "INVITE"), ("source:pbx", "200 to INVITE")]
    assert len(table.alerts) == 2


def test_nobody_looks_where_no_ranges_are_written(tmp_path: Path) -> None:
    table = Table(tmp_path)
    dialog, _ = connect(table, AWAY)
    dialog.send("INVITE", body=AWAY)
    assert (away(table), table.alerts) == ([], [])


def test_what_was_turned_elsewhere_is_known_after_a_restart(tmp_path: Path) -> None:
    table = Table(tmp_path, source=NEAR)
    dialog, _ = connect(table, SDP)
    dialog.send("INVITE", body=AWAY)
    table.restart()
    (live,) = table.engine.calls.values()
    assert [hit.rule for hit in table.engine.weigh(live.attempt, now=table.now)] == ["media-elsewhere"]
