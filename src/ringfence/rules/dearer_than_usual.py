"""Calls that cost more per minute than any before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding, money
from ringfence.rules.evidence import PUBLIC, WHOSE, abroad, step, weighs
from ringfence.rules.traits import Calls


@dataclass(frozen=True, slots=True)
class DearerThanUsual:
    """A price per minute in a class that the extension or the source never called.

    *Why it matters*

    Fraud goes where a minute earns most. Prices are put into five classes (under 0.03, 0.10, 0.30, 1.00 dollars, and
    over; `billing.currency` is held against them roughly); a class that was never reached before is evidence, the
    higher the more. Needs `billing` with a rate deck.

    *Before*

        [trunk.carrier]
        permit = ["US", "GB"]
        billing = { rates = "rates.csv" }

        used to 011447400123456 since 30 days

        call 011447400123457: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB", "LV"]
        billing = { rates = "rates.csv" }
        used to 011447400123456 since 30 days

        call 01137167000000: allow, dearer-than-usual

    *References*

    Control E2. Retail rates of an Italian carrier, 2014: median 0.14, 90 % under 0.98 a minute.
    """

    slug: ClassVar[str] = "dearer-than-usual"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False
    calls: ClassVar[Calls] = "abroad"

    def find(self, case: Case) -> Iterator[Finding]:
        """The class, if it is new."""
        traits = abroad(case)
        price = case.destination.price
        if traits is None or price is None or not traits.new_tier:
            return
        weight = step(traits.tier, (1, 10), (2, 20), (3, 35), (4, 45))
        weight = min(weight, 10) if traits.new_tier == "extension" else weight
        if weight:
            each = money(price.price_micros_per_min)
            text = f"{each} {case.trunk.currency} a minute, dearer than any call of {WHOSE[traits.new_tier]} before"
            yield weighs(weight, text, each)
