"""Authorization and WWW-Authenticate as far as a proxy in between needs them (RFC 7616 §3.3, §3.4, RFC 3261 §25.1)."""

from __future__ import annotations

import re

from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import QUOTED, TOKEN_CHARS, WS, text

_SCHEME = re.compile(rb"([" + TOKEN_CHARS + rb"]+)[ \t]+")
_PARAM = re.compile(rb"[ \t]*([" + TOKEN_CHARS + rb"]+)[ \t]*=[ \t]*(" + QUOTED + rb"|[!#-+\--~]+)[ \t]*(?:,|\Z)")
_PAIR = re.compile(rb"\\(.)", re.DOTALL)


def digest_params(value: bytes) -> dict[str, str]:
    """Lower-case names to values without quotes of a Digest header; raises SipParseError, also for another scheme."""
    scheme = _SCHEME.match(value)
    if scheme is None or scheme[1].lower() != b"digest":
        raise SipParseError("not a Digest header")
    found: dict[str, str] = {}
    position, end = scheme.end(), len(value.rstrip(WS))
    while position < end:
        match = _PARAM.match(value, position)
        if match is None:
            raise SipParseError("bad Digest parameter", offset=position)
        name = match[1].decode("ascii").lower()
        if name in found:
            raise SipParseError("Digest parameter given twice", offset=position)
        raw = match[2]
        found[name] = text(_PAIR.sub(rb"\1", raw[1:-1]) if raw[:1] == b'"' else raw)
        position = match.end()
    return found
