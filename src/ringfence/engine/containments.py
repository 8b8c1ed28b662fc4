"""Restrictions in force: who or what may not call for a while, by whom and why."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

import msgspec

from ringfence.engine.marks import ABROAD
from ringfence.model.attempt import Attempt, Destination, DestinationClass
from ringfence.model.fact import NEW, Contained, Entity
from ringfence.model.settings import Source
from ringfence.model.time import Instant

WIDE = ("abroad", NEW)
"""Classes of a containment that are wider than one of destinations; which numbers are new a judge knows."""
ENTITIES: tuple[Entity, ...] = ("prefix", "region", "caller", "address", "source", "tenant", "trunk")
"""Narrowest first."""


class Subject(NamedTuple):
    """What of a call decides whether it is covered."""

    attempt: Attempt
    tenant: str
    klass: DestinationClass
    digits: str
    region: str


class Containments:
    """All of them, by id."""

    def __init__(self) -> None:
        self._by_id: dict[str, Contained] = {}

    def add(self, fact: Contained) -> None:
        """One more, or a new end for one that is there."""
        self._by_id[fact.id] = fact

    def get(self, containment_id: str) -> Contained | None:
        """One of them."""
        return self._by_id.get(containment_id)

    def release(self, containment_id: str) -> Contained | None:
        """Undo one; gives it back."""
        return self._by_id.pop(containment_id, None)

    def of(self, incident: str) -> list[Contained]:
        """Those made for an incident."""
        return [fact for fact in self._by_id.values() if fact.incident == incident]

    def holds(self, entity: Entity, name: str, within: str, *, slow: bool, now: Instant) -> bool:
        """Whether this is in force already, or more than this."""
        return any(
            (fact.entity, fact.name) == (entity, name)
            and fact.within in ("", within)
            and fact.until > now
            and (slow or fact.action == "refuse")
            for fact in self._by_id.values()
        )

    def expire(self, now: Instant) -> None:
        """Forget what has come to its end."""
        for fact in [fact for fact in self._by_id.values() if fact.until <= now]:
            del self._by_id[fact.id]

    def covering(
        self, attempt: Attempt, source: Source, destination: Destination, now: Instant
    ) -> tuple[Contained, ...]:
        """Those that cover this attempt at `now`, narrowest first."""
        if not self._by_id:
            return ()
        number = destination.number
        digits = number.e164 or number.candidate
        subject = Subject(attempt, source.tenant or "", destination.klass, digits, number.region)
        found = [fact for fact in self._by_id.values() if fact.until > now and covers(fact, subject)]
        return tuple(sorted(found, key=lambda fact: (ENTITIES.index(fact.entity), fact.id)))

    def due(self) -> Instant | None:
        """When the next one ends."""
        return min((fact.until for fact in self._by_id.values()), default=None)

    def dump(self) -> list[Contained]:
        """All of them, for a snapshot."""
        return list(self._by_id.values())

    def load(self, state: Any) -> None:
        """Take over what `dump` gave."""
        self._by_id = {fact.id: fact for fact in msgspec.convert(state, list[Contained])}

    def __iter__(self) -> Iterator[Contained]:
        return iter(self._by_id.values())


def covers(fact: Contained, call: Subject) -> bool:
    """Whether a containment is about such a call; emergency calls are covered by none."""
    attempt = call.attempt
    if call.klass == "emergency" or fact.within not in ("", attempt.source):
        return False
    if fact.klass and fact.klass != call.klass and not (fact.klass in WIDE and call.klass in ABROAD):
        return False
    if fact.entity == "prefix":
        return call.digits.startswith(fact.name.removeprefix("+"))
    if fact.entity == "address":
        return _inside(attempt.peer, fact.name)
    entity = {
        "region": call.region,
        "caller": f"{attempt.source}/{attempt.extension}",
        "source": attempt.source,
        "tenant": call.tenant,
        "trunk": attempt.trunk,
    }
    return entity[fact.entity] == fact.name


def host_of(peer: str) -> str:
    """The address of a transport address: that of `[2001:db8::1]:5060` is 2001:db8::1."""
    return peer.rpartition(":")[0].strip("[]")


@lru_cache(maxsize=4096)
def _inside(peer: str, network: str) -> bool:
    try:
        return ip_address(host_of(peer)) in ip_network(network)
    except ValueError:  # A platform that asks may know no address.
        return False
