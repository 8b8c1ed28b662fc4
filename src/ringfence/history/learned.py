"""What a history comes to: who calls where, when, how much at once. One pass, bounded by what is different in it.

Trunks whose calls show the same caller IDs belong to one source, since a PBX fails over from one to another.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec

from ringfence.engine.destinations import classify, digits_of
from ringfence.history.cdr import Cdr
from ringfence.model import SECOND, Instant
from ringfence.numbers import DialPlan, Number, PlanSettings, RateDeck
from ringfence.rules import words

HOUR_US, DAY_US = 3600 * SECOND, 86_400 * SECOND
MAX_IDS = 5000
MAX_ADDRESSES = 1000
UNNAMED = "carrier"
"""The trunk of calls that name none."""


class Country(msgspec.Struct):
    """One country abroad."""

    calls: int = 0
    days: set[int] = msgspec.field(default_factory=set)
    extensions: set[str] = msgspec.field(default_factory=set)


class Way(msgspec.Struct):
    """One trunk."""

    calls: int = 0
    answered: int = 0
    inbound: int = 0
    peak: int = 0
    """Most calls at once."""
    hour_peaks: Counter[int] = msgspec.field(default_factory=Counter)
    """By hour of the week: most calls at once, summed over its weeks."""
    peak_abroad: int = 0
    peak_second: int = 0
    """Most that began within a second."""
    peak_hour: int = 0
    peak_abroad_day: int = 0
    spend_abroad_day: int = 0
    """Most money in a day for calls abroad, micro-units; 0 without a deck."""
    spend_day: int = 0
    dearest: int = 0
    """Highest price per minute of an answered call, micro-units; 0 without a deck."""
    longest_s: dict[str, int] = {}
    """Longest answered call by class."""
    countries: dict[str, Country] = {}
    callers: Counter[str] = msgspec.field(default_factory=Counter)
    addresses: Counter[str] = msgspec.field(default_factory=Counter)
    special: Counter[str] = msgspec.field(default_factory=Counter)
    unreadable: int = 0
    diverted: int = 0
    hours: Counter[int] = msgspec.field(default_factory=Counter)
    """Calls abroad by hour of the week."""


class Learning:
    """Takes calls in order of start."""

    def __init__(self, plan: PlanSettings, zone: str, deck: RateDeck | None = None) -> None:
        self.ways: dict[str, Way] = {}
        self.first: Instant = 0
        self.last: Instant = 0
        self._plan = DialPlan(plan)
        self._home = plan.home
        self._zone = zone
        self._deck = deck
        self._up: dict[str, list[Instant]] = {}
        self._abroad: dict[str, list[Instant]] = {}
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        self._hours: dict[str, tuple[int, int]] = {}
        """By trunk: the hour that is counted, and most calls at once in it."""

    def take(self, calls: Iterable[Cdr]) -> None:
        """All of them."""
        for call in calls:
            way = self.ways.setdefault(call.trunk or UNNAMED, Way())
            self.first, self.last = self.first or call.start, call.start
            if call.direction == "in":
                way.inbound += 1
            else:
                self._out(call, way, call.trunk or UNNAMED)

    def _out(self, call: Cdr, way: Way, name: str) -> None:
        number = self._plan.for_call(call.dialled)
        klass = classify(number, self._home)
        if klass == "unusable":
            way.unreadable += 1
            return
        way.calls += 1
        _bounded(way.callers, call.caller, MAX_IDS)
        _bounded(way.addresses, call.source_ip, MAX_ADDRESSES)
        way.diverted += bool(call.diverted_from)
        if call.answer:
            way.answered += 1
            way.longest_s[klass] = max(way.longest_s.get(klass, 0), call.duration_s)
        self._peaks(call, way, name)
        way.peak_second = max(way.peak_second, self._count(name, "second", call.start // SECOND, 1))
        way.peak_hour = max(way.peak_hour, self._count(name, "hour", call.start // HOUR_US, 1))
        self._money(call, number, klass, way, name)
        if klass == "special":
            way.special[number.type or "unlisted"] += 1
        elif klass == "international":
            self._foreign(call, number, way, name)

    def _peaks(self, call: Cdr, way: Way, name: str) -> None:
        now = _at_once(self._up.setdefault(name, []), call)
        way.peak = max(way.peak, now)
        hour, most = self._hours.get(name, (0, 0))
        this = call.start // HOUR_US
        most = most if hour == this else 0
        if now > most:
            way.hour_peaks[self._week_hour(call)] += now - most
        self._hours[name] = this, max(now, most)

    def _week_hour(self, call: Cdr) -> int:
        local = words.local(self._zone, call.start // (60 * SECOND))
        return local.weekday() * 24 + local.hour

    @property
    def weeks(self) -> int:
        """Weeks that are begun."""
        return max(1, -(-(self.last - self.first) // (7 * DAY_US)))

    def _foreign(self, call: Cdr, number: Number, way: Way, name: str) -> None:
        day = call.start // DAY_US
        country = way.countries.setdefault(number.region or "?", Country())
        country.calls += 1
        country.days.add(day)
        if len(country.extensions) < MAX_ADDRESSES:
            country.extensions.add(call.extension)
        way.hours[self._week_hour(call)] += 1
        way.peak_abroad = max(way.peak_abroad, _at_once(self._abroad.setdefault(name, []), call))
        way.peak_abroad_day = max(way.peak_abroad_day, self._count(name, "abroad", day, 1))

    def _money(self, call: Cdr, number: Number, klass: str, way: Way, name: str) -> None:
        rate = self._deck.rate(digits_of(number), call.start) if self._deck is not None and call.answer else None
        if rate is None or number.status == "short":
            return
        way.dearest = max(way.dearest, rate.price_micros_per_min)
        cost, day = rate.cost_micros(call.duration_s), call.start // DAY_US
        way.spend_day = max(way.spend_day, self._count(name, "spend", day, cost))
        if klass == "international":
            way.spend_abroad_day = max(way.spend_abroad_day, self._count(name, "spend abroad", day, cost))

    def _count(self, name: str, what: str, period: int, amount: int) -> int:
        """The sum of this period so far."""
        before, total = self._counts.get((name, what), (period, 0))
        total = amount + (total if before == period else 0)
        self._counts[name, what] = period, total
        return total

    def sources(self) -> list[list[str]]:
        """Trunks that belong to one source."""
        groups: list[tuple[set[str], set[str]]] = []
        for name, way in self.ways.items():
            callers = {caller for caller in way.callers if caller}
            joined = [group for group in groups if group[1] & callers]
            groups = [group for group in groups if group not in joined]
            groups.append(({name, *(n for g in joined for n in g[0])}, callers.union(*(group[1] for group in joined))))
        return [sorted(names) for names, _ in groups]


def _at_once(ends: list[Instant], call: Cdr) -> int:
    while ends and ends[0] <= call.start:
        heapq.heappop(ends)
    heapq.heappush(ends, call.end)
    return len(ends)


def _bounded(counter: Counter[str], key: str, room: int) -> None:
    if key in counter or len(counter) < room:
        counter[key] += 1


def guessed_outside(dialled: Iterable[str], home: str) -> tuple[str, ...]:
    """The outside prefix, if numbers as they were dialled make sense only with one."""
    strings = list(dialled)
    fits = {outside: _fit(strings, home, outside) for outside in ((), ("9",), ("0",))}
    best = max(fits, key=lambda outside: fits[outside])
    return best if fits[best] > fits[()] + len(strings) // 10 else ()


def _fit(dialled: list[str], home: str, outside: tuple[str, ...]) -> int:
    plan = DialPlan(PlanSettings(home=home, outside=outside))
    return sum(not plan.for_call(text).rejected for text in dialled)


def zone_for(home: str, offset_s: int | None, at: Instant, zones: Iterable[tuple[str, str]]) -> str:
    """The first zone of a country whose clock shows this offset; `zones` are (country, zone) pairs."""
    own = [zone for country, zone in zones if country == home]
    fitting = [zone for zone in own if offset_s is None or _offset(zone, at) == offset_s]
    return (fitting or own or ["UTC"])[0]


def _offset(zone: str, at: Instant) -> int:
    shift = words.local(zone, at // (60 * SECOND)).astimezone(ZoneInfo(zone)).utcoffset()
    return int(shift.total_seconds()) if shift is not None else 0
