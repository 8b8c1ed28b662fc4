"""Where an attempt goes: its number in the source's dial plan, the class its caps are kept by, risk and price."""

from __future__ import annotations

from functools import cache

from ringfence.model.attempt import Destination, DestinationClass
from ringfence.model.settings import Source, Trunk
from ringfence.model.time import Instant
from ringfence.numbers import DialPlan, Number, PlanSettings, RiskTable, is_domestic
from ringfence.rules.permits import region_of

SPECIAL = frozenset({"premium", "short_premium", "shared_cost", "personal", "satellite", "iprs", "upt", "global"})
"""Kinds of number whose owner earns with a call, or that are dear wherever they are."""

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


def destination_of(dialled: str, source: Source, trunk: Trunk, risks: RiskTable, now: Instant) -> Destination:
    """Read the dialled string as this source means it."""
    settings: PlanSettings = source.plan
    number = plan_of(settings).for_call(dialled)
    klass = classify(number, settings.home)
    priced = trunk.deck is not None and klass not in ("emergency", "unusable") and number.status != "short"
    return Destination(
        number=number,
        klass=klass,
        risk=risks.score(number, settings.home).score if klass != "emergency" else 0,
        price=trunk.deck.rate(digits_of(number), now) if priced and trunk.deck is not None else None,
    )
