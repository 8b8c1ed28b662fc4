"""Detector (c): triggers like those of TransNexus ClearIP.

The score of a call is its price a minute. A trigger sums calls or scores over a window, for a user (extension) and for
the group (customer), by what is called; over its threshold it blocks that user or group for that destination for an
hour (docs.clearip.com, Fraud Control: types of fraud, triggers). The documents name no values: thresholds are from the
history, a quantile of the sums that its calls met, times a factor, and never under a floor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from seen import Seen

ACTION_S = 3600


class Trigger(NamedTuple):
    """What is summed, and over how long."""

    name: str
    window_s: int
    of: Callable[[Seen], str]
    """Destination that the sum is kept by; an empty string: all of them."""
    score: Callable[[Seen], float]
    floor: float


def _everything(call: Seen) -> str:
    return ""


def _number(call: Seen) -> str:
    return call.e164


def _country(call: Seen) -> str:
    return call.country


def _one(call: Seen) -> float:
    return 1.0


def _price(call: Seen) -> float:
    return call.price_per_min / 1e6


TRIGGERS = (
    Trigger("targeted pumping", 900, _number, _one, 5),
    Trigger("fast traffic pumping", 300, _country, _price, 1.0),
    Trigger("slow traffic pumping", 3600, _country, _price, 2.0),
    Trigger("theft of service", 3600, _everything, _price, 3.0),
)
"""Robocalling counts all calls in an hour, Wangiri scores callers: neither refuses calls that cost money."""

Key = tuple[int, str, str]
"""Trigger, who, destination."""


class Sum:
    """A sum over a sliding window."""

    def __init__(self) -> None:
        self._parts: deque[tuple[float, float]] = deque()
        self.value = 0.0

    def add(self, at: float, amount: float, window_s: int) -> float:
        """Add to it and give its value."""
        while self._parts and self._parts[0][0] <= at - window_s:
            self.value -= self._parts.popleft()[1]
        self._parts.append((at, amount))
        self.value += amount
        return self.value


Scope = tuple[int, str]
"""Trigger, and `user` or `group`."""


class History:
    """The sums that calls met, while nothing is refused."""

    def __init__(self) -> None:
        self._met: dict[Scope, list[float]] = {}
        self._sums: dict[Key, Sum] = {}

    def start(self, call: Seen) -> bool:
        for key, trigger in _keys(call):
            value = self._sums.setdefault(key, Sum()).add(call.start, trigger.score(call), trigger.window_s)
            self._met.setdefault(_scope(key), []).append(value)
        return False

    def end(self, call: Seen) -> None:
        pass

    def quantile(self, share: float) -> dict[Scope, float]:
        """The sum that this share of the calls met at most; 1.0: the highest."""
        return {scope: sorted(met)[round(share * (len(met) - 1))] for scope, met in self._met.items()}


def _scope(key: Key) -> Scope:
    return key[0], "user" if key[1] else "group"


def _keys(call: Seen) -> list[tuple[Key, Trigger]]:
    """Calls at home are many and cheap: only what goes abroad or is special is scored."""
    if call.klass == "domestic":
        return []
    return [((n, who, one.of(call)), one) for n, one in enumerate(TRIGGERS) for who in (call.extension, "")]


class Triggers:
    """The triggers at work."""

    def __init__(self, usual: dict[Scope, float], factor: float) -> None:
        self._usual, self._factor = usual, factor
        self._sums: dict[Key, Sum] = {}
        self._blocked: dict[Key, float] = {}

    def start(self, call: Seen) -> bool:
        keys = _keys(call)
        if any(self._blocked.get(key, 0.0) > call.start for key, _ in keys):
            return True
        over = [key for key, trigger in keys if self._add(key, trigger, call) > self._threshold(key, trigger)]
        self._blocked.update(dict.fromkeys(over, call.start + ACTION_S))
        return bool(over)

    def end(self, call: Seen) -> None:
        pass

    def _add(self, key: Key, trigger: Trigger, call: Seen) -> float:
        return self._sums.setdefault(key, Sum()).add(call.start, trigger.score(call), trigger.window_s)

    def _threshold(self, key: Key, trigger: Trigger) -> float:
        return max(trigger.floor, self._usual.get(_scope(key), 0.0) * self._factor)
