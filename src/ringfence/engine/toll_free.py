"""When extensions and sources called toll-free numbers within the last hour. Bounded: an extension is a claim."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ringfence.engine.lately import HOUR_US
from ringfence.model.time import Instant

MAX_NAMES = 20_000
"""Names that are remembered; the one that called longest ago makes room."""
MAX_CALLS = 200
"""The latest of each; more in an hour aren't told apart."""


class TollFree:
    """Calls by the name of an extension or a source."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[Instant]] = {}

    def add(self, name: str, at: Instant) -> None:
        """One more."""
        calls = self._calls.pop(name, None)
        if calls is None:
            if len(self._calls) >= MAX_NAMES:
                del self._calls[next(iter(self._calls))]
            calls = deque(maxlen=MAX_CALLS)
        self._calls[name] = calls  # The latest stand last.
        calls.append(at)

    def hour(self, name: str, now: Instant) -> int:
        """How many within the last hour."""
        return sum(at > now - HOUR_US for at in self._calls.get(name, ()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._calls)

    def __delitem__(self, name: str) -> None:
        del self._calls[name]

    def dump(self) -> dict[str, list[Instant]]:
        """As plain data."""
        return {name: list(calls) for name, calls in self._calls.items()}

    def load(self, state: dict[str, list[Instant]]) -> None:
        """Take over what `dump` gave."""
        self._calls = {name: deque(calls, MAX_CALLS) for name, calls in state.items()}
