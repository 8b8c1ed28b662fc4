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

from ringfence.model.time import Instant
from ringfence.platforms.firewall.bans import HOST6, widened
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.nftables import netlink
from ringfence.platforms.nftables.link import Link
from ringfence.platforms.nftables.netlink import Element, Network
from ringfence.platforms.nftables.render import TABLE

MILLISECOND = 1000
AT_ONCE = 500
"""Bans in one message, which the kernel takes up to 64 KiB of."""
_WHY = {
    errno.EPERM: "it needs root, or CAP_NET_ADMIN",
    errno.ENOENT: "the rules aren't in force: `ringfence firewall apply`",
    errno.ENFILE: "the set of bans is full",
    errno.EEXIST: "it overlaps a network that is banned: release that one first",
}


def element(network: Network) -> Element:
    """Where it is kept: hosts in a hash, which is quick; other networks in an interval set, which is small."""
    host = HOST6 if network.version == 6 else network.max_prefixlen
    interval = network.prefixlen != host
    return Element(f"banned{network.version}{'_net' if interval else ''}", network, interval)


class Bans:
    """A `BanSet`; where a method raises FirewallError nothing was changed."""

    def __init__(self) -> None:
        self._link = Link()

    def ban(self, address: str, until: Instant, *, now: Instant) -> None:
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
        network = widened(address)
        error = self._link.change(partial(netlink.removed, TABLE, [(element(network), 0)]))
        if error != errno.ENOENT:
            _check(network, error)
        return not error

    def table(self) -> int:
        found = self._link.one(partial(netlink.asked, TABLE))
        if found.error not in (0, errno.ENOENT):
            raise FirewallError(f"the table {TABLE}: {_WHY.get(found.error, os.strerror(found.error))}")
        return netlink.handle(found.body)

    def close(self) -> None:
        self._link.close()


def _milliseconds(duration_us: int) -> int:
    """Rounded up: a ban doesn't end early."""
    return -(-duration_us // MILLISECOND)


def _check(network: Network, error: int) -> None:
    if error:
        raise FirewallError(f"{network}: {_WHY.get(error, os.strerror(error))}")
