"""What one extension or source did within the last day: calls abroad and how they went. Bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from ringfence.engine.marks import block_of
from ringfence.model.time import SECOND, Instant

HOUR_US, DAY_US = 3600 * SECOND, 86_400 * SECOND
MAX_TRIES = 300
MAX_ENDS = 20


class Try(msgspec.Struct, gc=False, array_like=True):
    """One attempt abroad."""

    id: str
    at: Instant
    digits: str
    region: str
    known: bool
    """Whether the number was settled."""
    form: str
    """What was dialled."""
    allowed: bool
    held: bool = False
    """Whether a containment refused it."""


class End(msgspec.Struct, gc=False, array_like=True):
    """How a call abroad ended."""

    at: Instant
    area: str
    duration_s: int
    """0: it was not answered."""
    new: bool
    """Whether it went to a new area."""
    known: bool
    """Whether its number was settled."""


class Lately:
    """Of one entity."""

    __slots__ = ("_by_block", "ends", "tries")

    def __init__(self, tries: Iterable[Try] = (), ends: Iterable[End] = ()) -> None:
        self.tries: deque[Try] = deque()
        self.ends: deque[End] = deque(ends, MAX_ENDS)
        self._by_block: dict[str, list[Try]] = {}
        for entry in tries:
            self._add(entry)

    def tried(self, entry: Try) -> None:
        """One more attempt; the same attempt again (another trunk, another outcome) replaces itself."""
        for index in range(1, min(len(self.tries), 8) + 1):
            if self.tries[-index].id == entry.id:
                self._unlist(self.tries[-index])
                self.tries[-index] = entry
                self._list(entry)
                return
        self._add(entry)
        while self.tries[0].at < entry.at - DAY_US:
            self._unlist(self.tries.popleft())

    def _add(self, entry: Try) -> None:
        if len(self.tries) == MAX_TRIES:
            self._unlist(self.tries.popleft())
        self.tries.append(entry)
        self._list(entry)

    def _list(self, entry: Try) -> None:
        self._by_block.setdefault(block_of(entry.digits), []).append(entry)

    def _unlist(self, entry: Try) -> None:
        block = block_of(entry.digits)
        listed = [other for other in self._by_block.pop(block) if other is not entry]
        if listed:
            self._by_block[block] = listed

    def ended(self, end: End) -> None:
        """A call that was allowed is over."""
        self.ends.append(end)

    def held(self) -> set[str]:
        """The attempts that containments refused."""
        return {entry.id for entry in self.tries if entry.held}

    def without(self, ids: AbstractSet[str]) -> Lately:
        """The same, but for some attempts."""
        return Lately([entry for entry in self.tries if entry.id not in ids], self.ends)

    def since(self, instant: Instant, but: str) -> Iterator[Try]:
        """Attempts from then on, the latest first, without one."""
        for entry in reversed(self.tries):
            if entry.at < instant:
                return
            if entry.id != but:
                yield entry

    def to_block(self, block: str, instant: Instant, but: str) -> list[Try]:
        """Those of them that went to a block of numbers."""
        return [entry for entry in self._by_block.get(block, ()) if entry.at >= instant and entry.id != but]

    def idle(self, now: Instant) -> bool:
        """Whether nothing of it counts any more."""
        last = max(self.tries[-1].at if self.tries else 0, self.ends[-1].at if self.ends else 0)
        return last < now - DAY_US

    def dump(self) -> tuple[list[Try], list[End]]:
        """As plain data."""
        return list(self.tries), list(self.ends)


def load(state: Any) -> Lately:
    """Back from plain data; raises msgspec.ValidationError."""
    tries, ends = msgspec.convert(state, tuple[list[Try], list[End]])
    return Lately(tries, ends)


def run_length(digits: str, tries: Iterable[Try], widest: int = 10) -> int:
    """Attempts in a row, back from this one, each to a number next to the one before it but not the same."""
    length, before = 1, digits
    for entry in tries:
        if len(entry.digits) != len(before) or not entry.digits or entry.digits == before:
            break
        if abs(int(entry.digits) - int(before)) > widest:
            break
        length, before = length + 1, entry.digits
    return length


def equal_lengths(ends: list[End]) -> tuple[int, int]:
    """How many of the last answered calls to new areas took equally long, and how long, seconds."""
    lengths = [end.duration_s for end in reversed(ends) if end.new and end.duration_s >= 20]
    if not lengths:
        return 0, 0
    longest = lengths[0]
    count = 0
    for length in lengths:
        if abs(length - longest) > max(2, longest // 50):
            break
        count += 1
    return count, longest
