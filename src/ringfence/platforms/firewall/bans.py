"""Bans, whatever firewall keeps them (controls B2, B6)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Network, ip_network
from typing import Protocol

from ringfence.model.time import Instant
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.wanted import Network

HOST6 = 64
"""Bits of an IPv6 address that are somebody's network: a host has all addresses of it."""


class BanSet(Protocol):
    """The bans of this machine. Methods raise FirewallError; not for several threads at once."""

    def ban(self, address: str, until: Instant, *, now: Instant) -> None:
        """Drop all that comes from an address or network until a moment; of two for the same the last one holds."""

    def fill(self, bans: Iterable[tuple[str, Instant]], *, now: Instant) -> None:
        """Ban many at once, but for those that would have ended."""

    def unban(self, address: str) -> bool:
        """Let an address or network in again; False where it wasn't banned."""

    def table(self) -> int:
        """A number of what the bans are kept in, another one once it was made anew without them; 0: there is none."""

    def close(self) -> None:
        """Let go of the kernel; the bans stay."""


def widened(network: str) -> Network:
    """What is banned for an address or network: an IPv6 host's whole /64. Raises FirewallError for anything else."""
    try:
        found = ip_network(network, strict=False)
    except ValueError:
        raise FirewallError(f"{network!r} is no address or network") from None
    if isinstance(found, IPv6Network) and found.prefixlen > HOST6:
        return found.supernet(new_prefix=HOST6)
    return found
