"""What `ringfence replay` shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ringfence.cli.tables import money, show
from ringfence.errors import RingfenceError
from ringfence.history.cdr import Tally
from ringfence.history.summary import Summary
from ringfence.history.sums import Sum, worst


def report(summary: Summary) -> None:
    """The sums in tables."""
    total = summary.total
    cost = money(summary.cost_micros)
    print(f"{summary.calls} calls, {summary.answered} answered, {summary.seconds / 60:.0f} minutes, {cost}")
    print(f"would have been refused: {total.refused}; cut: {total.cut}; saved: {money(total.saved_micros)}")
    for title, table in (
        ("rule", summary.by_rule),
        ("source", summary.by_source),
        ("extension", summary.by_extension),
        ("country", summary.by_country),
    ):
        if table:
            print()
            show((title, "refused", "cut", "saved"), map(_cells, worst(table)), right=("refused", "cut", "saved"))
    if summary.observed:
        print()
        show(("rule in observe mode", "would have refused"), summary.observed.items(), right=("would have refused",))


def as_object(summary: Summary, tally: Tally, unplaced: int, used: int) -> dict[str, Any]:
    """The same for programs."""
    found = msgspec.to_builtins(summary)
    for name in ("numbers", "examples", "observed_examples", "shown"):
        del found[name]
    return {**found, "left_out": tally.broken, "unplaced": unplaced, "jobs": used}


def write_page(path: Path, text: str) -> None:
    """Write it for those who may read the records; raises RingfenceError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RingfenceError(f"{path}: {error.strerror}") from error


def _cells(row: tuple[str, Sum]) -> tuple[object, ...]:
    name, found = row
    return name, found.refused, found.cut, money(found.saved_micros)
