"""What somebody accepted as business: calls against which nothing is weighed until a day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ringfence.model.attempt import Attempt
from ringfence.model.fact import Accepted
from ringfence.model.time import Instant


class Acceptances:
    """All of them, by id."""

    def __init__(self) -> None:
        self._by_id: dict[str, Accepted] = {}

    def __iter__(self) -> Iterator[Accepted]:
        return iter(self._by_id.values())

    def add(self, fact: Accepted) -> None:
        """One more."""
        self._by_id[fact.id] = fact

    def release(self, acceptance_id: str) -> Accepted | None:
        """Undo one; gives it back."""
        return self._by_id.pop(acceptance_id, None)

    def expire(self, now: Instant) -> None:
        """Forget what has come to its end."""
        for fact in [fact for fact in self._by_id.values() if fact.until <= now]:
            del self._by_id[fact.id]

    def covers(self, attempt: Attempt, digits: str, now: Instant) -> bool:
        """Whether this attempt is accepted."""
        return bool(digits) and any(
            fact.source == attempt.source and fact.until > now and digits.startswith(fact.prefixes)
            for fact in self._by_id.values()
        )

    def dump(self) -> list[Accepted]:
        """All of them, for a snapshot."""
        return list(self._by_id.values())

    def load(self, state: Any) -> None:
        """Take over what `dump` gave."""
        self._by_id = {fact.id: fact for fact in msgspec.convert(state, list[Accepted])}
