"""How long a SIP element waits (RFC 3261 §17 table 4, RFC 6026 §8.7), and the agenda that remembers it.

Theory. Most timers of a proxy are put off or never fire: a retransmission is cancelled by an answer, timer C by the
next 180. So an owner stands in the agenda once, at the earliest instant it ever asked for. When that comes, the agenda
looks whether the owner is still in its table and when it wants to be woken by now, and either wakes it or notes it for
later. Putting off or cancelling costs nothing but an assignment to `wake`.

Nobody stands further ahead than HORIZON: who waits for longer is looked at in between. So what is over and was to be
woken in an hour (a session timer) is forgotten within a minute.

Instants are rounded up to GRAIN, those of later than FAR to FAR_GRAIN, and all owners of one instant share a bucket, so
that arming is O(1), the heap holds few numbers, and the process isn't woken a hundred times a second to look at timers
that were put off. An entry names its owner by key, so that the agenda holds no object alive and makes no cycles.

All instants and durations are integer microseconds. `now` must not run backwards; if it does, timers come late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

GRAIN = 10 * MS
"""How late a timer may be; never early."""
FAR = 400 * MS
"""How far ahead a timer is that may be later: T1 and everything longer."""
FAR_GRAIN = 50 * MS
"""How late it may be."""
HORIZON = 60_000 * MS
"""How far ahead an entry may stand."""


class Wakeable(Protocol):
    """Something that can be woken."""

    wake: int
    """When it wants to be woken; 0: not any more."""
    armed: int
    """When the agenda looks at it; 0: it stands in no bucket. The agenda's own."""


Table = Mapping[Any, Any]


class Agenda:
    """Wakes the owners of due timers."""

    __slots__ = ("_buckets", "_instants", "_now")

    def __init__(self) -> None:
        self._buckets: dict[int, list[tuple[Table, Any]]] = {}
        """By instant: (table, key of the owner in it)."""
        self._instants: list[int] = []
        """A heap of the buckets' instants."""
        self._now = 0
        """The last instant that we were told of, 0 before the first."""

    def arm(self, owner: Wakeable, at: int, table: Table, key: Any) -> None:
        """Wake `table[key]`, which is this owner, at `at`."""
        owner.wake = at
        if owner.armed and owner.armed <= at:
            return
        grain, seen = GRAIN, at
        if self._now:
            ahead = at - self._now
            if ahead >= FAR:
                grain = FAR_GRAIN
                if ahead > HORIZON:
                    seen = self._now + HORIZON
        instant = owner.armed = -(-seen // grain) * grain
        bucket = self._buckets.get(instant)
        if bucket is None:
            self._buckets[instant] = [(table, key)]
            heappush(self._instants, instant)
        else:
            bucket.append((table, key))

    def due(self) -> int | None:
        """The next instant at which there is something to look at."""
        return self._instants[0] if self._instants else None

    def expired(self, now: int) -> Iterator[Wakeable]:
        """The owners due at or before `now`, each with its `wake` cleared."""
        self._now = max(self._now, now)
        while self._instants and self._instants[0] <= now:
            instant = heappop(self._instants)
            for table, key in self._buckets.pop(instant):
                owner = table.get(key)
                if owner is None or owner.armed != instant:
                    continue
                owner.armed = 0
                wake = owner.wake
                if wake > now:
                    self.arm(owner, wake, table, key)
                elif wake:
                    owner.wake = 0
                    yield owner

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))
