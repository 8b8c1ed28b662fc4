"""How long a SIP element waits (RFC 3261 §17 table 4, RFC 6026 §8.7), and the agenda that remembers it.

Theory. Nearly all timers of a proxy run for one of a dozen fixed times (500 ms doubling to 32 s, 5 s, 32 s), and most
never fire. So the agenda keeps one queue per fixed time: what is put in later is due later, adding and taking are O(1).
Times that aren't fixed (session expiry, longest call) go to a heap. Nothing is ever taken out early: an entry names
its owner by key in a table, and when it comes up it counts only if the owner is still there and still wants to be woken
at exactly that instant (`wake`). So the agenda holds no object alive and makes no cycles.

All instants and durations are integer microseconds. `now` must not run backwards; if it does, timers come late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Any, Protocol

MS = 1_000
T1 = 500 * MS
"""Estimate of a round trip."""
T2 = 4_000 * MS
"""Longest interval between retransmissions of a non-INVITE request and of a final response to an INVITE."""
T4 = 5_000 * MS
"""How long a message may stay in the network."""
PATIENCE = 64 * T1
"""Timers B, F, H, J, L, M: when a transaction is given up, or its repetitions no longer expected."""
TIMER_C = 181_000 * MS
"""How long a proxy lets an INVITE ring without hearing anything: over three minutes (§16.6 step 11)."""
TIMER_D = 32_000 * MS
"""How long repetitions of a final response to an INVITE are answered with ACK."""

FIXED = (*(T1 << n for n in range(7)), T2, T4, TIMER_C)


class Wakeable(Protocol):
    """Something that can be woken: the agenda reads `wake` only."""

    wake: int
    """When it wants to be woken; 0: never."""


Table = Mapping[Any, Any]


class Agenda:
    """Wakes the owners of due timers; entries are (instant, table, key of the owner in it)."""

    __slots__ = ("_count", "_heap", "_lanes")

    def __init__(self) -> None:
        self._lanes: dict[int, deque[tuple[int, Table, Hashable]]] = {delay: deque() for delay in FIXED}
        self._heap: list[tuple[int, int, Table, Hashable]] = []
        self._count = 0

    def arm(self, now: int, at: int, table: Table, key: Hashable) -> None:
        """Wake `table[key]` at `at`, if it then still has `wake == at`."""
        lane = self._lanes.get(at - now)
        if lane is not None and (not lane or lane[-1][0] <= at):
            lane.append((at, table, key))
            return
        self._count += 1
        heappush(self._heap, (at, self._count, table, key))

    def due(self) -> int | None:
        """The earliest entry, stale or not; None when there is none."""
        heads = [lane[0][0] for lane in self._lanes.values() if lane]
        if self._heap:
            heads.append(self._heap[0][0])
        return min(heads, default=None)

    def expired(self, now: int) -> Iterator[Wakeable]:
        """The owners due at or before `now`, each with its `wake` cleared."""
        for lane in self._lanes.values():
            while lane and lane[0][0] <= now:
                at, table, key = lane.popleft()
                owner = table.get(key)
                if owner is not None and owner.wake == at:
                    owner.wake = 0
                    yield owner
        while self._heap and self._heap[0][0] <= now:
            at, _, table, key = heappop(self._heap)
            owner = table.get(key)
            if owner is not None and owner.wake == at:
                owner.wake = 0
                yield owner

    def __len__(self) -> int:
        return len(self._heap) + sum(map(len, self._lanes.values()))
