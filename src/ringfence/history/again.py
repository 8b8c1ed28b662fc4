"""Numbers that would have been refused again and again: on several days it is somebody's business, or a slow attack.

A call record doesn't say whether a call was honest. What tells is how a number was called: a customer's on many days,
by whoever works for him; a fraud's many times in one night. So the operator is shown days, calls and extensions.
"""

from __future__ import annotations

import msgspec

from ringfence.engine.destinations import digits_of
from ringfence.history.replay import Judged
from ringfence.rules import words

MAX_NUMBERS = 20_000
MAX_DAYS, MAX_EXTENSIONS = 400, 50
SEVERAL_DAYS = 3


class Number(msgspec.Struct):
    """One number that calls of one source would have been refused to."""

    source: str
    destination: str
    """As it was read: `+37167000000 (fixed, LV)`."""
    rule: str
    """The rule that refuses it, or would: the first that did."""
    calls: int = 0
    answered: int = 0
    talk_s: int = 0
    money_micros: int = 0
    days: set[str] = msgspec.field(default_factory=set)
    extensions: set[str] = msgspec.field(default_factory=set)
    observed: int = 0
    """Calls among them that were let through, since the rule observes."""
    saved_micros: int = 0
    """Of the others."""

    def add(self, day: str, extension: str, talk_s: int, money_micros: int, *, observed: bool) -> None:
        """One more call."""
        self.calls += 1
        self.answered += talk_s > 0
        self.talk_s += talk_s
        self.money_micros += money_micros
        self.observed += observed
        self.saved_micros += 0 if observed else money_micros
        _bounded(self.days, day, MAX_DAYS)
        _bounded(self.extensions, extension[:64], MAX_EXTENSIONS)

    def merge(self, other: Number) -> None:
        """As many more."""
        self.calls += other.calls
        self.answered += other.answered
        self.talk_s += other.talk_s
        self.money_micros += other.money_micros
        self.observed += other.observed
        self.saved_micros += other.saved_micros
        self.days |= other.days
        self.extensions |= other.extensions


class Numbers(msgspec.Struct):
    """All of them, as far as there is room."""

    found: dict[str, Number] = {}
    """By source and digits."""
    over: int = 0
    """Calls to numbers that there was no room for."""

    def note(self, judged: Judged, rule: str, day: str, money_micros: int, *, observed: bool) -> None:
        """One more call that is refused or cut, or would be; what is no number is left out."""
        call, number = judged.call, judged.verdict.destination.number
        if number.rejected:
            return
        found = self._of(judged.place.source, digits_of(number), words.destination(number, call.dialled), rule)
        if found is not None:
            found.add(day, call.extension or call.caller, call.duration_s, money_micros, observed=observed)

    def _of(self, source: str, digits: str, destination: str, rule: str) -> Number | None:
        """The one that is meant; None where there is no room for it."""
        key = f"{source}>{digits}"
        if key not in self.found and len(self.found) >= MAX_NUMBERS:
            self.over += 1
            return None
        return self.found.setdefault(key, Number(source, destination, rule))

    def merge(self, other: Numbers) -> None:
        """Those of another process too: it has other sources."""
        self.over += other.over
        for key, number in other.found.items():
            if key in self.found:
                self.found[key].merge(number)
            else:
                self.found[key] = number

    def on_several_days(self, most: int = 20) -> list[Number]:
        """Answered ones that were called on three days or more, most days first."""
        return sorted(self._often(), key=lambda n: (-len(n.days), -n.calls, n.source, n.destination))[:most]

    def doubtful(self) -> tuple[int, int]:
        """Refused and cut calls to such numbers, and what they would have saved: perhaps they were honest."""
        often = self._often()
        return sum(n.calls - n.observed for n in often), sum(n.saved_micros for n in often)

    def _often(self) -> list[Number]:
        return [number for number in self.found.values() if len(number.days) >= SEVERAL_DAYS and number.answered]


def _bounded(found: set[str], what: str, room: int) -> None:
    if len(found) < room:
        found.add(what)
