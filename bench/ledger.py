"""What keeping facts costs: the loop's thread, the ledger's threads, the wait for a commit; bare fdatasync beside it.

    .venv/bin/python bench/ledger.py [DIRECTORY] [SECONDS]

A call is three facts (Decided as the engine makes it with the example policy, Answered with both legs' dialog, Ended)
and, with messages, eleven SIP messages. CPU times are of threads; the loop's is given after taking off what the same
paced loop needs without a ledger. Asserts nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from decide import EXAMPLE, attempts
from ringfence.engine.engine import Engine
from ringfence.ledger.ledger import SWITCH_INTERVAL_S, Ledger
from ringfence.ledger.segments import Message
from ringfence.model import SECOND, Answered, Decided, Ended, Fact
from ringfence.model.settings import Ledger as Settings
from ringfence.policy import Loader
from ringfence.server.clock import Clock

DIALOG = os.urandom(200) + b"sip:carrier.example;lr" * 30
MESSAGES = 11
SIP = (
    b"INVITE sip:+12125550100@198.51.100.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK%d\r\n"
    b"From: <sip:201@10.0.0.1>;tag=%d\r\nTo: <sip:+12125550100@10.0.0.1>\r\nCall-ID: c%d\r\nCSeq: 1 INVITE\r\n"
    b"Content-Type: application/sdp\r\n\r\nv=0\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n" + b"x" * 300
)


def verdicts(count: int) -> list[Decided]:
    """What the engine says, as the guard writes it."""
    policy = Loader(str(EXAMPLE)).load().policy
    engine, start = Engine(policy, "bench"), 1_800_000_000 * SECOND
    found = []
    for number, attempt in enumerate(attempts(policy, count)):
        now = start + number * SECOND
        judgement = engine.judge(attempt, now=now)
        reading = engine.meters.reserve(judgement.hold, now=now)
        verdict = engine.conclude(judgement, reading)
        fact = Decided(
            at=now,
            attempt=attempt,
            hold=judgement.hold,
            reading=reading,
            verdict=verdict,
            policy="0" * 64,
            numbers="0" * 64,
            edge=DIALOG,
        )
        engine.apply(fact, now=now)
        engine.apply(Ended(at=now, id=attempt.id, cause="bye-caller"), now=now)
        found.append(fact)
    return found


def calls(seen: list[Decided], run: str) -> Iterator[list[Fact]]:
    """The facts of one call after another."""
    for number, fact in enumerate(itertools.cycle(seen)):
        call = f"{run}-{number}"
        yield [
            Decided(
                at=fact.at,
                attempt=_renamed(fact, call),
                hold=fact.hold,
                reading=fact.reading,
                verdict=fact.verdict,
                policy=fact.policy,
                numbers=fact.numbers,
                edge=fact.edge,
            ),
            Answered(at=fact.at, id=call, leg="t" * 12, dialog=DIALOG),
            Ended(at=fact.at, id=call, leg="t" * 12, cause="bye-caller"),
        ]


def _renamed(fact: Decided, call: str):  # type: ignore[no-untyped-def]
    return msgspec.structs.replace(fact.attempt, id=call)


def cpu_of(name: str) -> float:
    """CPU seconds of a thread of ours."""
    for thread in threading.enumerate():
        if thread.name == name and thread.ident is not None:
            return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
    return 0.0


class Run:
    """One ledger under one load."""

    def __init__(self, directory: Path, seen: list[Decided], durability: str, messages: bool) -> None:
        self.waits: list[float] = []
        self.facts = 0
        self.messages = messages
        self._calls = calls(seen, f"{durability[:2]}{time.monotonic_ns()}")
        self._clock = Clock()
        self._settings = Settings(path=str(directory / "l.db"), durability=durability, messages=messages)  # type: ignore[arg-type]
        self.ledger: Ledger | None = None

    def open(self) -> None:
        self.ledger = Ledger.open(
            self._settings, "bench", wake=asyncio.get_running_loop().call_soon_threadsafe, clock=self._clock.now
        )

    def call(self, done: Callable[[], None] | None = None) -> None:
        """Append the facts of a call; the first is waited for."""
        facts, ledger = next(self._calls), self.ledger
        self.facts += len(facts)
        if ledger is None:
            return
        begin = time.perf_counter()

        def told(error: str | None) -> None:
            self.waits.append(time.perf_counter() - begin)
            if done is not None:
                done()

        ledger.append(facts[0], told)
        for fact in facts[1:]:
            ledger.append(fact)
        ledger.hurry()
        if self.messages:
            for number in range(MESSAGES):
                ledger.store_message(
                    Message(self._clock.now(), "a", "c", "in 10.0.0.1:5060", SIP % (number, number, self.facts))
                )


async def paced(run: Run, rate: int, seconds: float) -> float:
    """So many calls a second; CPU of the loop's thread."""
    loop, begin = asyncio.get_running_loop(), time.thread_time()
    start, sent = loop.time(), 0
    while (elapsed := loop.time() - start) < seconds:
        while sent < elapsed * rate:
            run.call()
            sent += 1
        await asyncio.sleep(0.0005)
    return time.thread_time() - begin


async def flat_out(run: Run, seconds: float, window: int = 300) -> float:
    """As fast as it goes with a bounded number waiting; facts a second."""
    loop = asyncio.get_running_loop()
    waiting, free = 0, asyncio.Event()

    def done() -> None:
        nonlocal waiting
        waiting -= 1
        free.set()

    start = loop.time()
    while loop.time() - start < seconds:
        while waiting < window:
            waiting += 1
            run.call(done)
        free.clear()
        await free.wait()
    return run.facts / (loop.time() - start)


def fdatasync_us(directory: Path) -> list[float]:
    """Bare fdatasync after an append of 4 kB, microseconds."""
    times = []
    with (directory / "bare").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(bytes(4096))
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1e6)
    return times


def percentile(values: list[float], part: float) -> float:
    """By rank."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


async def measure_paced(
    directory: Path, seen: list[Decided], durability: str, rate: int, messages: bool, s: float
) -> None:
    """One line of the table."""
    empty = Run(directory, seen, durability, messages)
    without = await paced(empty, rate, s)
    run = Run(directory, seen, durability, messages)
    run.open()
    assert run.ledger is not None
    used = {name: cpu_of(name) for name in ("ledger-writer", "ledger-keeper")}
    loop_s = await paced(run, rate, s) - without
    used = {name: (cpu_of(name) - before) * 1e6 / run.facts for name, before in used.items()}
    await asyncio.get_running_loop().run_in_executor(None, run.ledger.close)
    waits = [wait * 1e3 for wait in run.waits]
    print(
        f"{durability:9}{'yes' if messages else 'no':>9}{rate:8}{loop_s * 1e6 / run.facts:10.1f}"
        f"{used['ledger-writer']:10.1f}{used['ledger-keeper']:10.1f}{percentile(waits, 0.5):10.2f}"
        f"{percentile(waits, 0.99):10.2f}{max(waits):10.2f}"
    )


async def measure_flat_out(directory: Path, seen: list[Decided], durability: str, s: float) -> None:
    """One line."""
    run = Run(directory, seen, durability, False)
    run.open()
    assert run.ledger is not None
    before = cpu_of("ledger-writer")
    speed = await flat_out(run, s)
    writer = (cpu_of("ledger-writer") - before) * 1e6 / run.facts
    await asyncio.get_running_loop().run_in_executor(None, run.ledger.close)
    print(f"flat out, durability {durability}: {speed:,.0f} facts/s, writer {writer:.1f} µs CPU a fact")


def main() -> None:
    """Print the tables."""
    parent = sys.argv[1] if len(sys.argv) > 1 else None
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    seen = verdicts(2000)
    with tempfile.TemporaryDirectory(dir=parent) as name:
        bare = fdatasync_us(Path(name))
        print(f"bare fdatasync: p50 {statistics.median(bare):.0f} µs, p99 {percentile(bare, 0.99):.0f} µs")
        print(f"{'':9}{'':9}{'calls':>8}{'µs CPU a fact':>30}{'ms to the commit':>30}")
        print(
            f"{'durable':9}{'messages':>9}{'/s':>8}{'loop':>10}{'writer':>10}{'keeper':>10}{'p50':>10}{'p99':>10}{'max':>10}"
        )
        number = itertools.count()
        for durability, rate, messages in itertools.product(("process", "power"), (50, 200, 1000), (False, True)):
            directory = Path(name) / str(next(number))
            directory.mkdir()
            asyncio.run(measure_paced(directory, seen, durability, rate, messages, seconds))
        for durability in ("process", "power"):
            directory = Path(name) / durability
            directory.mkdir()
            asyncio.run(measure_flat_out(directory, seen, durability, seconds))


if __name__ == "__main__":
    main()
