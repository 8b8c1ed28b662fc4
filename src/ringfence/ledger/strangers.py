"""Nobody fills our disk: how much of what strangers send is kept.

Facts about strangers come as sums of ten seconds. Of those, a fixed number of rows is kept in each ten seconds, and a
fixed number of bytes a day; the rest is added to one row without an address for each listener. What a row can
hold is bounded as well. So a day costs at most DAY_BYTES, and one sum in ten seconds for each listener after that.
"""

from __future__ import annotations

from ringfence.ledger.records import encode
from ringfence.model import SECOND, Strangers
from ringfence.model.time import Instant

PERIOD_US = 10 * SECOND
DAY_US = 86_400 * SECOND
DAY_BYTES = 8 * 1024 * 1024
"""Bytes of rows with an address that are kept in one day (UTC)."""
MAX_ROW_BYTES = 1024
MAX_LISTENERS = 64


class StrangerQuota:
    """Passes rows on until the quota is used up, then sums."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._period = -1
        self._passed = 0
        self._day = -1
        self._spent = 0
        self._sums: dict[str, dict[str, int]] = {}
        self.summed = 0
        """Rows that were added to a sum, for the metrics."""

    def resume(self, spent: int, now: Instant) -> None:
        """Count what the ledger holds of today already, so that restarting doesn't renew the quota."""
        self._day, self._spent = now // DAY_US, spent

    def admit(self, fact: Strangers) -> list[Strangers]:
        """What to write now: sums of a period that is over, and the row itself where it is within the quota."""
        out = self.flush(fact.at)
        if fact.at // DAY_US != self._day:
            self._day, self._spent = fact.at // DAY_US, 0
        size = len(encode(fact))
        if fact.address and size <= MAX_ROW_BYTES and self._passed < self._rows and self._spent + size <= DAY_BYTES:
            self._passed += 1
            self._spent += size
            out.append(fact)
        else:
            self._add(fact)
        return out

    def _add(self, fact: Strangers) -> None:
        self.summed += 1
        listener = fact.listener[:64] if len(self._sums) < MAX_LISTENERS or fact.listener in self._sums else ""
        sums = self._sums.setdefault(listener, {})
        for method, count in fact.requests.items():
            key = method if method in sums or (len(sums) < 20 and len(method) <= 16) else "other"
            sums[key] = sums.get(key, 0) + count

    def flush(self, now: Instant) -> list[Strangers]:
        """The sums of the period before the one that `now` is in."""
        if now // PERIOD_US <= self._period:
            return []
        self._period, self._passed = now // PERIOD_US, 0
        sums, self._sums = self._sums, {}
        return [Strangers(at=now, listener=name, address="", requests=counts) for name, counts in sums.items()]
