"""The page of a comparison of two policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ringfence
from ringfence.history.again import SEVERAL_DAYS
from ringfence.history.report import bars
from ringfence.history.report.pages import day, page
from ringfence.history.report.replayed import MOST_BROKEN, MOST_ROWS, Told, currency, meaning
from ringfence.history.versus import KINDS, Change, Compared, Kind, Lone

SHOWN_KINDS: tuple[Kind, ...] = ("refused", "cut", "allowed")
"""Those that are drawn; the others change no call's fate much."""

Table = Mapping[str, Mapping[Kind, Change]]


def versus_page(compared: Compared, one: Told, two: Told, lone: Lone) -> str:
    """The page."""
    summary = compared.one
    return page(
        "versus.html.j2",
        compared.zone,
        version=ringfence.__version__,
        c=compared,
        one=one,
        two=two,
        lone=lone,
        kinds=KINDS,
        days=(day(summary.first, compared.zone), day(summary.last, compared.zone)),
        currencies={currency(one.policy), currency(two.policy)},
        ways=compared.ordered(),
        meaning=meaning,
        tables=[
            ("country", "Countries", _most(compared.by_country)),
            ("extension", "Accounts", _most(compared.by_extension)),
        ],
        by_day=_by_day(compared),
        several=SEVERAL_DAYS,
        often=compared.numbers.on_several_days(MOST_ROWS),
        broken=sorted(one.tally.broken.items(), key=lambda item: (-item[1], item[0]))[:MOST_BROKEN],
    )


def _most(table: Table) -> list[tuple[str, Mapping[Kind, Change], int, int]]:
    """The headings with most calls: changes by kind, all calls, what is saved more."""
    rows = [
        (name, kinds, sum(c.calls for c in kinds.values()), sum(c.more_micros for c in kinds.values()))
        for name, kinds in table.items()
    ]
    return sorted(rows, key=lambda row: (-abs(row[3]), -row[2], row[0]))[:MOST_ROWS]


def _by_day(compared: Compared) -> bars.Bars | None:
    if not any(kind in kinds for kinds in compared.by_day.values() for kind in SHOWN_KINDS):
        return None
    every = compared.one.calls_by_day
    labels = bars.days(min(every), max(every))
    parts = [bars.Part(KINDS[kind], f"new-{kind}", _counts(compared.by_day, kind, labels)) for kind in SHOWN_KINDS]
    return bars.bars(labels, parts)


def _counts(table: Table, kind: Kind, labels: Sequence[str]) -> dict[str, int]:
    return bars.by_label({name: kinds[kind].calls for name, kinds in table.items() if kind in kinds}, labels)
