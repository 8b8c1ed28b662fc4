"""What the fuzz run begins with: the torture files of RFC 4475 and RFC 5118, and messages of ordinary calls."""

from __future__ import annotations

from pathlib import Path

TORTURE = Path(__file__).parents[2] / "tests" / "sip" / "torture"

_SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.1.1\r\ns=-\r\nc=IN IP4 127.0.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def _message(start: bytes, cseq: bytes, *lines: bytes, to: bytes = b";tag=c9", body: bytes = b"") -> bytes:
    head = (
        start,
        b"Via: SIP/2.0/UDP 127.0.1.1:5070;rport;branch=z9hG4bK776asdhds",
        b"Max-Forwards: 70",
        b'From: "A. Lee, 100" <sip:+12125550100@127.0.1.1;user=phone>;tag=1928301774',
        b"To: <sip:+12125550143@127.0.0.1>" + to,
        b"Call-ID: a84b4c76e66710@127.0.1.1",
        b"CSeq: " + cseq,
        b"Contact: <sip:100@127.0.1.1:5070;line=2;transport=udp>",
        *lines,
        b"Content-Length: %d" % len(body),
        b"",
        body,
    )
    return b"\r\n".join(head)


_ROUTES = (b"Route: <sip:rf-n1-1@127.0.0.1:5060;lr>, <sip:127.0.2.1;lr>", b"Record-Route: <sip:127.0.2.1:5090;lr>")
ORDINARY = (
    _message(b"INVITE sip:+12125550143@127.0.0.1 SIP/2.0", b"1 INVITE", b"k: timer, 100rel", to=b"", body=_SDP),
    _message(b"INVITE sip:0044%32079460018;phone-context=a.b@127.0.0.1;user=phone?X=y SIP/2.0", b"2 INVITE", to=b""),
    _message(b"INVITE tel:+442079460018;isub=1;rn=+1900 SIP/2.0", b"3 INVITE", b"Diversion: <sip:1@a>", to=b""),
    _message(b"ACK sip:127.0.2.1:5090 SIP/2.0", b"1 ACK", *_ROUTES),
    _message(b"BYE sip:c@127.0.2.1:5090 SIP/2.0", b"2 BYE", *_ROUTES, b'Reason: Q.850;cause=16;text="x, y"'),
    _message(b"CANCEL sip:+12125550143@127.0.0.1 SIP/2.0", b"1 CANCEL", to=b""),
    _message(b"PRACK sip:c@127.0.2.1:5090 SIP/2.0", b"3 PRACK", b"RAck: 1 1 INVITE", *_ROUTES),
    _message(b"UPDATE sip:c@127.0.2.1:5090 SIP/2.0", b"4 UPDATE", b"x: 1800;refresher=uac", body=_SDP),
    _message(b"INFO sip:c@[2001:db8::1]:5090 SIP/2.0", b"5 INFO", b"c: application/dtmf-relay", body=b"Signal=5\r\n"),
    _message(b"REGISTER sip:carrier.example SIP/2.0", b"6 REGISTER", b"Expires: 3600", to=b""),
    _message(b"OPTIONS sip:127.0.0.1 SIP/2.0", b"7 OPTIONS", b"Accept: application/sdp", to=b""),
    _message(b"SIP/2.0 100 Trying", b"1 INVITE", to=b""),
    _message(b"SIP/2.0 183 Session Progress", b"1 INVITE", b"Require: 100rel", b"RSeq: 1", body=_SDP),
    _message(b"SIP/2.0 200 OK", b"1 INVITE", _ROUTES[1], b"Session-Expires: 1800;refresher=uas", body=_SDP),
    _message(b"SIP/2.0 486 Busy Here", b"1 INVITE"),
    _message(
        b"SIP/2.0 407 Proxy Authentication Required", b"1 INVITE", b'Proxy-Authenticate: Digest realm="a", nonce="b"'
    ),
    _message(b"SIP/2.0 302 Moved", b"1 INVITE", b"Contact: <sip:+19005550100@127.0.3.9>;q=0.5, sip:2@a"),
)


def messages() -> list[bytes]:
    """All of them, always in the same order."""
    return [path.read_bytes() for path in sorted(TORTURE.glob("rfc*/*"))] + list(ORDINARY)
