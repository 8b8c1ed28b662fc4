"""Calls that are dearer than anybody wants to pay, and calls whose price nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.model.settings import Caps
from ringfence.numbers import Rate, is_domestic
from ringfence.rules import words
from ringfence.rules.base import Case, Finding, money


@dataclass(frozen=True, slots=True)
class PriceOverCeiling:
    """Calls whose first minute costs more than the trunk's ceiling, or whose price isn't known where money is capped.

    *Why it matters*

    Within a permitted country the ranges that pay the fraudster are the dear ones, so a ceiling a little over what is
    really called takes away what fraud lives on. Compared is what the first minute costs: the price per minute, the
    connect fee and the whole of a long first increment, since a call with a fee of five units is no cheap one. A call
    without a price can't be counted against a cap on money: it is refused where there is a ceiling or such a cap.
    Toll-free and short numbers of home are free or ordinary by the numbering plan and need no price. On a flat trunk
    nothing has a price.

    *Before*

        [trunk.carrier]
        permit = ["US", "LV"]
        billing = { rates = "rates.csv" }

        call 01137167000000: allow

    *After*

        # Latvia costs 0.50 a minute and 0.05 for the connection.
        [trunk.carrier]
        permit = ["US", "LV", "GB"]
        billing = { rates = "rates.csv" }
        max_price_per_min = 0.50

        call 01137167000000: price-over-ceiling
        call 011447400123456: allow

    *References*

    Controls D4, C3.
    """

    slug: ClassVar[str] = "price-over-ceiling"
    status: ClassVar[int] = 603
    public: ClassVar[str] = "Destination Not Allowed"
    spoofable: ClassVar[bool] = False

    def find(self, case: Case) -> Iterator[Finding]:
        """The price, or that there is none."""
        trunk, price = case.trunk, case.destination.price
        if trunk.deck is None or case.destination.klass == "unusable":
            return
        if price is None:
            yield from _unpriced(case)
            return
        ceiling = trunk.max_price_per_min
        if ceiling is not None and first_minute_micros(price) > ceiling:
            cost, most = money(first_minute_micros(price)), money(ceiling)
            text = f"{_what(case)} costs {cost} in its first minute ({price.name or price.prefix}); at most {most}"
            yield Finding("block", text, f"trunk.{trunk.name}.max_price_per_min", cost, most)


def first_minute_micros(price: Rate) -> int:
    """What the first minute costs, connect fee and whole increments included; never under the price per minute."""
    return price.cost_micros(60)


def _unpriced(case: Case) -> Iterator[Finding]:
    where = _needs_price(case)
    if where and not _free_at_home(case):
        yield Finding("block", f"{_what(case)} has no price in the rate deck of trunk {case.trunk.name}", where)


def _needs_price(case: Case) -> str:
    """Dotted key of the ceiling or of a cap on money that holds for this call; empty if there is none."""
    if case.trunk.max_price_per_min is not None:
        return f"trunk.{case.trunk.name}.max_price_per_min"
    klass = case.destination.klass
    for place, bounds in case.bounds:
        if klass in bounds.class_caps and _caps_money(bounds.class_caps[klass]):
            return f"{place}.spend.{klass}"
        if _caps_money(bounds.caps):
            return f"{place}.spend.total"
    return f"source.{case.source.name}.per_caller.spend.total" if _caps_money(case.source.per_caller) else ""


def _caps_money(caps: Caps) -> bool:
    return caps.spend.per_day is not None or caps.spend.per_month is not None


def _free_at_home(case: Case) -> bool:
    """Whether the numbering plan says that it costs nothing, or no more than an ordinary call."""
    number = case.destination.number
    if number.status == "short":
        return number.type != "short_premium"
    return number.type == "toll_free" and is_domestic(number, case.source.plan.home)


def _what(case: Case) -> str:
    return words.destination(case.destination.number, case.attempt.dialled)
