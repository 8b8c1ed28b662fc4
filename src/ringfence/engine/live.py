"""Calls that were allowed, from the verdict to the end of their last leg, and the money that runs meanwhile.

Money is reserved before it is owed. The hold of the attempt pays for connecting and the first increment. From the
answer on, each leg is paid up to some second of its duration; LEAD_US before that second comes, the next increments are
asked for, at least CHUNK_S seconds of them so that a call with one-second increments doesn't ask every second. If so
much isn't to be had, one increment is asked for alone; if that isn't either, the leg is cut while it is still paid.

A call that the carrier places itself (REFER) can't be cut, so all of its longest duration is reserved with the verdict.

                     reserve                  extend               extend refused
    decided ├─ connect + first increment ─┤├──── chunk ────┤ ... ├── cut here ──x
                                      LEAD_US before                LEAD_US before
"""

from __future__ import annotations

import msgspec

from ringfence.engine.marks import ABROAD
from ringfence.model.attempt import Attempt, DestinationClass
from ringfence.model.command import Command, Cut
from ringfence.model.time import SECOND, Instant
from ringfence.numbers import Rate
from ringfence.rules.long_call import LOOKED_AT_S

LEAD_US = 2 * SECOND
UNSEEN_S = 4 * 3600
"""How long a call counts whose end nobody tells us of, where the policy has no longest duration for it."""
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
    weighed: int = 0
    """How often it was weighed for being up so long."""


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
    region: str = ""
    cut: bool = False
    """Whether it was ordered to end as a whole."""
    redirect_s: int = 0
    """How long it is held, since its caller was only told where to send it: it has no legs then, and can't be cut."""

    @property
    def unseen_s(self) -> int:
        """How long it counts once it is up, since nobody tells its end, and nobody can cut it; 0 of other calls."""
        return (self.max_call_s or UNSEEN_S) if self.attempt.transfer == "carrier" else 0

    def leg(self, tag: str) -> Leg | None:
        """The leg with this To tag."""
        return next((leg for leg in self.legs if leg.tag == tag), None)

    def cost_micros(self, leg: Leg, now: Instant) -> int:
        """What a leg costs if it ends now."""
        if self.price is None:
            return 0
        return self.price.cost_micros(-(-max(0, now - leg.answered_at) // SECOND))


def told_micros(live: Live, talked_s: int | None) -> int:
    """What a call without legs costs that is told to have been up so long."""
    return live.price.cost_micros(talked_s) if live.price is not None and talked_s else 0


def leg_id(attempt_id: str, tag: str) -> str:
    """The id of a leg's hold."""
    return f"{attempt_id}#{tag}"


def ends_at(live: Live, leg: Leg) -> Instant | None:
    """When the longest duration is over; never for an emergency call, unless it is one that is counted only."""
    longest_s = live.unseen_s or (0 if live.emergency else live.max_call_s)
    return leg.answered_at + longest_s * SECOND if longest_s else None


def weighed_at(live: Live, leg: Leg) -> Instant | None:
    """When what speaks against a call abroad is weighed again."""
    if live.klass not in ABROAD or leg.weighed == len(LOOKED_AT_S):
        return None
    return leg.answered_at + LOOKED_AT_S[leg.weighed] * SECOND


def pays_at(live: Live, leg: Leg) -> Instant | None:
    """When more money has to be asked for; None where calls are free, it is paid, or it is being asked for."""
    if live.price is None or not live.price.price_micros_per_min or leg.asked_s or live.emergency:
        return None
    if live.max_call_s and leg.paid_s >= live.max_call_s:
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
            known = ends_at(live, leg), pays_at(live, leg), weighed_at(live, leg)
            times += [at for at in known if at is not None]
    return min(times, default=None)


def cut_call(live: Live, cause: str, text: str) -> list[Command]:
    """Order a call to end with all its legs, once; an emergency call never, nor one that isn't in our hands."""
    if live.cut or live.emergency or live.redirect_s or (live.unseen_s and live.legs):
        return []
    live.cut = True
    if not live.legs:
        return [Cut(live.attempt.id, "", cause, text)]
    return [cut_leg(live, leg, cause, text) for leg in live.legs if not leg.cut]


def cut_leg(live: Live, leg: Leg, cause: str, text: str) -> Cut:
    """Order a leg to end, once."""
    leg.cut = True
    return Cut(live.attempt.id, leg.tag, cause, text)
