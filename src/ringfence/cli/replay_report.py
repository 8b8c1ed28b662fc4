"""What `ringfence replay` shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ringfence.cli.tables import money, show
from ringfence.errors import RingfenceError
from ringfence.history.again import SEVERAL_DAYS, Number
from ringfence.history.cdr import Tally
from ringfence.history.summary import Summary
from ringfence.history.sums import Sum, worst

MOST_NUMBERS = 10


def report(summary: Summary) -> None:
    """The sums in tables."""
    total = summary.total
    cost = money(summary.cost_micros)
    print(f"{summary.calls} calls, {summary.answered} answered, {summary.seconds / 60:.0f} minutes, {cost}")
    print(f"would have been refused: {total.refused}; cut: {total.cut}; saved: {money(total.saved_micros)}")
    calls, micros = summary.numbers.doubtful()
    if calls:
        why = f"numbers answered on {SEVERAL_DAYS} days or more"
        print(f"perhaps honest: {calls} of these calls, {money(micros)} of what is saved: {why}")
    for title, table in (
        ("rule", summary.by_rule),
        ("source", summary.by_source),
        ("extension", summary.by_extension),
        ("country", summary.by_country),
    ):
        if table:
            print()
            show((title, "refused", "cut", "saved"), map(_cells, worst(table)), right=("refused", "cut", "saved"))
    often = summary.numbers.on_several_days(MOST_NUMBERS)
    if often:
        print()
        headers = (
            "refused or observed, called on several days",
            "source",
            "rule",
            "days",
            "extensions",
            "calls",
            "cost",
        )
        show(headers, map(_often, often), right=("days", "extensions", "calls", "cost"))
    if summary.observed:
        print()
        show(("rule in observe mode", "would have refused"), summary.observed.items(), right=("would have refused",))


def as_object(summary: Summary, tally: Tally, unplaced: int, used: int) -> dict[str, Any]:
    """The same for programs."""
    found = msgspec.to_builtins(summary)
    for name in ("numbers", "examples", "observed_examples", "shown"):
        del found[name]
    calls, micros = summary.numbers.doubtful()
    perhaps = {"calls": calls, "saved_micros": micros}
    return {**found, "perhaps_honest": perhaps, "left_out": tally.broken, "unplaced": unplaced, "jobs": used}


def write_page(path: Path, text: str) -> None:
    """Write it for those who may read the records; raises RingfenceError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RingfenceError(f"{path}: {error.strerror}") from error


def _often(found: Number) -> tuple[object, ...]:
    rule = f"{found.rule} (observed)" if found.observed == found.calls else found.rule
    days, extensions = len(found.days), len(found.extensions)
    return found.destination, found.source, rule, days, extensions, found.calls, money(found.money_micros)


def _cells(row: tuple[str, Sum]) -> tuple[object, ...]:
    name, found = row
    return name, found.refused, found.cut, money(found.saved_micros)
