"""The benchmark's traffic: for each customer five weeks of history, and the sixth week several times over.

    customer/week-1.csv .. week-5.csv   history: honest, with a hard negative now and then
    customer/calm/week-6.csv            everyday traffic only
    customer/hard/week-6.csv            the same, with hard negatives
    customer/attack-N/week-6.csv        the same as calm, with one attack

So a campaign is judged on its own, and what a detector does to honest calls isn't mixed up with what it does in an
attack. The directory of each week has the labels of it; the customer's has deck and policies.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from ringfence.testing.simulate.attacks import ATTACKS
from ringfence.testing.simulate.call import Call
from ringfence.testing.simulate.customer import Customer
from ringfence.testing.simulate.days import days_from
from ringfence.testing.simulate.honest import Day
from ringfence.testing.simulate.plan import FRAUD, Planned, customers, planned
from ringfence.testing.simulate.stream import by_end, mixed, numbered
from ringfence.testing.simulate.write import Run, write_policies, write_rows

FIRST = date(2026, 10, 5)
HISTORY = 5
"""Weeks."""


class Case(NamedTuple):
    """One customer's files."""

    owner: Customer
    folder: Path

    @property
    def history(self) -> list[Path]:
        return [self.folder / f"week-{week}.csv" for week in range(1, HISTORY + 1)]

    @property
    def weeks(self) -> list[Path]:
        """The directories of the sixth week: calm, hard, and one for each attack."""
        return sorted(path.parent for path in self.folder.glob(f"*/week-{HISTORY + 1}.csv"))


def build(directory: Path, seed: int, count: int, attacks_each: int, negatives_each: int) -> list[Case]:
    """Write everything into a new directory."""
    owners = customers(seed, count)
    last = FIRST + timedelta(weeks=HISTORY)
    plan = planned(
        seed,
        owners,
        last,
        attacks=ATTACKS if attacks_each else (),
        attacks_each=attacks_each,
        negatives_each=negatives_each,
        weeks=HISTORY + 1,
    )
    return [_case(directory / owner.name, seed, owner, plan[owner.name], last) for owner in owners]


def _case(folder: Path, seed: int, owner: Customer, plan: list[Planned], last: date) -> Case:
    folder.mkdir(parents=True)
    write_policies(folder, Run(seed, FIRST, HISTORY + 1), owner)
    day = Day(seed, owner)
    before = [one.calls(seed, owner) for one in plan if one.monday != last]
    history = (call for when in days_from(FIRST, 7 * HISTORY) for call in day.calls(when))
    written = write_rows(folder, Run(seed, FIRST, HISTORY), owner, by_end(numbered(owner, mixed(history, before))))
    week = [call for when in days_from(last, 7) for call in day.calls(when)]
    for name, campaigns in _weeks(seed, owner, [one for one in plan if one.monday == last]).items():
        (folder / name).mkdir()
        rows = by_end(numbered(owner, mixed(week, campaigns), since=written.rows))
        write_rows(folder / name, Run(seed, last, 1), owner, rows, number=HISTORY + 1)
    return Case(owner, folder)


def _weeks(seed: int, owner: Customer, plan: list[Planned]) -> dict[str, list[list[Call]]]:
    """The campaigns of each sixth week by its name."""
    fraud = [one for one in plan if one.label == FRAUD]
    honest = [one.calls(seed, owner) for one in plan if one.label != FRAUD]
    found: dict[str, list[list[Call]]] = {"calm": [], "hard": honest}
    found.update({f"attack-{n}": [one.calls(seed, owner)] for n, one in enumerate(fraud, 1)})
    return found
