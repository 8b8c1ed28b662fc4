"""Requests and responses of our own making.

A response repeats some headers of its request and nothing else of it (RFC 3261 §8.2.6), so `ReplyHead` is all that has
to be kept of a request to answer it, now or later: its lines as they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import wire
from ringfence.sip.headers import MAX_HEADERS, MAX_LINE, header_name, spelled
from ringfence.sip.message import Request
from ringfence.sip.parse import unfold

_COPIED = frozenset({"via", "from", "call-id", "cseq", "timestamp"})
_NEEDED = {"via", "from", "to", "call-id", "cseq"}


class ReplyHead(NamedTuple):
    """What responses repeat of a request."""

    lines: bytes
    """Via, From, Call-ID, CSeq and Timestamp lines as they came, each with its CRLF."""
    to: bytes
    """The To line, without CRLF."""
    tagged: bool
    """Whether it has a tag already."""


def reply_head(request: Request) -> ReplyHead:
    """What responses to this request repeat; raises SipParseError for a To that can't be read."""
    lines, to = [], b""
    for name, line in request.lines():
        if name in _COPIED:
            lines.append(line)
        elif name == "to":
            to = line
    return ReplyHead(b"\r\n".join(lines) + b"\r\n", to, request.to_tag is not None)


def reflect(data: bytes) -> tuple[ReplyHead, bytes] | None:
    """The same of a request that doesn't parse, and its topmost Via; None where there is too little to answer."""
    head = data.partition(b"\r\n\r\n")[0]
    if b"\n " in head or b"\n\t" in head:
        head = unfold(head)
    _, *lines = head.split(b"\r\n", MAX_HEADERS)
    found: dict[str, list[bytes]] = {}
    for line in lines:
        raw, colon, _ = line.partition(b":")
        try:
            name = header_name(raw) if colon and len(line) <= MAX_LINE else ""
        except SipParseError:
            continue
        if (name in _NEEDED or name in _COPIED) and not any(byte < 0x20 and byte != 9 for byte in line):
            found.setdefault(name, []).append(line)
    if not found.keys() >= _NEEDED:
        return None
    to = found.pop("to")[0]
    kept = [line for name in ("via", "from", "call-id", "cseq") for line in found[name][: None if name == "via" else 1]]
    top = found["via"][0].partition(b":")[2].partition(b",")[0].strip()
    return ReplyHead(b"\r\n".join(kept) + b"\r\n", to, b"tag=" in to.lower()), top


def reply(head: ReplyHead, status: int, reason: str, tag: str = "", extra: Iterable[tuple[str, bytes]] = ()) -> bytes:
    """A response without body; `tag` is for a To that has none."""
    mark = b";tag=" + wire(tag) if tag and not head.tagged else b""
    more = b"".join([spelled(name) + b": " + value + b"\r\n" for name, value in extra])
    start = b"SIP/2.0 %d %b\r\n" % (status, wire(reason))
    return b"".join((start, head.lines, head.to, mark, b"\r\n", more, b"Content-Length: 0\r\n\r\n"))


def build_request(method: str, uri: bytes, headers: Sequence[tuple[str, bytes]], body: bytes = b"") -> Request:
    """A request with these headers in this order; Content-Length is added."""
    request = Request(b"", [], [], body)
    request.method = method
    request.set_uri(uri)
    for name, value in headers:
        request.append(name, value)
    request.set("content-length", b"%d" % len(body))
    return request
