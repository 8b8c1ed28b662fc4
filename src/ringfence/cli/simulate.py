"""`ringfence simulate`: traffic of customers that don't exist, with labelled fraud in it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter

from ringfence.cli.options import Flag, Several
from ringfence.cli.simulate_live import Manner, SimulateError, play
from ringfence.cli.tables import console, counted, money, note, show
from ringfence.testing.simulate import attacks, kinds, negatives, registering
from ringfence.testing.simulate.customer import Customer
from ringfence.testing.simulate.plan import Planned, customers, planned
from ringfence.testing.simulate.write import Run, Written, write_customer, write_joint

Listed = Annotated[bool, Parameter(name="--list", negative="", show_default=False)]
FIRST = date(2026, 10, 5)
T = TypeVar("T")


def simulate(
    *,
    out: Path | None = None,
    seed: int = 1,
    customers: int = 10,
    weeks: int = 6,
    first: date = FIRST,
    kind: Several = (),
    attack: Several = (),
    negative: Several = (),
    attacks_each: int = 3,
    negatives_each: int = 2,
    jobs: int = 1,
    listed: Listed = False,
    live: Flag = False,
    policy: Path | None = None,
    permissive: Flag = False,
    enforce: Flag = False,
    everyday: Flag = False,
    speed: float = 60.0,
    most: int = 300,
) -> int:
    """Write call records of simulated customers with labelled fraud in their last week, or play attacks as SIP calls.

    Each customer has a directory of its own with week-1.csv and so on, labels.csv, rates.csv, policy.toml and open.toml
    (docs/simulate.md). The same options write the same bytes.

    With --live the attacks named by --attack are real calls on loopback, through a guard that is started for it with
    the policy of a simulated customer, or through the one that runs with --policy.

    Parameters
    ----------
    out
        A new directory for the files.
    seed
        Another number gives other customers and campaigns.
    customers
        How many; the kinds in turn.
    weeks
        How many, the last one with attacks.
    first
        The first day, a Monday.
    kind
        Only customers of this kind; may be given several times.
    attack
        Only attacks of this kind; may be given several times.
    negative
        Live: an honest event that looks like fraud; may be given several times.
    attacks_each
        Attacks on each customer; 0: honest traffic only.
    negatives_each
        Honest events that look like fraud, for each customer in the last week; 0: none in any week.
    jobs
        Processes that write, a customer each at a time; the bytes are the same.
    listed
        List the kinds of customers, attacks and hard negatives.
    live
        Play calls instead of writing files: the first --kind, every --attack and --negative.
    policy
        Live: the policy file of a guard that runs on loopback, as `make run` starts it.
    permissive
        Live: the guard that is started permits every country at every hour.
    enforce
        Live: the guard that is started lets its behaviour rules refuse.
    everyday
        Live: with the customer's everyday calls of the same hours.
    speed
        Live: how many times faster than in life; pauses are cut short.
    most
        Live: the most calls and other requests that are played.
    """
    if listed:
        return _list()
    run = _run(seed, first, weeks)
    if live:
        known = {one.kind: one for one in (*negatives.NEGATIVES, *registering.NEGATIVES)}
        chosen = (
            _chosen(kind, kinds.BY_NAME, "--kind"),
            _chosen(attack, attacks.BY_KIND, "--attack"),
            _chosen(negative, known, "--negative"),
        )
        return play(run, *chosen, Manner(policy, permissive, enforce, everyday, speed, most))
    if out is None:
        raise SimulateError("ringfence simulate needs --out DIRECTORY for its files, or --live, or --list")
    return _write(out, run, customers, kind, attack, attacks_each, negatives_each, jobs)


def _run(seed: int, first: date, weeks: int) -> Run:
    if first.weekday() != 0:
        raise SimulateError(f"--first {first} is no Monday; {first - timedelta(days=first.weekday())} is")
    if weeks < 1:
        raise SimulateError(f"--weeks {weeks}: at least 1")
    return Run(seed, first, weeks)


def _write(
    out: Path,
    run: Run,
    count: int,
    kind: Sequence[str],
    attack: Sequence[str],
    attacks_each: int,
    negatives_each: int,
    jobs: int,
) -> int:
    """Write every customer, then a line about each."""
    if count < 1 or jobs < 1:
        raise SimulateError(f"--customers {count}, --jobs {jobs}: at least 1 of both")
    if out.exists() and any(out.iterdir()):
        raise SimulateError(f"{out} isn't empty: name a new directory")
    owners = customers(run.seed, count, _chosen(kind, kinds.BY_NAME, "--kind") or kinds.KINDS)
    plan = planned(
        run.seed,
        owners,
        run.first + timedelta(weeks=run.weeks - 1),
        attacks=(_recorded(_chosen(attack, attacks.BY_KIND, "--attack")) or attacks.ATTACKS) if attacks_each else (),
        attacks_each=attacks_each,
        negatives_each=negatives_each,
        weeks=run.weeks,
    )
    with console(stderr=True).status("simulating"):
        written = _all(out, run, owners, plan, jobs)
    write_joint(out, owners)
    _report(out, owners, plan, written)
    return 0


def _all(out: Path, run: Run, owners: list[Customer], plan: dict[str, list[Planned]], jobs: int) -> list[Written]:
    """Every customer's files, by so many processes."""
    one = partial(_one, out, run)
    pairs = [(owner, plan[owner.name]) for owner in owners]
    if jobs == 1:
        return list(map(one, pairs))
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(one, pairs))


def _one(out: Path, run: Run, pair: tuple[Customer, list[Planned]]) -> Written:
    return write_customer(out, run, *pair)


def _report(out: Path, owners: list[Customer], plan: dict[str, list[Planned]], written: list[Written]) -> None:
    rows = []
    for owner, found in zip(owners, written, strict=True):
        fraud = [one.what.kind for one in plan[owner.name] if one.label == "fraud"]
        rows.append((owner.name, found.rows, found.fraud, money(found.fraud_micros), ", ".join(fraud)))
    show(("customer", "calls", "fraud", "money", "attacks"), rows, right=("calls", "fraud", "money"))
    note(f"{counted(sum(row[1] for row in rows), 'call')} in {out}")


def _chosen(names: Sequence[str], known: dict[str, T], option: str) -> tuple[T, ...]:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SimulateError(f"{option} {unknown[0]}: there is none of this name; there are {', '.join(known)}")
    return tuple(known[name] for name in names)


def _recorded(chosen: tuple[attacks.Attack, ...]) -> tuple[attacks.Attack, ...]:
    """The same; raises SimulateError for one that leaves no call record."""
    for attack in chosen:
        if attack in attacks.KNOCKS:
            raise SimulateError(f"--attack {attack.kind} isn't in call records: play it with --live")
    return chosen


def _list() -> int:
    rows = [("customer", kind.name, f"{kind.extensions[0]} to {kind.extensions[1]} extensions") for kind in kinds.KINDS]
    rows += [("attack", attack.kind, attack.what) for attack in attacks.ATTACKS]
    rows += [("attack, live", attack.kind, attack.what) for attack in attacks.KNOCKS]
    rows += [("hard negative", negative.kind, negative.what) for negative in negatives.NEGATIVES]
    rows += [("hard negative, live", negative.kind, negative.what) for negative in registering.NEGATIVES]
    show(("what", "name", "meaning"), rows, sentences=("meaning",))
    return 0
