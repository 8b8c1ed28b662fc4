"""What a detector did to labelled weeks, summed up by attack kind and by what happened to honest calls."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from seen import Seen


class Label(NamedTuple):
    """A row of labels.csv."""

    fraud: bool
    kind: str
    money_micros: int


class Outcome(NamedTuple):
    """What a detector said to one call."""

    refused: bool = False
    cut_after_s: float | None = None
    by_policy: bool = False
    """Refused by what the policy itself doesn't permit, whatever was learned."""


PASSED = Outcome()


def labels(path: Path) -> dict[str, Label]:
    """By call id."""
    with path.open(newline="", encoding="utf-8") as file:
        return {
            row["call_id"]: Label(row["label"] == "fraud", row["kind"], int(row["money_micros"]))
            for row in csv.DictReader(file)
        }


@dataclass
class Caught:
    """One campaign."""

    kind: str
    calls: int = 0
    """Answered outbound calls: what is at stake."""
    leaked: int = 0
    money: int = 0
    leaked_money: int = 0
    first_refusal_s: float | None = None
    """From the campaign's first outbound call to its first refusal; None: it was missed."""


@dataclass
class Hurt:
    """Honest calls of some weeks."""

    weeks: int = 0
    hurt_weeks: int = 0
    """Weeks with a refusal of what the policy permits."""
    domestic: int = 0
    abroad: int = 0
    domestic_refused: int = 0
    abroad_refused: int = 0
    """Of those that the policy permits."""
    by_policy: int = 0
    """Refused since the policy itself doesn't permit them."""


@dataclass
class Score:
    """Everything about one detector."""

    caught: list[Caught] = field(default_factory=list)
    calm: Hurt = field(default_factory=Hurt)
    hard: Hurt = field(default_factory=Hurt)

    def add(self, week: str, rows: Iterable[Seen], marked: Mapping[str, Label], said: Mapping[str, Outcome]) -> None:
        """Count one sixth week, by the name of its directory."""
        calls = sorted((row for row in rows if row.outbound), key=lambda row: row.start)
        if week.startswith("attack"):
            self.caught.append(_caught([row for row in calls if marked[row.id].fraud], marked, said))
        else:
            _hurt(self.calm if week == "calm" else self.hard, calls, said)


def _caught(calls: list[Seen], marked: Mapping[str, Label], said: Mapping[str, Outcome]) -> Caught:
    found = Caught(marked[calls[0].id].kind)
    for call in calls:
        outcome, money = said.get(call.id, PASSED), marked[call.id].money_micros
        if outcome.refused and found.first_refusal_s is None:
            found.first_refusal_s = call.start - calls[0].start
        if not call.talk_s:
            continue
        found.calls += 1
        found.money += money
        if not outcome.refused:
            found.leaked += 1
            found.leaked_money += _until_cut(money, call.talk_s, outcome.cut_after_s)
    return found


def _until_cut(money: int, talk_s: int, cut_after_s: float | None) -> int:
    return money if cut_after_s is None else round(money * min(1.0, cut_after_s / talk_s))


def _hurt(hurt: Hurt, calls: list[Seen], said: Mapping[str, Outcome]) -> None:
    """Emergency calls aren't counted, nor mistyped numbers that don't exist: nothing is lost when they are refused."""
    before = hurt.domestic_refused + hurt.abroad_refused
    for call in calls:
        outcome = said.get(call.id, PASSED)
        if call.klass in ("emergency", "unusable"):
            continue
        hurt.by_policy += outcome.refused and outcome.by_policy
        beyond = outcome.refused and not outcome.by_policy
        if call.klass == "domestic":
            hurt.domestic += 1
            hurt.domestic_refused += beyond
        else:
            hurt.abroad += 1
            hurt.abroad_refused += beyond
    hurt.weeks += 1
    hurt.hurt_weeks += hurt.domestic_refused + hurt.abroad_refused > before


class Line(NamedTuple):
    """Campaigns of one kind, or all."""

    kind: str
    campaigns: int
    missed: int
    calls_leaked: float
    money_leaked: float
    each_leaked: float
    """Share of money leaked in a campaign, the mean over campaigns: large ones don't outweigh the others."""
    worst_leaked: int
    """Calls that leaked in the worst campaign."""
    median_s: float | None


def lines(caught: list[Caught]) -> list[Line]:
    """A line for each kind, the sum last."""
    kinds = sorted({one.kind for one in caught})
    return [_line(kind, [one for one in caught if one.kind == kind]) for kind in kinds] + [_line("all", caught)]


def _line(kind: str, caught: list[Caught]) -> Line:
    seconds = [one.first_refusal_s for one in caught if one.first_refusal_s is not None]
    return Line(
        kind,
        len(caught),
        sum(one.first_refusal_s is None for one in caught),
        sum(one.leaked for one in caught) / max(1, sum(one.calls for one in caught)),
        sum(one.leaked_money for one in caught) / max(1, sum(one.money for one in caught)),
        statistics.fmean(one.leaked_money / max(1, one.money) for one in caught) if caught else 0.0,
        max((one.leaked for one in caught), default=0),
        statistics.median(seconds) if seconds else None,
    )
