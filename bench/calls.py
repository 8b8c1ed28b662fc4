"""Calls through the guard, side by side with peers, in one run: `python bench/calls.py [--seconds 10] [--only guard]`.

SIPp calls SIPp: directly, through the guard with its policy, decisions and ledger on, through Kamailio as a plain
record-routing proxy (one child, `-x fm -X fm`; it decides and records nothing), and through sippy's B2BUA (a PyPI
package in an environment of its own). The one under test has core 0, SIPp's both sides core 1. For each rate it prints
how many calls rang in time, CPU per call of all its processes, and the post-dial delay (INVITE to 180 on the wire, see
wiretap.py); `added` is the delay less the median of the direct pair at the same rate. Overload is twice what the CPU
per call says that one core can do. It asserts nothing. Root, for the wiretap; about six minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ringfence.testing import scenarios, sipp
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.kamailio import Kamailio
from ringfence.testing.process import Process, free_ports, listens
from ringfence.testing.wire import Address, host_port
from wiretap import Wiretap

RATES = (50, 100, 200, 500)
CEILING = 2600
"""Calls per second beyond which SIPp's two sides on one core fail by themselves."""
TALK_MS = 200
TEST_CORE, LOAD_CORE = "0", 1
PINNED = ("taskset", "-c", TEST_CORE)
HEAD = ("system", "offered/s", "completed/s", "refused", "failed", "again", "CPU µs/call", "delay p50 ms", "p99 ms")


class Subject(NamedTuple):
    """What a call goes through: its process, none of the direct pair, and where the caller sends."""

    process: Process | None
    target: Address


@dataclass(frozen=True)
class Row:
    """One measurement."""

    system: str
    offered: float
    completed: float
    refused: int
    failed: int
    retransmissions: int
    cpu_us: float
    delays_ms: list[float]

    def at(self, percentile: int) -> float:
        """Delay at a percentile, milliseconds; not a number where no call rang."""
        return self.delays_ms[len(self.delays_ms) * percentile // 100] if self.delays_ms else float("nan")


@contextlib.contextmanager
def direct(directory: Path, callee: Address) -> Iterator[Subject]:
    yield Subject(None, callee)


@contextlib.contextmanager
def guard(directory: Path, callee: Address) -> Iterator[Subject]:
    subject = Guard(directory, (PBX, free_ports(1, PBX)[0]), callee, trunk=_REALISTIC)
    subject.start(*PINNED)
    with subject:
        yield Subject(subject.process, subject.inside)
        print(
            f"guard: {subject.cli('ledger', 'verify', '--policy', str(subject.policy)).stdout.strip()}", file=sys.stderr
        )


_REALISTIC = """
max_price_per_min = 0.25
concurrent = { expected = 5000, alert = 8000, block = 9000 }
calls_per_second = { alert = 8000, block = 9000, burst = 9000 }
calls_per_minute = { alert = 500000, block = 540000 }
calls_per_day = { alert = 900000, block = 1000000 }
spend = { domestic = { per_day = 1000000, per_month = 9000000 }, international = { per_day = 400 } }
max_call_s = { domestic = 7200, international = 3600 }
"""
"""Every kind of cap is in force and none is reached."""


@contextlib.contextmanager
def kamailio(directory: Path, callee: Address) -> Iterator[Subject]:
    with Kamailio(directory, callee, PINNED) as subject:
        yield Subject(subject, subject.address)


@contextlib.contextmanager
def sippy(directory: Path, callee: Address) -> Iterator[Subject]:
    """The B2BUA of PyPI's sippy, in the foreground, its log off."""
    environment = Path(tempfile.gettempdir()) / "ringfence-bench-sippy"
    if not (environment / "bin/b2bua_simple").exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run(
            [environment / "bin/pip", "install", "--quiet", "sippy==2.5.0"], check=True, stderr=subprocess.DEVNULL
        )
    (port,) = free_ports(1)
    command = (*PINNED, environment / "bin/b2bua_simple", "-f", "-l", "127.0.0.1", "-p", str(port))
    quiet = {"SIPLOG_LOGLEVEL": "CRIT", "SIPLOG_LOGFILE_FILE": os.devnull}
    with Process((*command, "-n", host_port(callee)), directory, "sippy", quiet) as process:
        process.until(lambda: listens(port), "listening", timeout_s=20)
        yield Subject(process, ("127.0.0.1", port))


SYSTEMS: dict[str, Callable[[Path, Address], contextlib.AbstractContextManager[Subject]]] = {
    "direct": direct,
    "guard": guard,
    "kamailio": kamailio,
    "sippy": sippy,
}


def measure(system: str, rate: float, seconds: float) -> Row:
    """One system, started anew, at one rate."""
    with tempfile.TemporaryDirectory(prefix="ringfence-bench-") as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        callee = stack.enter_context(
            sipp.callee(scenarios.callee(), directory, "callee", *_BUFFERS, host=CARRIER, pin=LOAD_CORE)
        )
        subject = stack.enter_context(SYSTEMS[system](directory, callee.address))
        calls = round(rate * seconds)
        before = subject.process.cpu_s() if subject.process else 0.0
        caller = sipp.caller(
            scenarios.caller(), directory, subject.target, *_BUFFERS, calls=calls, rate=rate, numbers=_numbers(),
            talk_ms=TALK_MS, timeout_s=round(seconds) + 45, host=PBX, pin=LOAD_CORE,
        )  # fmt: skip
        tap = stack.enter_context(Wiretap(caller.port))
        with caller:
            caller.process.wait(seconds + 60)
            counted = caller.statistics()
        spent_s = (subject.process.cpu_s() if subject.process else 0.0) - before
        refused = sum(counted[f"refused_{status}"] for status in scenarios.REFUSALS)
        span_s = max(tap.span_s(), 0.001)
        return Row(
            system,
            counted.created / span_s,
            tap.rang_in_time() / span_s,
            refused,
            counted.failed,
            counted.retransmissions,
            spent_s * 1e6 / max(1, counted["answered"]),
            tap.delays_ms(),
        )


_BUFFERS = ("-buff_size", "4194304")


def _numbers() -> list[tuple[str, str]]:
    """What is dialled in turn: a thousand domestic numbers, from the hundred that the source owns."""
    return [(f"+1212555{n:04}", f"+121255501{n % 100:02}") for n in range(1000, 2000)]


def fdatasync_ms(directory: Path, count: int = 200) -> list[float]:
    """How long the disk takes for a forced 4 KiB append, sorted, milliseconds."""
    times = []
    with (directory / "fdatasync").open("wb") as file:
        for _ in range(count):
            file.write(b"x" * 4096)
            file.flush()
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1000)
    return sorted(times)


def line(cells: tuple[object, ...]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def show(row: Row, base_ms: float | None) -> None:
    """One line of the table."""
    added = ("", "") if base_ms is None else tuple(f"{row.at(p) - base_ms:.2f}" for p in (50, 99))
    cells = (
        row.system, f"{row.offered:.0f}", f"{row.completed:.0f}", row.refused, row.failed, row.retransmissions,
        f"{row.cpu_us:.0f}" if row.cpu_us else "", f"{row.at(50):.2f}", f"{row.at(99):.2f}", *added,
    )  # fmt: skip
    print(line(cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Calls through the guard and its peers, in one markdown table.")
    parser.add_argument("--seconds", type=float, default=10, help="length of one measurement")
    parser.add_argument("--rates", type=float, nargs="*", default=RATES, help="calls per second")
    parser.add_argument("--only", nargs="*", choices=SYSTEMS, default=list(SYSTEMS), help="systems to measure")
    parser.add_argument("--no-overload", action="store_true", help="leave out twice the capacity")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ringfence-bench-") as name:
        syncs = fdatasync_ms(Path(name))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; fdatasync of 4 KiB:",
        end=" ",
    )
    print(f"p50 {syncs[len(syncs) // 2]:.2f} ms, p99 {syncs[len(syncs) * 99 // 100]:.2f} ms\n")
    print(line((*HEAD, "added p50", "added p99")))
    print(line(("---",) * (len(HEAD) + 2)), flush=True)
    last = _table(options.only, options.rates, options.seconds)
    if not options.no_overload:
        _overload(last, options.seconds)


def _table(systems: list[str], rates: list[float], seconds: float) -> dict[str, Row]:
    """Every rate of every system; the last row of each system that kept up."""
    kept_up: dict[str, Row] = {}
    for rate in rates:
        base_ms = None
        for system in systems:
            row = measure(system, rate, seconds)
            base_ms = row.at(50) if system == "direct" else base_ms
            show(row, None if system == "direct" else base_ms)
            if row.failed + row.refused == 0:
                kept_up[system] = row
    return kept_up


def _overload(kept_up: dict[str, Row], seconds: float) -> None:
    """Twice what each can do by its CPU per call, as far as SIPp can offer it."""
    print("\nOverload: twice the capacity that CPU per call gives one core.\n")
    for system, row in kept_up.items():
        if row.cpu_us:
            capacity = 1e6 / row.cpu_us
            pushed = measure(system, min(2 * capacity, CEILING), seconds)
            share = pushed.completed / capacity
            print(f"- {system}: capacity {capacity:.0f}/s, offered {pushed.offered:.0f}/s, completed "
                  f"{pushed.completed:.0f}/s ({share:.0%} of capacity), refused {pushed.refused}, "
                  f"failed {pushed.failed}, delay p99 {pushed.at(99):.1f} ms", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
