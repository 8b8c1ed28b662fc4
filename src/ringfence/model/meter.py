"""What is charged: meters, the charges on them, and the hold that groups all charges of one attempt."""

from typing import Literal, NamedTuple

import msgspec

from ringfence.model.time import Instant

UNLIMITED = 2**63 - 1
"""The limit of a charge that is only counted, so that a cap written later starts filled."""

Scope = Literal["trunk", "source", "tenant", "caller"]
Quantity = Literal["calls", "attempts", "rate", "money"]


class MeterKey(NamedTuple):
    """Names one meter; hashable and orderable."""

    scope: Scope
    name: str
    """The trunk, source or tenant; for a caller `source/extension`."""
    quantity: Quantity
    """calls in progress; attempts in a rolling window; rate: a token bucket; money: micro-units in a rolling window."""
    klass: str
    """Destination class the meter is confined to; empty for all of them."""
    window_s: int
    """Length of the rolling window in seconds; 0 for calls in progress and for the token bucket."""


class Charge(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One addition to one meter."""

    meter: MeterKey
    amount: int
    limit: int = UNLIMITED
    """Granted only if observed + amount stays at or under it (UNLIMITED: only counted)."""
    enforced: bool = True
    """False in observe mode and for emergency calls: charged and reported, never a reason to refuse."""
    alert: int = UNLIMITED
    """At or over this level the verdict carries an alert hit."""
    burst: int = 0
    """rate meters: how many may come at once; `limit` is then the sustained rate in milli-calls per second."""
    pace_us: int = 0
    """rate meters: how long an attempt may be delayed rather than refused, microseconds."""

    @property
    def level(self) -> int:
        """What is observed from here on is more than there should be: over the limit, or at the alert level."""
        return self.pace_us + 1 if self.meter.quantity == "rate" else min(self.limit + 1, self.alert)


class Hold(msgspec.Struct, frozen=True, gc=False):
    """All charges of one attempt, granted together or not at all."""

    id: str
    node: str
    charges: tuple[Charge, ...]
    expires: Instant
    """A hold that is neither answered, extended nor ended by then is settled as lost."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """The meters' answer to a hold."""

    granted: bool
    at: Instant
    observed: tuple[int, ...]
    """Per charge, in order: the meter's value including this charge as it is (granted) or would have been; for a rate
    meter the delay in microseconds that would keep to the rate."""
    delay_us: int = 0
    """How long the call has to be paced (rate meters), microseconds."""
