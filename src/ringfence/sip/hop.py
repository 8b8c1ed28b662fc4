"""Where a message goes next, and how (RFC 3261 §18)."""

from __future__ import annotations

from typing import Literal, NamedTuple

Transport = Literal["udp", "tcp", "tls"]

DEFAULT_PORT: dict[Transport, int] = {"udp": 5060, "tcp": 5060, "tls": 5061}
"""The port of a URI or Via that names none (§19.1.2, §18.2.2)."""


class NextHop(NamedTuple):
    """One address as seen from a listener; over TCP and TLS possibly by a connection that is there already."""

    listener: str
    host: str
    """An address, never a name."""
    port: int
    flow: int = 0
    """The connection to use while it is open, 0 for none: then one to `host` and `port`."""
    reliable: bool = False
    """Whether what is sent arrives or is told as lost, so that nobody repeats it (TCP, TLS)."""
