"""Amounts in a rolling window, exact in the one direction that matters: never over.

Theory. A window of W seconds is kept as buckets of W/60. An amount stays in the sum until every instant of its bucket
is a whole window in the past, so the sum is at least what fell into the last W seconds: a refusal may come up to one
bucket early, an overshoot is impossible. Nothing happens at midnight, since no bucket knows what a day is.

The newest bucket is open: what was added to the total since it began is in it, so that adding within it is one
addition. It is written down with the others once another begins.

What is given back leaves the bucket it was put into. Taken from any other, it would shorten the time for which
somebody else's amount counts.
"""

from ringfence.model.time import SECOND, Instant

BUCKETS = 60
"""Buckets a window."""
NEVER: Instant = 2**63


class RollingWindow:
    """The sum of what was added during the last `window_s` seconds, rounded up to whole buckets."""

    __slots__ = ("_bucket_us", "_closed", "_closed_total", "_open", "ends", "expires", "total")

    def __init__(self, window_s: int) -> None:
        self._bucket_us = window_s * SECOND // BUCKETS
        self._closed: list[int] = []
        """Number and amount of each bucket but the newest that isn't empty, alternating, oldest first."""
        self._closed_total = 0
        self._open = 0
        """Number of the newest bucket, if there is one."""
        self.ends: Instant = 0
        """The end of the newest bucket; 0 if there is none."""
        self.expires: Instant = NEVER
        """When the oldest bucket is wholly out of the window."""
        self.total = 0

    def read(self, now: Instant) -> int:
        """The sum at `now`; buckets that are wholly out of the window are dropped."""
        if now >= self.expires:
            self.drop(now)
        return self.total

    def drop(self, now: Instant) -> None:
        """Forget buckets that are wholly out of the window."""
        closed, oldest, gone = self._closed, now // self._bucket_us - BUCKETS, 0
        while gone < len(closed) and closed[gone] < oldest:
            self._closed_total -= closed[gone + 1]
            self.total -= closed[gone + 1]
            gone += 2
        del closed[:gone]
        if not closed and self._open < oldest:
            self.total = self.ends = 0
        self._find_expiry()

    def _find_expiry(self) -> None:
        oldest = self._closed[0] if self._closed else self._open
        self.expires = (oldest + BUCKETS + 1) * self._bucket_us if self.ends else NEVER

    def add(self, amount: int, now: Instant) -> None:
        """Count `amount` at `now`; an earlier instant than the newest counts as the newest."""
        if now >= self.ends:
            self.begin(now)
        self.total += amount

    def begin(self, now: Instant) -> None:
        """Another bucket, that of `now`: it has what is added to the total from here on."""
        first = not self.ends
        if not first:
            self._closed += (self._open, self.total - self._closed_total)
        self._closed_total = self.total
        self._open = now // self._bucket_us
        self.ends = (self._open + 1) * self._bucket_us
        if first:
            self._find_expiry()

    @property
    def until(self) -> Instant:
        """When the newest bucket is wholly out of the window."""
        return self.ends + BUCKETS * self._bucket_us if self.ends else 0

    def refund(self, amount: int, at: Instant) -> None:
        """Give back what was added at `at` and not used; nothing where that is out of the window already."""
        index = at // self._bucket_us
        if self.ends and index >= self._open:
            if index == self._open:
                self.total -= min(amount, self.total - self._closed_total)
            return
        closed = self._closed
        for place in range(len(closed) - 2, -1, -2):
            if closed[place] <= index:
                if closed[place] == index:
                    given = min(amount, closed[place + 1])
                    closed[place + 1] -= given
                    self._closed_total -= given
                    self.total -= given
                return

    def dump(self) -> list[int]:
        """All that it holds, for a snapshot: number and amount of each bucket, alternating."""
        return [*self._closed, self._open, self.total - self._closed_total] if self.ends else []

    def load(self, buckets: list[int]) -> None:
        """Take over what `dump` gave."""
        self._closed = list(buckets[:-2])
        self._closed_total, self.total = sum(buckets[1:-2:2]), sum(buckets[1::2])
        self._open = buckets[-2] if buckets else 0
        self.ends = (self._open + 1) * self._bucket_us if buckets else 0
        self._find_expiry()
