"""What a guard keeps of the calls it had: `python bench/growth.py [--calls 100000] [--rate 150]`.

Guards, each between a SIPp caller and a SIPp callee, with decisions, rates, ledger and message store on:

- some have calls up, 2,000 and 10,000 of them, first with the transactions that made them and then without: kB of
  each, and of each one more, which leaves out what the first calls fill once (buffers, the database's cache);
- one takes calls of 50 ms, a tenth of them as a warm-up, then the rest in nine parts; after the first and the last
  part all timers are waited for.

Memory, descriptors, threads, tasks and the edge's tables are printed after each step, so that growth shows as a line
that goes up. It asserts nothing; tests/e2e/test_e2e_growth.py does, with fewer calls.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from ringfence.testing.growth import Reading, Yard, yard
from ringfence.testing.process import polls

T = TypeVar("T")
UP = (2_000, 10_000)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=150, help="calls a second")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}", flush=True)
    few, many = [_in_a_yard(partial(_live, calls=calls, rate=options.rate)) for calls in UP]
    for when, one, other in zip(("just made", "timers over"), few, many, strict=True):
        print(f"each one more, {when}: {(other - one) / (UP[1] - UP[0]) / 1000:.2f} kB")
    _in_a_yard(partial(_finished, calls=options.calls, rate=options.rate))


def _in_a_yard(run: Callable[[Yard], T]) -> T:
    with tempfile.TemporaryDirectory() as folder, yard(Path(folder)) as site:
        return run(site)


def _live(site: Yard, calls: int, rate: float) -> tuple[int, int]:
    """What calls take that are up, bytes over those at rest: just made, and when their timers are over."""
    site.call(10, 10)
    rest = _show("at rest", site.emptied())
    with site.up(calls, rate):
        made = _show(f"{calls} calls up, just made", site.read())
        _each(rest, made, calls)
        for _ in polls(60.0, every_s=1.0):
            read = site.read()
            if not read.tables["transactions"]:
                break
        _each(rest, _show(f"{calls} calls up, timers over", read), calls)
    return made.rss_bytes - rest.rss_bytes, read.rss_bytes - rest.rss_bytes


def _finished(site: Yard, calls: int, rate: float) -> None:
    """What is left of calls that are over."""
    _show("at rest", site.read())
    part, failed = calls // 10, 0
    for number in range(1, 11):
        counted = site.call(part, rate)
        failed += calls // 10 - counted["answered"]
        _show(f"{number * part} calls, just over", site.read())
        if number in (1, 10):
            _show(f"{number * part} calls, timers over", site.emptied())
    print(f"{failed} calls not answered; status: {site.guard.ask('status')['edge']}")


def _show(what: str, read: Reading) -> Reading:
    print(f"{what:28} {read}", flush=True)
    return read


def _each(rest: Reading, read: Reading, calls: int) -> None:
    print(f"{'':28} {(read.rss_bytes - rest.rss_bytes) / calls / 1000:.2f} kB for each call", flush=True)


if __name__ == "__main__":
    main()
