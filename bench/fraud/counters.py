"""Detector (b): counters like those of OpenSIPS's fraud_detection module, for calls abroad.

For each user and prefix (here: extension and country, or all that is abroad) calls in 60 seconds, calls since the last
reset, calls in progress and consecutive calls to one number; a critical threshold refuses at `>=`. All of them are
reset when the day changes (modules/fraud_detection of OpenSIPS: README and fraud_detection.c). Its fifth counter,
duration, is looked at when the call is over, so that it refuses nothing. The module has no default thresholds: one set
here is the same for everybody, one is over the highest values of the customer's own history.
"""

from __future__ import annotations

from collections import deque
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from seen import Seen


class Critical(NamedTuple):
    """Thresholds; a call that brings a counter to one of them is refused."""

    per_minute: int
    total: int
    in_progress: int
    sequential: int


FIXED = Critical(6, 40, 6, 6)
"""The same for everybody."""
FLOOR = Critical(4, 12, 4, 4)
NEVER = Critical(10**9, 10**9, 10**9, 10**9)


def fitted(highest: Critical) -> Critical:
    """A fifth and one over the highest of the history, and never under the floor."""
    return Critical(*(max(floor, round(value * 1.2) + 1) for floor, value in zip(FLOOR, highest, strict=True)))


class Counts:
    """What is counted for one user and prefix."""

    def __init__(self, day: date) -> None:
        self.day = day
        self.minute: deque[float] = deque()
        self.total = self.in_progress = self.sequential = 0
        self.last = ""

    def add(self, call: Seen) -> None:
        """Count an attempt."""
        while self.minute and self.minute[0] <= call.start - 60:
            self.minute.popleft()
        self.minute.append(call.start)
        self.total += 1
        self.in_progress += 1
        self.sequential = self.sequential + 1 if call.e164 == self.last else 1
        self.last = call.e164

    @property
    def values(self) -> Critical:
        """What the counters are at."""
        return Critical(len(self.minute), self.total, self.in_progress, self.sequential)


class Counters:
    """The counters of one proxy."""

    def __init__(self, critical: Critical, zone: str, *, by_country: bool = True) -> None:
        self._critical, self._zone, self._by_country = critical, ZoneInfo(zone), by_country
        self._counts: dict[tuple[str, str], Counts] = {}
        self.highest = Critical(0, 0, 0, 0)

    def start(self, call: Seen) -> bool:
        if call.klass == "domestic":
            return False
        counts = self._of(call, call.start)
        counts.add(call)
        values = counts.values
        self.highest = Critical(*map(max, self.highest, values))
        refused = any(value >= most for value, most in zip(values, self._critical, strict=True))
        counts.in_progress -= refused
        return refused

    def end(self, call: Seen) -> None:
        """A call that began before the reset isn't counted down."""
        counts = self._counts.get(self._key(call))
        if counts is not None and call.klass != "domestic" and counts.day == self._day(call.start):
            counts.in_progress -= 1

    def _of(self, call: Seen, at: float) -> Counts:
        key, day = self._key(call), self._day(at)
        if key not in self._counts or self._counts[key].day != day:
            self._counts[key] = Counts(day)
        return self._counts[key]

    def _key(self, call: Seen) -> tuple[str, str]:
        return call.extension, call.country if self._by_country else ""

    def _day(self, at: float) -> date:
        return datetime.fromtimestamp(at, self._zone).date()
