"""A token bucket as one number: the generic cell rate algorithm (ITU-T I.371), exact at any moment.

`tat` is the theoretical arrival time: the instant at which the bucket is full again. With T the interval of the
sustained rate and `burst` calls at once, a call may go at tat - (burst - 1)·T. One that comes earlier waits until then,
if it may wait that long (pacing), and each one that goes moves tat on by T. Refused ones don't move it.
"""

from __future__ import annotations

from ringfence.model.meter import Charge
from ringfence.model.time import SECOND, Instant


def interval_us(charge: Charge) -> int:
    """Microseconds between calls at the sustained rate, rounded up so that the rate is never over."""
    return -(-1000 * SECOND // charge.limit)


class TokenBucket:
    """The rate of one entity."""

    __slots__ = ("tat",)

    def __init__(self) -> None:
        self.tat: Instant = 0

    def wait_us(self, charge: Charge, now: Instant) -> int:
        """How long a call that comes now has to wait."""
        return max(0, self.tat - (charge.burst - 1) * interval_us(charge) - now)

    def take(self, charge: Charge, now: Instant) -> None:
        """A call goes. Where it wasn't refused though it had to wait longer (observe mode), the debt stays bounded."""
        step = interval_us(charge)
        most = now + charge.pace_us + charge.burst * step
        self.tat = min(max(self.tat, now) + step, most)
