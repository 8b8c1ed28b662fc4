"""What a replay comes to: sums by rule, source, extension and country, for the terminal, JSON and HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from ringfence.history.replay import Judged
from ringfence.model import SECOND, Instant


class Sum(msgspec.Struct):
    """Calls that the policy would have refused or cut under one heading."""

    refused: int = 0
    cut: int = 0
    saved_micros: int = 0

    def add(self, judged: Judged) -> None:
        """One more."""
        if judged.verdict.outcome == "allow":
            self.cut += 1
        else:
            self.refused += 1
        self.saved_micros += judged.saved_micros

    def merge(self, other: Sum) -> None:
        """As many more."""
        self.refused += other.refused
        self.cut += other.cut
        self.saved_micros += other.saved_micros


class Summary(msgspec.Struct):
    """Of all calls that were judged."""

    calls: int = 0
    answered: int = 0
    seconds: int = 0
    """Of talk."""
    cost_micros: int = 0
    """What the answered calls cost by the policy's decks."""
    first: Instant = 0
    last: Instant = 0
    total: Sum = msgspec.field(default_factory=Sum)
    by_rule: dict[str, Sum] = {}
    by_source: dict[str, Sum] = {}
    by_extension: dict[str, Sum] = {}
    by_country: dict[str, Sum] = {}
    by_day: dict[int, Sum] = {}
    """Days since 1970 (UTC)."""
    by_hour: dict[int, Sum] = {}
    """Hours of the day (UTC)."""
    observed: dict[str, int] = {}
    """Calls that a rule in observe mode would have refused, by rule."""

    def add(self, judged: Judged) -> None:
        """One more call."""
        call, verdict = judged.call, judged.verdict
        self.calls += 1
        self.first = min(self.first or call.start, call.start)
        self.last = max(self.last, call.start)
        if call.answer:
            self.answered += 1
            self.seconds += call.duration_s
            price = verdict.destination.price
            self.cost_micros += price.cost_micros(call.duration_s) if price is not None else 0
        for hit in verdict.hits:
            if hit.severity == "block" and not hit.enforced:
                self.observed[hit.rule] = self.observed.get(hit.rule, 0) + 1
        if verdict.outcome != "allow" or judged.cut_after_s is not None:
            self._refused(judged)

    def merge(self, other: Summary) -> None:
        """The same sums of other calls."""
        self.calls += other.calls
        self.answered += other.answered
        self.seconds += other.seconds
        self.cost_micros += other.cost_micros
        self.first = min(filter(None, (self.first, other.first)), default=0)
        self.last = max(self.last, other.last)
        self.total.merge(other.total)
        for mine, others in zip(self._tables(), other._tables(), strict=True):
            for key, found in others.items():
                mine.setdefault(key, Sum()).merge(found)
        for rule, count in other.observed.items():
            self.observed[rule] = self.observed.get(rule, 0) + count

    def _tables(self) -> Iterator[dict[Any, Sum]]:
        yield from (self.by_rule, self.by_source, self.by_extension, self.by_country, self.by_day, self.by_hour)

    def _refused(self, judged: Judged) -> None:
        call, verdict = judged.call, judged.verdict
        rule = judged.cause if verdict.outcome == "allow" else verdict.reason
        extension = f"{judged.place.source}/{call.extension or call.caller}"
        country = verdict.destination.number.region or "?"
        self.total.add(judged)
        for table, key in (
            (self.by_rule, rule),
            (self.by_source, judged.place.source),
            (self.by_extension, extension),
            (self.by_country, country),
        ):
            table.setdefault(key, Sum()).add(judged)
        day, hour = divmod(call.start // (3600 * SECOND), 24)
        self.by_day.setdefault(day, Sum()).add(judged)
        self.by_hour.setdefault(hour, Sum()).add(judged)


def worst(table: dict[str, Sum], most: int = 10) -> list[tuple[str, Sum]]:
    """The headings with most money, then most calls."""
    return sorted(table.items(), key=lambda item: (-item[1].saved_micros, -item[1].refused - item[1].cut, item[0]))[
        :most
    ]


def hits_of(judged: Judged) -> list[str]:
    """Slugs of the rules that hit, each once."""
    return list(Counter(hit.rule for hit in judged.verdict.hits))
