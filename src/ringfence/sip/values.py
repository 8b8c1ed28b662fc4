"""Values of headers that say one thing: Call-ID, CSeq, Max-Forwards, a tag. Each is read by one function."""

from __future__ import annotations

import re
from functools import lru_cache

from ringfence.sip.address import cut_address, tag_of
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import CACHED, TOKEN_CHARS, parse_params

_CSEQ = re.compile(rb"([0-9]{1,10})[ \t]+([" + TOKEN_CHARS + rb"]{1,64})")
_CALL_ID = re.compile(rb"[!-~]+")
_PLAIN_TAG = re.compile(
    rb'(?:"[^"\\\x00-\x08\x0a-\x1f]*"[ \t]*|[^"<>,;:\\\x00-\x08\x0a-\x1f\x7f]*)<[^<>"\x00-\x20\x7f-\xff]+>'
    rb"(?:;tag=([" + TOKEN_CHARS + rb"]+))?"
)
"What nearly everyone sends, with a tag or without; all else takes the long way."
_SECONDS = re.compile(rb"([0-9]{1,9})(?:[ \t;(].*)?", re.DOTALL)
_MAX_DIGITS = 10
_MAX_CSEQ = 2**31


def read_call_id(value: bytes) -> str:
    """As spelled; raises SipParseError for white space and what isn't ASCII."""
    if not _CALL_ID.fullmatch(value):
        raise SipParseError("bad Call-ID")
    return value.decode("ascii")


@lru_cache(maxsize=CACHED)
def read_cseq(value: bytes) -> tuple[int, str]:
    """(number under 2**31, method); raises SipParseError."""
    match = _CSEQ.fullmatch(value)
    if match is None or int(match[1]) >= _MAX_CSEQ:
        raise SipParseError("bad CSeq")
    return int(match[1]), match[2].decode("ascii")


def read_max_forwards(value: bytes) -> int:
    """0 to 255 (RFC 3261 §20.22); raises SipParseError."""
    number = _digits(value)
    if number is None or number > 255:
        raise SipParseError("bad Max-Forwards")
    return number


def read_length(value: bytes) -> int:
    """A Content-Length, bytes; raises SipParseError."""
    number = _digits(value)
    if number is None:
        raise SipParseError("bad Content-Length")
    return number


def read_seconds(value: bytes) -> int:
    """The seconds that Retry-After, Min-Expires or Expires begins with; 0 where there are none that can be read."""
    match = _SECONDS.fullmatch(value)
    return int(match[1]) if match is not None else 0


def _digits(value: bytes) -> int | None:
    return int(value) if value.isdigit() and len(value) <= _MAX_DIGITS else None


def read_tag(value: bytes) -> str | None:
    """The tag of a From or To value, None without one; its URI isn't read. Raises SipParseError."""
    match = _PLAIN_TAG.fullmatch(value)
    if match is not None:
        tag = match[1]
        return None if tag is None else tag.decode("ascii")
    params = cut_address(value)[2]
    return tag_of(parse_params(params)) if params else None
