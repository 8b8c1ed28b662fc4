"""Call records as the detectors see them: read back from the files, with what the numbering table says."""

from __future__ import annotations

import csv
import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Protocol

import msgspec

from ringfence.engine.destinations import classify, digits_of
from ringfence.model.settings import Policy
from ringfence.numbers import DialPlan
from ringfence.policy import Loader


class Seen(msgspec.Struct, gc=False):
    """One leg; instants in seconds since 1970, money in micro-units."""

    id: str
    start: float
    end: float
    talk_s: int
    extension: str
    dialled: str
    e164: str
    country: str
    klass: str
    price_per_min: int
    outbound: bool


class Monitor(Protocol):
    """A detector at work: told of each call's start and end in time order."""

    def start(self, call: Seen) -> bool:
        """Whether the call is refused."""
        ...

    def end(self, call: Seen) -> None:
        """A call that was let through is over."""
        ...


class Reader:
    """Reads one customer's files."""

    def __init__(self, policy: Path) -> None:
        self.policy: Policy = Loader(str(policy)).load().policy
        self._source = next(iter(self.policy.sources.values()))
        self._deck = next(iter(self.policy.trunks.values())).deck
        self._plan = DialPlan(self._source.plan)
        self._number = cache(self._judged)

    def rows(self, path: Path) -> Iterator[Seen]:
        """The file's rows, in its order."""
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                e164, country, klass, price = self._number(row["dialled"])
                yield Seen(
                    row["call_id"],
                    datetime.fromisoformat(row["start"]).timestamp(),
                    datetime.fromisoformat(row["end"]).timestamp(),
                    int(row["billsec"]),
                    row["extension"],
                    row["dialled"],
                    e164,
                    country,
                    klass,
                    price,
                    row["direction"] == "out",
                )

    def _judged(self, dialled: str) -> tuple[str, str, str, int]:
        """Digits, country, class and price of a dialled string."""
        number = self._plan.for_call(dialled)
        klass = "unusable" if number.rejected else classify(number, self._source.plan.home)
        rate = self._deck.rate(digits_of(number), 0) if self._deck is not None else None
        return digits_of(number) or dialled, number.region, klass, rate.price_micros_per_min if rate else 0


def play(rows: Iterable[Seen], monitor: Monitor) -> set[str]:
    """Show outbound calls to a monitor in time order; gives the ids of those it refuses."""
    up: list[tuple[float, str, Seen]] = []
    refused = set()
    for call in sorted((row for row in rows if row.outbound and row.klass != "emergency"), key=lambda row: row.start):
        while up and up[0][0] <= call.start:
            monitor.end(heapq.heappop(up)[2])
        if monitor.start(call):
            refused.add(call.id)
        else:
            heapq.heappush(up, (call.end, call.id, call))
    return refused
