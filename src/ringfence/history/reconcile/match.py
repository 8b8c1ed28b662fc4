"""The bill and the ledger side by side, in order of time.

    bill    ──►  bursts: rows to one number, of a few minutes ┐  pairs within a minute, the likeliest first: answered
    ledger  ──►  the calls to that number around that time    ┘  here, lasted as long, near in time

Rows that are left are the same call again where a row with its time and length was matched, else they mean a call that
wasn't answered here, else one that was refused. A row without any was never seen here: the call went around the guard.
A burst is looked at whole since rows that are taken one by one take each other's calls: one row twice among twenty of
the same second would shift all after it. Only calls near the time are in memory.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from ringfence.history.reconcile.bill import Billed
from ringfence.history.reconcile.seen import Seen
from ringfence.model import SECOND, Instant

Kind = Literal["unseen", "refused", "unanswered", "twice", "duration", "price", "unbilled"]
KINDS: dict[Kind, str] = {
    "unseen": "never seen by the guard",
    "refused": "refused by the guard, yet billed",
    "unanswered": "not answered here, yet billed",
    "twice": "billed twice",
    "duration": "longer or shorter than here",
    "price": "not the deck's price",
    "unbilled": "answered here, not on the bill",
}
MAX_LOOSE = 20_000
"""Rows and calls without a partner that a wrong zone is told by."""
DAY_S = 86_400
STEP_S = 900
"""Zones are whole quarters of an hour apart."""
SKEWS = 10_000
SPAN = 4
"""Rows of a burst are at most so many tolerances after the first."""
MAX_BURST = 500
"""Rows that are looked at together, at most."""


Likely = tuple[int, bool, int, int]
"""How likely a row means a call, the least first: what became of it, whether it lasted otherwise, how far apart in time
(µs), and in length (s), with rounding up and without."""


class Tolerance(NamedTuple):
    """What still counts as the same."""

    within_s: int = 60
    """Between the carrier's clock and ours."""
    seconds: int = 2
    """Of duration."""
    micros: int = 5_000
    """Of the price of a call, micro-units: carriers round."""


class Finding(msgspec.Struct):
    """One thing that differs."""

    kind: Kind
    at: Instant
    number: str
    call_id: str
    """Of ours; empty where there is none."""
    where: str
    """`file:line` of the row; empty where there is none."""
    trunk: str
    billed_s: int
    seen_s: int
    billed_micros: int
    """-1: the bill doesn't say."""
    expected_micros: int
    """By the deck that the call was judged with; -1: it has no price."""
    money_micros: int
    """What it is about: what is billed too much, for unbilled calls what they would have cost."""
    why: str = ""


class _Burst:
    """Rows to one number within some minutes."""

    __slots__ = ("first", "rows")

    def __init__(self, first: Instant) -> None:
        self.first = first
        self.rows: list[Billed] = []


class Matcher:
    """Takes both in order of time. `keys` gives the digits that a number on the bill may stand for."""

    def __init__(self, tolerance: Tolerance, keys: Callable[[str], tuple[str, ...]]) -> None:
        self.tolerance = tolerance
        self.matched = 0
        self.by_trunk: Counter[str] = Counter()
        """Matched calls."""
        self.still_up = 0
        """Calls without a row whose end the ledger doesn't have."""
        self._keys = keys
        self._within = tolerance.within_s * SECOND
        self._near: dict[str, list[Seen]] = {}
        """Calls near the time by their keys."""
        self._leaving: list[tuple[Instant, int, Seen]] = []
        self._order = 0
        self._bursts: dict[tuple[str, ...], _Burst] = {}
        """By the keys of their number, the one that began first in front."""
        self._skews: list[int] = []
        self._loose_rows: list[tuple[Instant, tuple[str, ...]]] = []
        self._loose_calls: dict[str, list[Instant]] = {}
        self._loose = 0

    def run(self, bill: Iterable[Billed], seen: Iterable[Seen]) -> Iterator[Finding]:
        """All that differs, in order of time as it becomes known."""
        calls = iter(seen)
        waiting = next(calls, None)
        for row in bill:
            while waiting is not None and waiting.start <= row.start + self._within:
                self._enter(waiting)
                waiting = next(calls, None)
            yield from self._close(row.start - SPAN * self._within)
            yield from self._leave(self._oldest(row.start) - self._within)
            yield from self._take(row)
        yield from self._close(2**62)
        while waiting is not None:
            self._enter(waiting)
            waiting = next(calls, None)
            if len(self._leaving) > MAX_LOOSE:
                yield from self._leave(self._leaving[0][0] + 1)
        yield from self._leave(2**62)

    def _oldest(self, now: Instant) -> Instant:
        """When the first burst began that is still open."""
        return next((burst.first for burst in self._bursts.values()), now)

    # The window.

    def _enter(self, call: Seen) -> None:
        self._order += 1
        heapq.heappush(self._leaving, (call.last, self._order, call))
        for key in call.keys:
            self._near.setdefault(key, []).append(call)

    def _leave(self, before: Instant) -> Iterator[Finding]:
        """Calls that no row to come can mean."""
        while self._leaving and self._leaving[0][0] < before:
            call = heapq.heappop(self._leaving)[2]
            for key in call.keys:
                near = self._near[key]
                near.remove(call)
                if not near:
                    del self._near[key]
            if call.billed_at or not call.answer or call.free:
                continue
            if not call.end:
                self.still_up += 1
                continue
            self._keep_loose(call)
            yield _unbilled(call)

    # The rows to one number.

    def _take(self, row: Billed) -> Iterator[Finding]:
        keys = self._keys(row.number)
        burst = self._bursts.setdefault(keys, _Burst(row.start))
        burst.rows.append(row)
        if len(burst.rows) == MAX_BURST:
            yield from self._match(keys, self._bursts.pop(keys).rows)

    def _close(self, before: Instant) -> Iterator[Finding]:
        """Bursts that began before an instant."""
        while self._bursts:
            keys, burst = next(iter(self._bursts.items()))
            if burst.first >= before:
                return
            yield from self._match(keys, self._bursts.pop(keys).rows)

    def _match(self, keys: tuple[str, ...], rows: Sequence[Billed]) -> Iterator[Finding]:
        calls = {id(call): call for key in keys for call in self._near.get(key, ())}.values()
        pairs = [
            (self._likely(row, call), at, call)
            for at, row in enumerate(rows)
            for call in calls
            if self._distance(row, call) <= self._within
        ]
        pairs.sort(key=lambda pair: pair[:2])
        taken = self._paired(rows, (pair for pair in pairs if pair[0][:2] == (0, False)), {})
        twins = self._twins(rows, pairs, taken)
        self._paired(rows, (pair for pair in pairs if pair[1] not in twins), taken)
        near = {at for _, at, _ in pairs}
        for at, row in enumerate(rows):
            if at in twins:
                yield _found("twice", row, twins[at], row.cost_micros, "a row before it means the same call")
            elif at in taken:
                yield from self._differences(row, taken[at])
            else:
                yield self._unseen(row, keys, at in near)

    def _paired(
        self, rows: Sequence[Billed], pairs: Iterable[tuple[Likely, int, Seen]], taken: dict[int, Seen]
    ) -> dict[int, Seen]:
        """Take pairs in turn where neither is taken; by the row's place the call."""
        for _, at, call in pairs:
            if at not in taken and not call.billed_at:
                taken[at] = call
                call.billed_at = rows[at].start
                self.matched += 1
                self.by_trunk[call.trunk] += 1
                if len(self._skews) < SKEWS:
                    self._skews.append(self._skew(rows[at], call))
        return taken

    def _twins(
        self, rows: Sequence[Billed], pairs: Sequence[tuple[Likely, int, Seen]], taken: Mapping[int, Seen]
    ) -> dict[int, Seen]:
        """By the places of rows that say what another says, the call of that: as many as have no call of their own."""
        left = [at for at in range(len(rows)) if at not in taken]
        free = {id(call) for likely, at, call in pairs if at not in taken and not likely[0] and not call.billed_at}
        found = ((at, twin) for at in left if (twin := self._twin(rows[at], rows, taken)))
        return dict(itertools.islice(found, max(0, len(left) - len(free))))

    def _twin(self, row: Billed, rows: Sequence[Billed], taken: Mapping[int, Seen]) -> Seen | None:
        """The call of a row that says the same."""
        most = self.tolerance.seconds
        for at, call in taken.items():
            other = rows[at]
            if abs(row.start - other.start) <= most * SECOND and abs(row.seconds - other.seconds) <= most:
                return call
        return None

    def _unseen(self, row: Billed, keys: tuple[str, ...], near: bool) -> Finding:
        if near:
            text = "the calls to this number at that time are on the bill already"
        else:
            self._miss(row, keys)
            text = "no call to this number was asked for at that time"
        return _found("unseen", row, None, row.cost_micros, text)

    def _likely(self, row: Billed, call: Seen) -> Likely:
        rank = 0 if call.answer else 1 if not call.reason else 2
        if row.seconds == 0:
            rank = 1 if call.answer else 0
        return rank, self._differs(row, call) > 0, self._distance(row, call), sum(map(abs, self._apart(row, call)))

    def _apart(self, row: Billed, call: Seen) -> tuple[int, int]:
        """Seconds that a row has more than the call, rounded up to the deck's increments, and than the call itself."""
        if row.seconds < 0 or call.seconds < 0:
            return 0, 0
        most = call.rate.billed_s(call.seconds) if call.rate is not None else call.seconds
        return row.seconds - max(most, call.seconds), row.seconds - call.seconds

    def _differs(self, row: Billed, call: Seen) -> int:
        """Seconds that the bill has too much or too little, beyond the tolerance; 0 where they agree."""
        over, under = self._apart(row, call)
        apart = max(over, -under)
        return apart if apart > self.tolerance.seconds else 0

    def _differences(self, row: Billed, call: Seen) -> Iterator[Finding]:
        if row.seconds == 0 and row.cost_micros <= 0:
            return
        if call.reason:
            yield _found("refused", row, call, row.cost_micros, f"refused here: {call.reason}")
            return
        if not call.answer:
            yield _found("unanswered", row, call, row.cost_micros, "nobody answered it here")
            return
        yield from self._duration(row, call)
        yield from self._price(row, call)

    def _duration(self, row: Billed, call: Seen) -> Iterator[Finding]:
        if self._differs(row, call):
            cost, ours = _cost(call, row.seconds), _cost(call, call.seconds)
            money = cost - ours if cost >= 0 else 0
            yield _found("duration", row, call, money, f"{call.seconds} s here, {row.seconds} s on the bill")

    def _price(self, row: Billed, call: Seen) -> Iterator[Finding]:
        """By the duration that is billed, so that only the rate counts."""
        lasted = row.seconds if row.seconds >= 0 else call.seconds
        expected = _cost(call, lasted) if lasted >= 0 else -1
        if row.cost_micros < 0 or expected < 0 or call.rate is None:
            return
        if abs(row.cost_micros - expected) > self.tolerance.micros:
            rate = call.rate.price_micros_per_min / 1e6
            text = f"the deck has {rate:g} a minute for {call.rate.name or call.rate.prefix}"
            yield _found("price", row, call, row.cost_micros - expected, text)

    # Clocks.

    def _skew(self, row: Billed, call: Seen) -> int:
        """How far the carrier's time is behind ours (ahead: negative), by what it may have named."""
        if row.answered and call.answer:
            return row.start - call.answer
        return min((row.start - at for at in (call.start, call.answer) if at), key=abs)

    def _distance(self, row: Billed, call: Seen) -> int:
        if row.answered or not call.answer or not call.start <= row.start <= call.answer:
            return abs(self._skew(row, call))
        return 0  # While it rang.

    @property
    def skew_s(self) -> float:
        """The median of the carrier's clock less ours."""
        found = sorted(self._skews)
        return found[len(found) // 2] / SECOND if found else 0.0

    def _keep_loose(self, call: Seen) -> None:
        if self._loose < MAX_LOOSE:
            self._loose += 1
            for key in call.keys:
                self._loose_calls.setdefault(key, []).append(call.last)

    def _miss(self, row: Billed, keys: tuple[str, ...]) -> None:
        if len(self._loose_rows) < MAX_LOOSE:
            self._loose_rows.append((row.start, keys))

    def zone_off_s(self) -> int:
        """How many seconds later most rows without a call would have one, if that is a matter of zones; else 0."""
        found: Counter[int] = Counter()
        for at, keys in self._loose_rows:
            others = {call for key in keys for call in self._loose_calls.get(key, ())}
            apart_s = [(other - at) / SECOND for other in others]
            found.update({round(apart / STEP_S) for apart in apart_s if abs(apart) <= DAY_S})
        found.pop(0, None)
        if not found:
            return 0
        steps, many = found.most_common(1)[0]
        return steps * STEP_S if many >= max(3, len(self._loose_rows) // 2) else 0


def _cost(call: Seen, seconds: int) -> int:
    return call.rate.cost_micros(seconds) if call.rate is not None and seconds > 0 else 0 if seconds == 0 else -1


def _unbilled(call: Seen) -> Finding:
    cost = _cost(call, call.seconds)
    return Finding(
        "unbilled", call.last, call.number, call.call_id, "", call.trunk, -1, call.seconds, -1, cost, max(0, cost)
    )


def _found(kind: Kind, row: Billed, call: Seen | None, money_micros: int, why: str) -> Finding:
    expected = _cost(call, row.seconds if row.seconds >= 0 else call.seconds) if call is not None else -1
    return Finding(
        kind=kind,
        at=row.start,
        number=call.number if call is not None else row.number[:40],
        call_id=call.call_id if call is not None else "",
        where=row.where,
        trunk=call.trunk if call is not None else "",
        billed_s=row.seconds,
        seen_s=call.seconds if call is not None else -1,
        billed_micros=row.cost_micros,
        expected_micros=expected,
        money_micros=money_micros if money_micros != -1 else 0,
        why=why,
    )
