"""Two policies over the same calls: what one refuses, cuts or lets through that the other doesn't.

Both engines see every call, one after the other, each with its own past: a call that one refuses isn't up, isn't paid
and isn't learned there. So a difference may come of an earlier one, not only of a line of the policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import msgspec

from ringfence.history import examples
from ringfence.history.again import Numbers
from ringfence.history.cdr import Cdr
from ringfence.history.replay import Judged, Replay
from ringfence.history.summary import Summary, account, clock, rule_of
from ringfence.history.sums import MAX_HEADINGS, OTHERS

Kind = Literal["refused", "cut", "allowed", "other"]
KINDS: dict[Kind, str] = {
    "refused": "newly refused",
    "cut": "newly cut",
    "allowed": "newly let through",
    "other": "stopped otherwise",
}
SAME_S = 1.0
"""Cuts that are no further apart are the same."""


class Pair(NamedTuple):
    """A call of the past, and what each policy does to it."""

    one: Judged
    two: Judged

    @property
    def kind(self) -> Kind | None:
        """How they differ; None: they don't."""
        before, after = stopped(self.one), stopped(self.two)
        if not before and not after:
            return None
        if not after:
            return "allowed"
        if not before:
            return "refused" if self.two.cut_after_s is None else "cut"
        alike = rule_of(self.one) == rule_of(self.two) and _same_cut(self.one.cut_after_s, self.two.cut_after_s)
        return None if alike else "other"

    @property
    def more_micros(self) -> int:
        """What the second saves more than the first, micro-units; each by its own deck."""
        return self.two.saved_micros - self.one.saved_micros


def stopped(judged: Judged) -> bool:
    """Whether a call is refused or cut."""
    return judged.verdict.outcome != "allow" or judged.cut_after_s is not None


def _same_cut(one: float | None, two: float | None) -> bool:
    return one is two if one is None or two is None else abs(one - two) <= SAME_S


class Lone(NamedTuple):
    """Outbound calls that aren't compared: they belong to a source of one policy only, or of neither."""

    one: int
    two: int
    neither: int


class Duel:
    """Two replays side by side."""

    def __init__(self, one: Replay, two: Replay) -> None:
        self.one, self.two = self.sides = (one, two)
        self._lone = Counter[tuple[bool, bool]]()
        self._waiting: dict[int, Judged] = {}
        """By the identity of the record, which lives in it."""
        self._alone: set[int] = set()

    def run(self, calls: Iterable[Cdr]) -> Iterator[Pair]:
        """Calls in order of start; each comes out when it is over under both policies."""
        for call in calls:
            self._note_lone(call)
            for number, side in enumerate(self.sides):
                yield from self._paired(number, side.take(call))
        for number, side in enumerate(self.sides):
            yield from self._paired(number, side.rest())

    @property
    def lone(self) -> Lone:
        """What wasn't compared."""
        return Lone(self._lone[True, False], self._lone[False, True], self._lone[False, False])

    def _note_lone(self, call: Cdr) -> None:
        one, two = (side.placing.of(call.trunk, call.source_ip) is not None for side in self.sides)
        if call.direction == "out" and not (one and two):
            self._lone[one, two] += 1
            if one or two:
                self._alone.add(id(call))

    def _paired(self, number: int, over: list[Judged]) -> Iterator[Pair]:
        for judged in over:
            key = id(judged.call)
            other = self._waiting.pop(key, None)
            if key in self._alone:
                self._alone.discard(key)
            elif other is None:
                self._waiting[key] = judged
            else:
                yield Pair(other, judged) if number else Pair(judged, other)


class Change(msgspec.Struct):
    """Calls that the policies treat differently."""

    calls: int = 0
    more_micros: int = 0
    """What the second policy saves more than the first; negative: less."""

    def add(self, pair: Pair) -> None:
        """One more."""
        self.calls += 1
        self.more_micros += pair.more_micros


class Way(NamedTuple):
    """From what to what; an empty rule is none."""

    kind: Kind
    before: str
    after: str


class Compared:
    """What a comparison comes to."""

    def __init__(self, zone: str, shown: int = 0) -> None:
        self.zone = zone
        self.shown = shown
        self.calls = 0
        self.one, self.two = Summary(zone=zone), Summary(zone=zone)
        self.kinds: dict[Kind, Change] = {kind: Change() for kind in KINDS}
        self.ways: dict[Way, Change] = {}
        self.by_country: dict[str, dict[Kind, Change]] = {}
        self.by_extension: dict[str, dict[Kind, Change]] = {}
        self.by_day: dict[str, dict[Kind, Change]] = {}
        self.numbers = Numbers()
        """Those that are newly refused or cut."""
        self.examples: examples.Examples = {}

    def add(self, pair: Pair) -> Kind | None:
        """One more call; how it differs."""
        self.calls += 1
        self.one.add(pair.one)
        self.two.add(pair.two)
        kind = pair.kind
        if kind is not None:
            self._differs(pair, kind)
        return kind

    @property
    def different(self) -> int:
        """Calls that are treated differently."""
        return sum(change.calls for change in self.kinds.values())

    def ordered(self) -> list[tuple[Way, Change]]:
        """The ways by kind, most calls first."""
        order = list(KINDS)
        return sorted(self.ways.items(), key=lambda item: (order.index(item[0].kind), -item[1].calls, item[0]))

    def _differs(self, pair: Pair, kind: Kind) -> None:
        self.kinds[kind].add(pair)
        self.ways.setdefault(Way(kind, _rule(pair.one), _rule(pair.two)), Change()).add(pair)
        day, _ = clock(self.zone, pair.one.call.start)
        region = pair.two.verdict.destination.number.region or "?"
        for table, key in ((self.by_country, region), (self.by_extension, account(pair.two)), (self.by_day, day)):
            kinds = table.setdefault(key if key in table or len(table) < MAX_HEADINGS else OTHERS, {})
            kinds.setdefault(kind, Change()).add(pair)
        if self.shown:
            self._show(pair, kind, day)

    def _show(self, pair: Pair, kind: Kind, day: str) -> None:
        told = pair.one if kind == "allowed" else pair.two
        examples.show(self.examples, kind, told, abs(pair.more_micros), in_words(pair, kind), self.shown)
        if kind in ("refused", "cut"):
            self.numbers.note(told, rule_of(told), day, pair.more_micros, observed=False)


def _rule(judged: Judged) -> str:
    return rule_of(judged) if stopped(judged) else ""


def in_words(pair: Pair, kind: Kind) -> str:
    """Why it is treated otherwise."""
    before, after = (f"{rule_of(one)}: {one.why}" for one in pair)
    return {"allowed": f"before {before}", "other": f"before {before}; now {after}"}.get(kind, after)
