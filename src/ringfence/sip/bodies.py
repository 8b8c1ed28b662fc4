"""The session descriptions in a message's body, alone or among the parts of a multipart one (RFC 3261 §7.4, RFC 2046).

All of them are given, since nobody knows which one the far side takes. Where it could find one that we don't see, the
body can't be read: packed or encoded, encrypted, kept elsewhere, of a type that can't be read, in a multipart whose
borders aren't clear. Other bodies (ISUP, locations, DTMF) are nobody's business here, unless they look like SDP.
"""

from __future__ import annotations

import re
from itertools import pairwise

from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import TOKEN_CHARS, WS, parse_params
from ringfence.sip.message import Message

MAX_PARTS = 16
MAX_DEPTH = 3
"Multipart bodies within one another."
HIDING = ("application/pkcs7-mime", "message/external-body")
"What may have a description in it that we can't see."

_TYPE = re.compile(rb"([" + TOKEN_CHARS + rb"]+)[ \t]*/[ \t]*([" + TOKEN_CHARS + rb"]+)[ \t]*(;.*)?", re.DOTALL)
_LOOKS_LIKE_SDP = re.compile(rb"[ \t\r\n]*v[ \t]*=", re.IGNORECASE)
_AS_IT_IS = (b"", b"7bit", b"8bit", b"binary")

Fields = dict[bytes, bytes]
"""Header values by lower-case name."""


def descriptions(message: Message) -> list[bytes]:
    """Each session description in it; raises SipParseError where there may be some that can't be seen."""
    if not message.body:
        return []
    encodings = [value for value in message.all("content-encoding") if value.strip(WS).lower() != b"identity"]
    if encodings:
        raise SipParseError("the body is packed (Content-Encoding)")
    transfer = message.first("content-transfer-encoding") or b""
    return _in(message.first("content-type") or b"", transfer, message.body, 0)


def _in(content_type: bytes, transfer: bytes, body: bytes, depth: int) -> list[bytes]:
    kind, params = _read_type(content_type)
    if kind in HIDING:
        raise SipParseError(f"the body is {kind}, which can't be looked into")
    if kind.startswith("multipart/"):
        if depth == MAX_DEPTH:
            raise SipParseError("multipart bodies too deep within one another")
        parts = _parts(body, params.get("boundary") or "")
        return [found for fields, part in parts for found in _of_part(fields, part, depth + 1)]
    if kind != "application/sdp" and not _LOOKS_LIKE_SDP.match(body):
        return []
    if kind != "application/sdp":
        raise SipParseError(f"a body of type {kind or '(none)'} looks like SDP")
    if transfer.strip(WS).lower() not in _AS_IT_IS:
        raise SipParseError("the SDP is encoded (Content-Transfer-Encoding)")
    return [body]


def _of_part(fields: Fields, body: bytes, depth: int) -> list[bytes]:
    if fields.get(b"content-encoding", b"identity").lower() != b"identity":
        raise SipParseError("a part of the body is packed (Content-Encoding)")
    return _in(fields.get(b"content-type", b"text/plain"), fields.get(b"content-transfer-encoding", b""), body, depth)


def _read_type(value: bytes) -> tuple[str, dict[str, str | None]]:
    """`type/subtype` in lower case and its parameters; a body without a type has none."""
    if not value:
        return "", {}
    match = _TYPE.fullmatch(value.strip(WS))
    if match is None:
        raise SipParseError("the body's Content-Type can't be read")
    return b"/".join(match.groups()[:2]).decode("ascii").lower(), parse_params(match[3] or b"")


def _parts(body: bytes, boundary: str) -> list[tuple[Fields, bytes]]:
    """The parts between the borders; nothing but white space before the first and after the last of them."""
    mark = boundary[1:-1] if boundary.startswith('"') else boundary
    if not mark or len(mark) > 70 or "\\" in mark or not mark.isascii():
        raise SipParseError("the multipart body has no boundary that can be read")
    if body.count(b"\n") != body.count(b"\r\n"):
        raise SipParseError("the multipart body has lines that end in LF alone: readers differ over its borders")
    border = re.compile(rb"(?:\A|\r\n)--" + re.escape(mark.encode("ascii")) + rb"(--)?[ \t]*(?=\r\n|\Z)")
    found = list(border.finditer(body))
    last = [bool(one[1]) for one in found]
    if not 2 <= len(found) <= MAX_PARTS + 1 or any(last[:-1]) or not last[-1]:
        raise SipParseError("the multipart body doesn't have its borders")
    if body[: found[0].start()].strip() or body[found[-1].end() :].strip():
        raise SipParseError("the multipart body has something outside its parts")
    return [_part(body[one.end() : other.start()]) for one, other in pairwise(found)]


def _part(data: bytes) -> tuple[Fields, bytes]:
    """Header fields of a part, and what comes after the empty line."""
    text = data.removeprefix(b"\r\n")
    head, end, body = (b"", b"\r\n", text[2:]) if text.startswith(b"\r\n") else text.partition(b"\r\n\r\n")
    if not end:
        raise SipParseError("a part of the body has no empty line")
    fields: Fields = {}
    for line in re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n") if head else ():
        name, colon, value = line.partition(b":")
        name = name.strip(WS).lower()
        if not colon or name in fields:
            raise SipParseError("a part of the body has a header that can't be read, or one twice")
        fields[name] = value.strip(WS)
    return fields, body
