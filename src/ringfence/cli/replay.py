"""`ringfence replay`: last month's calls through a policy, before it blocks anyone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ringfence.cli.options import Json, Text
from ringfence.cli.records import Columns, Files, form_of, left_out, progressing, zone_of
from ringfence.cli.replay_jobs import Asked, judged_in
from ringfence.cli.replay_report import as_object, report, write_page
from ringfence.history.cdr import Tally
from ringfence.history.held import Held
from ringfence.history.read import read
from ringfence.history.report.replayed import Told, replayed

SHOWN = 20
"""Calls of each rule that a page shows one by one."""


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
    html: Path | None = None,
    jobs: Annotated[int, Parameter(show_default=False)] = 0,
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
    html
        File for a report: one page that needs nothing else, to look at, to send, to print.
    jobs
        Processes to judge in; as many as there are cores and parties that share nothing, unless given.
    as_json
        Write the sums as JSON.
    """
    asked = Asked(policy, source, trunk, baseline, SHOWN if html is not None else 0)
    player, tally, held = asked.player(), Tally(), Held()
    loaded = player.engine.policy
    rows = read(cdr, zone_of(time_zone or loaded.time_zone), form_of(format, columns), tally)
    calls = progressing(held.counted(rows), tally)
    summary, unplaced, used = judged_in(asked, player, calls, out, jobs)
    left_out(tally, unplaced)
    if html is not None:
        told = Told(loaded, str(policy), [str(path) for path in cdr], tally, held, unplaced, str(baseline or ""))
        write_page(html, replayed(summary, told))
    if as_json:
        print(json.dumps(as_object(summary, tally, unplaced, used)))
    else:
        report(summary)
    return int(bool(summary.total.refused or summary.total.cut))
