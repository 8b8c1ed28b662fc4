"""`ringfence replay`: last month's calls through a policy, before it blocks anyone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import Parameter

from ringfence.cli import replay_versus
from ringfence.cli.options import Json, Text
from ringfence.cli.records import Columns, Files, form_of, left_out, progressing, zone_of
from ringfence.cli.replay_jobs import Asked, judged_in
from ringfence.cli.replay_report import as_object, report, write_page
from ringfence.errors import RingfenceError
from ringfence.history.cdr import Cdr, Tally
from ringfence.history.held import Held
from ringfence.history.read import read
from ringfence.history.replay import Replay
from ringfence.history.report.replayed import Told, replayed
from ringfence.history.report.versus import versus_page
from ringfence.history.versus import Compared, Duel

SHOWN = 20
"""Calls of each rule that a page shows one by one."""


class Outputs(NamedTuple):
    """Where results go."""

    out: Path | None
    html: Path | None
    as_json: bool


def replay(
    *,
    policy: Path = Path("policy.toml"),
    versus: Path | None = None,
    cdr: Files,
    format: Text = "",
    columns: Columns = "",
    date_format: Text = "",
    time_zone: Text = "",
    source: Text = "",
    trunk: Text = "",
    baseline: Path | None = None,
    out: Path | None = None,
    html: Path | None = None,
    jobs: Annotated[int, Parameter(show_default=False)] = 0,
    as_json: Json = False,
) -> int:
    """Judge the calls of the past by a policy: what it would have refused, cut and saved, and whom it would have hurt.

    Nothing is changed and nothing kept but the files that are asked for. Exit code 0: nothing would have been refused;
    1: something would; 2: it couldn't be done. With --versus two policies are compared: 0: they treat every call alike;
    1: they don't. See docs/replay.md.

    Parameters
    ----------
    policy
        The policy file.
    versus
        Another policy: show what it does otherwise, instead of what the first one does.
    cdr
        Files or directories with call records, or mysql://user@host/asteriskcdrdb; may be given several times.
    format
        What wrote them: generic, asterisk, freepbx, freeswitch or kamailio; recognised unless given.
    columns
        For any other CSV, and Parquet: which column holds what, such as call_id=uniqueid,start=calldate,dialled=dst;
        two are joined by +, as in start=Date+Time.
    date_format
        How dates are written, as strptime takes it, such as '%d/%m/%Y %H:%M:%S'; told by the dates unless given.
    time_zone
        Zone of times without an offset; the policy's unless given.
    source
        Source of calls that name none the policy knows.
    trunk
        Trunk of calls that name none the policy knows.
    baseline
        What was learned before, written by `ringfence learn --baseline`.
    out
        File for the decisions: one JSON object a call; with --versus one for each call that is treated differently.
    html
        File for a report: one page that needs nothing else, to look at, to send, to print.
    jobs
        Processes to judge in; as many as there are cores and parties that share nothing, unless given. With --versus
        there is one.
    as_json
        Write the sums as JSON.
    """
    asked = Asked(policy, source, trunk, baseline, SHOWN if html is not None else 0)
    player, tally, held = asked.player(), Tally(), Held()
    loaded = player.engine.policy
    rows = read(cdr, zone_of(time_zone or loaded.time_zone), form_of(format, columns, date_format), tally)
    calls = progressing(held.counted(rows), tally)
    told = Told(loaded, str(policy), [str(path) for path in cdr], tally, held, str(baseline or ""))
    if versus is not None:
        duel = _duel(player, asked._replace(policy=versus), jobs)
        other = told._replace(policy=duel.two.engine.policy, file=str(versus))
        return _versus(duel, calls, told, other, Outputs(out, html, as_json))
    summary, unplaced, used = judged_in(asked, player, calls, out, jobs)
    left_out(tally, unplaced)
    if html is not None:
        write_page(html, replayed(summary, told, unplaced))
    if as_json:
        print(json.dumps(as_object(summary, tally, unplaced, used)))
    else:
        report(summary)
    return int(bool(summary.total.refused or summary.total.cut))


def _duel(one: Replay, two: Asked, jobs: int) -> Duel:
    """Both replays; raises RingfenceError."""
    if jobs > 1:
        raise RingfenceError("--jobs and --versus exclude each other: two policies are compared in one process")
    return Duel(one, two.player())


def _versus(duel: Duel, calls: Iterator[Cdr], before: Told, after: Told, to: Outputs) -> int:
    """Compare both; the exit code."""
    compared = Compared(before.policy.time_zone, SHOWN if to.html is not None else 0)
    replay_versus.compare(duel, compared, calls, to.out)
    lone, tally = duel.lone, before.tally
    left_out(tally, lone.neither)
    replay_versus.lone_told(lone, before.file, after.file)
    if to.html is not None:
        write_page(to.html, versus_page(compared, before, after, lone))
    if to.as_json:
        print(json.dumps({**replay_versus.as_object(compared, lone), "left_out": tally.broken}))
    else:
        replay_versus.report(compared, before.file, after.file)
    return int(bool(compared.different))
