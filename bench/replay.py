"""How many call records a second are read, put in order and judged: `python bench/replay.py [--customers 3]`.

Simulated customers' weeks, honest calls and attacks, in the generic CSV, under a policy that permits every country and
lets all behaviour rules refuse. Each step is timed by itself, on one core, and then the whole command as its user runs
it, with its peak of memory; beside it what Python's csv module alone needs for the same rows, as a measure of the
machine. It asserts nothing.
"""

from __future__ import annotations

import argparse
import csv
import gc
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

from ringfence.cli.app import app
from ringfence.engine.engine import Engine
from ringfence.history.cdr import Cdr, Tally
from ringfence.history.ordered import in_order
from ringfence.history.placing import Placing
from ringfence.history.read import read
from ringfence.history.replay import Replay
from ringfence.history.summary import Summary
from ringfence.history.tables import read_generic
from ringfence.model.settings import Policy
from ringfence.policy import Loader

SHOWN = 20
ENFORCED = '\n[behaviour]\nmode = "enforce"\n'


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=3, help="about 66,000 calls each in three weeks")
    parser.add_argument("--weeks", type=int, default=3)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="ringfence-bench-") as folder:
        lab = Path(folder) / "lab"
        app(["simulate", "--out", str(lab), "--customers", str(options.customers), "--weeks", str(options.weeks)])
        policy = lab / "enforced.toml"
        policy.write_text((lab / "open.toml").read_text() + ENFORCED)
        paths = sorted(lab.glob("*/week-*.csv"))
        steps(paths, Loader(str(policy)).load().policy)
        command(policy, paths, "1")
        command(policy, paths, "0")


def steps(paths: list[Path], policy: Policy) -> None:
    """Each step alone, from memory to memory."""
    zone = ZoneInfo(policy.time_zone)
    rows = sum(1 for path in paths for _ in path.open()) - len(paths)
    print(f"{rows:,} records in {len(paths)} files")
    timed("csv module alone", rows, lambda: [None for path in paths for _ in csv.reader(path.open(newline=""))])
    timed("read", rows, lambda: [None for path in paths for _ in read_generic(path, zone)])
    calls = list(read(paths, zone, "", Tally()))
    timed("put in order", rows, lambda: [None for _ in in_order(sorted(calls, key=lambda call: call.end), Cdr)])
    gc.freeze()
    timed("judge and sum up", rows, lambda: judged(calls, policy, 0))
    timed("the same, with calls for a page", rows, lambda: judged(calls, policy, SHOWN))


def judged(calls: Iterable[Cdr], policy: Policy, shown: int) -> None:
    """All of them through one engine."""
    summary = Summary(zone=policy.time_zone, shown=shown)
    for one in Replay(policy, Placing(policy), Engine(policy, "bench")).run(calls):
        summary.add(one)


def timed(what: str, rows: int, work: Callable[[], object]) -> None:
    """CPU of this process."""
    began = time.process_time()
    work()
    spent = time.process_time() - began
    print(f"{what:32} {rows / spent:9,.0f} a second, {spent / rows * 1e6:6.1f} µs each", flush=True)


def command(policy: Path, paths: list[Path], jobs: str) -> None:
    """The whole command, by the clock."""
    words = [
        sys.executable,
        "-m",
        "ringfence",
        "replay",
        "--policy",
        str(policy),
        "--jobs",
        jobs,
        "--html",
        "/dev/null",
    ]
    words += [part for path in paths for part in ("--cdr", str(path))]
    began = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    spent = time.perf_counter() - began
    if done.returncode > 1:
        sys.exit(done.stderr)
    rows = sum(1 for path in paths for _ in path.open()) - len(paths)
    name = f"ringfence replay --jobs {jobs}" if jobs != "0" else f"on {len(os.sched_getaffinity(0))} cores"
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{name:32} {rows / spent:9,.0f} a second, {spent:.1f} s, {peak:.0f} MB at most", flush=True)


if __name__ == "__main__":
    main()
