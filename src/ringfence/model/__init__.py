"""The words of the house as types: attempt, destination, hit, charge, fact, command, verdict.

Everything here is frozen data without behaviour beyond reading it. Instants are integer microseconds since
1970-01-01T00:00:00Z; money is integer micro-units of the trunk's currency; durations carry their unit in the name.
"""

from ringfence.model.attempt import Attempt, Destination
from ringfence.model.command import Alert, Ban, Command, Contain, Cut, Extend
from ringfence.model.fact import (
    Accepted,
    Answered,
    Arrived,
    Attempted,
    AuthFailed,
    Banned,
    Bound,
    Challenged,
    Contained,
    Decided,
    DialogChanged,
    Ended,
    Enrolled,
    Extended,
    Fact,
    Offended,
    PolicyChanged,
    Registered,
    Released,
    Strangers,
    Tick,
    Unbanned,
    Unbound,
)
from ringfence.model.meter import UNLIMITED, Charge, Hold, MeterKey, Reading
from ringfence.model.time import SECOND, Instant
from ringfence.model.verdict import Hit, Judgement, Outcome, Verdict

__all__ = [
    "SECOND",
    "UNLIMITED",
    "Accepted",
    "Alert",
    "Answered",
    "Arrived",
    "Attempt",
    "Attempted",
    "AuthFailed",
    "Ban",
    "Banned",
    "Bound",
    "Challenged",
    "Charge",
    "Command",
    "Contain",
    "Contained",
    "Cut",
    "Decided",
    "Destination",
    "DialogChanged",
    "Ended",
    "Enrolled",
    "Extend",
    "Extended",
    "Fact",
    "Hit",
    "Hold",
    "Instant",
    "Judgement",
    "MeterKey",
    "Offended",
    "Outcome",
    "PolicyChanged",
    "Reading",
    "Registered",
    "Released",
    "Strangers",
    "Tick",
    "Unbanned",
    "Unbound",
    "Verdict",
]
