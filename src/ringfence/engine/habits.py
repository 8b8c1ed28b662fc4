"""What one extension, source, tenant or trunk is used to. Bounded, small, and slow to believe.

    seen      what it called: first and last hour, calls. It is settled `settle_h` after the first, so that an attack
              that goes on for an evening is as new at its end as at its beginning
    ways      from which networks and with which user agents it came; settled likewise
    hours     calls by local hour of the week, all and abroad, fading by half in four weeks
    peaks     the highest of what was counted a day; a day's own are kept apart until it is over
    channels  most calls at once by hour of the week
    hourly    most calls within an hour to a country, to an area and of a price class, by hour of the week
    ventures  how many of its calls went to new countries and areas; a day's own are kept apart likewise

Only clean calls are told to it: what was refused, contained or suspect doesn't teach.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from ringfence.rules.traits import NOVEL, OFFICE_CALLS

HOURS = 168
DAY_H = 24
WEEKEND_H = 5 * DAY_H
FADE = 0.975
"""A day: half in 27 days."""
MAX_SEEN, MAX_WAYS = 10_000, 100
MAX_HOURLY, FEW = 1000, 3
"""Countries, areas and price classes whose hours are kept, and calls in an hour under which it isn't."""
KEPT = 0.9
"""How much of what is seen is kept when there is no more room: the latest."""
NOVEL_CALLS = 20
"""What is believed of ventures before anything is known weighs as much as so many calls."""
SMOOTH = (0.25, 0.5, 0.25)


class Trace(msgspec.Struct, gc=False, array_like=True):
    """When something was seen, in hours since 1970."""

    first: int
    last: int
    calls: int


class Habits(msgspec.Struct):
    """Of one entity."""

    seen: dict[str, Trace] = {}
    ways: dict[str, Trace] = {}
    hours: list[float] = []
    foreign_hours: list[float] = []
    channels: list[float] = []
    calls: int = 0
    peaks: dict[str, int] = {}
    day: int = 0
    """The day that `today` is of."""
    today: dict[str, int] = {}
    today_channels: dict[int, int] = {}
    nights: list[int] = []
    """Days on which a new area was called in an hour where nobody calls."""
    hourly: dict[str, dict[int, int]] = {}
    """Most calls within an hour by country, area and price class, and by hour of the week; few ones aren't kept."""
    hour: int = 0
    """The hour that `this_hour` is of, in hours since 1970."""
    this_hour: dict[str, int] = {}
    hour_spoiled: bool = False
    """Whether something spoke against a call of this hour, so that it doesn't teach."""
    ventures: dict[str, tuple[float, float]] = {}
    """Calls abroad, and how many places of them were called once only: areas by calling code, countries by ""."""
    today_ventures: dict[str, tuple[float, float]] = {}

    def see(self, key: str, hour: int, memory_h: int) -> None:
        """It was called in a clean call."""
        self.seen = _seen(self.seen, key, hour, memory_h, MAX_SEEN)

    def ventured(self, group: str, key: str) -> None:
        """It is called in a clean call, before it is seen: one of a group of places."""
        calls, once = self.today_ventures.get(group, (0.0, 0.0))
        trace = self.seen.get(key)
        step = 1 if trace is None else -1 if trace.calls == 1 else 0
        self.today_ventures[group] = (calls + 1, once + step)

    def novelty(self, group: str) -> float:
        """How probable it is that the next call of a group goes to a new place (Good and Turing: what was met once)."""
        calls, once = self.ventures.get(group, (0.0, 0.0))
        return (once + NOVEL * NOVEL_CALLS) / (calls + NOVEL_CALLS)

    def tally(self, keys: list[str], hour: int, zone_h: int) -> None:
        """A call in this hour; `zone_h` is what makes an hour since 1970 one of the week."""
        if hour != self.hour:
            self._hour_over((self.hour + zone_h) % HOURS)
            self.hour = hour
        for key in keys:
            self.this_hour[key] = self.this_hour.get(key, 0) + 1

    def hour_count(self, key: str, hour: int, week_hour: int) -> tuple[int, int]:
        """Calls in this hour with one more, and the most in hours like it."""
        calls = self.this_hour.get(key, 0) + 1 if hour == self.hour else 1
        table = self.hourly.get(key)
        return calls, max((table.get(like, 0) for like in _alike(week_hour)), default=0) if table else 0

    def _hour_over(self, week_hour: int) -> None:
        if not self.hour_spoiled:
            for key, calls in self.this_hour.items():
                if calls >= FEW:
                    self._had_in_hour(key, week_hour, calls)
        self.this_hour, self.hour_spoiled = {}, False

    def _had_in_hour(self, key: str, week_hour: int, calls: int) -> None:
        if key in self.hourly or len(self.hourly) < MAX_HOURLY:
            table = self.hourly.setdefault(key, {})
            table[week_hour] = max(calls, table.get(week_hour, 0))

    def come(self, key: str, hour: int, memory_h: int) -> None:
        """A clean call came that way."""
        self.ways = _seen(self.ways, key, hour, memory_h, MAX_WAYS)

    def called(self, week_hour: int, foreign: bool) -> None:
        """A clean call in this hour of the week."""
        if not self.hours:
            self.hours, self.foreign_hours, self.channels = [0.0] * HOURS, [0.0] * HOURS, [0.0] * HOURS
        self.calls += 1
        self.hours[week_hour] += 1
        if foreign:
            self.foreign_hours[week_hour] += 1

    def reached(self, name: str, value: int) -> None:
        """A count of today."""
        if value > self.today.get(name, 0):
            self.today[name] = value

    def busy(self, week_hour: int, channels: int) -> None:
        """So many calls at once."""
        if channels > self.today_channels.get(week_hour, 0):
            self.today_channels[week_hour] = channels

    def usual(self, name: str) -> int:
        """The highest of the days before."""
        return self.peaks.get(name, 0)

    def usual_channels(self, week_hour: int) -> int:
        """Most calls at once in this hour of the week before; 0 = not known."""
        return int(self.channels[week_hour] + 0.5) if self.channels else 0

    def turn(self, day: int) -> None:
        """A day is over: it teaches now, and what was long ago fades."""
        if day == self.day:
            return
        faded = FADE ** min(day - self.day, 365) if self.day else 1.0
        self.hours = [count * faded for count in self.hours]
        self.foreign_hours = [count * faded for count in self.foreign_hours]
        self.ventures = {group: (calls * faded, once * faded) for group, (calls, once) in self.ventures.items()}
        for group, (calls, once) in self.today_ventures.items():
            before = self.ventures.get(group, (0.0, 0.0))
            self.ventures[group] = (before[0] + calls, max(0.0, before[1] + once))
        for name, value in self.today.items():
            self.peaks[name] = max(self.peaks.get(name, 0), value)
        for hour, most in self.today_channels.items():
            if self.channels:
                self.channels[hour] = max(self.channels[hour] * 0.9, float(most))
        self.today, self.today_channels, self.today_ventures, self.day = {}, {}, {}, day
        self.nights = [night for night in self.nights if day - night <= 14]

    def spoil(self) -> None:
        """Something spoke against a call of today: the day's counts don't teach."""
        self.today, self.today_channels, self.today_ventures = {}, {}, {}
        self.hour_spoiled = True

    def join(self, other: Habits, day: int) -> None:
        """What is known of the same entity from elsewhere, as it stands on a day.

        Both may know the same calls, so what is counted isn't added: the higher count holds.
        """
        self.turn(day)
        other.turn(day)
        self.seen = _joined(self.seen, other.seen, MAX_SEEN)
        self.ways = _joined(self.ways, other.ways, MAX_WAYS)
        self.hours = _highest(self.hours, other.hours)
        self.foreign_hours = _highest(self.foreign_hours, other.foreign_hours)
        self.channels = _highest(self.channels, other.channels)
        self.calls = max(self.calls, other.calls)
        self.nights = sorted({*self.nights, *other.nights})
        for key, table in other.hourly.items():
            for hour, calls in table.items():
                self._had_in_hour(key, hour, calls)
        for group, counts in other.ventures.items():
            self.ventures[group] = max(counts, self.ventures.get(group, counts))
        for name, value in other.peaks.items():
            self.peaks[name] = max(self.peaks.get(name, 0), value)

    def hour_share(self, week_hour: int) -> float:
        """Calls usual in an hour of the week as a share of the mean hour; an office's where little is known."""
        return _share(self.hours, week_hour)

    def foreign_hour_share(self, week_hour: int) -> float:
        """The same of calls abroad."""
        return _share(self.foreign_hours, week_hour)


def settled(trace: Trace | None, by: int, since: int) -> bool:
    """Whether this is nothing new: seen first by an hour, and again since another."""
    return trace is not None and trace.first <= by and trace.last >= since


def _seen(table: dict[str, Trace], key: str, hour: int, memory_h: int, room: int) -> dict[str, Trace]:
    trace = table.get(key)
    if trace is not None and hour - trace.last <= memory_h:
        trace.last = hour
        trace.calls += 1
        return table
    if len(table) >= room:
        latest = sorted(table.items(), key=lambda item: item[1].last, reverse=True)
        table = dict(latest[: int(room * KEPT)])
    table[key] = Trace(hour, hour, 1)
    return table


def _joined(mine: dict[str, Trace], others: dict[str, Trace], room: int) -> dict[str, Trace]:
    table = dict(mine)
    for key, trace in others.items():
        own = table.get(key, trace)
        table[key] = Trace(min(own.first, trace.first), max(own.last, trace.last), max(own.calls, trace.calls))
    if len(table) <= room:
        return table
    return dict(sorted(table.items(), key=lambda item: item[1].last, reverse=True)[: int(room * KEPT)])


def _highest(mine: list[float], others: list[float]) -> list[float]:
    return [max(pair) for pair in zip(mine, others, strict=True)] if mine and others else mine or others


def _share(counts: list[float], week_hour: int) -> float:
    if not counts:
        return _OFFICE[week_hour]
    mean = sum(counts) / HOURS
    prior = OFFICE_CALLS / HOURS
    return (_around(counts, week_hour) + prior * _OFFICE[week_hour]) / (mean + prior)


def _around(counts: list[float], week_hour: int) -> float:
    """The hour with its neighbours, and the same hour of the other days of its kind: five weeks are few."""
    before, own, after = SMOOTH
    near = before * counts[week_hour - 1] + own * counts[week_hour] + after * counts[(week_hour + 1) % HOURS]
    day, hour = divmod(week_hour, DAY_H)
    alike = counts[hour:WEEKEND_H:DAY_H] if day < 5 else counts[WEEKEND_H + hour :: DAY_H]
    return (near + sum(alike) / len(alike)) / 2


@cache
def _alike(week_hour: int) -> tuple[int, ...]:
    """The hour with its neighbours, and the same hour of the other days of its kind."""
    day, hour = divmod(week_hour, DAY_H)
    days = range(5) if day < 5 else range(5, 7)
    return *((week_hour + step) % HOURS for step in (-1, 0, 1)), *(other * DAY_H + hour for other in days)


def _office() -> list[float]:
    shape = [0.02] * HOURS
    for day in range(7):
        for hour in range(7, 20):
            shape[day * DAY_H + hour] = (1.0 if 8 <= hour < 18 else 0.4) if day < 5 else 0.15
    mean = sum(shape) / HOURS
    return [part / mean for part in shape]


_OFFICE = _office()


def dump(habits: dict[str, Habits]) -> Any:
    """As plain data."""
    return msgspec.to_builtins(habits)


def load(state: Any) -> dict[str, Habits]:
    """Back from plain data; raises msgspec.ValidationError."""
    return msgspec.convert(state, dict[str, Habits])
