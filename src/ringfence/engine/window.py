"""Amounts in a rolling window, exact in the one direction that matters: never over.

Theory. A window of W seconds is kept as buckets of W/60. An amount stays in the sum until every instant of its bucket
is a whole window in the past, so the sum is at least what fell into the last W seconds: a refusal may come up to one
bucket early, an overshoot is impossible. Nothing happens at midnight, since no bucket knows what a day is.

The sum is kept beside the sums of other windows (`book.py`) and handed in. The newest bucket is open: what was added to
the sum since it began is in it, so that adding is one addition until `turns`. Then the window turns: the bucket is
written down with the others, and those that are out of the window leave the sum.

What is given back leaves the bucket it was put into. Taken from any other, it would shorten the time for which
somebody else's amount counts.
"""

from ringfence.model.time import SECOND, Instant

BUCKETS = 60
"""Buckets a window."""
NEVER: Instant = 2**63


class RollingWindow:
    """The buckets of what was added during the last `window_s` seconds, rounded up to whole ones."""

    __slots__ = ("_bucket_us", "_closed", "_closed_sum", "_open", "turns")

    def __init__(self, window_s: int) -> None:
        self._bucket_us = window_s * SECOND // BUCKETS
        self._closed: list[int] = []
        """Number and amount of each bucket before the open one that isn't empty, alternating, oldest first."""
        self._closed_sum = 0
        self._open = -1
        """Number of the open bucket."""
        self.turns: Instant = 0
        """The end of the open bucket."""

    def turn(self, total: int, now: Instant) -> int:
        """What the sum has become; due from `turns` on, before anything is added or read."""
        index = now // self._bucket_us
        if total != self._closed_sum:
            self._closed += (self._open, total - self._closed_sum)
        self._open = index
        self.turns = (index + 1) * self._bucket_us
        self._closed_sum = total - self._drop(index - BUCKETS)
        return self._closed_sum

    def _drop(self, oldest: int) -> int:
        """Forget buckets before one; gives what was in them."""
        closed, gone = self._closed, 0
        if not closed or closed[0] >= oldest:
            return 0
        while gone < len(closed) and closed[gone] < oldest:
            gone += 2
        dropped = sum(closed[1:gone:2])
        del closed[:gone]
        return dropped

    def until(self, total: int) -> Instant:
        """When the newest bucket that isn't empty is wholly out of the window; 0 if there is none."""
        buckets = self.dump(total)
        return (buckets[-2] + BUCKETS + 1) * self._bucket_us if buckets else 0

    def refund(self, total: int, amount: int, at: Instant) -> int:
        """Give back what was added at `at` and not used, as far as it is in the window still: gives how much."""
        index = at // self._bucket_us
        if index >= self._open:
            return min(amount, total - self._closed_sum) if index == self._open else 0
        closed = self._closed
        for place in range(len(closed) - 2, -1, -2):
            if closed[place] <= index:
                given = min(amount, closed[place + 1]) if closed[place] == index else 0
                closed[place + 1] -= given
                self._closed_sum -= given
                return given
        return 0

    def dump(self, total: int) -> list[int]:
        """All that it holds, for a snapshot: number and amount of each bucket, alternating."""
        newest = (self._open, total - self._closed_sum) if total != self._closed_sum else ()
        return [*self._closed, *newest]

    def load(self, buckets: list[int]) -> int:
        """Take over what `dump` gave; gives the sum."""
        self._closed, self._closed_sum = buckets[:-2], sum(buckets[1:-2:2])
        self._open = buckets[-2] if buckets else -1
        self.turns = (self._open + 1) * self._bucket_us
        return sum(buckets[1::2])
