"""The counters of one party side by side, for all its calls or for those of one class.

An attempt is charged on some forty counters of seven parties, and most of them count the same things: calls in
progress, attempts and money in several windows. So what they show stands in one list, to which the charges of an
attempt are added in one go.
"""

from __future__ import annotations

from ringfence.engine.window import NEVER, RollingWindow
from ringfence.model.meter import MeterKey
from ringfence.model.time import Instant


class Book:
    """Of one party; calls in progress are a plain number, everything else is in a window."""

    __slots__ = ("keys", "totals", "turns", "windows")

    def __init__(self) -> None:
        self.keys: list[MeterKey] = []
        self.totals: list[int] = []
        """What each meter of `keys` shows, as of the last turn."""
        self.windows: list[RollingWindow | None] = []
        """The same for their windows."""
        self.turns: Instant = NEVER
        """When the first of its windows turns."""

    def place(self, key: MeterKey) -> int:
        """Where a meter is; a new one is added."""
        if key not in self.keys:
            self.keys.append(key)
            self.totals.append(0)
            self.windows.append(RollingWindow(key.window_s) if key.quantity != "calls" else None)
            self.turns = 0
        return self.keys.index(key)

    def turn(self, now: Instant) -> None:
        """Bring all windows to an instant; due from `turns` on, before anything is added or read."""
        totals, turns = self.totals, NEVER
        for place, window in enumerate(self.windows):
            if window is not None:
                if now >= window.turns:
                    totals[place] = window.turn(totals[place], now)
                turns = min(turns, window.turns)
        self.turns = turns

    def read(self, key: MeterKey, now: Instant) -> int:
        """What a meter shows; 0 for one that isn't here."""
        if now >= self.turns:
            self.turn(now)
        return self.totals[self.keys.index(key)] if key in self.keys else 0

    def refund(self, place: int, amount: int, at: Instant) -> None:
        """Give back what was added at `at` and not used."""
        window = self.windows[place]
        if window is not None:
            self.totals[place] -= window.refund(self.totals[place], amount, at)

    def until(self) -> Instant:
        """When the last attempt is out of all windows."""
        return max(
            (
                window.until(self.totals[place])
                for place, window in enumerate(self.windows)
                if window is not None and self.keys[place].quantity == "attempts"
            ),
            default=0,
        )

    def in_use(self, now: Instant) -> bool:
        """Whether one of them shows something."""
        if now >= self.turns:
            self.turn(now)
        return any(self.totals)

    def gauges(self) -> list[tuple[MeterKey, int]]:
        """Calls in progress, for a snapshot."""
        return [(key, total) for key, total in zip(self.keys, self.totals, strict=True) if key.quantity == "calls"]

    def set(self, key: MeterKey, total: int) -> None:
        """Take over calls in progress."""
        self.totals[self.place(key)] = total

    def dump(self) -> list[tuple[MeterKey, list[int]]]:
        """The windows, for a snapshot."""
        rows = zip(self.keys, self.windows, self.totals, strict=True)
        return [(key, window.dump(total)) for key, window, total in rows if window is not None]

    def load(self, key: MeterKey, buckets: list[int]) -> None:
        """Take over a window of what `dump` gave."""
        place = self.place(key)
        window = self.windows[place]
        if window is not None:
            self.totals[place] = window.load(buckets)
