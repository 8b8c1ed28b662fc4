"""One customer's traffic as a PBX writes it down: everyday calls and campaigns in one, a row when a call is over.

Calls get their ids in the order in which they start, before they are put in the order in which they end: nothing about
an id or its place tells an attack from anything else.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from ringfence.testing.simulate.call import Call
from ringfence.testing.simulate.customer import Customer
from ringfence.testing.simulate.days import days_from
from ringfence.testing.simulate.honest import Day

Row = tuple[str, Call]
"""A call and its id."""


def traffic(
    seed: int, owner: Customer, first: date, days: int, campaigns: Sequence[Sequence[Call]] = ()
) -> Iterator[Row]:
    """Every call that begins in these days, in the order in which they end. Campaigns are each in order of start."""
    everyday = Day(seed, owner)
    calls = (call for day in days_from(first, days) for call in everyday.calls(day))
    return by_end(numbered(owner, mixed(calls, campaigns)))


def mixed(calls: Iterable[Call], campaigns: Sequence[Sequence[Call]]) -> Iterator[Call]:
    """Everyday calls, day after day, and campaigns, in order of start."""
    return heapq.merge(_in_order(calls), *campaigns, key=lambda call: call.start_ms)


def numbered(owner: Customer, calls: Iterable[Call], since: int = 0) -> Iterator[Row]:
    """Calls with ids that count on from a number."""
    return ((f"{owner.name}-{n}", call) for n, call in enumerate(calls, since))


def _in_order(calls: Iterable[Call]) -> Iterator[Call]:
    """Calls of days that run into the next one (a redial after midnight), in order of start."""
    late: list[tuple[int, int, Call]] = []
    for n, call in enumerate(calls):
        heapq.heappush(late, (call.start_ms, n, call))
        if len(late) > 64:
            yield heapq.heappop(late)[2]
    while late:
        yield heapq.heappop(late)[2]


def by_end(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows that come in order of start, in order of end; only calls in progress are held."""
    up: list[tuple[int, int, Row]] = []
    for n, row in enumerate(rows):
        start = row[1].start_ms
        while up and up[0][0] <= start:
            yield heapq.heappop(up)[2]
        heapq.heappush(up, (row[1].end_ms, n, row))
    while up:
        yield heapq.heappop(up)[2]
