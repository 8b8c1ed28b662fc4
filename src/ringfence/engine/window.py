"""Amounts in a rolling window, exact in the one direction that matters: never over.

Theory. A window of W seconds is kept as buckets of W/60. An amount stays in the sum until every instant of its bucket
is a whole window in the past, so the sum is at least what fell into the last W seconds: a refusal may come up to one
bucket early, an overshoot is impossible. Nothing happens at midnight, since no bucket knows what a day is.

What is given back leaves the bucket it was put into. Taken from any other, it would shorten the time for which
somebody else's amount counts.
"""

from ringfence.model.time import SECOND, Instant

BUCKETS = 60
"""Buckets a window."""
NEVER: Instant = 2**63


class RollingWindow:
    """The sum of what was added during the last `window_s` seconds, rounded up to whole buckets."""

    __slots__ = ("_bucket_us", "_buckets", "_ends", "expires", "total")

    def __init__(self, window_s: int) -> None:
        self._bucket_us = window_s * SECOND // BUCKETS
        self._buckets: list[int] = []
        """Number and amount of each bucket that isn't empty, alternating, oldest first."""
        self.expires: Instant = NEVER
        """When the oldest bucket is wholly out of the window."""
        self._ends: Instant = 0
        """The end of the newest bucket."""
        self.total = 0

    def read(self, now: Instant) -> int:
        """The sum at `now`; buckets that are wholly out of the window are dropped."""
        if now >= self.expires:
            self.drop(now)
        return self.total

    def drop(self, now: Instant) -> None:
        """Forget buckets that are wholly out of the window."""
        buckets, oldest = self._buckets, now // self._bucket_us - BUCKETS
        while buckets and buckets[0] < oldest:
            self.total -= buckets[1]
            del buckets[:2]
        self._find_ends()

    def _find_ends(self) -> None:
        buckets = self._buckets
        self.expires = (buckets[0] + BUCKETS + 1) * self._bucket_us if buckets else NEVER
        self._ends = (buckets[-2] + 1) * self._bucket_us if buckets else 0

    def add(self, amount: int, now: Instant) -> None:
        """Count `amount` at `now`; an earlier instant than the newest counts as the newest."""
        if now < self._ends:
            self._buckets[-1] += amount
        else:
            self._buckets += (now // self._bucket_us, amount)
            self._find_ends()
        self.total += amount

    @property
    def until(self) -> Instant:
        """When the newest bucket is wholly out of the window."""
        return self._ends + BUCKETS * self._bucket_us if self._buckets else 0

    def refund(self, amount: int, at: Instant) -> None:
        """Give back what was added at `at` and not used; nothing where that is out of the window already."""
        index = at // self._bucket_us
        buckets = self._buckets
        for place in range(len(buckets) - 2, -1, -2):
            if buckets[place] <= index:
                if buckets[place] == index:
                    given = min(amount, buckets[place + 1])
                    buckets[place + 1] -= given
                    self.total -= given
                return

    def dump(self) -> list[int]:
        """All that it holds, for a snapshot."""
        return list(self._buckets)

    def load(self, buckets: list[int]) -> None:
        """Take over what `dump` gave."""
        self._buckets = list(buckets)
        self._find_ends()
        self.total = sum(buckets[1::2])
