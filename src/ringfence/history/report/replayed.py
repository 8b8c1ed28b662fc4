"""The report of a replay."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import ringfence
from ringfence.history import beyond
from ringfence.history.again import SEVERAL_DAYS
from ringfence.history.cdr import Tally
from ringfence.history.held import Held
from ringfence.history.report import bars
from ringfence.history.report.pages import day, page
from ringfence.history.summary import Summary
from ringfence.history.sums import Sum, worst
from ringfence.model.settings import Policy
from ringfence.rules import ALL

MOST_ROWS = 15
MOST_BROKEN = 50
TABLES = (
    ("country", "Countries", "by_country"),
    ("area", "Areas: calling code and the next three digits", "by_area"),
    ("source", "Sources", "by_source"),
    ("extension", "Accounts", "by_extension"),
)
CAUSES = {
    "money": "A call that is up can't be paid any further.",
    "contained": "Its caller or destination is contained.",
}
"""Why a call is cut, where it isn't a rule's name."""


class Told(NamedTuple):
    """What a report says beside the sums."""

    policy: Policy
    file: str
    """The policy's."""
    records: Sequence[str]
    """Files or directories."""
    tally: Tally
    held: Held
    baseline: str = ""


class Row(NamedTuple):
    """A line of a table."""

    name: str
    found: Sum
    text: str = ""


def replayed(summary: Summary, told: Told, unplaced: int = 0) -> str:
    """The page; `unplaced` calls belong to no source."""
    return page(
        "replay.html.j2",
        summary.zone,
        version=ringfence.__version__,
        s=summary,
        told=told,
        unplaced=unplaced,
        days=(day(summary.first, summary.zone), day(summary.last, summary.zone)),
        currency=currency(told.policy),
        rules=[Row(name, found, meaning(name)) for name, found in worst(summary.by_rule, 100)],
        observed=sorted(summary.observed.items(), key=lambda item: (-item[1], item[0])),
        meaning=meaning,
        tables=[
            (what, title, worst(getattr(summary, name), MOST_ROWS), len(getattr(summary, name)))
            for what, title, name in TABLES
        ],
        by_day=_by_day(summary),
        by_hour=_by_hour(summary),
        several=SEVERAL_DAYS,
        doubtful=summary.numbers.doubtful(),
        often=summary.numbers.on_several_days(MOST_ROWS),
        missing=beyond.missing(told.held),
        needs=beyond.NEEDS,
        broken=sorted(told.tally.broken.items(), key=lambda item: (-item[1], item[0]))[:MOST_BROKEN],
    )


def meaning(rule: str) -> str:
    """What a rule finds, in one sentence."""
    return next((_first_line(found) for found in ALL if found.slug == rule), CAUSES.get(rule, ""))


def _first_line(rule: object) -> str:
    return inspect.cleandoc(type(rule).__doc__ or "").partition("\n")[0].replace("`", "")


def currency(policy: Policy) -> str:
    """The currency of all trunks; empty where there are several, whose sums mean little."""
    found = {trunk.currency for trunk in policy.trunks.values()}
    return next(iter(found)) if len(found) == 1 else ""


def _by_day(summary: Summary) -> bars.Bars | None:
    if not summary.by_day:
        return None
    labels = bars.days(min(summary.calls_by_day), max(summary.calls_by_day))
    return bars.bars(labels, _parts(summary.by_day, labels))


def _by_hour(summary: Summary) -> bars.Bars | None:
    if not summary.by_hour:
        return None
    labels = [f"{hour:02}" for hour in range(24)]
    return bars.bars(labels, _parts({f"{hour:02}": found for hour, found in summary.by_hour.items()}, labels))


def _parts(table: Mapping[str, Sum], labels: Sequence[str]) -> list[bars.Part]:
    refused = bars.by_label({name: found.refused for name, found in table.items()}, labels)
    cut = bars.by_label({name: found.cut for name, found in table.items()}, labels)
    return [bars.Part("refused", "refused", refused), bars.Part("cut", "cut", cut)]
