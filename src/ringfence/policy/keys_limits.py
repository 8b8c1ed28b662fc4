"""The keys of caps and bounds, which trunks, sources, profiles and tenants have alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ringfence.model.settings import CallRate, Levels, Spend
from ringfence.policy.errors import PolicyError
from ringfence.policy.kinds import Either, Key, ListOf, MapOf, Table
from ringfence.policy.leaves import MONEY, RATE, choice, integer
from ringfence.policy.leaves_number import DESTINATION, HOME
from ringfence.policy.leaves_time import HOURS
from ringfence.policy.tree import Node

CLASSES = ("domestic", "international", "special")
"""Destination classes that can be limited: emergency calls are never refused or cut, unusable numbers always are."""

SPECIAL = ("premium", "shared_cost", "personal", "satellite", "iprs", "upt", "global")
TOTAL = "total"

CALLS = integer(0, 1_000_000, "calls")


def _ordered(node: Node, values: dict[str, Any]) -> Iterator[PolicyError]:
    """Alert, block and carrier's cap must not contradict each other."""
    for low, high, why in (
        ("alert", "block", "the alert would never come before the refusal"),
        ("block", "carrier_cap", "the carrier would refuse before we do"),
        ("alert", "carrier_cap", "the alert would never come"),
    ):
        if values.get(low) is None or values.get(high) is None or values[low] <= values[high]:
            continue
        if (low, high) == ("alert", "carrier_cap") and values.get("block") is not None:
            continue  # one of the two above says it already
        text = f"is {values[low]:g}, over {high} = {values[high]:g}: {why}"
        yield node.value[low].error(text, f"write a number up to {values[high]:g}")


LEVELS = Table(
    doc="A cap with its alert below it. A level that is left out is off.",
    keys=(
        Key(name="expected", kind=CALLS, doc="What is usual. Shown beside the present value; refuses nothing."),
        Key(name="alert", kind=CALLS, doc="From here on people are told; the call goes on. At most `block`."),
        Key(name="block", kind=CALLS, doc="The most there may be: a call over it is refused. At most `carrier_cap`."),
        Key(name="carrier_cap", kind=CALLS, doc="What the carrier itself allows. Only compared with the others."),
    ),
    build=lambda values: Levels(**values),
    plain="block",
    check=_ordered,
    defaults=Levels,
)
CALL_RATE = Table(
    doc="Calls per second: a token bucket, exact at any moment. A level that is left out is off.",
    keys=(
        Key(name="expected", kind=RATE, doc="What is usual. Shown beside the present value; refuses nothing."),
        Key(name="alert", kind=RATE, doc="From here on people are told. At most `block`."),
        Key(
            name="block", kind=RATE, doc="The sustained rate that is let through, calls per second; may be a fraction."
        ),
        Key(name="burst", kind=integer(1, 100_000, "calls"), doc="How many calls may come at once after a pause."),
        Key(
            name="pace_ms",
            kind=integer(0, 2000, "milliseconds"),
            doc="How long a call over the rate may wait rather than be refused, milliseconds.",
        ),
    ),
    build=lambda values: CallRate(**values),
    plain="block",
    check=_ordered,
    defaults=CallRate,
)
SPEND = Table(
    doc="Money in rolling windows; calls in progress count with what they have reserved.",
    keys=(
        Key(name="per_day", kind=MONEY, doc="The most in any 24 hours, units of the trunk's currency."),
        Key(name="per_month", kind=MONEY, doc="The most in any 30 days, units of the trunk's currency."),
    ),
    build=lambda values: Spend(**values),
    plain="per_day",
    defaults=Spend,
)

COUNTS = (
    Key(name="concurrent", kind=LEVELS, doc="Calls in progress at once.", default="no cap"),
    Key(name="calls_per_second", kind=CALL_RATE, doc="New calls per second.", default="no cap"),
    Key(name="calls_per_minute", kind=LEVELS, doc="New calls in any 60 seconds.", default="no cap"),
    Key(name="calls_per_hour", kind=LEVELS, doc="New calls in any 60 minutes.", default="no cap"),
    Key(
        name="calls_per_day",
        kind=LEVELS,
        doc="New calls in any 24 hours; nothing is reset at midnight.",
        default="no cap",
    ),
)
CLASS_CAPS = Table(doc="Caps on the calls of one destination class, beside those on all calls.", keys=COUNTS)
PER_CALLER = Table(
    doc="Caps of each extension of a source.",
    keys=(
        *COUNTS,
        Key(
            name="spend",
            kind=MapOf((TOTAL,), SPEND),
            doc="Money each extension may spend: `spend.total`.",
            default="no cap",
        ),
    ),
)
MAX_CALL = integer(1, 604_800, "seconds")

BOUNDS = (
    Key(
        name="permit",
        kind=Either(HOME, ListOf(DESTINATION)),
        doc='Countries and prefixes that may be called; everything else is refused. `"home"`: the home country only.',
        default='a trunk: `"home"`; elsewhere no limit of its own',
    ),
    Key(
        name="special",
        kind=ListOf(choice(*SPECIAL)),
        doc="Special kinds of number that may be called; they need `permit` as well. All others of them are refused.",
        default="none",
    ),
    *COUNTS,
    Key(
        name="spend",
        kind=MapOf((TOTAL, *CLASSES), SPEND),
        doc="Money, by destination class, so that fraud to one class can't stop the others' calls, and in `total`.",
        default="no cap",
    ),
    Key(
        name="class",
        kind=MapOf(CLASSES, CLASS_CAPS),
        doc="Caps on one destination class: `class.international.concurrent` and so on.",
        default="no caps",
    ),
    Key(
        name="hours",
        kind=Either(HOURS, MapOf(CLASSES, HOURS)),
        doc="When calls may be made, in the time zone of the tenant or site: one text for all classes or a table by "
        "class. Windows are parted by commas; days are `Mon-Fri`, `Sat Sun` or `daily`; a window may pass midnight. "
        "Closed on `site.holidays`.",
        default="always",
    ),
    Key(
        name="max_call_s",
        kind=Either(MAX_CALL, MapOf(CLASSES, MAX_CALL)),
        doc="Longest call, seconds, for all classes or by class; it is cut then.",
        default="no limit",
    ),
)
