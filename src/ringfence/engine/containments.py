"""Restrictions in force: who or what may not call for a while, by whom and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ringfence.model.attempt import Attempt, Destination
from ringfence.model.fact import Contained
from ringfence.model.settings import Source
from ringfence.model.time import Instant

ENTITIES = ("prefix", "region", "caller", "source", "tenant", "trunk")
"""Narrowest first."""


class Containments:
    """All of them, by id."""

    def __init__(self) -> None:
        self._by_id: dict[str, Contained] = {}

    def add(self, fact: Contained) -> None:
        """One more, or a new end for one that is there."""
        self._by_id[fact.id] = fact

    def release(self, containment_id: str) -> None:
        """Undo one."""
        self._by_id.pop(containment_id, None)

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
        found = [
            fact for fact in self._by_id.values() if fact.until > now and _covers(fact, attempt, source, destination)
        ]
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


def _covers(fact: Contained, attempt: Attempt, source: Source, destination: Destination) -> bool:
    if fact.klass and fact.klass != destination.klass:
        return False
    number = destination.number
    if fact.entity == "prefix":
        return (number.e164 or number.candidate).startswith(fact.name.removeprefix("+"))
    entity = {
        "region": number.region,
        "caller": f"{source.name}/{attempt.extension}",
        "source": source.name,
        "tenant": source.tenant,
        "trunk": attempt.trunk,
    }
    return entity[fact.entity] == fact.name
