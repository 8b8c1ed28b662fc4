"""More calls to a country, a range or at a price than in this hour of the week."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding, money
from ringfence.rules.evidence import PUBLIC, abroad, step, weighs
from ringfence.rules.first_ever_destination import area
from ringfence.rules.permits import digits_of
from ringfence.rules.traits import Calls

LEAST = 6
"""Fewer usual calls within an hour are taken for as many; two and a half times what is usual weighs."""


@dataclass(frozen=True, slots=True)
class MoreThanUsual:
    """More calls of a source to one country, one range or of one price class than it makes in this hour of the week.

    *Why it matters*

    Fraud to a country that the house calls every day isn't new: it is more. For each country, range (calling code and
    three digits) and class of price is kept how many calls a source made at most in an hour, by hour of the week; the
    hours around and the same hour of other working days count as alike. Whichever is furthest over it weighs, but
    little: an honest campaign is more too. Numbers that the source is used to don't.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days with 10 at once

        call 011442079460001 at 2026-12-01T11:00: allow
        call 011442079460002: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]

        used to 011442079460018 since 30 days

        call 011442079460018 at 2026-12-01T11:00 14 times: allow
        call 011442079460002: allow, more-than-usual

    *References*

    Controls E2, E3. OpenSIPS fraud_detection (total calls by prefix and time of day).
    """

    slug: ClassVar[str] = "more-than-usual"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "new"

    def find(self, case: Case) -> Iterator[Finding]:
        """The count that is furthest over what is usual."""
        traits = abroad(case)
        if traits is None or not traits.new_number or not traits.hour_counts:
            return
        over = [calls / max(usual, LEAST) for calls, usual in traits.hour_counts]
        furthest = over.index(max(over))
        weight = step(over[furthest], (2.5, 10), (4, 20))
        if weight:
            calls, usual = traits.hour_counts[furthest]
            what = f"{calls} calls of source {case.source.name} {_named(case, furthest)} in this hour"
            yield weighs(weight, f"{what}, at most {usual} in such hours of the week before", calls, usual, 3600)


def _named(case: Case, place: int) -> str:
    number, price = case.destination.number, case.destination.price
    if place == 0:
        return f"to {number.region or 'this country'}"
    if place == 1 or price is None:
        return f"to +{area(digits_of(number))}"
    return f"that cost about {money(price.price_micros_per_min)} {case.trunk.currency} a minute"
