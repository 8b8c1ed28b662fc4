"""Where an attempt goes: its number in the source's dial plan, the class its caps are kept by, risk and price."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from ringfence.model.attempt import Destination, DestinationClass
from ringfence.model.settings import Source, Trunk
from ringfence.model.time import Instant
from ringfence.numbers import DialPlan, Number, RiskTable, is_domestic
from ringfence.rules.permits import region_of

SPECIAL = frozenset({"premium", "short_premium", "shared_cost", "personal", "satellite", "iprs", "upt", "global"})
"""Kinds of number whose owner earns with a call, or that are dear wherever they are."""

READINGS, REMEMBERED = 8192, 64
"""What was dialled last is remembered, as far as it has so many characters: people call the same numbers again."""

plan_of = cache(DialPlan)
"""The compiled dial plan of settings; there are as many as sources in a policy."""


def usable(number: Number) -> bool:
    """Whether there is a number to call at all: also a range that isn't in the numbering table (control C5)."""
    return not number.rejected or (number.reason == "unallocated" and bool(number.candidate))


def digits_of(number: Number) -> str:
    """The E.164 digits that price, lists and the carrier go by; empty where there are none."""
    return number.e164 or number.candidate


def classify(number: Number, home: str) -> DestinationClass:
    """The class of a number for a party at home in a country."""
    if number.type == "emergency":
        return "emergency"
    if not usable(number):
        return "unusable"
    if number.type in SPECIAL or "special_range" in number.flags:
        return "special"
    if number.rejected:
        return "domestic" if region_of(number, home) == home else "international"
    return "domestic" if is_domestic(number, home) else "international"


class Reading(NamedTuple):
    """What a dialled string means, whatever the trunk and the time."""

    number: Number
    klass: DestinationClass
    risk: int


def destination_of(dialled: str, source: Source, trunk: Trunk, risks: RiskTable, now: Instant) -> Destination:
    """Read the dialled string as this source means it."""
    reading = (_read if len(dialled) <= REMEMBERED else _reading)(plan_of(source.plan), risks, dialled)
    number, klass, risk = reading
    deck = trunk.deck if klass not in ("emergency", "unusable") and number.status != "short" else None
    price = deck.rate(digits_of(number), now) if deck is not None else None
    return Destination(number=number, klass=klass, risk=risk, price=price)


def _reading(plan: DialPlan, risks: RiskTable, dialled: str) -> Reading:
    number, home = plan.for_call(dialled), plan.settings.home
    klass = classify(number, home)
    return Reading(number, klass, risks.score(number, home).score if klass != "emergency" else 0)


_read = lru_cache(READINGS)(_reading)
