"""A ledger without an event loop: the test runs its wake-ups, waits for what it expects and never sleeps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from ringfence.ledger.ledger import Ledger
from ringfence.model import (
    Answered,
    Attempt,
    Charge,
    Decided,
    Destination,
    Ended,
    Fact,
    Hold,
    MeterKey,
    Outcome,
    Reading,
    Verdict,
)
from ringfence.model import settings as policy
from ringfence.numbers.number import Number

WAIT_S = 20.0
"""How long something that has to happen may take before the test fails."""
DAY_US = 86_400_000_000
START = 20_000 * DAY_US


class Loop:
    """Stands for the event loop: `wake` from any thread, run by the test."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def wake(self, call: Callable[[], None]) -> None:
        self._calls.put(call)

    def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self._calls.get(timeout=WAIT_S)()

    def drain(self) -> None:
        while not self._calls.empty():
            self._calls.get()()


class Clock:
    """Goes on by a microsecond a look, and further where the test says so."""

    def __init__(self, at: int = START) -> None:
        self.at = at
        self._ticks = itertools.count()

    def now(self) -> int:
        return self.at + next(self._ticks)


class Guard:
    """The owner of a ledger: keeps what it was told."""

    def __init__(self, path: Path, *, node: str = "n1", clock: Clock | None = None, **settings: object) -> None:
        self.loop = Loop()
        self.clock = clock or Clock()
        self.states: list[str | None] = []
        self.heads: list[str] = []
        self.told: list[tuple[Fact, str | None]] = []
        self.ledger = Ledger.open(
            policy.Ledger(path=str(path), **settings),  # type: ignore[arg-type]
            node,
            wake=self.loop.wake,
            clock=self.clock.now,
            on_state=self.states.append,
            on_head=self.heads.append,
        )

    def append(self, *facts: Fact) -> None:
        """Append and wait until all are committed."""
        errors = self.offer(*facts)
        assert errors == [None] * len(facts)

    def offer(self, *facts: Fact) -> list[str | None]:
        """Append, and what was said of each."""
        before = len(self.told)
        for fact in facts:
            self.ledger.append(fact, lambda error, fact=fact: self.told.append((fact, error)))  # type: ignore[misc]
        self.ledger.hurry()
        self.loop.until(lambda: len(self.told) == before + len(facts))
        return [error for _, error in self.told[before:]]

    def snapshot(self, state: bytes) -> None:
        done: list[str | None] = []
        self.ledger.write_snapshot({"engine": state}, self.clock.now(), done.append)
        self.loop.until(lambda: bool(done))
        assert done == [None]

    def until_up(self) -> None:
        self.loop.until(lambda: bool(self.states) and self.states[-1] is None)

    def until_down(self) -> str:
        self.loop.until(lambda: bool(self.states) and self.states[-1] is not None)
        assert self.states[-1] is not None
        return self.states[-1]

    def close(self) -> None:
        self.ledger.close()
        self.loop.drain()


@contextmanager
def guard(path: Path, *, node: str = "n1", clock: Clock | None = None, **settings: object) -> Iterator[Guard]:
    """An open ledger, closed at the end."""
    owner = Guard(path, node=node, clock=clock, **settings)
    try:
        yield owner
    finally:
        owner.close()


def attempt(call: str, *, caller: str = "+12125550100", source: str = "pbx-main") -> Attempt:
    return Attempt(
        id=call,
        call_id=f"{call}@pbx",
        listener="inside",
        peer="10.20.0.10:5060",
        source=source,
        verified="address",
        caller=caller,
        extension="201",
        dialled="01144207946",
        trunk="unlimcall",
    )


def decided(
    call: str,
    at: int = START,
    *,
    outcome: Outcome = "allow",
    caller: str = "+12125550100",
    callee: str = "442079460000",
    source: str = "pbx-main",
) -> Decided:
    """A verdict on a call."""
    hold = Hold(call, "n1", (Charge(MeterKey("trunk", "unlimcall", "calls", "", 0), 1),), at + 180_000_000)
    verdict = Verdict(
        outcome=outcome,
        reason="" if outcome == "allow" else "destination-not-permitted",
        text="allowed" if outcome == "allow" else "Cuba isn't permitted",
        sip_status=0 if outcome == "allow" else 603,
        public_text="",
        hits=(),
        destination=Destination(number=Number("ok", callee, "GB", "fixed"), klass="international", risk=10, price=None),
        emergency=False,
        send_user=f"+{callee}",
        send_caller=None,
    )
    return Decided(
        at=at,
        attempt=attempt(call, caller=caller, source=source),
        hold=hold,
        reading=Reading(granted=True, at=at, observed=(1,)),
        verdict=verdict,
        policy="p1",
        numbers="v1",
        edge=b"\x00\xff",
    )


def story(call: str, at: int = START, **kinds: str) -> list[Fact]:
    """A whole call."""
    return [
        decided(call, at, **kinds),  # type: ignore[arg-type]
        Answered(at=at + 1_000_000, id=call, leg="t1", dialog=b"legs"),
        Ended(at=at + 61_000_000, id=call, leg="t1", cause="bye-caller", status=200),
    ]
