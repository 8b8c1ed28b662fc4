"""Calls that come in: those that are up, and those that were missed after a short ring. Both are bounded.

Both are looked at for every attempt abroad, so both are found by what they must have in common with it: a call that is
up by the last digits of the number that was called, a missed one by the first digits of the number that rang.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ringfence.engine.lately import DAY_US, HOUR_US
from ringfence.model.time import SECOND, Instant

MAX_INBOUND = 20_000
LONGEST_INBOUND_US = 6 * HOUR_US
"""An inbound call of which nothing is heard for so long is over: the guard may have been down at its end."""
RING_SHORT_S = 15
"""A call that was missed after so many seconds was meant to be called back."""
MAX_RINGS = 2000
RINGS_KEPT_US = 2 * DAY_US
KNOCK_US = 600 * SECOND
LEAST_DIGITS = 3
"""That the name of an extension and a number that was called must share at their ends."""
FIRST_DIGITS = 6
"""By which missed calls are found."""


class Inbound(msgspec.Struct, gc=False):
    """A call that came in and isn't over."""

    source: str
    caller: str
    dialled: str
    at: Instant
    answered: bool = False


class Ring(msgspec.Struct, gc=False, array_like=True):
    """A call that was missed after a short ring."""

    at: Instant
    source: str
    caller: str
    dialled: str


class Arrivals:
    """Calls that are up."""

    def __init__(self, calls: Any = ()) -> None:
        self._calls: dict[str, Inbound] = {}
        self._by_end: dict[tuple[str, str], dict[str, tuple[int, str, Inbound]]] = {}
        """Source and last digits of the called number -> order of arrival, called digits and call, by id."""
        self._order = itertools.count()
        for call_id, call in dict(calls).items():
            self.add(call_id, call)

    def add(self, call_id: str, call: Inbound) -> None:
        """One more, as far as there is room."""
        if len(self._calls) >= MAX_INBOUND:
            return
        self.pop(call_id)
        self._calls[call_id] = call
        called = _digits(call.dialled)
        self._by_end.setdefault(_end(call.source, called), {})[call_id] = next(self._order), called, call

    def up(self) -> Iterator[str]:
        """Ids of those that ring or were answered."""
        return iter(self._calls)

    def get(self, call_id: str) -> Inbound | None:
        """The call with this id."""
        return self._calls.get(call_id)

    def pop(self, call_id: str) -> Inbound | None:
        """It is over."""
        call = self._calls.pop(call_id, None)
        if call is not None:
            end = _end(call.source, _digits(call.dialled))
            del self._by_end[end][call_id]
            if not self._by_end[end]:
                del self._by_end[end]
        return call

    def latest_to(self, source: str, names: Iterable[str]) -> Inbound | None:
        """The last one to one of these extensions of a source; `+12125550101` is 101's."""
        found = [
            row
            for name in {_digits(name) for name in names}
            for row in self._by_end.get(_end(source, name), {}).values()
            if _same(row[1], name)
        ]
        return max(found)[2] if found else None

    def sweep(self, now: Instant) -> None:
        """Forget those that must be over; the oldest are the first."""
        while self._calls:
            call_id, call = next(iter(self._calls.items()))
            if call.at >= now - LONGEST_INBOUND_US:
                return
            self.pop(call_id)

    def dump(self) -> dict[str, Inbound]:
        """As plain data."""
        return self._calls


class Rings:
    """Missed calls."""

    def __init__(self, rings: Iterable[Ring] = ()) -> None:
        self._keep(list(rings))

    def _keep(self, rings: list[Ring]) -> None:
        self._rings = rings
        self._by_start: dict[tuple[str, str], list[Ring]] = {}
        for ring in rings:
            self._index(ring)

    def add(self, inbound: Inbound, at: Instant) -> None:
        """A call that came in is over: whether it was meant to be called back."""
        if inbound.answered or at - inbound.at > RING_SHORT_S * SECOND:
            return
        ring = Ring(at, inbound.source, inbound.caller, inbound.dialled)
        self._rings.append(ring)
        self._index(ring)
        if len(self._rings) > MAX_RINGS:
            self._keep([ring for ring in self._rings[MAX_RINGS // 10 :] if ring.at > at - RINGS_KEPT_US])

    def _index(self, ring: Ring) -> None:
        self._by_start.setdefault((ring.source, ring.caller[:FIRST_DIGITS]), []).append(ring)

    def of_block(self, source: str, block: str, now: Instant) -> list[Ring]:
        """Those from a block of numbers within two days."""
        known = self._by_start.get((source, block[:FIRST_DIGITS]), ()) if len(block) >= FIRST_DIGITS else self._rings
        since = now - RINGS_KEPT_US
        return [
            ring
            for ring in known
            if ring.source == source and ring.at > since and block and ring.caller.startswith(block)
        ]

    def of_caller(self, inbound: Inbound, now: Instant) -> int:
        """How many of the same number to the same source within ten minutes."""
        since, count = now - KNOCK_US, 0
        for ring in reversed(self._rings):
            if ring.at <= since:
                break
            count += ring.source == inbound.source and ring.caller == inbound.caller
        return count

    def dump(self) -> list[Ring]:
        """As plain data."""
        return self._rings


def _end(source: str, digits: str) -> tuple[str, str]:
    return source, digits[-LEAST_DIGITS:]


def _digits(name: str) -> str:
    return "".join(character for character in name if character in "0123456789")


def _same(called: str, name: str) -> bool:
    """Whether a number that was called is an extension's."""
    return min(len(name), len(called)) >= LEAST_DIGITS and (called.endswith(name) or name.endswith(called))
