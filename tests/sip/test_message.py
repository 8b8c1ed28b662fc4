"""Fields of a message, edits on it, and the readings that must not differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.build import build_request, reflect, reply, reply_head
from ringfence.sip.errors import SipParseError
from ringfence.sip.headers import MAX_HEADERS, MAX_LINE, MAX_MESSAGE
from ringfence.sip.message import Request, Response
from ringfence.sip.parse import parse

LINES = [
    b"INVITE sip:+442079460000@203.0.113.7;user=phone SIP/2.0",
    b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport, SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb",
    b"v: SIP/2.0/TCP 10.0.0.3;branch=z9hG4bKc",
    b"Max-Forwards: 70",
    b'From: "A, B" <sip:100@10.0.0.1>;tag=f1',
    b"To: <sip:+442079460000@203.0.113.7>",
    b"Call-ID: c1@10.0.0.1",
    b"CSeq: 7 INVITE",
    b"x-Odd:  kept   as it is ",
    b"Contact: <sip:100@10.0.0.1:5062>",
    b"Supported: timer, 100rel",
]


def invite(*extra: bytes, drop: str = "", body: bytes = b"") -> bytes:
    lines = [line for line in LINES if not (drop and line.lower().startswith(drop.encode()))]
    return b"\r\n".join([*lines, *extra, b"", body])


def test_fields() -> None:
    message = parse(invite())
    assert isinstance(message, Request)
    assert (message.method, message.uri.user, message.uri.host) == ("INVITE", "+442079460000", "203.0.113.7")
    assert (message.call_id, message.cseq) == ("c1@10.0.0.1", (7, "INVITE"))
    assert (message.from_tag, message.to_tag, message.max_forwards) == ("f1", None, 70)
    assert [via.branch for via in message.vias] == ["z9hG4bKa", "z9hG4bKb", "z9hG4bKc"]
    assert [contact.uri.port for contact in message.contacts] == [5062]
    assert message.tokens("k") == {"timer", "100rel"}
    assert message.first("X-ODD") == b"kept   as it is"


def test_edits_leave_other_lines_alone() -> None:
    message = parse(invite()).copy()
    assert message.pop_first("Via") == b"SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport"
    assert message.top_via.branch == "z9hG4bKb"
    message.prepend("Via", b"SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKn")
    message.set("Max-Forwards", b"69")
    message.replace_first("Contact", b"<sip:edge@10.0.0.9>")
    lines = message.to_bytes().split(b"\r\n")
    assert lines[1:4] == [
        b"Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKn",
        b"Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb",
        LINES[2],
    ]
    assert lines[4] == b"Max-Forwards: 69"
    assert lines[5:10] == LINES[4:9]
    assert lines[10:12] == [b"Contact: <sip:edge@10.0.0.9>", LINES[10]]
    assert parse(invite()).top_via.branch == "z9hG4bKa"


def test_a_copy_is_apart() -> None:
    message = parse(invite())
    other = message.copy()
    other.remove("contact")
    assert message.has("m")
    assert not other.has("Contact")


def test_append_comes_after_the_last_of_its_name() -> None:
    message = parse(invite()).copy()
    message.append("Record-Route", b"<sip:a;lr>")
    message.append("Record-Route", b"<sip:b;lr>")
    message.prepend("Record-Route", b"<sip:c;lr>")
    assert [address.uri.host for address in message.record_routes] == ["c", "a", "b"]


def test_the_body_ends_where_content_length_says() -> None:
    message = parse(invite(b"Content-Length: 3", body=b"abcINVITE sip:evil SIP/2.0"))
    assert message.body == b"abc"
    assert message.to_bytes().endswith(b"\r\n\r\nabc")


def test_a_datagram_without_content_length_gets_one() -> None:
    assert b"Content-Length: 3\r\n\r\nabc" in parse(invite(body=b"abc")).to_bytes()


def test_a_fold_is_one_line_also_with_a_colon_in_it() -> None:
    message = parse(invite(b"X-A: one\r\n Route: <sip:evil;lr>"))
    assert message.first("x-a") == b"one Route: <sip:evil;lr>"
    assert message.routes == []


@pytest.mark.parametrize(
    ("folded", "value"),
    [
        (b"X-A: one\r\n two", b"one two"),
        (b"X-A: one \t\r\n\t two", b"one two"),
        (b"X-A:\r\n one", b"one"),
        (b"X-A: one\r\n  \r\n two", b"one  two"),
        (b"X-A: one\r\n ", b"one"),
        (b"X-A: one\r\n two \r\nX-B: " + b" " * 60_000 + b"3", None),
    ],
)
def test_white_space_around_a_fold_is_one_space(folded: bytes, value: bytes | None) -> None:
    """The last cost two seconds once, before the line was found too long: the square of a run of spaces."""
    if value is not None:
        assert parse(invite(folded)).first("x-a") == value
        return
    with pytest.raises(SipParseError, match="line too long"):
        parse(invite(folded))


def test_space_before_the_colon_is_the_same_header() -> None:
    assert len(parse(invite(b"Via : SIP/2.0/UDP 10.0.0.4;branch=z9hG4bKd")).vias) == 4


REFUSED = {
    "duplicate Content-Length": (invite(b"Content-Length: 0", b"l: 5"), 400),
    "duplicate Call-ID": (invite(b"i: other"), 400),
    "duplicate To": (invite(b"To: <sip:1900@x>"), 400),
    "Arabic digits in CSeq": (invite("CSeq: ١٢ INVITE".encode(), drop="cseq"), 400),
    "CSeq of another method": (invite(b"CSeq: 7 BYE", drop="cseq"), 400),
    "CSeq of 2**31": (invite(b"CSeq: 2147483648 INVITE", drop="cseq"), 400),
    "no Call-ID": (invite(drop="call-id"), 400),
    "bare LF": (invite(b"X: a\nRoute: <sip:evil>"), 400),
    "bare CR": (invite(b"X: a\rRoute: <sip:evil>"), 400),
    "NUL": (invite(b"X: a\x00b"), 400),
    "no colon": (invite(b"nonsense"), 400),
    "no colon after a name that is known": (invite(b"Supported"), 400),
    "name with a space": (invite(b"Con tact: <sip:x>"), 400),
    "negative Content-Length": (invite(b"Content-Length: -1"), 400),
    "signed Content-Length": (invite(b"Content-Length: +0"), 400),
    "Content-Length over what came": (invite(b"Content-Length: 4", body=b"abc"), 400),
    "SIP/3.0": (invite().replace(b" SIP/2.0\r\n", b" SIP/3.0\r\n", 1), 505),
    "too many headers": (invite(*[b"X: 1"] * MAX_HEADERS), 513),
    "line too long": (invite(b"X: " + b"a" * MAX_LINE), 513),
    "message too large": (invite(body=b"a" * MAX_MESSAGE), 513),
    "no end of headers": (b"\r\n".join(LINES), 400),
    "folded start line": (invite().replace(b" SIP/2.0\r\n", b"\r\n SIP/2.0\r\n", 1), 400),
    "nothing": (b"", 400),
}


@pytest.mark.parametrize(("data", "status"), REFUSED.values(), ids=REFUSED)
def test_refused(data: bytes, status: int) -> None:
    with pytest.raises(SipParseError) as caught:
        parse(data)
    assert caught.value.status == status


@pytest.mark.parametrize("value", [b"256", b"-1", b"a", b"", b"1, 2"])
def test_bad_max_forwards(value: bytes) -> None:
    with pytest.raises(SipParseError):
        _ = parse(invite(b"Max-Forwards: " + value, drop="max-forwards")).max_forwards


def test_an_answer_repeats_what_rfc_3261_names() -> None:
    request = parse(invite(b"Record-Route: <sip:p;lr>", b"Timestamp: 54"))
    assert isinstance(request, Request)
    response = parse(reply(reply_head(request), 603, "Decline", "t9", [("Reason", b"x")]))
    assert isinstance(response, Response)
    assert (response.status, response.reason, response.to_tag, response.from_tag) == (603, "Decline", "t9", "f1")
    assert [name for name, _ in response.headers()] == [
        "via", "via", "from", "call-id", "cseq", "timestamp", "to", "reason", "content-length",
    ]  # fmt: skip
    assert [line for line in LINES if line.startswith((b"Via", b"v:", b"From", b"To", b"Call", b"CSeq"))] == [
        line.removesuffix(b";tag=t9") for _, line in sorted(response.lines(), key=lambda pair: ORDER.index(pair[0]))
    ][:6]


ORDER = ["via", "from", "to", "call-id", "cseq", "timestamp", "reason", "content-length"]


def test_a_tag_is_given_once() -> None:
    request = parse(invite(b"To: <sip:x@y>;tag=t1", drop="to"))
    assert isinstance(request, Request)
    assert parse(reply(reply_head(request), 200, "OK", "t9")).to_tag == "t1"


def test_what_does_not_parse_is_answered_by_its_lines() -> None:
    bad = invite(b"Max-Forwards: 70", b"Max-Forwards: 70")
    with pytest.raises(SipParseError):
        parse(bad)
    found = reflect(bad)
    assert found is not None
    response = parse(reply(found[0], 400, "Bad Request", "t9"))
    assert (response.call_id, response.cseq, response.to_tag) == ("c1@10.0.0.1", (7, "INVITE"), "t9")
    assert found[1] == b"SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport"


def test_the_answer_to_folded_lines_has_them_whole() -> None:
    """Found by the fuzz run: the first line of a fold alone is another value."""
    found = reflect(invite(b"CSeq:\r\n 7 INVITE", drop="cseq"))
    assert found is not None
    assert parse(reply(found[0], 503, "Service Unavailable", "t9")).cseq == (7, "INVITE")


@pytest.mark.parametrize("drop", ["via", "from", "to", "call-id", "cseq"])
def test_without_its_lines_it_is_not_answered(drop: str) -> None:
    data = invite(drop=drop).replace(b"v: SIP/2.0/TCP 10.0.0.3;branch=z9hG4bKc\r\n", b"")
    assert reflect(data) is None


@given(st.binary(max_size=300), st.integers(0, 400))
def test_what_is_reflected_parses(junk: bytes, at: int) -> None:
    data = invite()
    found = reflect(data[:at] + junk + data[at:])
    if found is not None:
        try:
            parse(reply(found[0], 400, "Bad Request", "t9"))
        except SipParseError:
            return  # The same lines, so the same fault; but one message, with one end.
        assert reply(found[0], 400, "Bad Request").count(b"\r\n\r\n") == 1


def test_a_request_of_ours() -> None:
    bye = build_request(
        "BYE", b"sip:100@10.0.0.1", [("Via", b"SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx"), ("CSeq", b"8 BYE")]
    )
    assert bye.to_bytes().startswith(b"BYE sip:100@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx\r\n")
    assert bye.to_bytes().endswith(b"Content-Length: 0\r\n\r\n")


@given(st.lists(st.sampled_from(LINES[1:]) | st.binary(max_size=30), max_size=20), st.binary(max_size=40))
def test_it_parses_or_raises(lines: list[bytes], body: bytes) -> None:
    try:
        message = parse(b"\r\n".join([LINES[0], *lines, b"", body]))
    except SipParseError:
        return
    assert parse(message.to_bytes()).to_bytes() == message.to_bytes()


@pytest.mark.parametrize("version", [b"SIP/2.0", b"sip/2.0", b"Sip/2.0"])
def test_the_version_is_written_in_capitals(version: bytes) -> None:
    """RFC 3261 §7.1: read in any case, sent in capitals."""
    request = parse(invite().replace(b"SIP/2.0", version, 1))
    assert request.start_line == LINES[0]
    answer = parse(b"\r\n".join([version + b" 200 OK", *LINES[1:], b"", b""]))
    assert answer.start_line == b"SIP/2.0 200 OK"
