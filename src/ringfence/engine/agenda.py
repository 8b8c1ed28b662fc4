"""When something has to be done about which call: a heap in which one entry of a call counts, the last it was given."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from ringfence.model.time import Instant

SPARE = 1000
"""Entries that no longer count are thrown away together when there are so many beside three for each that does."""


class Agenda:
    """Of one engine."""

    def __init__(self) -> None:
        self._at: dict[str, Instant] = {}
        self._heap: list[tuple[Instant, str]] = []

    def put(self, call_id: str, at: Instant | None) -> None:
        """The next time for a call, instead of the one before; None: there is nothing to do."""
        if at is None:
            self._at.pop(call_id, None)
        elif self._at.get(call_id) != at:
            self._at[call_id] = at
            heappush(self._heap, (at, call_id))
            if len(self._heap) > 4 * len(self._at) + SPARE:
                self._heap = [(at, call_id) for call_id, at in self._at.items()]
                heapify(self._heap)

    def due(self) -> Instant | None:
        """The first time of all."""
        heap = self._heap
        while heap:
            at, call_id = heap[0]
            if self._at.get(call_id) == at:
                return at
            heappop(heap)
        return None

    def take(self, now: Instant) -> str | None:
        """A call for which it is time, the one that waits longest first; it is off the agenda then."""
        at = self.due()
        if at is None or at > now:
            return None
        _, call_id = heappop(self._heap)
        del self._at[call_id]
        return call_id
