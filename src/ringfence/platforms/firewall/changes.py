"""What a change means in addresses: who may come in that couldn't, who no longer may (control A4). Pure.

A carrier that moves sends new addresses; so does whoever wants a door opened quietly. A range that is broader than what
was there before is told apart from one that merely took its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ringfence.platforms.firewall.wanted import Network, Wanted, merged


class Moved(NamedTuple):
    """What changed for somebody at a door."""

    door: str
    who: str
    added: tuple[Network, ...]
    removed: tuple[Network, ...]
    broader: bool
    """He was there before, and has more addresses of the same kind now."""

    def __str__(self) -> str:
        new = f"{_listed(self.added)} may come in now" if self.added else ""
        old = f"{_listed(self.removed)} no longer may" if self.removed else ""
        text = f"{self.door}, {self.who}: {', and '.join(filter(None, (new, old)))}"
        more = "; MORE addresses than before: check that their owner announced it"
        return text + (more if self.broader else "")


def changes(before: Wanted, after: Wanted) -> tuple[Moved, ...]:
    """Everything that changed for anybody, in the order of the doors; what is gone comes last."""
    old, new = dict(_rows(before)), dict(_rows(after))
    found = (_moved(*key, old.get(key, ()), new.get(key, ())) for key in {**new, **old})
    return tuple(moved for moved in found if moved.added or moved.removed)


def _rows(wants: Wanted) -> Iterator[tuple[tuple[str, str], tuple[Network, ...]]]:
    """Networks by door and who is admitted there; never to be banned is a door of its own."""
    for door in (*wants.listeners, *wants.services):
        yield from (((door.name, one.who), _both(one.networks)) for one in door.admitted)
    yield from ((("never banned", one.who), _both(one.networks)) for one in wants.never_banned)


def _both(networks: tuple[str, ...]) -> tuple[Network, ...]:
    return (*merged(networks, 4), *merged(networks, 6))


def _moved(door: str, who: str, before: tuple[Network, ...], after: tuple[Network, ...]) -> Moved:
    added = tuple(network for network in after if not _within(network, before))
    removed = tuple(left for network in before for left in _without(network, after))
    broader = any(0 < _addresses(before, version) < _addresses(after, version) for version in (4, 6))
    return Moved(door, who, added, removed, broader)


def _within(network: Network, others: tuple[Network, ...]) -> bool:
    same = (other for other in others if other.version == network.version)
    return any(network.subnet_of(other) for other in same)  # type: ignore[arg-type]


def _without(network: Network, others: tuple[Network, ...]) -> list[Network]:
    """What of a network is in none of the others."""
    left = [network]
    for other in (other for other in others if other.version == network.version):
        left = [part for whole in left for part in _apart(whole, other)]
    return sorted(left, key=lambda part: part.network_address)


def _apart(whole: Network, other: Network) -> list[Network]:
    if whole.subnet_of(other):  # type: ignore[arg-type]
        return []
    return list(whole.address_exclude(other)) if other.subnet_of(whole) else [whole]  # type: ignore[arg-type]


def _addresses(networks: tuple[Network, ...], version: int) -> int:
    return sum(network.num_addresses for network in networks if network.version == version)


def _listed(networks: tuple[Network, ...]) -> str:
    return ", ".join(map(_short, networks))


def _short(network: Network) -> str:
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)
