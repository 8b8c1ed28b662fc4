"""Bytes of one message to `Request` or `Response`: `parse(data)`.

What is decided here at once, because two readers could otherwise see two messages (each has a test):

- Caps on size, lines and line length before any line is looked at.
- The version is 2.0, and written in capitals whatever it came in (§7.1).
- Lines end in CRLF. A CR or LF elsewhere, or a NUL, is refused. A folded line is joined with one space (§7.3.1).
- Headers that may stand once do, the required ones are there, CSeq names the request's method.
- Content-Length over what came is refused, under it the rest is cut off; none on a datagram means all of it (§18.3).

All other headers stay as they came and are read when somebody asks for them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import CACHED, TOKEN_CHARS, WS, text
from ringfence.sip.headers import (
    MAX_HEADERS,
    MAX_LINE,
    MAX_MESSAGE,
    REQUIRED,
    SINGLE,
    header_name,
    known_name,
    no_known_name,
    spelled,
)
from ringfence.sip.message import Request, Response
from ringfence.sip.values import read_cseq, read_length

_REQUEST = re.compile(rb"([" + TOKEN_CHARS + rb"]{1,64}) ([!-~\x80-\xff]+) ([Ss][Ii][Pp]/[0-9]{1,3}\.[0-9]{1,3})")
_RESPONSE = re.compile(rb"([Ss][Ii][Pp]/[0-9]{1,3}\.[0-9]{1,3}) ([1-6][0-9][0-9])(?: ([^\r\n]*))?")
_FOLD = re.compile(rb"\r\n[ \t]+")


def parse(data: bytes) -> Request | Response:
    """Read one whole message (a datagram or a frame); raises SipParseError."""
    if len(data) > MAX_MESSAGE:
        raise SipParseError("message too large", status=513)
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")  # RFC 3261 §7.5
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        raise SipParseError("no empty line after the headers", offset=len(data))
    lines = _split(head)
    start = lines.pop(0)
    lines, names = _named(lines)
    _check_names(names)
    if start[:4].upper() == b"SIP/":
        return _response(start, names, lines, body)
    return _request(start, names, lines, body)


# Lines.


def _split(head: bytes) -> list[bytes]:
    """Start line and header lines as they came, caps checked first."""
    lines = head.split(b"\r\n", MAX_HEADERS + 1)
    if len(lines) > MAX_HEADERS + 1:
        raise SipParseError("too many headers", status=513)
    joined = b"".join(lines)
    if b"\n" in joined or b"\r" in joined or b"\x00" in joined:
        raise SipParseError("CR, LF or NUL inside a line")
    if len(head) > MAX_LINE:
        _check_length(lines)
    return lines


def _check_length(lines: list[bytes]) -> None:
    if len(max(lines, key=len)) > MAX_LINE:
        raise SipParseError("line too long", status=513)


def unfold(head: bytes) -> bytes:
    """Header lines, each on one line: white space around the fold is one space (§7.3.1)."""
    *before, last = _FOLD.split(head)  # A pattern that begins with white space would cost the square of a run of it.
    return b" ".join([*(piece.rstrip(WS) for piece in before), last])


def _named(lines: list[bytes]) -> tuple[list[bytes], list[str]]:
    """The header lines, folds joined, and the long lower-case name of each."""
    names = [known_name(line.partition(b":")[0]) for line in lines]
    if None in names or not no_known_name(lines):  # A whole line that is a name has no colon.
        lines = _unfolded(lines)
        return lines, [_name(line) for line in lines]
    return lines, names  # type: ignore[return-value]


def _unfolded(lines: list[bytes]) -> list[bytes]:
    folds = [line[:1] in (b" ", b"\t") for line in lines]
    if True not in folds:
        return lines
    if folds[0]:
        raise SipParseError("folded start line")
    lines = unfold(b"\r\n".join(lines)).split(b"\r\n")
    _check_length(lines)
    return lines


def _name(line: bytes) -> str:
    colon = line.find(b":")
    if colon < 0:
        raise SipParseError("header without a colon")
    return header_name(line[:colon])


def _check_names(names: list[str]) -> None:
    """Required headers are there, single ones once."""
    unique = set(names)
    if not unique.issuperset(REQUIRED):
        missing = next(name for name in REQUIRED if name not in unique)
        raise SipParseError(f"no {text(spelled(missing))}")
    if len(unique) != len(names):
        single = [name for name in names if name in SINGLE]
        if len(set(single)) != len(single):
            twice = next(name for name in single if single.count(name) > 1)
            raise SipParseError(f"{text(spelled(twice))} given twice")


# The whole.


def _response(start: bytes, names: list[str], lines: list[bytes], body: bytes) -> Response:
    status, reason = _status(start)
    cseq = read_cseq(_single(names, lines, "cseq"))
    response = Response(b"SIP" + start[3:], names, lines, _cut(names, lines, body), cseq)
    response.status, response.reason = status, reason
    return response


def _request(start: bytes, names: list[str], lines: list[bytes], body: bytes) -> Request:
    match = _REQUEST.fullmatch(start)
    if match is None:
        raise SipParseError("bad start line")
    raw, uri, version = match.groups()
    _check_version(version)
    method = raw.decode("ascii")
    cseq = read_cseq(_single(names, lines, "cseq"))
    if cseq[1] != method:
        raise SipParseError("CSeq names another method")
    request = Request(b"%b %b SIP/2.0" % (raw, uri), names, lines, _cut(names, lines, body), cseq)
    request.method, request.uri_raw = method, uri
    return request


@lru_cache(maxsize=CACHED)
def _status(start: bytes) -> tuple[int, str]:
    """Status and reason phrase of a response's start line."""
    match = _RESPONSE.fullmatch(start)
    if match is None:
        raise SipParseError("bad start line")
    version, status, reason = match.groups()
    _check_version(version)
    return int(status), text(reason or b"")


def _check_version(version: bytes) -> None:
    if version[4:] != b"2.0":
        raise SipParseError("SIP version not supported", status=505)


def _single(names: list[str], lines: list[bytes], name: str) -> bytes:
    """The value of a header that stands once and is there."""
    return lines[names.index(name)].partition(b":")[2].strip(WS)


def _cut(names: list[str], lines: list[bytes], body: bytes) -> bytes:
    """The body as long as Content-Length says."""
    if "content-length" not in names:
        return body
    length = read_length(_single(names, lines, "content-length"))
    if length > len(body):
        raise SipParseError("Content-Length over what came")
    return body[:length]
