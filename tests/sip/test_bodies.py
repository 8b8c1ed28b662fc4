"""Session descriptions in bodies: all that the far side could take are found, and nothing that hides some passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.bodies import descriptions
from ringfence.sip.errors import SipParseError
from ringfence.sip.parse import parse

HEAD = (
    b"INVITE sip:1@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
)
PLAIN, SECURE, OTHER = b"v=0\r\nm=audio 1 RTP/AVP 0\r\n", b"v=0\r\nm=audio 1 RTP/SAVP 0\r\n", b"<presence/>"
SDP = b"Content-Type: application/sdp"


def found(body: bytes, *headers: bytes, length: int | None = None) -> list[bytes]:
    lines = b"".join(header + b"\r\n" for header in headers)
    size = len(body) if length is None else length
    return descriptions(parse(HEAD + lines + b"Content-Length: %d\r\n\r\n" % size + body))


def mixed(*parts: tuple[bytes, bytes], mark: bytes = b"b") -> bytes:
    between = b"".join(b"--" + mark + b"\r\n" + head + b"\r\n\r\n" + body + b"\r\n" for head, body in parts)
    return between + b"--" + mark + b"--\r\n"


@pytest.mark.parametrize(
    "header",
    [
        SDP,
        b"c: application/sdp",
        b"Content-Type: Application / SDP ; charset=utf-8",
        SDP + b"\r\nContent-Encoding: identity",
    ],
)
def test_a_description_alone(header: bytes) -> None:
    assert found(PLAIN, *header.split(b"\r\n")) == [PLAIN]


def test_other_bodies_say_nothing_of_media() -> None:
    assert found(b"", SDP) == found(OTHER, b"Content-Type: application/pidf+xml") == []
    assert found(b"\x01\x00", b"Content-Type: application/isup;version=itu-t92+") == []
    assert found(b"Signal=1", b"Content-Type: application/dtmf-relay") == []


def test_all_descriptions_of_a_multipart_body_are_found() -> None:
    parts = (SDP, PLAIN), (b"Content-Type: application/pidf+xml", OTHER), (SDP, SECURE)
    for kind in (b"multipart/mixed", b"multipart/alternative"):
        assert found(mixed(*parts), b"Content-Type: " + kind + b';boundary="b"') == [PLAIN, SECURE]


def test_they_are_found_in_a_multipart_body_within_another() -> None:
    inner = mixed((SDP, PLAIN), mark=b"in")
    body = mixed((b"Content-Type: multipart/mixed; boundary=in", inner), (SDP, SECURE))
    assert found(body, b"Content-Type: multipart/mixed; boundary=b") == [PLAIN, SECURE]


def test_a_body_is_as_long_as_content_length_says() -> None:
    assert found(PLAIN + SECURE, SDP, length=len(PLAIN)) == [PLAIN]


MIXED = b"Content-Type: multipart/mixed;boundary=b"
DEEP = MIXED.replace(b"boundary=b", b"boundary=%d")
HIDDEN = {
    "packed": (PLAIN, SDP, b"Content-Encoding: gzip"),
    "packed, compact": (PLAIN, SDP, b"e: deflate"),
    "encoded": (PLAIN, SDP, b"Content-Transfer-Encoding: base64"),
    "no type, and it looks like one": (PLAIN,),
    "another type, and it looks like one": (PLAIN, b"Content-Type: text/plain"),
    "a type that can't be read": (PLAIN, b"Content-Type: application"),
    "encrypted": (b"\x30\x80", b"Content-Type: application/pkcs7-mime"),
    "elsewhere": (
        b"Content-Type: application/sdp\r\n\r\n",
        b"Content-Type: message/external-body; access-type=URL; URL=http://a/b",
    ),
    "no boundary": (mixed((SDP, PLAIN)), b"Content-Type: multipart/mixed"),
    "another boundary": (mixed((SDP, PLAIN)), b"Content-Type: multipart/mixed;boundary=c"),
    "no last border": (mixed((SDP, PLAIN))[:-8], MIXED),
    "something before": (b"v=0\r\n" + mixed((SDP, PLAIN)), MIXED),
    "something after": (mixed((SDP, PLAIN)) + PLAIN, MIXED),
    "parts after the last border": (mixed((SDP, PLAIN)) + mixed((SDP, PLAIN)), MIXED),
    "borders that end in LF": (mixed((SDP, PLAIN)).replace(b"\r\n", b"\n"), MIXED),
    "a part of two types": (mixed((SDP + b"\r\nContent-Type: text/plain", PLAIN)), MIXED),
    "a part that is packed": (mixed((SDP + b"\r\nContent-Encoding: gzip", PLAIN)), MIXED),
    "a part that is encoded": (mixed((SDP + b"\r\nContent-Transfer-Encoding: base64", b"dj0w")), MIXED),
    "a part without a type that looks like one": (mixed((b"X: y", PLAIN)), MIXED),
    "too many parts": (mixed(*[(SDP, PLAIN)] * 17), MIXED),
    "too deep": (
        mixed((DEEP % 1, mixed((DEEP % 2, mixed((DEEP % 3, mixed((SDP, PLAIN), mark=b"3")), mark=b"2")), mark=b"1"))),
        MIXED,
    ),
}


@pytest.mark.parametrize("case", HIDDEN.values(), ids=HIDDEN)
def test_what_may_hide_a_description_is_refused(case: tuple[bytes, ...]) -> None:
    with pytest.raises(SipParseError):
        found(*case)


@given(st.lists(st.one_of(st.sampled_from([b"--b", b"--", b"\r\n", SDP, PLAIN, b"\n"]), st.binary(max_size=9))))
def test_a_multipart_body_is_read_or_refused_whatever_comes(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    try:
        parts = found(body, MIXED)
    except SipParseError:
        return
    assert sum(map(len, parts)) <= len(body)
