"""Calls that hardly cost anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.rules.base import Case, Finding, money
from ringfence.rules.evidence import PUBLIC, weighs

ALLOWANCES = (-60, -30)
"""For calls of the two cheapest classes."""


@dataclass(frozen=True, slots=True)
class LittleToLose:
    """A cheap call: it takes more evidence to refuse it.

    *Why it matters*

    A call that is refused for nothing annoys as much at one cent a minute as at one dollar, and the fraud that it might
    have been costs a hundredth. So whatever speaks against a call under 0.10 a minute has to come to 130, and under
    0.03 a minute to 160, where `behaviour.block` is 100.

    *Before*

        [trunk.carrier]
        permit = ["US", "LV"]
        billing = { rates = "rates.csv" }

        call 01137167000000: allow

    *After*

        [trunk.carrier]
        permit = ["US", "GB"]
        billing = { rates = "rates.csv" }

        call 011442079460018: allow, little-to-lose

    *References*

    Controls E1, E2.
    """

    slug: ClassVar[str] = "little-to-lose"
    status: ClassVar[int] = 603
    public: ClassVar[str] = PUBLIC
    spoofable: ClassVar[bool] = False

    def find(self, case: Case) -> Iterator[Finding]:
        """The price, where it is low."""
        traits, price = case.traits, case.destination.price
        if traits is None or price is None or not 0 <= traits.tier < len(ALLOWANCES):
            return
        each = money(price.price_micros_per_min)
        yield weighs(ALLOWANCES[traits.tier], f"only {each} {case.trunk.currency} a minute", each)
