"""Bans in force: which addresses nothing is taken from, and who was banned before (B1, B2, B6).

The edge asks `covers` of every datagram of somebody it doesn't know, before it looks into it: one look into a
dictionary for an address, one more for each prefix length that is banned. Both tables are bounded; where there are too
many bans those that end first are given up.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec

from ringfence.engine.spared import Network, Spared
from ringfence.model.fact import OURSELVES, Banned
from ringfence.model.time import SECOND, Instant

MAX_BANS = 50_000
MAX_PAST = 50_000
"""Addresses whose bans are remembered after their end."""
DAY_US = 86_400 * SECOND


class Past(msgspec.Struct, gc=False):
    """What is remembered of an address after its ban."""

    lasted_us: int
    """How long the last one was to be."""
    until: Instant
    """Its end."""


class Bans:
    """Of one engine."""

    def __init__(self) -> None:
        self._by_name: dict[str, Banned] = {}
        self._networks: dict[tuple[int, int], dict[int, str]] = {}
        """By (IP version, prefix length): leading bits to the name. Single addresses aren't among them."""
        self._ends: list[tuple[Instant, str]] = []
        """A heap; what isn't the end of its ban any more is passed over."""
        self._past: dict[str, Past] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[Banned]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Banned | None:
        """One of them."""
        return self._by_name.get(name)

    def covers(self, host: str, now: Instant) -> bool:
        """Whether nothing is taken from an address."""
        found = self._by_name.get(host)
        if found is not None and found.until > now:
            return True
        return bool(self._networks) and self._within(host, now)

    def _within(self, host: str, now: Instant) -> bool:
        address = ip_address(host)
        version, number, size = address.version, int(address), address.max_prefixlen
        names = (rows.get(number >> (size - length)) for (of, length), rows in self._networks.items() if of == version)
        return any(self._by_name[name].until > now for name in names if name is not None)

    def lasts(self, name: str, base_us: int, longest_us: int, now: Instant) -> int:
        """How long a ban of this address lasts that would last `base_us` the first time: twice the one before it."""
        past = self._past.get(name)
        if past is None or past.until + longest_us < now:
            return base_us
        return max(base_us, min(longest_us, 2 * past.lasted_us))

    def add(self, fact: Banned) -> None:
        """One more, or another end of one that is there."""
        if fact.name not in self._by_name and len(self._by_name) >= MAX_BANS:
            self._give_up_first()
        self._by_name[fact.name] = fact
        self._index(fact.name)
        heappush(self._ends, (fact.until, fact.name))
        if fact.owner == OURSELVES:
            self._remember(fact)

    def _index(self, name: str) -> None:
        if "/" in name:
            network = ip_network(name)
            rows = self._networks.setdefault((network.version, network.prefixlen), {})
            rows[_leading(network)] = name

    def _remember(self, fact: Banned) -> None:
        self._past.pop(fact.name, None)
        if len(self._past) >= MAX_PAST:
            del self._past[next(iter(self._past))]
        self._past[fact.name] = Past(fact.until - fact.at, fact.until)

    def release(self, name: str) -> Banned | None:
        """Undo one, and forget that it was; gives it back."""
        self._past.pop(name, None)
        return self._drop(name)

    def _drop(self, name: str) -> Banned | None:
        found = self._by_name.pop(name, None)
        if found is not None and "/" in name:
            network = ip_network(name)
            rows = self._networks[network.version, network.prefixlen]
            del rows[_leading(network)]
            if not rows:
                del self._networks[network.version, network.prefixlen]
        return found

    def _give_up_first(self) -> None:
        while self._ends:
            until, name = heappop(self._ends)
            found = self._by_name.get(name)
            if found is not None and found.until == until:
                self._drop(name)
                return

    def expire(self, now: Instant) -> None:
        """Forget what has come to its end."""
        while self._ends and self._ends[0][0] <= now:
            until, name = heappop(self._ends)
            found = self._by_name.get(name)
            if found is not None and found.until == until:
                self._drop(name)

    def hitting(self, spared: Spared) -> list[str]:
        """Those that would hit somebody who is never banned: the policy was another one when they were made."""
        return [name for name in self._by_name if spared.whose(ip_network(name))]

    def dump(self) -> dict[str, Any]:
        """All of it, for a snapshot."""
        return {"banned": list(self._by_name.values()), "past": self._past}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        self._by_name, self._networks, self._ends = {}, {}, []
        for fact in msgspec.convert(state.get("banned", []), list[Banned]):
            self._by_name[fact.name] = fact
            self._index(fact.name)
            heappush(self._ends, (fact.until, fact.name))
        self._past = msgspec.convert(state.get("past", {}), dict[str, Past])


def _leading(network: Network) -> int:
    return int(network.network_address) >> (network.max_prefixlen - network.prefixlen)


def name_of(host: str) -> str:
    """What is banned where an address is: an IPv4 address, or the /64 of an IPv6 one, which one customer has."""
    if ":" not in host:
        return host
    return str(ip_network((host, 64), strict=False))
