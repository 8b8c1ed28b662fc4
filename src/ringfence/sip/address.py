"""name-addr and addr-spec: From, To, Contact, Route, Record-Route, P-Asserted-Identity, Refer-To, Diversion (§20.10).

Theory.
`"Alice" <sip:evil>;x="q" <sip:good>` is one address to a reader that looks for the last `<`, and another to one that
looks for the first. So a value is cut from the left, each piece must start exactly where the one before ended, and
the last must end at the last byte:

    display  =  quoted string, or words without any of  " < > , ; : \\   (any charset; passed on untouched)
    <URI>    or, without a display, a bare URI up to the first `;`, which then may hold no `?` and no `,` (§20.10)
    params   =  *( ; name [ = value ] ), each name once

Unquoted words may hold more than RFC 3261's tokens (`O'Neil & Co. (sales)`), as PBXs send; none of it can be taken
for structure. `< sip:x >` with inner spaces and `Bell, Alexander <sip:x>` are refused (RFC 4475 §3.1.2.14, §3.1.2.15).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import QUOTED, TOKEN, WS, params_bytes, parse_params, wire
from ringfence.sip.uri import Uri, parse_uri

_NAME_ADDR = re.compile(
    rb"(" + QUOTED + rb'[ \t]*|[^"<>,;:\\\x00-\x08\x0a-\x1f\x7f]*)<([^<>"\x00-\x20\x7f-\xff]+)>[ \t]*(;.*)?',
    re.DOTALL,
)
_ADDR_SPEC = re.compile(rb'([^<>"?,;\x00-\x20\x7f-\xff]+)[ \t]*(;.*)?', re.DOTALL)

_ITEM = re.compile(rb'(?:[^",<]|' + QUOTED + rb"|<[^<>]*>)*")


class Address(msgspec.Struct, frozen=True):
    """A URI with a display name and header parameters."""

    display: bytes
    "As spelled, quotes kept, any charset; empty when there is none."
    uri: Uri
    params: Mapping[str, str | None] = {}
    "Header parameters (tag, q, expires): lower-case name to value as spelled (quotes kept)."

    @property
    def tag(self) -> str | None:
        """The tag parameter; None when absent, refused when it isn't a token."""
        return tag_of(self.params)

    def to_bytes(self) -> bytes:
        """Always the <bracketed> form."""
        lead = self.display + b" " if self.display else b""
        return lead + b"<" + self.uri.to_bytes() + b">" + params_bytes(self.params)

    def __hash__(self) -> int:
        return hash((self.display, self.uri))


def parse_address(value: bytes, offset: int = 0) -> Address:
    """Read exactly one address; raises SipParseError."""
    display, uri, params = cut_address(value, offset)
    return Address(display, parse_uri(uri, offset), parse_params(params, offset) if params else {})


def cut_address(value: bytes, offset: int = 0) -> tuple[bytes, bytes, bytes]:
    """(display, URI, `;params`) as spelled. The quick way to a tag: the URI isn't looked into."""
    match = _NAME_ADDR.fullmatch(value)
    if match is not None:
        return match[1].strip(WS), match[2], match[3] or b""
    match = _ADDR_SPEC.fullmatch(value)
    if match is None:
        raise SipParseError("bad address", offset=offset)
    return b"", match[1], match[2] or b""


def tag_of(params: Mapping[str, str | None]) -> str | None:
    """The tag among these parameters; `;tag`, `;tag=` and `;tag="x"` are refused (RFC 3261 §19.3)."""
    if "tag" not in params:
        return None
    tag = params["tag"]
    if tag is None or not TOKEN.fullmatch(wire(tag)):
        raise SipParseError("bad tag")
    return tag


def split_values(value: bytes) -> list[bytes]:
    """Split a comma list, respecting quotes and angle brackets; raises SipParseError on an open quote or bracket.

    Empty elements stay (`a,,b` has three): what they mean is for the reader of the header, which mostly refuses them.
    """
    if b"," not in value:
        return [value.strip(WS)]
    if b'"' not in value and b"<" not in value:
        return [item.strip(WS) for item in value.split(b",")]
    items, position, end = [], 0, len(value)
    while True:
        match = _ITEM.match(value, position)
        stop = position if match is None else match.end()
        items.append(value[position:stop].strip(WS))
        if stop == end:
            return items
        if value[stop] != 0x2C:
            raise SipParseError("open quote or bracket", offset=stop)
        position = stop + 1
