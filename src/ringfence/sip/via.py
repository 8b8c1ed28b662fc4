"""Via: who sent a request over which transport, and where its response goes (RFC 3261 §18.2.2, §20.42; RFC 3581)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import (
    CACHED,
    HOST,
    TOKEN,
    TOKEN_CHARS,
    host_port_bytes,
    params_bytes,
    parse_host,
    parse_params,
    parse_port,
    text,
    wire,
)

# Not re.IGNORECASE: it slows the match; "sip" in lower case is spelled out.
_SENT = re.compile(
    rb"[Ss][Ii][Pp][ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([" + TOKEN_CHARS + rb"]+)[ \t]+"
    rb"(" + HOST + rb")(?:[ \t]*:[ \t]*([0-9]{1,5}))?[ \t]*"
)
_RECEIVED = re.compile(r"\[?([0-9A-Za-z:._-]{1,64})\]?", re.ASCII)
_PORT = re.compile(rb"[0-9]{1,5}")


class Via(msgspec.Struct, frozen=True):
    """One hop: who sent it and where the response goes."""

    transport: str
    "Upper case: UDP, TCP, TLS, or one that we don't know (RFC 4475 §3.1.1.10)."
    host: str
    "sent-by host, lower case, IPv6 without brackets."
    port: int | None
    params: Mapping[str, str | None] = {}
    "Lower-case name to value as spelled."

    @property
    def branch(self) -> str | None:
        """The branch parameter; None for an RFC 2543 peer. Refused when it isn't a token."""
        branch = self.params.get("branch")
        if (branch is None and "branch" in self.params) or (branch is not None and not TOKEN.fullmatch(wire(branch))):
            raise SipParseError("bad branch")
        return branch

    @property
    def received(self) -> str | None:
        """Address from `received`, IPv6 with or without brackets on the wire, without here (RFC 5118 §4.5)."""
        received = self.params.get("received")
        if received is None:
            return None
        match = _RECEIVED.fullmatch(received)
        if match is None:
            raise SipParseError("bad received parameter")
        return match[1].lower()

    @property
    def rport(self) -> int | None:
        """Port from `rport=`, None when absent or still empty (RFC 3581 §4); `"rport" in via.params`: it was asked."""
        rport = self.params.get("rport")
        if rport is None:
            return None
        if not _PORT.fullmatch(wire(rport)):
            raise SipParseError("bad rport parameter")
        return parse_port(wire(rport))

    def to_bytes(self) -> bytes:
        """`SIP/2.0/UDP host:port;branch=...`."""
        start = b"SIP/2.0/" + self.transport.encode("ascii") + b" "
        return start + host_port_bytes(self.host, self.port) + params_bytes(self.params)

    def __hash__(self) -> int:
        return hash((self.transport, self.host, self.port, self.params.get("branch")))


def parse_via(value: bytes, offset: int = 0) -> Via:
    """Read exactly one Via value; raises SipParseError."""
    sent, _, params = value.partition(b";")
    transport, host, port = _sent(sent, offset)
    return Via(transport, host, port, parse_params(value[len(sent) :], offset + len(sent)) if params else {})


@lru_cache(maxsize=CACHED)
def _sent(value: bytes, offset: int) -> tuple[str, str, int | None]:
    """Transport, host and port before the parameters: the same in all that a peer sends."""
    match = _SENT.fullmatch(value)
    if match is None:
        raise SipParseError("bad Via", offset=offset)
    transport, host, port = match.groups()
    at = offset + match.start(2)
    return text(transport).upper(), parse_host(host, at), parse_port(port, at)
