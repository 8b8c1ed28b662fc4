"""A bill and a ledger put side by side, and what it comes to."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from ringfence.history.ordered import in_order
from ringfence.history.reconcile.bill import Billed
from ringfence.history.reconcile.match import KINDS, Finding, Kind, Matcher
from ringfence.history.reconcile.seen import ERASED, Gap, Seen, gap_at, gaps, only_digits, seen
from ringfence.ledger.reading import Reader
from ringfence.model import SECOND, Instant
from ringfence.numbers import DialPlan, PlanSettings

SHOWN = 20
ZONES_US = 15 * 3600 * SECOND
"""Calls so far around the bill's time are looked at too: they tell of a wrong zone."""


class Result:
    """Counts and money by kind, and the dearest of each."""

    def __init__(self, shown: int = SHOWN) -> None:
        self.rows = 0
        """Rows that were compared."""
        self.billed_s = 0
        self.billed_micros = 0
        self.first: Instant = 0
        self.last: Instant = 0
        self.matched = 0
        self.skew_s = 0.0
        self.zone_off_s = 0
        self.counts: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        self.money_micros: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        self.dearest: dict[Kind, list[tuple[int, int, Finding]]] = {kind: [] for kind in KINDS}
        self.not_held: dict[str, int] = {}
        """Rows of times that the ledger doesn't hold, by why."""
        self.silent: dict[str, int] = {}
        """Unbilled calls of trunks none of whose calls is on the bill: it may be another carrier's."""
        self.still_up = 0
        """Calls without a row that hadn't ended in the ledger: they may be on the next bill."""
        self.erased = False
        """Whether a person was erased from the ledger, whose calls it can't know."""
        self._shown = shown
        self._order = 0

    def took(self, row: Billed) -> None:
        """One row more."""
        self.rows += 1
        self.billed_s += max(0, row.seconds)
        self.billed_micros += max(0, row.cost_micros)
        self.first = min(self.first or row.start, row.start)
        self.last = max(self.last, row.start)

    def add(self, found: Finding) -> None:
        """One thing more that differs."""
        self.counts[found.kind] += 1
        self.money_micros[found.kind] += found.money_micros
        self._order += 1
        kept = self.dearest[found.kind]
        heapq.heappush(kept, (abs(found.money_micros), -self._order, found))
        if len(kept) > self._shown:
            heapq.heappop(kept)

    def shown(self, kind: Kind) -> list[Finding]:
        """The dearest of a kind."""
        return [found for _, _, found in sorted(self.dearest[kind], key=lambda kept: (-kept[0], -kept[1]))]

    @property
    def differences(self) -> int:
        """All that differs."""
        return sum(self.counts.values())


def reconcile(
    rows: Iterable[Billed],
    reader: Reader,
    matcher: Matcher,
    trunks: Sequence[str] = (),
    keep: Callable[[Finding], None] = lambda found: None,
) -> Result:
    """Compare, with the calls of some trunks or of all; `keep` is given everything that differs.

    Raises LedgerError and CdrError.
    """
    result, held = Result(), gaps(reader)
    bill = in_order(_compared(rows, held, result), Billed)
    first = next(bill, None)
    result.erased = any(gap.why == ERASED for gap in held)
    if first is None:
        return result
    around = seen(reader, result.first - ZONES_US, result.last + ZONES_US)
    calls = (call for call in around if not trunks or call.trunk in trunks)
    unbilled: Counter[str] = Counter()
    for found in matcher.run(itertools.chain([first], bill), in_order(calls, Seen)):
        if found.kind == "unbilled":
            if not result.first <= found.at <= result.last:
                continue
            unbilled[found.trunk] += 1
        result.add(found)
        keep(found)
    result.matched, result.still_up = matcher.matched, matcher.still_up
    result.skew_s, result.zone_off_s = matcher.skew_s, matcher.zone_off_s()
    result.silent = {trunk: many for trunk, many in unbilled.items() if not matcher.by_trunk[trunk]}
    return result


def _compared(rows: Iterable[Billed], held: Sequence[Gap], result: Result) -> Iterator[Billed]:
    """Those of a time that the ledger holds."""
    for row in rows:
        why = gap_at(held, row.start)
        if why:
            result.not_held[why] = result.not_held.get(why, 0) + 1
        else:
            result.took(row)
            yield row


def keys_at(home: str) -> Callable[[str], tuple[str, ...]]:
    """What a number on the bill of a carrier may stand for: its digits, and how it is read at home."""
    plan = DialPlan(PlanSettings(home=home, e164_noplus=True))

    @lru_cache(maxsize=65_536)
    def keys(number: str) -> tuple[str, ...]:
        digits = only_digits(number)
        read = plan.for_call(number)
        found = (digits, digits.removeprefix("00"), read.e164 or read.candidate)
        return tuple(dict.fromkeys(key for key in found if key))

    return keys
