"""Numbers that exist: drawn from the compiled numbering table by country and kind, or made wrong on purpose.

The table's breakpoints cut the digit strings into ranges; of each, every length has a label. A country's numbers of a
kind are so a list of intervals of whole numbers, and a draw is a bisection over their sizes.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

from ringfence.numbers import numbering
from ringfence.numbers.overlay import table
from ringfence.numbers.table import MAX_DIGITS

FIXED = ("fixed", "fixed_or_mobile")
MOBILE = ("mobile", "fixed_or_mobile")


class Interval(NamedTuple):
    """All numbers of one length from `low` to `high`, both included, as integers."""

    low: int
    high: int

    @property
    def size(self) -> int:
        return self.high - self.low + 1


class Range:
    """Intervals that are drawn from by their size."""

    def __init__(self, intervals: list[Interval]) -> None:
        self.intervals = intervals
        self._sums = list(accumulate(interval.size for interval in intervals))

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def draw(self, rng: Random) -> str:
        """E.164 digits; raises IndexError where the range is empty."""
        index = rng.randrange(self._sums[-1])
        at = bisect_right(self._sums, index)
        interval = self.intervals[at]
        return str(interval.high - (self._sums[at] - 1 - index))


@cache
def _all() -> dict[tuple[str, str], list[Interval]]:
    """Intervals by (country, kind)."""
    found: dict[tuple[str, str], list[Interval]] = {}
    plan = table()
    for i, (start, row) in enumerate(zip(plan.starts, plan.rows, strict=True)):
        past = plan.starts[i + 1] if i + 1 < len(plan.starts) else ":"
        for length in range(4, MAX_DIGITS + 1):
            label = row[length]
            interval = Interval(_first(start, length), _first(past, length) - 1)
            if label.type and interval.size > 0:
                found.setdefault((label.region, label.type), []).append(interval)
    return found


def _first(breakpoint: str, length: int) -> int:
    """The first number of a length that isn't before a breakpoint, which may be longer; `:` is after all of them."""
    if breakpoint == ":":
        return int(10**length)
    return int(breakpoint[:length].ljust(length, "0") or "0") + (len(breakpoint) > length)


@cache
def range_of(country: str, kinds: tuple[str, ...], under: str = "") -> Range:
    """The numbers of a country that are of one of these kinds, only those that begin with `under`; may be empty."""
    intervals = [interval for kind in kinds for interval in _all().get((country, kind), ())]
    return Range([cut for interval in intervals for cut in _cut(interval, under)])


def _cut(interval: Interval, under: str) -> list[Interval]:
    spare = len(str(interval.high)) - len(under)
    if spare < 0:
        return []
    low = max(interval.low, int(under or "0") * 10**spare) if under else interval.low
    high = min(interval.high, (int(under) + 1) * 10**spare - 1) if under else interval.high
    return [Interval(low, high)] if low <= high else []


def has(country: str, *kinds: str) -> bool:
    """Whether a country has numbers of one of these kinds."""
    return any((country, kind) in _all() for kind in kinds)


def number(rng: Random, country: str, *kinds: str, under: str = "") -> str:
    """A valid number of a country and one of these kinds; where it has none of them, a fixed or mobile one."""
    found = range_of(country, kinds, under) or range_of(country, kinds) or range_of(country, (*FIXED, "mobile"))
    return found.draw(rng)


@cache
def countries() -> tuple[str, ...]:
    """Countries that can be dialled from and have fixed or mobile numbers, sorted; `001` isn't one."""
    found = {country for country, kind in _all() if kind in (*FIXED, "mobile")}
    return tuple(sorted(found.intersection(numbering().region_names) - {"001"}))


def wrong_length(rng: Random, e164: str) -> str:
    """A number that is too long or too short by one or two digits."""
    return e164 + str(rng.randrange(10, 100)) if rng.random() < 0.5 else e164[: -rng.randint(2, 3)]


def unallocated(rng: Random, country: str) -> str:
    """A number of a length the country has, in a range that isn't in use; a valid one where none is found."""
    like = number(rng, country, *MOBILE)
    code = numbering().code_of(like)
    for _ in range(200):
        tried = code + "".join(rng.choices("0123456789", k=len(like) - len(code)))
        if not table().label(tried).type:
            return tried
    return like


def beside(rng: Random, e164: str, digits: int = 3) -> str:
    """Another number of the same range, country and kind: the last digits differ."""
    like = table().label(e164)
    for _ in range(50):
        tried = e164[:-digits] + "".join(rng.choices("0123456789", k=digits))
        if tried != e164 and table().label(tried) == like:
            return tried
    return e164


def in_order(rng: Random, country: str, kinds: tuple[str, ...], count: int) -> list[str]:
    """So many numbers of a country and one of these kinds, one after the other; fewer where it has no such range."""
    found = range_of(country, kinds) or range_of(country, (*FIXED, "mobile"))
    long = [interval for interval in found.intervals if interval.size >= count] or found.intervals
    interval = rng.choice(long)
    first = rng.randint(interval.low, max(interval.low, interval.high - count + 1))
    return [str(n) for n in range(first, min(interval.high, first + count - 1) + 1)]
