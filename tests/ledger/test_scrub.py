"""Nothing that lets somebody in, nothing that people say, reaches the disk."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringfence.ledger.scrub import scrub

SDP = b"v=0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET\r\na=rtpmap:0 PCMU/8000\r\n"
START = b"INVITE sip:+442079460000@carrier.example SIP/2.0\r\nCall-ID: a@b\r\n"


def message(*headers: bytes, body: bytes = b"") -> bytes:
    return START + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


SECRETS = {
    "digest response": message(b'Authorization: Digest username="u", response="SECRET"'),
    "proxy": message(b"Proxy-Authorization: Digest SECRET"),
    "spaces": message(b"proxy-AUTHORIZATION \t : Digest SECRET"),
    "folded": message(b"Authorization: Digest a=b,\r\n response=SECRET,\r\n\tmore=SECRET"),
    "folded at once": message(b"Authorization:\r\n SECRET"),
    "two of them": message(b"Authorization: SECRET", b"X: y", b"Authorization: SECRET"),
    "bare line feeds": START.replace(b"\r", b"") + b"Authorization: SECRET\n\n",
    "bare returns": b"INVITE sip:a@b SIP/2.0\rAuthorization: SECRET\r\r",
    "authentication info": message(b'Authentication-Info: rspauth="SECRET"'),
    "password in a URI": message(b"Contact: <sip:alice:SECRET@example.com>"),
    "password in the first line": b"INVITE sips:alice:SECRET@example.com SIP/2.0\r\n\r\n",
    "sdes": message(b"Content-Type: application/sdp", body=SDP),
    "sdes, compact": message(b"c: application/SDP;x=y", body=SDP),
    "sdes after line feeds": message(b"Content-Type: application/sdp", body=SDP.replace(b"\r\n", b"\n")),
    "sdes in capitals": message(b"Content-Type: application/sdp", body=b"A=CRYPTO:1 SECRET"),
    "sdes with white space": message(b"Content-Type: application/sdp", body=b"v=0\r\n a = crypto : 1 SECRET\r\n"),
    "sdes as a capability": message(b"c: application/sdp", body=b"v=0\r\na=acap:1 crypto:1 AES_CM inline:SECRET\r\n"),
    "mikey as a capability": message(b"c: application/sdp", body=b"v=0\r\na=acap:2 key-mgmt:mikey SECRET\r\n"),
    "sdes under a name of a maker's": message(b"c: application/sdp", body=b"v=0\na=x-crypt:1 AES inline:SECRET|1\n"),
    "a name that nobody knows": message(b"c: application/sdp", body=b"v=0\r\na=psk:SECRET\r\na=rtpmaps:SECRET\r\n"),
    "who made the session": message(b"c: application/sdp", body=b"v=0\r\ne=SECRET@example.com\r\np=+1 SECRET\r\n"),
    "no line at all": message(b"c: application/sdp", body=b"SECRET"),
    "key with white space": message(b"c: application/sdp", body=b"v=0\r\n\tk =base64:SECRET\r\n"),
    "dtls key": message(b"Content-Type: application/sdp", body=b"v=0\r\nk=base64:SECRET\r\na=ice-pwd:SECRET\r\n"),
    "mikey": message(b"Content-Type: application/sdp", body=b"v=0\r\na=key-mgmt:mikey SECRET"),
    "dtmf": message(b"Content-Type: application/dtmf-relay", body=b"Signal=SECRET\r\nDuration=160"),
    "text": message(b"Content-Type: text/plain", body=b"SECRET"),
    "two types": message(b"Content-Type: application/sdp", b"Content-Type: text/plain", body=b"SECRET"),
    "two types, one compact": message(b"c: application/sdp", b"Content-Type: text/plain", body=b"SECRET"),
    "no type": message(body=b"SECRET"),
    "packed": message(b"Content-Type: application/sdp", b"Content-Encoding: gzip", body=b"SECRET"),
    "packed, compact": message(b"Content-Type: application/sdp", b"e: gzip", body=b"SECRET"),
    "folded type": message(b"Content-Type:\r\n application/sdp", body=b"a=crypto:SECRET"),
    "a type after a bare return": message(b"X: y\rContent-Type: application/sdp", body=b"SECRET"),
    "an encoding after a bare return": message(b"X: y\re: gzip", b"c: application/sdp", body=b"SECRET"),
    "multipart": message(b"Content-Type: multipart/mixed;boundary=x", body=b"--x\r\n\r\nSECRET\r\n--x--"),
    "an early end of the head": message(b"\r", b"Content-Type: application/sdp", body=b"SECRET"),
    "nothing but a body": b"\r\n\r\nSECRET",
}


@pytest.mark.parametrize("case", SECRETS)
def test_a_secret_is_taken_out(case: str) -> None:
    raw = SECRETS[case]
    assert b"SECRET" in raw
    clean = scrub(raw)
    assert b"SECRET" not in clean
    assert b"removed]" in clean


KEPT = [
    START + b"\r\n",
    message(b"Contact: <sip:alice@10.0.0.1:5060>", b"From: <sip:201@pbx>;tag=1"),
    message(b"WWW-Authenticate: Digest realm=x, nonce=y"),
    message(b"Content-Type: application/sdp", body=b"v=0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"),
    message(
        b"Content-Type: application/sdp",
        body=b"v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.1\nb=AS:84\nt=0 0\nm=image 4000 udptl t38\n"
        b"a=T38FaxVersion:0\na=inactive\na=fingerprint:SHA-1 4A:AD\na=setup:actpass\n"
        b"a=candidate:1 1 UDP 1 192.0.2.4 9 typ host",
    ),
    b"",
]


@pytest.mark.parametrize("raw", KEPT)
def test_what_is_no_secret_stays_as_it_is(raw: bytes) -> None:
    assert scrub(raw) == raw


LINE = st.sampled_from(
    [b"Authorization", b"proxy-authorization", b"Via", b"c", b"Content-Type", b"e", b"", b" folded", b"\tfolded"]
).flatmap(lambda name: st.sampled_from([b"", b": ", b" :", b":"]).map(lambda colon: name + colon))
END = st.sampled_from([b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n"])
PIECES = st.lists(
    st.one_of(LINE, END, st.sampled_from([b"SECRET", b"application/sdp", b"a=crypto:", b"sip:a:SECRET@b"]))
)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=300), PIECES.map(b"".join)))
@example(b"Authorization:\r\r\n SECRET")
def test_any_bytes_are_taken_and_scrubbing_again_changes_nothing_more(raw: bytes) -> None:
    clean = scrub(raw)
    assert scrub(clean) == clean or b"[body of" in clean


@settings(deadline=None)
@given(PIECES.map(b"".join))
def test_no_authorization_line_keeps_its_value(raw: bytes) -> None:
    for line in re.split(rb"\r\n|\n|\r", scrub(raw)):
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() in (b"authorization", b"proxy-authorization"):
            assert value.strip() in (b"", b"[removed]")
