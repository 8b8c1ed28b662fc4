"""The charges of a hold, with the books of this node that they go to: looked up once for as long as both are there.

Every attempt of an extension on a trunk to a class at a price has the very same tuple of charges (see `charges.py`),
so that a plan is found by the identity of that tuple. Most of its charges are those of trunk, source and tenant, which
all extensions share; so their parts are shared by all plans too.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import groupby
from operator import add
from typing import NamedTuple

from ringfence.engine.book import Book
from ringfence.engine.bucket import TokenBucket
from ringfence.model.meter import UNLIMITED, Charge, MeterKey
from ringfence.model.time import Instant

Party = tuple[str, str, str]
"""Scope, name and class: whose book it is."""


class Part:
    """The charges of a hold that go to one book; `spent` are meters that it was charged on before and for good."""

    __slots__ = ("_all", "_amounts", "_charges", "book", "gauges", "limits", "money", "places", "rates")

    def __init__(self, charges: tuple[Charge, ...], book: Book, buckets: Mapping[MeterKey, TokenBucket]) -> None:
        self.book = book
        self._charges = charges
        self.places: list[int] = []
        """Where in the book the charges go, in order."""
        self.limits: list[tuple[int, int]] = []
        """What refuses: a place in the book, and the most that may be there."""
        self.rates: list[tuple[int, TokenBucket, Charge]] = []
        """Place among the charges, bucket and charge."""
        for number, charge in enumerate(charges):
            if charge.meter.quantity == "rate":
                self.rates.append((number, buckets[charge.meter], charge))
                continue
            place = book.place(charge.meter)
            self.places.append(place)
            if charge.enforced and charge.limit < UNLIMITED:
                self.limits.append((place, charge.limit))
        self.money = [place for place in self.places if book.keys[place].quantity == "money"]
        self.gauges = [place for place in self.places if book.keys[place].quantity == "calls"]
        self._fit()

    def _fit(self) -> None:
        """To a book that has grown."""
        amounts = {charge.meter: charge.amount for charge in self._charges}
        self._amounts = [amounts.get(key, 0) for key in self.book.keys]
        """What is added to each meter of the book."""
        self._all = self.places == list(range(len(self._amounts)))

    def _added(self, spent: Container[MeterKey], now: Instant) -> list[int]:
        """What the meters of the book show at `now` with these charges."""
        book = self.book
        if now >= book.turns:
            book.turn(now)
        if len(self._amounts) != len(book.totals):
            self._fit()
        amounts = self._amounts
        if spent:
            amounts = [0 if key in spent else amount for key, amount in zip(book.keys, amounts, strict=True)]
        return list(map(add, book.totals, amounts))

    def ask(self, spent: Container[MeterKey], now: Instant) -> tuple[list[int], bool, int]:
        """What each meter would show with its charge, whether all are granted, and how long the call has to wait."""
        totals = self._added(spent, now)
        granted, delay = True, 0
        for place, most in self.limits:
            if totals[place] > most:
                granted = False
        observed = totals if self._all else [totals[place] for place in self.places]
        for place, bucket, charge in self.rates:
            value = 0 if charge.meter in spent else bucket.wait_us(charge, now)
            if charge.enforced:
                granted = granted and value <= charge.pace_us
                delay = max(delay, value)
            observed.insert(place, value)
        return observed, granted, delay

    def take(self, spent: Container[MeterKey], now: Instant) -> None:
        """Charge what isn't spent."""
        self.book.totals = self._added(spent, now)
        for _, bucket, charge in self.rates:
            if charge.meter not in spent:
                bucket.take(charge, now)

    def refund(self, amount: int, at: Instant) -> None:
        """Give back money that was charged at `at` and not used."""
        for place in self.money:
            self.book.refund(place, amount, at)

    def owe(self, amount: int, now: Instant) -> None:
        """Charge more money."""
        if now >= self.book.turns:
            self.book.turn(now)
        for place in self.money:
            self.book.totals[place] += amount

    def free(self) -> None:
        """Give slots back."""
        for place in self.gauges:
            self.book.totals[place] -= self._amounts[place]


class Plan(NamedTuple):
    """Of one tuple of charges."""

    charges: tuple[Charge, ...]
    parts: tuple[Part, ...]
    money_keys: list[MeterKey]
    money: int
    """What is reserved on each of them."""
    callers: frozenset[str]

    @classmethod
    def of(cls, charges: tuple[Charge, ...], parts: tuple[Part, ...]) -> Plan:
        """The plan of charges that are in these parts."""
        money = [charge for charge in charges if charge.meter.quantity == "money"]
        return cls(
            charges=charges,
            parts=parts,
            money_keys=[charge.meter for charge in money],
            money=money[0].amount if money else 0,
            callers=frozenset(charge.meter.name for charge in charges if charge.meter.scope == "caller"),
        )


def by_party(charges: tuple[Charge, ...]) -> Iterator[tuple[Charge, ...]]:
    """Charges that follow one another and go to the same book."""
    return (tuple(group) for _, group in groupby(charges, lambda charge: party_of(charge.meter)))


def party_of(key: MeterKey) -> Party:
    """Whose book a meter is in."""
    return key.scope, key.name, key.klass
