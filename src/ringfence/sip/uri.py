"""The only URI parser."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Uri(msgspec.Struct, frozen=True, kw_only=True):
    """A SIP, SIPS, tel or other URI. `str(uri)` and `to_bytes()` give it back; copies by `uri.replace(...)`."""

    scheme: str
    "Lower case: sip, sips, tel, urn or another."
    user: str | None = None
    "Before the first `;` of the user part (tel: the number), percent-decoded once. Text: not known to be digits."
    user_raw: str | None = None
    "The whole user part as spelled, with user parameters, without password."
    password: str | None = None
    host: str = ""
    "Lower case; IPv6 without brackets; empty for tel, urn and others."
    port: int | None = None
    params: Mapping[str, str | None] = {}
    "URI parameters after the host: lower-case name to percent-decoded value, None for a bare name."
    user_params: Mapping[str, str | None] = {}
    "Parameters inside the user part (phone-context, rn, npdi, cic, isub) or of a tel URI."
    headers: tuple[tuple[str, str], ...] = ()
    "`?Replaces=...&X=...` in order: lower-case name, percent-decoded value."
    opaque: str = ""
    "All after `scheme:` of a URI that is neither sip, sips nor tel (`service:sos`)."

    def header(self, name: str) -> str | None:
        """The value of the first URI header of this lower-case name."""
        raise NotImplementedError

    def dialled(self) -> str:
        """The string that `numbers` normalises. Raises SipParseError when there is no user or it has control bytes."""
        raise NotImplementedError

    def replace(self, **changes: object) -> Uri:
        """A copy with other fields; `user_raw` decides what `to_bytes` writes."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """The URI in canonical spelling."""
        raise NotImplementedError


def parse_uri(raw: bytes, offset: int = 0) -> Uri:
    """Read a whole URI; raises SipParseError."""
    raise NotImplementedError
