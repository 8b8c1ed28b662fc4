"""How much fraud leaks and how many honest calls are hurt, side by side: `python bench/fraud/run.py`.

    .venv/bin/python bench/fraud/run.py [--customers 20] [--seed 11] [--attacks-each 3] [--only static,...] [--keep DIR]

Simulated customers (docs/simulate.md) have five weeks of history; in the sixth each attack, the hard negatives and calm
traffic are played apart, to each detector as it came out of the history. Customers and campaigns are split, never rows:
nothing that a detector has learned from is in the week it is judged by. It prints, and asserts nothing.

Calls leaked are answered fraudulent calls that were let through; money by the customer's deck. Published figures are in
the simulator's parameters; what isn't published is assumed there, so compare detectors with each other first.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from controls import Controls
from corpus import Case, build
from counters import FIXED, NEVER, Counters, fitted
from replayed import Replayed, available
from ringfence.cli.tables import note, show
from score import Label, Line, Outcome, Score, labels, lines
from seen import Monitor, Reader, Seen, play
from triggers import History, Triggers

Fresh = Callable[[], Monitor]
"""Makes the detector as it came out of the history."""


def peers(reader: Reader, history: list[Seen]) -> dict[str, Fresh]:
    """The detectors that see calls one by one, by name."""
    zone = reader.policy.time_zone
    by_country, abroad, met = Counters(NEVER, zone), Counters(NEVER, zone, by_country=False), History()
    for monitor in (by_country, abroad, met):
        play(history, monitor)
    own, own_abroad = fitted(by_country.highest), fitted(abroad.highest)
    return {
        "static controls": lambda: Controls(reader.policy),
        "counters, same for all": lambda: Counters(FIXED, zone),
        "counters, fitted by country": lambda: Counters(own, zone),
        "counters, fitted, all abroad": lambda: Counters(own_abroad, zone, by_country=False),
        "triggers, 99.9 %": lambda: Triggers(met.quantile(0.999), 1.0),
        "triggers, 1.1 of the highest": lambda: Triggers(met.quantile(1.0), 1.1),
        "triggers, twice the highest": lambda: Triggers(met.quantile(1.0), 2.0),
    }


Weeks = dict[str, tuple[list[Seen], dict[str, Label]]]
"""The sixth weeks by directory name: rows and labels."""


def read(case: Case, reader: Reader) -> Weeks:
    return {week.name: (list(reader.rows(week / "week-6.csv")), labels(week / "labels.csv")) for week in case.weeks}


def judged(
    case: Case, reader: Reader, weeks: Weeks, with_ringfence: bool
) -> Iterator[tuple[str, str, Mapping[str, Outcome]]]:
    """What each detector says to each of a customer's weeks."""
    history = [row for path in case.history for row in reader.rows(path)]
    for name, fresh in peers(reader, history).items():
        for week, (rows, _) in weeks.items():
            yield name, week, {call: Outcome(refused=True) for call in play(rows, fresh())}
    if with_ringfence:
        for policy in ("policy.toml", "open.toml"):
            replayed = Replayed(case, policy)
            for week in weeks:
                yield f"ringfence, {policy}", week, replayed.week(week)


def main() -> int:
    arguments = parsed()
    folder = Path(arguments.keep or tempfile.mkdtemp(prefix="ringfence-fraud-"))
    scores: dict[str, Score] = {}
    try:
        for case in build(
            folder, arguments.seed, arguments.customers, arguments.attacks_each, arguments.negatives_each
        ):
            note(case.owner.name)
            reader = Reader(case.folder / "policy.toml")
            weeks = read(case, reader)
            for name, week, said in judged(case, reader, weeks, available()):
                scores.setdefault(name, Score()).add(week, *weeks[week], said)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)
    report(scores, arguments.kinds)
    if not available():
        note("ringfence itself isn't in the table: this version has no `learn` and `replay`")
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=20)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--attacks-each", type=int, default=3)
    parser.add_argument("--negatives-each", type=int, default=2)
    parser.add_argument("--kinds", action="store_true", help="a table for each detector by attack kind")
    parser.add_argument("--keep", help="a new directory for the files, which stay")
    return parser.parse_args()


def report(scores: Mapping[str, Score], by_kind: bool) -> None:
    """The tables."""
    rows = []
    for name, score in scores.items():
        overall = lines(score.caught)[-1]
        rows.append((name, *_leaks(overall), *_alarms(score)))
    numbers = (
        "campaigns", "missed", "calls leaked", "money leaked", "mean of each", "first refusal",
        "home/10k", "abroad/10k", "by policy", "weeks hurt", "hard: home", "hard: abroad", "by policy ", "hard: weeks",
    )  # fmt: skip
    show(("detector", *numbers), rows, right=numbers)
    if by_kind:
        for name, score in scores.items():
            print(f"\n{name}")
            heads = (
                "campaigns",
                "missed",
                "calls leaked",
                "money leaked",
                "mean of each",
                "first refusal",
                "worst, calls",
            )
            found = [(line.kind, *_leaks(line), line.worst_leaked) for line in lines(score.caught)]
            show(("attack", *heads), found, right=heads)


def _leaks(line: Line) -> tuple[object, ...]:
    first = "never" if line.median_s is None else f"{line.median_s:.0f} s"
    leaks = (f"{line.calls_leaked:.1%}", f"{line.money_leaked:.1%}", f"{line.each_leaked:.1%}")
    return line.campaigns, line.missed, *leaks, first


def _alarms(score: Score) -> tuple[object, ...]:
    calm, hard = score.calm, score.hard
    return (
        _rate(calm.domestic_refused, calm.domestic),
        _rate(calm.abroad_refused, calm.abroad),
        calm.by_policy,
        f"{calm.hurt_weeks}/{calm.weeks}",
        _rate(hard.domestic_refused, hard.domestic),
        _rate(hard.abroad_refused, hard.abroad),
        hard.by_policy,
        f"{hard.hurt_weeks}/{hard.weeks}",
    )


def _rate(refused: int, calls: int) -> str:
    return f"{refused * 10_000 / calls:.1f}" if calls else "-"


if __name__ == "__main__":
    sys.exit(main())
