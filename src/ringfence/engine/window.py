"""Amounts in a rolling window, exact in the one direction that matters: never over.

Theory. A window of W seconds is kept as buckets of W/60. An amount stays in the sum until every instant of its bucket
is a whole window in the past, so the sum is at least what fell into the last W seconds: a refusal may come up to one
bucket early, an overshoot is impossible. Nothing happens at midnight, since no bucket knows what a day is.
"""

from collections import deque

from ringfence.model.time import SECOND, Instant

BUCKETS = 60
"""Buckets a window."""


class RollingWindow:
    """The sum of what was added during the last `window_s` seconds, rounded up to whole buckets."""

    __slots__ = ("_bucket_us", "_buckets", "total")

    def __init__(self, window_s: int) -> None:
        self._bucket_us = window_s * SECOND // BUCKETS
        self._buckets: deque[list[int]] = deque()
        self.total = 0

    def read(self, now: Instant) -> int:
        """The sum at `now`; buckets that are wholly out of the window are dropped."""
        oldest = now // self._bucket_us - BUCKETS
        while self._buckets and self._buckets[0][0] < oldest:
            self.total -= self._buckets.popleft()[1]
        return self.total

    def add(self, amount: int, now: Instant) -> None:
        """Count `amount` at `now`; an earlier instant than the newest counts as the newest."""
        index = now // self._bucket_us
        if self._buckets and self._buckets[-1][0] >= index:
            self._buckets[-1][1] += amount
        else:
            self._buckets.append([index, amount])
        self.total += amount

    def refund(self, amount: int) -> None:
        """Give back what wasn't used, newest bucket first; never more than is there."""
        for bucket in reversed(self._buckets):
            given = min(amount, bucket[1])
            bucket[1] -= given
            self.total -= given
            amount -= given
            if not amount:
                return
