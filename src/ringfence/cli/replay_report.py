"""What `ringfence replay` shows."""

from __future__ import annotations

from ringfence.cli.tables import money, show
from ringfence.history.summary import Sum, Summary, worst


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


def _cells(row: tuple[str, Sum]) -> tuple[object, ...]:
    name, found = row
    return name, found.refused, found.cut, money(found.saved_micros)
