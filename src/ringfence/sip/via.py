"""Via (RFC 3261 §20.42)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Via(msgspec.Struct, frozen=True):
    """One hop: who sent it and where the response goes."""

    transport: str
    "Upper case: UDP, TCP, TLS."
    host: str
    "sent-by host, lower case, IPv6 without brackets."
    port: int | None
    params: Mapping[str, str | None] = {}
    "Lower-case name to value as spelled."

    @property
    def branch(self) -> str | None:
        """The branch parameter; None for an RFC 2543 peer."""
        raise NotImplementedError

    @property
    def received(self) -> str | None:
        """Address from `received`, IPv6 without brackets (RFC 5118 §4.5)."""
        raise NotImplementedError

    @property
    def rport(self) -> int | None:
        """Port from `rport=`, None when absent or still empty (RFC 3581); `"rport" in via.params` tells that it was asked."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """`SIP/2.0/UDP host:port;branch=...`."""
        raise NotImplementedError


def parse_via(value: bytes, offset: int = 0) -> Via:
    """Read exactly one Via value; raises SipParseError."""
    raise NotImplementedError
