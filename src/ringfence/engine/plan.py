"""The charges of a hold, with the counters of this node that they go to: looked up once for as long as both are there.

Every attempt of an extension on a trunk to a class at a price has the very same tuple of charges (see `charges.py`),
so that a plan is found by the identity of that tuple. Most of its some forty charges are those of trunk, source and
tenant, which all extensions share; so they are a part that all plans share.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

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


class Part:
    """Some charges of a hold; `spent` are meters that it was charged on before and for good."""

    __slots__ = ("_keys", "_limits", "_rates", "_windows", "amount", "charges", "counted", "gauges", "money")

    def __init__(self, charges: tuple[Charge, ...], counters: list[Counter | TokenBucket]) -> None:
        self.charges = charges
        self.counted: list[tuple[Counter, int]] = []
        """All but rates, in order, each with its amount."""
        self._keys: list[MeterKey] = []
        """Of those counted."""
        self._windows: list[RollingWindow] = []
        self.gauges: list[Gauge] = []
        self._limits: list[tuple[int, int]] = []
        """What refuses: a place among those counted, and the most that may be there."""
        self._rates: list[tuple[int, TokenBucket, Charge]] = []
        """Place among the charges, bucket and charge."""
        self.money: list[RollingWindow] = []
        self.amount = 0
        """Of money."""
        for place, (charge, counter) in enumerate(zip(charges, counters, strict=True)):
            self._add(place, charge, counter)

    def _add(self, place: int, charge: Charge, counter: Counter | TokenBucket) -> None:
        if isinstance(counter, TokenBucket):
            self._rates.append((place, counter, charge))
            return
        if charge.enforced and charge.limit < UNLIMITED:
            self._limits.append((len(self.counted), charge.limit))
        self.counted.append((counter, charge.amount))
        self._keys.append(charge.meter)
        if isinstance(counter, Gauge):
            self.gauges.append(counter)
            return
        self._windows.append(counter)
        if charge.meter.quantity == "money":
            self.money.append(counter)
            self.amount = charge.amount

    def turn(self, now: Instant) -> None:
        """Bring all windows to an instant: before anything is asked or taken."""
        for window in self._windows:
            if now >= window.turns:
                window.turn(now)

    def ask(self, spent: Container[MeterKey], now: Instant) -> tuple[list[int], bool, int]:
        """What each meter would show with its charge, whether all are granted, and how long the call has to wait."""
        observed = [counter.total + amount for counter, amount in self._unspent(spent)]
        granted, delay = True, 0
        for place, most in self._limits:
            if observed[place] > most:
                granted = False
        for place, bucket, charge in self._rates:
            value = 0 if charge.meter in spent else bucket.wait_us(charge, now)
            if charge.enforced:
                granted = granted and value <= charge.pace_us
                delay = max(delay, value)
            observed.insert(place, value)
        return observed, granted, delay

    def take(self, spent: Container[MeterKey], now: Instant) -> None:
        """Charge what isn't spent."""
        for counter, amount in self._unspent(spent):
            counter.total += amount
        for _, bucket, charge in self._rates:
            if charge.meter not in spent:
                bucket.take(charge, now)

    def _unspent(self, spent: Container[MeterKey]) -> list[tuple[Counter, int]]:
        """What is counted, with no amount where it is spent."""
        if not spent:
            return self.counted
        rows = zip(self.counted, self._keys, strict=True)
        return [(counter, 0 if key in spent else amount) for (counter, amount), key in rows]


class Plan(NamedTuple):
    """Of one tuple of charges."""

    charges: tuple[Charge, ...]
    parts: tuple[Part, ...]
    callers: frozenset[str]

    @property
    def amount(self) -> int:
        """Of money."""
        return max(part.amount for part in self.parts)

    @property
    def money(self) -> list[RollingWindow]:
        """Where money is charged."""
        return [window for part in self.parts for window in part.money]


def own_of(charges: tuple[Charge, ...]) -> int:
    """Where the charges begin that an extension doesn't share with others."""
    return next((place for place, charge in enumerate(charges) if charge.meter.scope == "caller"), len(charges))
