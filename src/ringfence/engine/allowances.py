"""Who is never banned since somebody said so: until it is undone, or for a time (B6)."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.model.fact import Allowed
from ringfence.model.time import Instant

MAX_ALLOWED = 1000


class Allowances:
    """Of one engine, by name."""

    def __init__(self, facts: list[Allowed] | None = None) -> None:
        self._by_name = {fact.name: fact for fact in facts or ()}

    def __iter__(self) -> Iterator[Allowed]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def add(self, fact: Allowed) -> None:
        """One more, or another end of one that is there."""
        self._by_name[fact.name] = fact

    def drop(self, name: str) -> None:
        """Undo one."""
        self._by_name.pop(name, None)

    def expire(self, now: Instant) -> bool:
        """Forget those that are over; whether there were any."""
        over = [fact.name for fact in self._by_name.values() if fact.until and fact.until <= now]
        for name in over:
            del self._by_name[name]
        return bool(over)
