"""How a replay is spread over processes: each builds its own engine of the same files, and takes its parties' calls."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from ringfence.cli.tables import note
from ringfence.engine.engine import Engine
from ringfence.errors import RingfenceError
from ringfence.history import apart
from ringfence.history import baseline as habits
from ringfence.history.cdr import Cdr
from ringfence.history.decisions import Decisions
from ringfence.history.groups import groups
from ringfence.history.placing import Placing
from ringfence.history.replay import Replay
from ringfence.history.summary import Summary
from ringfence.model.settings import Policy
from ringfence.policy import Loader

FEW = 20_000
"""Calls that are judged sooner than processes for them are started."""


class Asked(NamedTuple):
    """What a replay is made of, in whatever process."""

    policy: Path
    source: str
    trunk: str
    baseline: Path | None
    shown: int = 0
    """Calls of each rule that are shown one by one."""

    def summary(self, policy: Policy) -> Summary:
        """Sums of nothing yet."""
        return Summary(zone=policy.time_zone, shown=self.shown)

    def player(self) -> Replay:
        """A replay that knows what was learned; raises RingfenceError."""
        policy = Loader(str(self.policy)).load().policy
        for option, name, known in (("--source", self.source, policy.sources), ("--trunk", self.trunk, policy.trunks)):
            if name and name not in known:
                raise RingfenceError(f"{option} {name}: the policy has {', '.join(known)}")
        engine = Engine(policy, "replay")
        if self.baseline is not None:
            habits.load(self.baseline, engine)
        return Replay(policy, Placing(policy, self.source, self.trunk), engine)


def judged_in(
    asked: Asked, player: Replay, calls: Iterator[Cdr], out: Path | None, jobs: int
) -> tuple[Summary, int, int]:
    """Sums over all calls, how many belong to no source, and how many processes judged; raises RingfenceError."""
    policy = player.engine.policy
    first = [] if jobs else list(itertools.islice(calls, FEW))
    many = processes(policy, jobs) if jobs or len(first) == FEW else 1
    with Decisions(out) as decisions:
        if many == 1:
            summary = asked.summary(policy)
            return _alone(player, itertools.chain(first, calls), decisions, summary), player.unplaced, 1
        kept = decisions if out is not None else None
        summary, unplaced = _apart(asked, player.placing, itertools.chain(first, calls), kept, many)
    return summary, unplaced, many


def processes(policy: Policy, jobs: int) -> int:
    """How many are of use; where fewer than were asked for, or than there are cores, it is said why."""
    if jobs < 0:
        raise RingfenceError(f"--jobs {jobs}: write how many processes, 1 or more")
    found = len(set(groups(policy).values()))
    wanted = jobs or len(os.sched_getaffinity(0))
    if found < wanted:
        many = "one process" if found == 1 else f"{found} processes"
        shared = "sources of one trunk, of one tenant, or of none share caps or habits"
        note(f"judged in {many}: {shared if len(policy.sources) > 1 else 'the policy has one source'}")
    return min(wanted, found)


def _alone(player: Replay, calls: Iterator[Cdr], decisions: Decisions, summary: Summary) -> Summary:
    for judged in player.run(calls):
        summary.add(judged)
        decisions.add(judged)
    return summary


def _apart(
    asked: Asked, placing: Placing, calls: Iterator[Cdr], decisions: Decisions | None, many: int
) -> tuple[Summary, int]:
    with tempfile.TemporaryDirectory(prefix="ringfence-replay-") as folder:
        parts = [Path(folder) / str(number) for number in range(many)]
        work: list[apart.Work] = [partial(_work, asked, part if decisions is not None else None) for part in parts]
        summary = asked.summary(placing.policy)
        unplaced = apart.play(calls, placing, groups(placing.policy), work, summary)
        if decisions is not None:
            decisions.add_dated(parts)
    return summary, unplaced


def _work(asked: Asked, part: Path | None, pipe: Connection) -> None:
    """What each process does."""
    try:
        with Decisions(part, dated=True) as decisions:
            player = asked.player()
            summary = asked.summary(player.engine.policy)
            apart.judge(pipe, player, decisions.add, summary)
        apart.tell(pipe, summary)
    except RingfenceError as error:
        apart.tell(pipe, Summary(), str(error))
    except (EOFError, OSError, KeyboardInterrupt):
        return  # The process that reads has given up, and says why.
