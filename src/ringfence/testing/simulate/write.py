"""Files of a simulation: for each customer CDRs by week, labels, a rate deck and policies."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol, TextIO

from ringfence.testing.simulate.call import ANSWERED, Call
from ringfence.testing.simulate.customer import Customer
from ringfence.testing.simulate.days import Clock, at_ms
from ringfence.testing.simulate.deck import cost_micros, deck_text
from ringfence.testing.simulate.dialling import EMERGENCY
from ringfence.testing.simulate.plan import Planned
from ringfence.testing.simulate.policies import joint_policy_text, policy_text
from ringfence.testing.simulate.stream import Row, traffic

CDR = (
    "call_id", "start", "answer", "end", "caller", "extension", "source_ip", "user_agent", "dialled", "trunk",
    "disposition", "duration", "billsec", "diverted_from", "direction",
)  # fmt: skip
LABELS = ("call_id", "label", "campaign", "kind", "customer", "money_micros")


class Table(Protocol):
    """What csv.writer gives, which has no public name."""

    def writerow(self, row: Iterable[object], /) -> object: ...


class Run(NamedTuple):
    """What is simulated."""

    seed: int
    first: date
    """A Monday."""
    weeks: int


class Written(NamedTuple):
    """What a customer's files hold."""

    rows: int
    fraud: int
    """Rows that are fraud."""
    fraud_micros: int


def cdr(clock: Clock, row: Row) -> tuple[object, ...]:
    """One row of a CDR file, in the order of CDR."""
    name, call = row
    answered = call.disposition == ANSWERED
    return (
        name,
        clock.iso(call.start_ms),
        clock.iso(call.answer_ms) if answered else "",
        clock.iso(call.end_ms),
        call.caller,
        call.extension,
        call.source_ip,
        call.user_agent,
        call.dialled,
        call.trunk,
        call.disposition,
        round((call.end_ms - call.start_ms) / 1000),
        billed_s(call),
        call.diverted_from,
        call.direction,
    )


def billed_s(call: Call) -> int:
    """Whole seconds from answer to end, at least one; 0 without an answer."""
    return max(1, round(call.talk_ms / 1000)) if call.disposition == ANSWERED else 0


def money_micros(owner: Customer, call: Call) -> int:
    """What the call costs by the customer's deck; inbound, unanswered and emergency calls cost nothing."""
    if call.direction != "out" or call.disposition != ANSWERED or call.e164 == EMERGENCY[owner.home]:
        return 0
    return cost_micros(owner.home, call.e164, billed_s(call), call.start_ms * 1000)


def write_customer(directory: Path, run: Run, owner: Customer, planned: Sequence[Planned]) -> Written:
    """`week-N.csv`, `labels.csv`, `rates.csv`, `policy.toml` and `open.toml` in a new directory of this customer."""
    folder = directory / owner.name
    folder.mkdir(parents=True)
    write_policies(folder, run, owner)
    campaigns = [one.calls(run.seed, owner) for one in planned]
    rows = traffic(run.seed, owner, run.first, 7 * run.weeks, campaigns)
    return write_rows(folder, run, owner, rows)


def write_joint(directory: Path, owners: Sequence[Customer]) -> None:
    """The policies that hold all customers."""
    (directory / "policy.toml").write_text(joint_policy_text(owners))
    (directory / "open.toml").write_text(joint_policy_text(owners, everything=True))


def write_policies(folder: Path, run: Run, owner: Customer) -> None:
    """Deck and policies."""
    last = run.first + timedelta(weeks=run.weeks + 1)
    (folder / "rates.csv").write_text(deck_text(owner.home))
    (folder / "policy.toml").write_text(policy_text(owner, run.first, last))
    (folder / "open.toml").write_text(policy_text(owner, run.first, last, everything=True))


def write_rows(folder: Path, run: Run, owner: Customer, rows: Iterable[Row], *, number: int = 1) -> Written:
    """CDRs, a file for each week in which calls ended (the last one has those that end later), and labels.

    Weeks are counted from `number`.
    """
    clock, count, fraud, micros = Clock(owner.zone), 0, 0, 0
    with ExitStack() as stack:
        labels = _table(stack, folder / "labels.csv", LABELS)
        files = _weeks(stack, folder, run, owner, number)
        table, until = next(files)
        for row in rows:
            while row[1].end_ms >= until:
                table, until = next(files)
            table.writerow(cdr(clock, row))
            mark, money = row[1].mark, money_micros(owner, row[1])
            labels.writerow((row[0], mark.label, mark.campaign, mark.kind, owner.name, money))
            count += 1
            if mark.label == "fraud":
                fraud, micros = fraud + 1, micros + money
    return Written(count, fraud, micros)


def _weeks(stack: ExitStack, folder: Path, run: Run, owner: Customer, number: int) -> Iterator[tuple[Table, float]]:
    """A CDR table for each week, and the instant (ms) at which the next one begins."""
    for week in range(1, run.weeks + 1):
        until = at_ms(owner.zone, run.first, 24 * 7 * week) if week < run.weeks else float("inf")
        yield _table(stack, folder / f"week-{week + number - 1}.csv", CDR), until


def _table(stack: ExitStack, path: Path, header: Sequence[str]) -> Table:
    file: TextIO = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    table = csv.writer(file, lineterminator="\n")
    table.writerow(header)
    return table
