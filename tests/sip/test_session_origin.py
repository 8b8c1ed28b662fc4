"""The origin of a session description."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.session_origin import renamed

SDP = (
    b"v=0\r\no=alice 53 7 IN IP4 10.0.0.5\r\ns=office PBX\r\ni=of 10.0.0.5\r\nu=http://10.0.0.5/\r\ne=a@office\r\np=101\r\n"
    b"c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
HERE = (
    b"v=0\r\no=- 53 7 IN IP4 198.51.100.7\r\ns=-\r\n"
    b"c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
MIXED = (
    b"--x y\r\nContent-Type: %b\r\n\r\n%b\r\n--x y\r\nContent-Type: text/plain\r\n\r\no=a 1 1 IN IP4 b\r\n--x y--\r\n"
)


@pytest.mark.parametrize("kind", [b"application/sdp", b"Application/SDP; charset=utf-8"])
def test_it_is_ours_and_all_that_names_media_stays(kind: bytes) -> None:
    assert renamed(SDP, kind, "198.51.100.7") == HERE


def test_lines_may_end_without_cr() -> None:
    assert renamed(SDP.replace(b"\r\n", b"\n"), b"application/sdp", "198.51.100.7") == HERE.replace(b"\r\n", b"\n")


@pytest.mark.parametrize(("host", "kind"), [("2001:db8::1", b"IP6 2001:db8::1"), ("us.example", b"IP4 us.example")])
def test_the_kind_of_address_fits_ours(host: str, kind: bytes) -> None:
    assert b"o=- 53 7 IN " + kind + b"\r\n" in renamed(SDP, b"application/sdp", host)


@pytest.mark.parametrize("boundary", [b'"x y"', b"x"])
def test_a_description_among_other_parts(boundary: bytes) -> None:
    mark = boundary.strip(b'"')
    mixed, changed = (MIXED.replace(b"x y", mark) % (b"application/sdp", sdp) for sdp in (SDP, HERE))
    assert renamed(mixed, b"multipart/mixed; boundary=" + boundary, "198.51.100.7") == changed


@pytest.mark.parametrize(
    "kind", [b"text/plain", b"", b"multipart/mixed", b"multipart/mixed;boundary", b"multipart/mixed;boundary=;;="]
)
def test_other_bodies_stay(kind: bytes) -> None:
    assert renamed(SDP, kind, "198.51.100.7") == SDP


@given(st.binary(max_size=200), st.sampled_from([b"application/sdp", b"multipart/mixed;boundary=a"]))
def test_anything_is_taken_and_twice_is_once(body: bytes, kind: bytes) -> None:
    once = renamed(body, kind, "198.51.100.7")
    assert renamed(once, kind, "198.51.100.7") == once
