"""`ringfence replay`: last month's calls through a policy, before it blocks anyone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, TextIO
from zoneinfo import ZoneInfo

import msgspec
from cyclopts import Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ringfence.cli.options import Json, Text
from ringfence.cli.tables import console, money, note, show
from ringfence.engine.engine import Engine
from ringfence.errors import RingfenceError
from ringfence.history import baseline as habits
from ringfence.history.cdr import Cdr, Tally
from ringfence.history.placing import Placing
from ringfence.history.read import FORMATS, read
from ringfence.history.replay import Judged, Replay
from ringfence.history.summary import Sum, Summary, hits_of, worst
from ringfence.policy import Loader

Files = Annotated[tuple[Path, ...], Parameter(name="--cdr", consume_multiple=True, negative="", show_default=False)]
MAX_TOLD = 10


def replay(
    *,
    policy: Path = Path("policy.toml"),
    cdr: Files,
    format: Text = "",
    time_zone: Text = "",
    source: Text = "",
    trunk: Text = "",
    baseline: Path | None = None,
    out: Path | None = None,
    as_json: Json = False,
) -> int:
    """Judge the calls of the past by a policy: what it would have refused, cut and saved, and whom it would have hurt.

    Nothing is changed and nothing kept but the files that are asked for. Exit code 0: nothing would have been refused;
    1: something would; 2: it couldn't be done.

    Parameters
    ----------
    policy
        The policy file.
    cdr
        Files with call records; may be given several times.
    format
        What wrote them: generic or asterisk; recognised by their first line unless given.
    time_zone
        Zone of times without an offset; the policy's unless given.
    source
        Source of calls that name none the policy knows.
    trunk
        Trunk of calls that name none the policy knows.
    baseline
        What was learned before, written by `ringfence learn --baseline`.
    out
        File for the decisions: one JSON object a call.
    as_json
        Write the sums as JSON.
    """
    if format and format not in FORMATS:
        raise RingfenceError(f"--format {format}: write one of {', '.join(FORMATS)}")
    loaded = Loader(str(policy)).load().policy
    engine = Engine(loaded, "replay")
    if baseline is not None:
        habits.load(baseline, engine)
    player, tally, summary = Replay(loaded, Placing(loaded, source, trunk), engine), Tally(), Summary()
    calls = read(cdr, ZoneInfo(time_zone or loaded.time_zone), format, tally)
    with out.open("w", encoding="utf-8") if out is not None else nullcontext(None) as file:
        for judged in player.run(progressing(calls)):
            summary.add(judged)
            if file is not None:
                write(file, judged)
    left_out(tally, player.unplaced)
    if as_json:
        print(json.dumps({**msgspec.to_builtins(summary), "left_out": tally.broken, "unplaced": player.unplaced}))
    else:
        report(summary)
    return int(bool(summary.total.refused or summary.total.cut))


def progressing(calls: Iterator[Cdr]) -> Iterator[Cdr]:
    """The same calls, counted on the terminal."""
    if not sys.stderr.isatty():
        yield from calls
        return
    columns = (TextColumn("calls"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("calls", total=None)
        for number, call in enumerate(calls, 1):
            if number % 500 == 0:
                bar.update(task, completed=number)
            yield call


def write(file: TextIO, judged: Judged) -> None:
    """One line of `decisions.jsonl`."""
    verdict = judged.verdict
    row = {
        "call_id": judged.call.call_id,
        "verdict": verdict.outcome,
        "reason": verdict.reason or judged.cause,
        "hits": hits_of(judged),
        "cut_after_s": judged.cut_after_s,
        "incident": getattr(verdict, "incident", "") or None,
    }
    file.write(json.dumps(row) + "\n")


def left_out(tally: Tally, unplaced: int) -> None:
    """Say which rows were not judged, and why."""
    if tally.left_out:
        note(f"{tally.left_out} of {tally.rows} rows can't be used:")
        for why, count in sorted(tally.broken.items(), key=lambda item: -item[1])[:MAX_TOLD]:
            note(f"  {count} times {why}, first at {tally.first[why]}")
    if unplaced:
        note(f"{unplaced} calls belong to no source of the policy; --source names one for them")


def report(summary: Summary) -> None:
    """The sums in tables."""
    total = summary.total
    cost = money(summary.cost_micros)
    print(f"{summary.calls} calls, {summary.answered} answered, {summary.minutes:.0f} minutes, {cost}")
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
