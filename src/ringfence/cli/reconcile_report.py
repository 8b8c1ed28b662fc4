"""What `ringfence reconcile` shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from ringfence.cli.replay_versus import signed
from ringfence.cli.tables import counted, duration, instant, money, note, show
from ringfence.history.reconcile.bill import Bill
from ringfence.history.reconcile.match import KINDS, Finding, Kind
from ringfence.history.reconcile.result import Result

ASIDE_S = 2.0
"""A median difference of the clocks that is told."""


def report(result: Result) -> None:
    """The sums, then the dearest calls of each kind."""
    span = f"{_day(result.first)} to {_day(result.last)}" if result.rows else "nothing"
    amount = money(result.billed_micros)
    print(f"bill: {counted(result.rows, 'row')}, {span}, {result.billed_s / 60:.0f} minutes, {amount}")
    print(f"matched with calls of the ledger: {result.matched}; differences: {result.differences}")
    print()
    sums = [(name, result.counts[kind], _money(kind, result.money_micros[kind])) for kind, name in KINDS.items()]
    show(("what", "calls", "money"), sums, right=("calls", "money"))
    for kind, name in KINDS.items():
        if result.counts[kind]:
            _calls(name, result.shown(kind), result.counts[kind])


def _calls(title: str, calls: list[Finding], many: int) -> None:
    print(f"\n{title}" + (f", the dearest {len(calls)} of {many}" if many > len(calls) else ""))
    headers = ("time", "number", "trunk", "bill", "here", "cost", "expected", "row", "call", "why")
    show(headers, map(_cells, calls), right=("bill", "here", "cost", "expected"))


def _cells(found: Finding) -> tuple[object, ...]:
    return (
        instant(found.at)[:19],
        found.number,
        found.trunk,
        duration(found.billed_s) if found.billed_s >= 0 else "",
        duration(found.seen_s) if found.seen_s >= 0 else "",
        money(found.billed_micros) if found.billed_micros >= 0 else "",
        money(found.expected_micros) if found.expected_micros >= 0 else "",
        found.where,
        found.call_id,
        found.why,
    )


def _money(kind: Kind, micros: int) -> str:
    return signed(micros) if kind in ("duration", "price") else money(micros)


def remarks(result: Result, bill: Bill) -> None:
    """What has to be known to read the result."""
    for file, found in bill.columns.items():
        note(f"{file}: read as --map '{found}'")
    if bill.inbound:
        note(f"{counted(bill.inbound, 'row')} of calls that came in are left out")
    for why, count in result.not_held.items():
        note(f"{counted(count, 'row')} can't be compared: {why}")
    if result.erased:
        note("a person was erased from the ledger: billed calls of that number show as never seen")
    for trunk, count in result.silent.items():
        calls = f"none of the {counted(count, 'call')} over trunk {trunk} is on the bill"
        note(f"{calls}: if it is another carrier's, say --trunk")
    if result.still_up:
        calls = f"{counted(result.still_up, 'call')} without a row hadn't ended in the ledger"
        note(f"{calls}: look for them on the next bill")
    if abs(result.skew_s) >= ASIDE_S:
        side = "ahead of" if result.skew_s > 0 else "behind"
        note(f"the carrier's times are {abs(result.skew_s):.1f} s {side} ours (median)")
    if result.zone_off_s:
        hours, minutes = divmod(abs(result.zone_off_s) // 60, 60)
        side = "later" if result.zone_off_s > 0 else "earlier"
        note(f"most rows without a call have one if their times are {hours}:{minutes:02} {side}: is --time-zone right?")


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1e6, UTC).astimezone():%Y-%m-%d}"


def as_object(result: Result) -> dict[str, Any]:
    """The same for programs."""
    return {
        "rows": result.rows,
        "first": result.first,
        "last": result.last,
        "billed_s": result.billed_s,
        "billed_micros": result.billed_micros,
        "matched": result.matched,
        "differences": result.differences,
        "kinds": {kind: {"calls": result.counts[kind], "money_micros": result.money_micros[kind]} for kind in KINDS},
        "dearest": {kind: msgspec.to_builtins(result.shown(kind)) for kind in KINDS},
        "not_held": result.not_held,
        "silent_trunks": result.silent,
        "still_up": result.still_up,
        "erased": result.erased,
        "skew_s": result.skew_s,
        "zone_off_s": result.zone_off_s,
    }
