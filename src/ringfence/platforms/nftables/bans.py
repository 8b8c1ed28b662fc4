"""Bans in the kernel: addresses and networks in the sets of our table, until a moment each (controls B2, B6).

Why by a netlink socket of our own: bans come in bursts, from the process that takes calls. One takes some microseconds
here; `nft` would be a process each time, libnftables is a module of the system's Python alone (docs/firewall.md#bans).

Who is never banned passes before the kernel looks at a ban (`render.py`), so that no mistake made here can hit him.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from functools import partial
from ipaddress import IPv6Network, ip_network

from ringfence.model.time import Instant
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.nftables import netlink
from ringfence.platforms.nftables.link import Link
from ringfence.platforms.nftables.netlink import Element, Network
from ringfence.platforms.nftables.render import TABLE

HOST6 = 64
"""Bits of an IPv6 address that are somebody's network: a host has all addresses of it."""
MILLISECOND = 1000
AT_ONCE = 500
"""Bans in one message, which the kernel takes up to 64 KiB of."""
_WHY = {
    errno.EPERM: "it needs root, or CAP_NET_ADMIN",
    errno.ENOENT: "the rules aren't in force: `ringfence firewall apply`",
    errno.ENFILE: "the set of bans is full",
    errno.EEXIST: "it overlaps a network that is banned: release that one first",
}


def widened(network: str) -> Network:
    """What is banned for an address or network: an IPv6 host's whole /64. Raises FirewallError for anything else."""
    try:
        found = ip_network(network, strict=False)
    except ValueError:
        raise FirewallError(f"{network!r} is no address or network") from None
    if isinstance(found, IPv6Network) and found.prefixlen > HOST6:
        return found.supernet(new_prefix=HOST6)
    return found


def element(network: Network) -> Element:
    """Where it is kept: hosts in a hash, which is quick; other networks in an interval set, which is small."""
    host = HOST6 if network.version == 6 else network.max_prefixlen
    interval = network.prefixlen != host
    return Element(f"banned{network.version}{'_net' if interval else ''}", network, interval)


class Bans:
    """The bans of this machine. Methods raise FirewallError, and then nothing was changed.

    Not for several threads at once.
    """

    def __init__(self) -> None:
        self._link = Link()

    def ban(self, address: str, until: Instant, *, now: Instant) -> None:
        """Drop all that comes from an address or network until a moment; of two for the same the last one holds."""
        timeout_ms = _milliseconds(until - now)
        if timeout_ms <= 0:
            raise FirewallError(f"{address} isn't banned: that would have ended before now")
        network = widened(address)
        _check(network, self._put([(element(network), timeout_ms)]))

    def fill(self, bans: Iterable[tuple[str, Instant]], *, now: Instant) -> None:
        """Ban many at once, but for those that would have ended, and networks that overlap another one's ban."""
        sets: dict[str, list[tuple[Element, int]]] = {}
        for address, until in bans:
            if until > now:
                one = element(widened(address))
                sets.setdefault(one.set, []).append((one, _milliseconds(until - now)))
        for elements in sets.values():
            size = 1 if elements[0][0].interval else AT_ONCE
            for start in range(0, len(elements), size):
                part = elements[start : start + size]
                error = self._put(part)
                if error != errno.EEXIST:
                    _check(part[0][0].network, error)

    def _put(self, elements: list[tuple[Element, int]]) -> int:
        """Elements of one set with their ends; the error.

        Kernels before 6.12 keep the end of what is there, so it is removed; and what isn't can't be: so it is added.
        """
        add, remove = partial(netlink.added, TABLE, elements), partial(netlink.removed, TABLE, elements)
        return self._link.change(add, remove, add)

    def unban(self, address: str) -> bool:
        """Let an address or network in again; False where it wasn't banned."""
        network = widened(address)
        error = self._link.change(partial(netlink.removed, TABLE, [(element(network), 0)]))
        if error != errno.ENOENT:
            _check(network, error)
        return not error

    def table(self) -> int:
        """The kernel's number of our table, another one once it was made anew without its bans; 0: there is none."""
        found = self._link.one(partial(netlink.asked, TABLE))
        if found.error not in (0, errno.ENOENT):
            raise FirewallError(f"the table {TABLE}: {_WHY.get(found.error, os.strerror(found.error))}")
        return netlink.handle(found.body)

    def close(self) -> None:
        """Let go of the kernel; the bans stay."""
        self._link.close()


def _milliseconds(duration_us: int) -> int:
    """Rounded up: a ban doesn't end early."""
    return -(-duration_us // MILLISECOND)


def _check(network: Network, error: int) -> None:
    if error:
        raise FirewallError(f"{network}: {_WHY.get(error, os.strerror(error))}")
