"""What a replay comes to: sums by rule, source, extension, destination and day, for the terminal, JSON and HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from ringfence.engine.destinations import digits_of
from ringfence.engine.marks import area_of
from ringfence.history import examples
from ringfence.history.again import Numbers
from ringfence.history.examples import Example
from ringfence.history.fields import is_label
from ringfence.history.replay import Judged, cost
from ringfence.history.sums import Sum, under
from ringfence.model import SECOND, Hit, Instant

QUARTER_S = 900
"""Every zone of today is whole quarters of an hour off UTC."""


class Summary(msgspec.Struct):
    """Of all calls that were judged."""

    zone: str = "UTC"
    """The zone that days and hours are of."""
    shown: int = 0
    """Calls that are kept one by one for each rule; 0 = none."""
    calls: int = 0
    answered: int = 0
    seconds: int = 0
    """Of talk."""
    cost_micros: int = 0
    """What the answered calls cost by the policy's decks."""
    unpriced: int = 0
    """Answered calls that no deck has a price for; they count as nothing."""
    labelled: int = 0
    """Calls whose record has an extension in place of the caller ID that was shown."""
    first: Instant = 0
    last: Instant = 0
    total: Sum = msgspec.field(default_factory=Sum)
    by_rule: dict[str, Sum] = {}
    by_source: dict[str, Sum] = {}
    by_extension: dict[str, Sum] = {}
    by_country: dict[str, Sum] = {}
    by_area: dict[str, Sum] = {}
    """Calling code and the next three digits."""
    by_day: dict[str, Sum] = {}
    """`2026-11-27`."""
    by_hour: dict[int, Sum] = {}
    """Hours of the day."""
    calls_by_day: dict[str, int] = {}
    observed: dict[str, int] = {}
    """Calls that a rule in observe mode would have refused, by rule."""
    observed_calls: int = 0
    """Calls that were let through though some rule in observe mode would have refused them."""
    observed_micros: int = 0
    """What those cost."""
    numbers: Numbers = msgspec.field(default_factory=Numbers)
    examples: dict[str, list[Example]] = {}
    observed_examples: dict[str, list[Example]] = {}

    def add(self, judged: Judged) -> None:
        """One more call."""
        call, verdict = judged.call, judged.verdict
        self.calls += 1
        self.first = min(self.first or call.start, call.start)
        self.last = max(self.last, call.start)
        self.labelled += is_label(call.caller)
        day, hour = clock(self.zone, call.start)
        self.calls_by_day[day] = self.calls_by_day.get(day, 0) + 1
        if call.answer:
            self._answered(judged)
        if verdict.outcome != "allow" or judged.cut_after_s is not None:
            self._refused(judged, day, hour)
        if verdict.hits:
            self._observed(judged, day)

    def _answered(self, judged: Judged) -> None:
        self.answered += 1
        self.seconds += judged.call.duration_s
        self.cost_micros += cost(judged.verdict, judged.call.duration_s)
        self.unpriced += judged.verdict.destination.price is None and not judged.verdict.emergency

    def _refused(self, judged: Judged, day: str, hour: int) -> None:
        number, rule = judged.verdict.destination.number, rule_of(judged)
        self.total.add(judged)
        under(self.by_rule, rule).add(judged)
        under(self.by_source, judged.place.source).add(judged)
        under(self.by_extension, account(judged)).add(judged)
        under(self.by_country, number.region or "?").add(judged)
        under(self.by_area, f"+{area_of(digits_of(number))}" if not number.rejected else "no number").add(judged)
        under(self.by_day, day).add(judged)
        self.by_hour.setdefault(hour, Sum()).add(judged)
        if self.shown:
            examples.show(self.examples, rule, judged, judged.saved_micros, judged.why, self.shown)
        self.numbers.note(judged, rule, day, judged.saved_micros, observed=False)

    def _observed(self, judged: Judged, day: str) -> None:
        would = [hit for hit in judged.verdict.hits if hit.severity == "block" and not hit.enforced]
        for hit in _once(would):
            self.observed[hit.rule] = self.observed.get(hit.rule, 0) + 1
            if self.shown:
                examples.show_observed(self.observed_examples, judged, hit, self.shown)
        if would and judged.verdict.outcome == "allow" and judged.cut_after_s is None:
            spent = cost(judged.verdict, judged.call.duration_s)
            self.observed_calls += 1
            self.observed_micros += spent
            self.numbers.note(judged, would[0].rule, day, spent, observed=True)

    def merge(self, other: Summary) -> None:
        """The same sums of other calls."""
        for name in _ADDED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.first = min(filter(None, (self.first, other.first)), default=0)
        self.last = max(self.last, other.last)
        self.total.merge(other.total)
        for mine, others in zip(self._tables(), other._tables(), strict=True):
            for key, found in others.items():
                under(mine, key).merge(found)
        for hour, found in other.by_hour.items():
            self.by_hour.setdefault(hour, Sum()).merge(found)
        self.calls_by_day = dict(Counter(self.calls_by_day) + Counter(other.calls_by_day))
        self.observed = dict(Counter(self.observed) + Counter(other.observed))
        self.numbers.merge(other.numbers)
        examples.merge(self.examples, other.examples, self.shown)
        examples.merge(self.observed_examples, other.observed_examples, self.shown)

    def _tables(self) -> Iterator[dict[str, Sum]]:
        yield from (self.by_rule, self.by_source, self.by_extension, self.by_country, self.by_area, self.by_day)


_ADDED = (
    "calls", "answered", "seconds", "cost_micros", "unpriced", "labelled", "observed_calls", "observed_micros",
)  # fmt: skip


def rule_of(judged: Judged) -> str:
    """The rule that refused or cut a call; empty where none did."""
    return judged.cause if judged.verdict.outcome == "allow" else judged.verdict.reason


def account(judged: Judged) -> str:
    """Who called: `pbx/101`."""
    return f"{judged.place.source}/{(judged.call.extension or judged.call.caller)[: examples.LONGEST]}"


def hits_of(judged: Judged) -> list[str]:
    """Slugs of the rules that hit, each once."""
    return list(Counter(hit.rule for hit in judged.verdict.hits))


def _once(hits: list[Hit]) -> Iterator[Hit]:
    """The first of each rule: a cap may hit at several windows."""
    yield from {hit.rule: hit for hit in reversed(hits)}.values()


def clock(zone: str, at: Instant) -> tuple[str, int]:
    """Day, `2026-11-27`, and hour on the wall clock."""
    return _clock(zone, at // (QUARTER_S * SECOND))


@lru_cache(maxsize=4096)
def _clock(zone: str, quarter: int) -> tuple[str, int]:
    """Day and hour on the wall clock, at a quarter of an hour since 1970."""
    local = datetime.fromtimestamp(quarter * QUARTER_S, ZoneInfo(zone))
    return local.date().isoformat(), local.hour
