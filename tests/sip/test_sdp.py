"""The SDP reader: what protects each stream, where media goes, and that nothing is read which readers read apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.errors import SipParseError
from ringfence.sip.sdp import MAX_HOSTS, MAX_SDP, Description, parse_sdp

HEAD = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4\n"
PRINT = "a=fingerprint:SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\n"


def read(text: str) -> Description:
    return parse_sdp(text.replace("\n", "\r\n").encode())


def kinds(text: str) -> list[tuple[str, str]]:
    return [tuple(stream) for stream in read(HEAD + text).streams]


PROTECTED = {
    "plain": ("m=audio 4000 RTP/AVP 0 8 101\n", "plain"),
    "plain, feedback": ("m=audio 4000 RTP/AVPF 0\n", "plain"),
    "keys": ("m=audio 4000 RTP/SAVP 0\n" + KEY, "sdes"),
    "keys, feedback, several ports": ("m=audio 4000/2 RTP/SAVPF 0\n" + KEY, "sdes"),
    "a key of a suite that nobody knows beside a good one": (
        "m=audio 4000 RTP/SAVP 0\na=crypto:2 MOON_CM inline:abc\n" + KEY,
        "sdes",
    ),
    "only a suite that nobody knows": ("m=audio 4000 RTP/SAVP 0\na=crypto:2 NULL_HMAC_SHA1_80 inline:abc\n", "keyless"),
    "a secure profile without keys": ("m=audio 4000 RTP/SAVP 0\n", "keyless"),
    "a key that encrypts nothing": (
        "m=audio 4000 RTP/SAVP 0\n" + KEY + KEY.replace("crypto:1", "crypto:2").replace("\n", " UNENCRYPTED_SRTP\n"),
        "unencrypted",
    ),
    "keys at best effort": ("m=audio 4000 RTP/AVP 0\n" + KEY, "best-effort"),
    "a fingerprint at best effort": ("m=audio 4000 RTP/AVP 0\n" + PRINT, "best-effort"),
    "capabilities (RFC 5939)": ("m=audio 4000 RTP/AVP 0\na=tcap:1 RTP/SAVP\na=pcfg:1 t=1\n", "best-effort"),
    "DTLS": ("m=audio 4000 UDP/TLS/RTP/SAVP 0\na=setup:actpass\n" + PRINT, "dtls"),
    "DTLS, feedback": ("m=audio 4000 UDP/TLS/RTP/SAVPF 0\n" + PRINT, "dtls"),
    "DTLS as browsers wrote it once": ("m=audio 4000 RTP/SAVPF 0\n" + PRINT, "dtls"),
    "DTLS without a fingerprint": ("m=audio 4000 UDP/TLS/RTP/SAVP 0\n", "keyless"),
    "keys don't make DTLS": ("m=audio 4000 UDP/TLS/RTP/SAVP 0\n" + KEY, "keyless"),
    "a fingerprint that is too short": ("m=audio 4000 UDP/TLS/RTP/SAVP 0\na=fingerprint:sha-256 AA:BB\n", "keyless"),
    "a fingerprint by MD5": (
        "m=audio 4000 UDP/TLS/RTP/SAVP 0\na=fingerprint:md5 " + ":".join(["AA"] * 16) + "\n",
        "keyless",
    ),
    "the profile in small letters": ("m=audio 4000 rtp/savp 0\n" + KEY, "sdes"),
    "fax": ("m=image 4000 udptl t38\na=T38FaxVersion:0\n", "plain"),
    "fax over DTLS (RFC 7345)": ("m=image 4000 UDP/TLS/UDPTL t38\n" + PRINT, "dtls"),
    "text over TCP": ("m=message 4000 TCP/MSRP *\n", "plain"),
    "a browser's data": ("m=application 4000 UDP/DTLS/SCTP webrtc-datachannel\n" + PRINT, "dtls"),
}


@pytest.mark.parametrize(("text", "protection"), PROTECTED.values(), ids=PROTECTED)
def test_how_a_stream_is_protected(text: str, protection: str) -> None:
    assert [found for _, found in kinds(text)] == [protection]


def test_each_stream_is_looked_at_and_a_refused_one_is_none() -> None:
    text = "m=audio 4000 RTP/SAVP 0\n" + KEY + "m=video 0 RTP/AVP 96\nm=video 4002 RTP/AVP 96\n"
    assert kinds(text) == [("audio", "sdes"), ("video", "plain")]
    assert kinds("m=audio 0 RTP/AVP 0\n") == []


def test_a_stream_on_port_0_that_is_bundled_is_in_use() -> None:
    text = "m=audio 4000 UDP/TLS/RTP/SAVPF 0\n" + PRINT + "m=video 0 RTP/AVP 96\na=bundle-only\n"
    assert kinds(text) == [("audio", "dtls"), ("video", "plain")]


def test_a_fingerprint_of_the_session_is_its_streams_and_a_key_is_not() -> None:
    dtls = read(HEAD + PRINT + "m=audio 4000 UDP/TLS/RTP/SAVP 0\n")
    assert [stream.protection for stream in dtls.streams] == ["dtls"]
    sdes = read(HEAD + KEY + "m=audio 4000 RTP/SAVP 0\n")
    assert [stream.protection for stream in sdes.streams] == ["keyless"]


def test_all_addresses_of_a_stream_count() -> None:
    text = (
        "m=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.2\nc=IN IP6 2001:DB8::0:1\na=rtcp:4001 IN IP4 192.0.2.3\n"
        "a=candidate:1 1 UDP 2130706431 192.0.2.4 8998 typ host\n"
        "a=candidate:2 1 UDP 1694498815 Phone.Example 8998 typ srflx raddr 10.0.1.1 rport 8998\n"
        "m=audio 4002 RTP/AVP 0\nm=video 0 RTP/AVP 96\nc=IN IP4 192.0.2.66\n"
    )
    expected = "192.0.2.2 2001:db8::1 192.0.2.3 192.0.2.4 phone.example 192.0.2.1"
    assert read(HEAD + text).hosts == tuple(expected.split())


def test_an_address_is_written_in_one_way() -> None:
    text = "m=audio 4000 RTP/AVP 0\nc=IN IP6 ::ffff:192.0.2.2\nc=IN IP4 224.2.1.1/127/3\nc=IN IP4 0.0.0.0\n"
    assert read(HEAD + text).hosts == ("192.0.2.2", "224.2.1.1", "0.0.0.0")


def test_lines_may_end_in_lf_and_the_last_in_nothing() -> None:
    assert parse_sdp((HEAD + "m=audio 4000 RTP/AVP 0").encode()).streams[0].protection == "plain"
    assert read(HEAD + "m=audio 4000 RTP/AVP 0\n\n\n").streams[0].protection == "plain"


UNREADABLE = {
    "nothing": "",
    "no v=": HEAD[4:],
    "another version": HEAD.replace("v=0", "v=1"),
    "no s=": HEAD.replace("s=-\n", ""),
    "a second o=": HEAD + "m=audio 4000 RTP/AVP 0\no=- 1 1 IN IP4 192.0.2.9\n",
    "an empty line inside": HEAD + "\nm=audio 4000 RTP/AVP 0\n",
    "white space before a line": HEAD + "m=audio 4000 RTP/SAVP 0\n " + KEY,
    "white space around the equals sign": HEAD + "m = audio 4000 RTP/AVP 0\n",
    "a capital": HEAD + "M=audio 4000 RTP/AVP 0\n",
    "a kind of line that nobody knows": HEAD + "x=1\n",
    "a bare CR": HEAD + "m=audio 4000 RTP/SAVP 0\na=x:\rm=audio 4000 RTP/AVP 0\n",
    "a NUL": HEAD + "m=audio 4000 RTP/AVP 0\na=x:\0\n",
    "two spaces": HEAD + "m=audio  4000 RTP/AVP 0\n",
    "no format": HEAD + "m=audio 4000 RTP/AVP\n",
    "a port that is none": HEAD + "m=audio 65536 RTP/AVP 0\n",
    "a port with a zero before": HEAD + "m=audio 00 RTP/AVP 0\n",
    "no address": HEAD.replace("c=IN IP4 192.0.2.1\n", "") + "m=audio 4000 RTP/AVP 0\n",
    "another network": HEAD + "m=audio 4000 RTP/AVP 0\nc=ATM NSAP 47.0091\n",
    "an attribute in other capitals": HEAD + "m=audio 4000 RTP/AVP 0\n" + KEY.replace("crypto", "Crypto"),
    "a candidate that can't be read": HEAD + "m=audio 4000 RTP/AVP 0\na=candidate:1 1 UDP 1 192.0.2.4\n",
    "too many streams": HEAD + "m=audio 4000 RTP/AVP 0\n" * 17,
    "too many lines": HEAD + "m=audio 4000 RTP/AVP 0\n" + "a=x\n" * 500,
    "too large": HEAD + "m=audio 4000 RTP/AVP 0\na=x:" + "y" * MAX_SDP,
    "too many addresses": HEAD
    + "m=audio 4000 RTP/AVP 0\n"
    + "".join(f"a=candidate:1 1 UDP 1 192.0.2.{n} 8998 typ host\n" for n in range(2, MAX_HOSTS + 3)),
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_readers_read_apart_is_not_read(text: str) -> None:
    with pytest.raises(SipParseError):
        read(text)


PIECES = st.sampled_from(
    [
        *(line + "\n" for line in HEAD.splitlines()),
        KEY,
        PRINT,
        "m=audio 4000 RTP/SAVP 0\n",
        "m=audio 4000 RTP/AVP 0\n",
        "m=image 0 udptl t38\n",
        "a=tcap:1 RTP/SAVP\n",
        "a=rtcp:9 IN IP4 192.0.2.3\n",
        "a=candidate:1 1 UDP 1 192.0.2.4 8998 typ host\n",
        "\r",
        "a=",
        " ",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=20), st.booleans())
def test_it_reads_or_refuses_whatever_comes(pieces: list[str], whole: bool) -> None:
    text = (HEAD if whole else "") + "".join(pieces)
    try:
        found = parse_sdp(text.encode("utf-8", "surrogatepass"))
    except SipParseError:
        return
    assert len(found.streams) <= text.count("m=")
    assert all(stream.protection in ("plain", "best-effort") for stream in found.streams) or "SAVP" in text


@given(st.binary(max_size=300))
def test_it_reads_or_refuses_any_bytes(data: bytes) -> None:
    try:
        parse_sdp(data)
    except SipParseError:
        return
    assert data.startswith(b"v=0")
