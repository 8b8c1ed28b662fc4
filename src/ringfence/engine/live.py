"""Calls that were allowed, from the verdict to the end of their last leg, and the money that runs meanwhile.

Money is reserved before it is owed. The hold of the attempt pays for connecting and the first increment. From the
answer on, each leg is paid up to some second of its duration; LEAD_US before that second comes, the next increments are
asked for, at least CHUNK_S seconds of them so that a call with one-second increments doesn't ask every second. If so
much isn't to be had, one increment is asked for alone; if that isn't either, the leg is cut while it is still paid.

                     reserve                  extend               extend refused
    decided ├─ connect + first increment ─┤├──── chunk ────┤ ... ├── cut here ──x
                                      LEAD_US before                LEAD_US before
"""

from __future__ import annotations

import msgspec

from ringfence.model.attempt import Attempt, DestinationClass
from ringfence.model.command import Cut
from ringfence.model.time import SECOND, Instant
from ringfence.numbers import Rate

LEAD_US = 2 * SECOND
CHUNK_S = 60


class Leg(msgspec.Struct, gc=False):
    """One answered leg."""

    tag: str
    answered_at: Instant
    paid_s: int
    """Seconds of its duration that are reserved."""
    asked_s: int = 0
    """Seconds up to which money is asked for at this moment; 0 = nothing is asked."""
    cut: bool = False
    """Whether it was ordered to end."""


class Live(msgspec.Struct, gc=False):
    """One allowed attempt."""

    attempt: Attempt
    klass: DestinationClass
    price: Rate | None
    max_call_s: int
    """0 = no limit."""
    since: Instant
    expires: Instant
    """When it is lost unless it is answered; 0 once it is."""
    emergency: bool
    e164: str
    legs: list[Leg]

    def leg(self, tag: str) -> Leg | None:
        """The leg with this To tag."""
        return next((leg for leg in self.legs if leg.tag == tag), None)

    def cost_micros(self, leg: Leg, now: Instant) -> int:
        """What a leg costs if it ends now."""
        if self.price is None:
            return 0
        return self.price.cost_micros(-(-max(0, now - leg.answered_at) // SECOND))


def leg_id(attempt_id: str, tag: str) -> str:
    """The id of a leg's hold."""
    return f"{attempt_id}#{tag}"


def ends_at(live: Live, leg: Leg) -> Instant | None:
    """When the longest duration is over; never for an emergency call."""
    if not live.max_call_s or live.emergency:
        return None
    return leg.answered_at + live.max_call_s * SECOND


def pays_at(live: Live, leg: Leg) -> Instant | None:
    """When more money has to be asked for; None where calls are free or it is being asked for."""
    if live.price is None or not live.price.price_micros_per_min or leg.asked_s or live.emergency:
        return None
    return leg.answered_at + leg.paid_s * SECOND - LEAD_US


def next_paid_s(price: Rate, leg: Leg, least: bool) -> int:
    """Seconds up to which a leg is paid after the next extension: a chunk, or at the least one increment."""
    return price.billed_s(leg.paid_s + (1 if least else CHUNK_S))


def wakes_at(live: Live) -> Instant | None:
    """When something has to be done about a call."""
    times = [live.expires] if live.expires else []
    for leg in live.legs:
        if not leg.cut:
            times += [at for at in (ends_at(live, leg), pays_at(live, leg)) if at is not None]
    return min(times, default=None)


def cut_leg(live: Live, leg: Leg, cause: str, text: str) -> Cut:
    """Order a leg to end, once."""
    leg.cut = True
    return Cut(live.attempt.id, leg.tag, cause, text)
