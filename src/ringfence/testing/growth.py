"""Does a guard grow? Calls through a real guard, and what it has in memory, descriptors, threads and tables.

What is left after calls must not depend on how many there were. Tables empty themselves: the last timers of a
transaction run for 32 s (RFC 3261 timers H and J, RFC 6026 timers L and M), so `emptied` waits a little longer. Memory
of what is gone is kept by the allocator for what comes, so two readings are compared after the same load: the second
one may not be higher.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ringfence.testing import scenarios as play
from ringfence.testing import sipp
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.process import free_ports, polls
from ringfence.testing.sipp import Statistics

TABLES = ("dialogs", "waiting", "transactions", "orphans", "challenged")
"""What `status` counts of the edge that has to come back to zero."""
CLOSED_S = 0.5
"""When the guard has surely closed the connection on which it was asked."""
TIMERS_S = 45.0
"""When the last transaction of a call that is over is surely forgotten."""


@dataclass(frozen=True)
class Reading:
    """What a guard has at an instant."""

    rss_bytes: int
    descriptors: int
    threads: int
    tasks: int
    calls: int
    tables: dict[str, int]

    @property
    def empty(self) -> bool:
        """Whether nothing is left of any call."""
        return self.calls == 0 and not any(self.tables.values())

    def __str__(self) -> str:
        left = ", ".join(f"{name} {size}" for name, size in self.tables.items() if size) or "all tables empty"
        return (
            f"{self.rss_bytes / 1e6:.1f} MB, {self.descriptors} descriptors, {self.threads} threads, "
            f"{self.tasks} tasks, {self.calls} calls, {left}"
        )


class Yard:
    """A guard, a carrier that answers, and callers that come when they are told to."""

    def __init__(self, directory: Path, guard: Guard, callee: sipp.Sipp) -> None:
        self.guard = guard
        self._directory = directory
        self._callee = callee
        self._runs = 0

    def read(self) -> Reading:
        """What the guard has now, without the connection on which it is asked."""
        found, process = self.guard.ask("status"), self.guard.process
        return Reading(
            process.rss_bytes(),
            min(process.descriptors() for _ in polls(CLOSED_S, every_s=0.05)),
            process.threads(),
            found["tasks"],
            found["calls"],
            {name: found["edge"][name] for name in TABLES},
        )

    def emptied(self) -> Reading:
        """What the guard has once nothing is left of any call, or after TIMERS_S."""
        for _ in polls(TIMERS_S, every_s=0.2):
            read = self.read()
            if read.empty:
                break
        return read

    def call(self, calls: int, rate: float, number: str = "") -> Statistics:
        """Calls that are answered and hung up at once, all to one number if it is given.

        Raises ProcessError where SIPp fails.
        """
        with self._caller(calls, rate, talk_ms=50, number=number) as caller:
            return caller.finish(calls / rate + 60)

    @contextmanager
    def up(self, calls: int, rate: float) -> Iterator[sipp.Sipp]:
        """Calls that stay up; the guard has them all within the block, and forgets them at its end by being killed."""
        with self._caller(calls, rate, talk_ms=3_600_000) as caller:
            caller.process.until(
                lambda: self.guard.ask("status")["calls"] == calls, f"{calls} calls", calls / rate + 30
            )
            yield caller

    def _caller(self, calls: int, rate: float, talk_ms: int, number: str = "") -> sipp.Sipp:
        self._runs += 1
        numbers = [(number, caller) for _, caller in _numbers()[:100]] if number else _numbers()
        return sipp.caller(
            play.caller(), self._directory, self.guard.inside, calls=calls, rate=rate, numbers=numbers,
            talk_ms=talk_ms, timeout_s=int(calls / rate + 600), name=f"caller{self._runs}", host=PBX,
        )  # fmt: skip


@contextmanager
def yard(directory: Path) -> Iterator[Yard]:
    """A running guard with every meter, a rate deck and the message store, between two SIPp."""
    trunk = "concurrent = { block = 100000 }\ncalls_per_day = { block = 1000000 }\nmax_call_s = 7200"
    with (
        sipp.callee(play.callee(), directory, host=CARRIER) as callee,
        Guard(directory, (PBX, free_ports(1, PBX)[0]), callee.address, trunk=trunk) as guard,
    ):
        yield Yard(directory, guard, callee)


def _numbers() -> list[tuple[str, str]]:
    """What is dialled in turn: ten thousand numbers, a hundred callers."""
    return [(f"+1212555{n:04}", f"+121255501{n % 100:02}") for n in range(10_000)]
