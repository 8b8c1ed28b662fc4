"""The charges of a hold, with the counters of this node that they go to: looked up once for as long as both are there.

Every attempt of an extension on a trunk to a class at a price has the very same tuple of charges (see `charges.py`),
so that a plan is found by the identity of that tuple. Most of its some forty charges are those of trunk, source and
tenant, which all extensions share; so they are a part that all plans share. What is to be done for each charge stands
in lists, and nothing is decided again.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple, TypeVar

from ringfence.engine.bucket import TokenBucket
from ringfence.engine.window import RollingWindow
from ringfence.model.meter import UNLIMITED, Charge, MeterKey
from ringfence.model.time import Instant


class Gauge:
    """How many calls are in progress."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0


Counter = Gauge | RollingWindow
Some = TypeVar("Some", bound=Counter)
Row = tuple[Some, int, MeterKey]
"""A counter, what is charged on it, and its key."""


class Part:
    """Some charges of a hold; `spent` are meters that it was charged on before and for good."""

    __slots__ = ("amount", "counted", "gauges", "limits", "money", "rates", "windows")

    def __init__(self, charges: tuple[Charge, ...], counters: list[Counter | TokenBucket]) -> None:
        self.counted: list[Row[Counter]] = []
        """All but rates, in order; then gauges and windows apart."""
        self.gauges: list[Row[Gauge]] = []
        self.windows: list[Row[RollingWindow]] = []
        self.limits: list[tuple[int, int]] = []
        """What refuses: a place among those counted, and the most that may be there."""
        self.rates: list[tuple[int, TokenBucket, Charge]] = []
        """Place among the charges, bucket and charge."""
        self.money: list[RollingWindow] = []
        self.amount = 0
        """Of money."""
        for place, (charge, counter) in enumerate(zip(charges, counters, strict=True)):
            self._add(place, charge, counter)

    def _add(self, place: int, charge: Charge, counter: Counter | TokenBucket) -> None:
        if isinstance(counter, TokenBucket):
            self.rates.append((place, counter, charge))
            return
        if charge.enforced and charge.limit < UNLIMITED:
            self.limits.append((len(self.counted), charge.limit))
        self.counted.append((counter, charge.amount, charge.meter))
        if isinstance(counter, Gauge):
            self.gauges.append((counter, charge.amount, charge.meter))
            return
        self.windows.append((counter, charge.amount, charge.meter))
        if charge.meter.quantity == "money":
            self.money.append(counter)
            self.amount = charge.amount

    def ask(self, spent: Container[MeterKey], now: Instant) -> tuple[list[int], bool, int]:
        """What each meter would show with its charge, whether all are granted, and how long the call has to wait."""
        for window, _, _ in self.windows:
            if now >= window.expires:
                window.drop(now)
        observed = [counter.total + amount for counter, amount, _ in self.counted]
        for place, (_, amount, key) in enumerate(self.counted if spent else ()):
            observed[place] -= amount if key in spent else 0
        granted, delay = True, 0
        for place, most in self.limits:
            if observed[place] > most:
                granted = False
        for place, bucket, charge in self.rates:
            value = 0 if charge.meter in spent else bucket.wait_us(charge, now)
            if charge.enforced:
                granted = granted and value <= charge.pace_us
                delay = max(delay, value)
            observed.insert(place, value)
        return observed, granted, delay

    def take(self, spent: Container[MeterKey], now: Instant) -> None:
        """Charge what isn't spent."""
        for gauge, amount, _ in self.gauges:
            gauge.total += amount
        for window, amount, _ in [row for row in self.windows if row[2] not in spent] if spent else self.windows:
            if now >= window.ends:
                window.begin(now)
            window.total += amount
        for _, bucket, charge in self.rates:
            if charge.meter not in spent:
                bucket.take(charge, now)


class Plan(NamedTuple):
    """Of one tuple of charges."""

    charges: tuple[Charge, ...]
    parts: tuple[Part, ...]
    money_keys: list[MeterKey]
    money: list[RollingWindow]
    amount: int
    """Of money."""
    gauges: list[Row[Gauge]]
    callers: frozenset[str]

    @classmethod
    def of(cls, charges: tuple[Charge, ...], parts: tuple[Part, ...]) -> Plan:
        """The plan of charges that are in these parts."""
        return cls(
            charges=charges,
            parts=parts,
            money_keys=[charge.meter for charge in charges if charge.meter.quantity == "money"],
            money=[window for part in parts for window in part.money],
            amount=max((part.amount for part in parts), default=0),
            gauges=[row for part in parts for row in part.gauges],
            callers=frozenset(charge.meter.name for charge in charges if charge.meter.scope == "caller"),
        )
