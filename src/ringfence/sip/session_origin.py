"""Who made a session description, written anew: the lines of SDP that name a machine and no media (RFC 8866 §5).

    o=alice 53 7 IN IP4 10.0.0.5   →   o=- 53 7 IN IP4 198.51.100.7     session id and version stay: they are compared
    s=office PBX                   →   s=-
    i= u= e= p=                    →   gone

Where media goes (c=, m=, candidates) stays as it is: nothing but what carries the media could change it.
"""

from __future__ import annotations

import re

from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import parse_params, wire

_ORIGIN = re.compile(rb"^o=\S+ (\S+ \S+) IN IP[46] \S+?(\r?)$", re.MULTILINE)
_NAME = re.compile(rb"^s=[^\r\n]*", re.MULTILINE)
_ABOUT = re.compile(rb"^[iuep]=[^\r\n]*\r?\n", re.MULTILINE)
_SDP = b"application/sdp"


def renamed(body: bytes, content_type: bytes, host: str) -> bytes:
    """A body with the origin of each session description in it at `host`, an address or a name."""
    kind = content_type.partition(b";")[0].strip().lower()
    if kind == _SDP:
        return _description(body, host)
    if not kind.startswith(b"multipart/"):
        return body
    mark = _boundary(content_type)
    return b"".join(_part(part, host) for part in re.split(b"(--" + re.escape(mark) + b")", body)) if mark else body


def _description(body: bytes, host: str) -> bytes:
    kind = b"IP6" if ":" in host else b"IP4"
    origin = rb"o=- \1 IN " + kind + b" " + host.encode("ascii") + rb"\2"
    return _ABOUT.sub(b"", _NAME.sub(b"s=-", _ORIGIN.sub(origin, body)))


def _part(part: bytes, host: str) -> bytes:
    head, gap, body = part.partition(b"\r\n\r\n")
    return head + gap + _description(body, host) if _SDP in head.lower() else part


def _boundary(content_type: bytes) -> bytes:
    try:
        value = parse_params(content_type[len(content_type.partition(b";")[0]) :]).get("boundary")
    except SipParseError:
        return b""
    return wire((value or "").strip('"'))
