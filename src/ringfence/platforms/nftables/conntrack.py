"""Connections that the kernel tracks: those of who is banned are forgotten, or what he sends passes as an answer later.

The kernel has no request for it that older ones understand, so they are listed, compared here and forgotten one by one:
half a second for a hundred thousand of them, which is why it isn't done by the thread that takes calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ringfence.platforms.nftables import netlink
from ringfence.platforms.nftables.link import Link
from ringfence.platforms.nftables.netlink import Network


def forget(networks: Iterable[Network]) -> int:
    """Forget all connections from and to some networks; how many there were. Raises FirewallError."""
    link = Link()
    try:
        return sum(_forget(link, version, [n for n in networks if n.version == version]) for version in (4, 6))
    finally:
        link.close()


def _forget(link: Link, version: int, networks: list[Network]) -> int:
    if not networks:
        return 0
    leading = _leading(networks)
    found = [one for one in link.listed(partial(netlink.connections, version)) if _touches(version, one, leading)]
    for one in found:
        link.one(partial(netlink.forgotten, version, one))  # Where it is gone already, that was what was wanted.
    return len(found)


def _leading(networks: list[Network]) -> dict[int, set[int]]:
    """By bits that follow the prefix: the leading bits of all networks with so many."""
    found: dict[int, set[int]] = {}
    for network in networks:
        rest = network.max_prefixlen - network.prefixlen
        found.setdefault(rest, set()).add(int(network.network_address) >> rest)
    return found


def _touches(version: int, connection: bytes, leading: dict[int, set[int]]) -> bool:
    ends = [int.from_bytes(end, "big") for end in netlink.ends(version, connection) if end]
    return any(end >> rest in known for end in ends for rest, known in leading.items())
