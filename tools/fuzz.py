"""A local fuzz run: spoilt SIP against the parser and the edge, until the time is over.

    .venv/bin/python tools/fuzz.py --minutes 10 --seed 7
    .venv/bin/python tools/fuzz.py --replay state/fuzz/SOMETHING.json

What must hold is written in `fuzzing/parsing.py` and `fuzzing/house.py`. A finding is told once, with a reproducer: for
the parser the bytes, for the edge the operations, cut down to those that are needed. Exit code 1 with findings.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec

from fuzzing import corpus, house, parsing, play
from fuzzing.finding import signature
from fuzzing.mutate import spoilt

MESSAGES_A_TURN = 300
"""Messages against the parser for each episode of the edge."""
SHOWN_EVERY_S = 60


class Run:
    """One run: its dice, what it did and what it found."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = Random(seed)
        self.folder = folder
        self.policy = house.load_policy()
        self.corpus = corpus.messages()
        self.done: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        play.steady_names(self.random)
        house.listen_to_the_edge()

    def turn(self) -> None:
        """Some messages against the parser, one episode against the edge."""
        for _ in range(MESSAGES_A_TURN):
            self._parse(spoilt(self.random, self.random.choice(self.corpus), self.corpus))
        self._linear(self.random.choice(self.corpus))
        self._play()

    def _parse(self, data: bytes) -> None:
        self.done["messages"] += 1
        error = fault(lambda: self.done.update(parsed=parsing.check(self.random, data)))
        if error is not None:
            self._keep(error, "parser", data)

    def _linear(self, data: bytes) -> None:
        self.done["timings"] += 1
        error = fault(lambda: parsing.linear(self.random, data))
        if error is not None:
            self._keep(error, "time", data)

    def _play(self) -> None:
        episode = play.Episode(self.random, self.policy, self.corpus)
        error = fault(episode.play)
        if error is not None:
            known = signature(error) in self.found
            operations = episode.operations if known else shortened(self.policy, episode.operations, error)
            self._keep(error, "edge", msgspec.json.encode(operations))
        self.done["episodes"] += 1
        self.done["datagrams"] += episode.house.datagrams
        self.done["let through"] += sum(len(found) for found in episode.house.judged.values())
        self.done["facts"] += len(episode.house.facts)

    def _keep(self, error: BaseException, kind: str, reproducer: bytes) -> None:
        name = signature(error)
        self.found[name] += 1
        if self.found[name] > 1:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = "".join(c if c.isalnum() else "-" for c in name)[:80]
        path = self.folder / f"{kind}-{stem}.{'json' if kind == 'edge' else 'sip'}"
        path.write_bytes(reproducer)
        print(f"FOUND {name}\n  reproducer: {path}", flush=True)
        traceback.print_exception(error, limit=-6, file=sys.stdout)


def shortened(policy: house.Policy, operations: list[house.Operation], error: BaseException) -> list[house.Operation]:
    """The operations without those that aren't needed for the same finding."""
    name, size = signature(error), max(1, len(operations) // 2)
    while size:
        at = 0
        while at < len(operations):
            fewer = operations[:at] + operations[at + size :]
            if _found(policy, fewer) == name:
                operations = fewer
            else:
                at += size
        size //= 2
    return operations


def _found(policy: house.Policy, operations: list[house.Operation]) -> str:
    error = fault(lambda: play.replay(policy, operations))
    return signature(error) if error is not None else ""


def fault(tried: Callable[[], object]) -> Exception | None:
    """What it raises: whatever that is, it is what we look for."""
    try:
        tried()
    except Exception as error:  # noqa: BLE001
        return error
    return None


def repeat(path: Path) -> int:
    """Show what a reproducer does."""
    house.listen_to_the_edge()
    if path.suffix == ".json":
        play.replay(house.load_policy(), play.operations(path.read_bytes()))
    else:
        parsing.check(Random(0), path.read_bytes())
    print("nothing is wrong any more")
    return 0


def main() -> int:
    """Run until the time is over."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--turns", type=int, default=0, help="stop after so many turns instead")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--folder", type=Path, default=Path("state/fuzz"), help="where reproducers go")
    options.add_argument("--replay", type=Path, help="a reproducer")
    given = options.parse_args()
    if given.replay:
        return repeat(given.replay)
    run, begun, shown, turns = Run(given.seed, given.folder), time.monotonic(), time.monotonic(), 0
    while turns < given.turns if given.turns else time.monotonic() < begun + given.minutes * 60:
        run.turn()
        turns += 1
        if time.monotonic() > shown + SHOWN_EVERY_S:
            shown = time.monotonic()
            print(f"{shown - begun:.0f} s: {dict(run.done)}, {len(run.found)} findings", flush=True)
    print(f"seed {given.seed}, {time.monotonic() - begun:.0f} s, {turns} turns: {dict(run.done)}")
    for name, count in run.found.most_common():
        print(f"{count:6} {name}")
    print(f"{len(run.found)} findings")
    return int(bool(run.found))


if __name__ == "__main__":
    sys.exit(main())
