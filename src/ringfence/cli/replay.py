"""`ringfence replay`: last month's calls through a policy, before it blocks anyone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from ringfence.cli.options import Json, Text
from ringfence.cli.records import Columns, Files, form_of, left_out, progressing, zone_of
from ringfence.cli.replay_jobs import Asked, judged_in
from ringfence.cli.replay_report import report
from ringfence.history.cdr import Tally
from ringfence.history.read import read


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
    jobs
        Processes to judge in; as many as there are cores and parties that share nothing, unless given.
    as_json
        Write the sums as JSON.
    """
    asked = Asked(policy, source, trunk, baseline)
    player, tally = asked.player(), Tally()
    calls = read(cdr, zone_of(time_zone or player.engine.policy.time_zone), form_of(format, columns), tally)
    summary, unplaced, used = judged_in(asked, player, progressing(calls, tally), out, jobs)
    left_out(tally, unplaced)
    if as_json:
        told = {"left_out": tally.broken, "unplaced": unplaced, "jobs": used}
        print(json.dumps({**msgspec.to_builtins(summary), **told}))
    else:
        report(summary)
    return int(bool(summary.total.refused or summary.total.cut))
