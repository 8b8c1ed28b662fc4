"""Detector (a): fixed controls alone, as guides for SIP trunks give them.

A list of permitted countries, special kinds of number refused, calls abroad in office hours only where the place
closes, caps on calls in progress and calls a second. The list and the hours are those of the customer's `policy.toml`.
No cap on money.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from zoneinfo import ZoneInfo

from ringfence.model.settings import Policy
from ringfence.rules.outside_hours import is_open
from seen import Seen


class Controls:
    """The fixed controls of one policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy, self._bounds = policy, next(iter(policy.trunks.values())).bounds
        self._zone = ZoneInfo(policy.time_zone)
        self._up = 0
        self._second: deque[float] = deque()

    def start(self, call: Seen) -> bool:
        refused = not self._permitted(call) or self._closed(call) or self._full(call)
        self._up += not refused
        return refused

    def end(self, call: Seen) -> None:
        self._up -= 1

    def _permitted(self, call: Seen) -> bool:
        home = self._policy.home_country
        permit = self._bounds.permit or frozenset({home})
        return call.klass == "domestic" or (call.klass == "international" and call.country in permit)

    def _closed(self, call: Seen) -> bool:
        windows = self._bounds.hours.get("international")
        if windows is None or call.klass == "domestic":
            return False
        local = datetime.fromtimestamp(call.start, self._zone)
        return not is_open(windows, self._policy.holidays, local.date(), local.hour * 60 + local.minute)

    def _full(self, call: Seen) -> bool:
        caps = self._bounds.caps
        while self._second and self._second[0] <= call.start - 1:
            self._second.popleft()
        self._second.append(call.start)
        most, burst = caps.concurrent.block, caps.calls_per_second.burst
        return (most is not None and self._up >= most) or len(self._second) > burst
