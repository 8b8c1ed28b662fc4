"""How long a decision takes, everything included but I/O: number, rules, meters, verdict, and what is learned of it.

    .venv/bin/python bench/decide.py [--count 20000] [--policy bench/decide.toml]

Four calls a second of 400 extensions, a fifth of them abroad to numbers that are known since the day before, one in
fifty to where nobody may call; each is answered and lasts three minutes, so that 720 are up. All caps are set and all
behaviour rules refuse. It prints microseconds of CPU, and beside them what the machine needs for a fixed piece of
Python in the same run. It asserts nothing.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from ringfence.engine.engine import Engine
from ringfence.model import SECOND, Answered, Attempt, Command, Decided, Ended, Extend, Instant, Tick, Verdict
from ringfence.model.settings import Behaviour
from ringfence.policy import Loader

POLICY = Path(__file__).with_name("decide.toml")
EXTENSIONS = 400
GAP_US = SECOND // 4
RINGS, LASTS = 32, 720
"""Calls that are placed until one is answered, and until it is over."""
TAUGHT = datetime(2026, 11, 23, 15, tzinfo=UTC)
AFTER = timedelta(hours=27)
"""Between what is learned and what is measured."""
REFUSED = ("0115372041000", "19005551234", "0112250712345678", "12")


def numbers(count: int) -> list[str]:
    """What is dialled: at home anything, abroad what the extension is used to, now and then what is refused."""
    draw = random.Random(1)
    abroad = [[_abroad(draw) for _ in range(5)] for _ in range(EXTENSIONS)]
    found = []
    for n in range(count):
        kind = draw.random()
        if kind < 0.78:
            found.append(f"1{draw.choice((212, 225, 305, 415))}555{draw.randrange(10_000):04d}")
        elif kind < 0.98:
            found.append(draw.choice(abroad[n % EXTENSIONS]))
        else:
            found.append(draw.choice(REFUSED))
    return found


def _abroad(draw: random.Random) -> str:
    area = draw.choice(("01144207946", "1416555", "1876922", "1242322"))
    return f"{area}{draw.randrange(10_000):04d}"


def attempts(dialled: list[str], day: int) -> list[Attempt]:
    """One extension after the other."""
    return [
        Attempt(
            id=f"a{day}-{n}",
            call_id=f"c{day}-{n}",
            listener="inside",
            peer="127.0.0.2:5060",
            source="pbx",
            verified="address",
            caller=f"+1212555{100 + n % EXTENSIONS:04d}",
            extension=f"{100 + n % EXTENSIONS}",
            dialled=number,
            trunk="carrier",
            user_agent="PBX 20",
        )
        for n, number in enumerate(dialled)
    ]


class Run:
    """Calls through one engine, with the CPU that their decisions take, in nanoseconds."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.home: list[int] = []
        self.abroad: list[int] = []
        self.rest = 0
        """Of answers, ticks and ends."""
        self.allowed = 0

    def play(self, asked: list[Attempt], start: Instant) -> None:
        """All of them, each GAP_US after the last."""
        up: dict[int, Attempt] = {}
        for n, attempt in enumerate(asked):
            now = start + n * GAP_US
            began = time.process_time_ns()
            self._meanwhile(up, n, now)
            between = time.process_time_ns()
            verdict = self._decide(attempt, now)
            spent = time.process_time_ns() - between
            self.rest += between - began
            abroad = verdict.destination.klass != "domestic"
            (self.abroad if abroad else self.home).append(spent)
            if verdict.outcome == "allow":
                self.allowed += 1
                up[n] = attempt
        for n in range(len(asked), len(asked) + LASTS):
            self._meanwhile(up, n, start + n * GAP_US)

    def _decide(self, attempt: Attempt, now: Instant) -> Verdict:
        engine = self.engine
        judgement = engine.judge(attempt, now=now)
        reading = engine.meters.reserve(judgement.hold, now=now)
        verdict = engine.conclude(judgement, reading)
        decided = Decided(
            at=now, attempt=attempt, hold=judgement.hold, reading=reading, verdict=verdict, policy="", numbers=""
        )
        engine.apply(decided, now=now)
        return verdict

    def _meanwhile(self, up: dict[int, Attempt], n: int, now: Instant) -> None:
        engine = self.engine
        while (due := engine.due()) is not None and due <= now:
            self._obey(engine.apply(Tick(at=due), now=due), due)
        if answered := up.get(n - RINGS):
            engine.apply(Answered(at=now, id=answered.id, leg="t"), now=now)
        if over := up.pop(n - LASTS, None):
            engine.apply(Ended(at=now, id=over.id, leg="t", cause="bye-caller"), now=now)

    def _obey(self, commands: tuple[Command, ...], now: Instant) -> None:
        for command in commands:
            if isinstance(command, Extend):
                self.engine.apply(self.engine.ask_more(command.hold, now=now), now=now)


def main() -> None:
    """Teach a day, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--policy", type=Path, default=POLICY)
    options = parser.parse_args()
    policy = Loader(str(options.policy)).load().policy
    engine = Engine(msgspec.structs.replace(policy, behaviour=Behaviour(mode="off")), "bench")
    dialled = numbers(options.count)
    taught, asked = attempts(dialled, 0), attempts(dialled, 1)
    gc.freeze()
    gc.disable()
    Run(engine).play(taught, int(TAUGHT.timestamp()) * SECOND)
    engine.use(policy)
    run = Run(engine)
    run.play(asked, int((TAUGHT + AFTER).timestamp()) * SECOND)
    for line in figures(run, options.count):
        print(line)


def figures(run: Run, count: int) -> Iterator[str]:
    """In words."""
    every = run.home + run.abroad
    mean = sum(every) / count
    yield f"{count:,} decisions, {run.allowed:,} allowed"
    for name, spent in (("at home", run.home), ("abroad and refused", run.abroad), ("all", every)):
        middle = sorted(spent)[len(spent) // 2] / 1000
        yield f"{name:20} {sum(spent) / len(spent) / 1000:6.1f} µs a decision, half of them under {middle:.1f}"
    yield f"{'decisions':20} {1e9 / mean:6,.0f} a second"
    yield f"{'answer, ticks, end':20} {run.rest / count / 1000:6.1f} µs a call"
    yard = yardstick()
    yield f"{'yardstick':20} {yard:6.2f} µs (sorting ten numbers); a decision is {mean / 1000 / yard:.0f} of it"


def yardstick() -> float:
    """Microseconds."""
    ten = [f"{n * 7919 % 10_000:04d}" for n in range(10)]
    began = time.process_time()
    for _ in range(100_000):
        sorted(ten)
    return (time.process_time() - began) * 10


if __name__ == "__main__":
    main()
