"""name-addr and addr-spec (From, To, Contact, Route, Record-Route, P-Asserted-Identity, Refer-To, Diversion)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ringfence.sip.uri import Uri


class Address(msgspec.Struct, frozen=True):
    """A URI with a display name and header parameters."""

    display: bytes
    "As spelled, quotes kept, any charset; empty when there is none."
    uri: Uri
    params: Mapping[str, str | None] = {}
    "Header parameters (tag, q, expires): lower-case name to value as spelled (quotes kept)."

    @property
    def tag(self) -> str | None:
        """The tag parameter."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """Always the <bracketed> form."""
        raise NotImplementedError


def parse_address(value: bytes, offset: int = 0) -> Address:
    """Read exactly one address; raises SipParseError."""
    raise NotImplementedError


def split_values(value: bytes) -> list[bytes]:
    """Split a comma list, respecting quotes and angle brackets; raises SipParseError on an open quote or bracket."""
    raise NotImplementedError
