"""`ringfence replay`: last month's calls through a policy, before it blocks anyone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import msgspec

from ringfence.cli.options import Json, Text
from ringfence.cli.records import Columns, Files, form_of, left_out, progressing, zone_of
from ringfence.cli.tables import money, show
from ringfence.engine.engine import Engine
from ringfence.errors import RingfenceError
from ringfence.history import baseline as habits
from ringfence.history.cdr import Tally
from ringfence.history.placing import Placing
from ringfence.history.read import read
from ringfence.history.replay import Judged, Replay
from ringfence.history.summary import Sum, Summary, hits_of, worst
from ringfence.model.settings import Policy
from ringfence.policy import Loader


def replay(
    *,
    policy: Path = Path("policy.toml"),
    cdr: Files,
    format: Text = "",
    columns: Columns = "",
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
        Files or directories with call records; may be given several times.
    format
        What wrote them: generic, asterisk, freepbx, freeswitch or kamailio; recognised unless given.
    columns
        For any other CSV, and Parquet: which column holds what, such as call_id=uniqueid,start=calldate,dialled=dst.
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
    form = form_of(format, columns)
    loaded = Loader(str(policy)).load().policy
    calls = read(cdr, zone_of(time_zone or loaded.time_zone), form, tally := Tally())
    player, summary = prepared(loaded, source, trunk, baseline), Summary()
    with opened(out) as file:
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


def prepared(policy: Policy, source: str, trunk: str, baseline: Path | None) -> Replay:
    """A replay that knows what was learned; raises RingfenceError."""
    for option, name, known in (("--source", source, policy.sources), ("--trunk", trunk, policy.trunks)):
        if name and name not in known:
            raise RingfenceError(f"{option} {name}: the policy has {', '.join(known)}")
    engine = Engine(policy, "replay")
    if baseline is not None:
        habits.load(baseline, engine)
    return Replay(policy, Placing(policy, source, trunk), engine)


@contextmanager
def opened(path: Path | None) -> Iterator[TextIO | None]:
    """A file for decisions; raises RingfenceError."""
    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise RingfenceError(f"--out {path}: {error.strerror}") from error
    with file:
        yield file


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
