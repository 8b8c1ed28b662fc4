"""How long a decision takes, everything included but I/O: number, rules, meters, verdict, and the end of the call.

    .venv/bin/python bench/decide.py [POLICY] [COUNT]

Prints microseconds of CPU a decision, and beside it what the machine needs for a fixed piece of Python in the same run.
"""

from __future__ import annotations

import gc
import itertools
import sys
import time
from pathlib import Path

from ringfence.engine.engine import Engine
from ringfence.model import SECOND, Attempt, Decided, Ended
from ringfence.model.settings import Policy
from ringfence.policy import Loader

EXAMPLE = Path(__file__).parents[1] / "examples" / "policy.toml"
NUMBERS = [f"1{area}555{n:04d}" for area in (212, 225, 305, 415, 876) for n in range(0, 1000, 7)]
NUMBERS += [f"01144207946{n:04d}" for n in range(0, 1000, 7)] + ["0115372041000", "19005551234", "12"]


def attempts(policy: Policy, count: int) -> list[Attempt]:
    """Calls of the first source, from a hundred extensions."""
    source = next(iter(policy.sources.values()))
    numbers = itertools.cycle(NUMBERS)
    return [
        Attempt(
            id=f"a{n}",
            call_id=f"c{n}",
            listener=source.listen,
            peer="127.0.0.1:5070",
            source=source.name,
            verified="address",
            caller=f"+1212555{100 + n % 100:04d}",
            extension=f"{n % 100}",
            dialled=next(numbers),
            trunk=source.trunks[0],
        )
        for n in range(count)
    ]


def decide(engine: Engine, asked: list[Attempt], start: int) -> int:
    """Decide all, each a quarter of a second after the last and ended at once; gives how many were allowed."""
    allowed = 0
    for n, attempt in enumerate(asked):
        now = start + n * SECOND // 4
        judgement = engine.judge(attempt, now=now)
        reading = engine.meters.reserve(judgement.hold, now=now)
        verdict = engine.conclude(judgement, reading)
        decided = Decided(
            at=now, attempt=attempt, hold=judgement.hold, reading=reading, verdict=verdict, policy="", numbers=""
        )
        engine.apply(decided, now=now)
        if verdict.outcome == "allow":
            allowed += 1
            engine.apply(Ended(at=now, id=attempt.id, cause="bye-caller"), now=now)
    return allowed


def main() -> None:
    """Decide with the example policy, its caps on calls and money on."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLE
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    policy = Loader(str(path)).load().policy
    asked = attempts(policy, count)
    gc.freeze()
    gc.disable()
    decide(Engine(policy, "bench"), asked[:2000], SECOND)
    began = time.process_time()
    allowed = decide(Engine(policy, "bench"), asked, 1_800_000_000 * SECOND)
    per_call = (time.process_time() - began) / count * 1e6
    began = time.process_time()
    for _ in range(100_000):
        sorted(NUMBERS[:10])
    yardstick = (time.process_time() - began) / 100_000 * 1e6
    print(f"{path.name}: {per_call:.1f} µs a decision and its end, {allowed} of {count} allowed")
    print(f"yardstick (sorting ten numbers): {yardstick:.2f} µs; ratio {per_call / yardstick:.0f}")


if __name__ == "__main__":
    main()
