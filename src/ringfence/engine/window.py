"""Amounts in a rolling window, exact in the one direction that matters: never over.

Theory. A window of W seconds is kept as buckets of W/60. An amount stays in the sum until every instant of its bucket
is a whole window in the past, so the sum is at least what fell into the last W seconds: a refusal may come up to one
bucket early, an overshoot is impossible. Nothing happens at midnight, since no bucket knows what a day is.

The newest bucket is open: what was added to the total since it began is in it, so that adding is one addition. When it
has ended, the window turns: the bucket is written down with the others, and those that are out leave the total.

What is given back leaves the bucket it was put into. Taken from any other, it would shorten the time for which
somebody else's amount counts.
"""

from ringfence.model.time import SECOND, Instant

BUCKETS = 60
"""Buckets a window."""


class RollingWindow:
    """The sum of what was added during the last `window_s` seconds, rounded up to whole buckets."""

    __slots__ = ("_bucket_us", "_closed", "_closed_total", "_open", "total", "turns")

    def __init__(self, window_s: int) -> None:
        self._bucket_us = window_s * SECOND // BUCKETS
        self._closed: list[int] = []
        """Number and amount of each bucket before the open one that isn't empty, alternating, oldest first."""
        self._closed_total = 0
        self._open = -1
        """Number of the open bucket."""
        self.turns: Instant = 0
        """The end of the open bucket: from then on the window has to `turn` before anything is read or added."""
        self.total = 0

    def turn(self, now: Instant) -> None:
        """Open the bucket of `now`, and forget those that are wholly out of the window."""
        index = now // self._bucket_us
        if index - self._open > BUCKETS:
            self._closed.clear()
            self.total = 0
        else:
            if self.total != self._closed_total:
                self._closed += (self._open, self.total - self._closed_total)
            if self._closed and self._closed[0] < index - BUCKETS:
                self._drop(index - BUCKETS)
        self._open, self._closed_total = index, self.total
        self.turns = (index + 1) * self._bucket_us

    def _drop(self, oldest: int) -> None:
        closed, gone = self._closed, 0
        while gone < len(closed) and closed[gone] < oldest:
            gone += 2
        self.total -= sum(closed[1:gone:2])
        del closed[:gone]

    def read(self, now: Instant) -> int:
        """The sum at `now`; an earlier instant than the newest counts as the newest."""
        if now >= self.turns:
            self.turn(now)
        return self.total

    def add(self, amount: int, now: Instant) -> None:
        """Count `amount` at `now`."""
        self.total = self.read(now) + amount

    def refund(self, amount: int, at: Instant) -> None:
        """Give back what was added at `at` and not used; nothing where that is out of the window already."""
        index = at // self._bucket_us
        if index >= self._open:
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
        newest = (self._open, self.total - self._closed_total) if self.total != self._closed_total else ()
        return [*self._closed, *newest]

    def load(self, buckets: list[int]) -> None:
        """Take over what `dump` gave."""
        self._closed, self._closed_total = buckets[:-2], sum(buckets[1:-2:2])
        self._open = buckets[-2] if buckets else -1
        self.turns = (self._open + 1) * self._bucket_us
        self.total = sum(buckets[1::2])
