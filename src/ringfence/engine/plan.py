"""The charges of a hold, with the counters of this node that they go to: looked up once for as long as both are there.

Every attempt of an extension on a trunk to a class at a price has the very same tuple of charges (see `charges.py`),
so that a plan is found by the identity of that tuple.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from ringfence.engine.bucket import TokenBucket
from ringfence.engine.window import NEVER, RollingWindow
from ringfence.model.meter import Charge, MeterKey
from ringfence.model.time import Instant


class Gauge:
    """How many calls are in progress."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0

    def read(self, now: Instant) -> int:
        """The present number."""
        return self.total

    def add(self, amount: int, now: Instant) -> None:
        """One more or less."""
        self.total += amount


Counter = Gauge | RollingWindow
Row = tuple[Counter, int, int]
"""Counter, amount, and what refuses: NEVER where nothing does."""


class Plan:
    """Of one tuple of charges."""

    __slots__ = ("amount", "charges", "counted", "gauges", "money", "money_keys", "rates")

    def __init__(self, charges: tuple[Charge, ...], counters: list[Counter | TokenBucket]) -> None:
        self.charges = charges
        self.counted: list[Row] = []
        self.rates: list[tuple[int, TokenBucket, Charge]] = []
        """Place among the charges, bucket and charge."""
        self.gauges: list[tuple[Gauge, int]] = []
        self.money: list[RollingWindow] = []
        self.money_keys = [charge.meter for charge in charges if charge.meter.quantity == "money"]
        self.amount = 0
        """Of money."""
        for place, (charge, counter) in enumerate(zip(charges, counters, strict=True)):
            self._add(place, charge, counter)

    def _add(self, place: int, charge: Charge, counter: Counter | TokenBucket) -> None:
        if isinstance(counter, TokenBucket):
            self.rates.append((place, counter, charge))
            return
        self.counted.append((counter, charge.amount, charge.limit if charge.enforced else NEVER))
        if isinstance(counter, Gauge):
            self.gauges.append((counter, charge.amount))
        elif charge.meter.quantity == "money":
            self.money.append(counter)
            self.amount = charge.amount

    def without(self, spent: Container[MeterKey]) -> Iterator[Row]:
        """What is counted, with no amount for meters that are charged already."""
        keys = (charge.meter for charge in self.charges if charge.meter.quantity != "rate")
        for (counter, amount, most), key in zip(self.counted, keys, strict=True):
            yield counter, 0 if key in spent else amount, most
