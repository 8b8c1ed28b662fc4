"""The one clock of a process: wall time that never steps back.

Timers of SIP want time that doesn't jump, windows and opening hours want the wall. So: the wall as it was at start,
plus what the monotonic clock counted since, moved forward whenever the wall is ahead (a machine that slept, a clock
set right); where the wall falls behind, ours waits for it and doesn't go back.
"""

import time
from collections.abc import Callable

from ringfence.model.time import Instant

WALL_AHEAD_US = 50_000
"""How far the wall may run ahead before the clock is moved to it."""
LONGEST_US = 60_000_000
"""What is said to be older was stamped by another wall than ours."""


class Clock:
    """Instants for everything that happens in this process; `wall_ns` and `steady_ns` are for tests."""

    __slots__ = ("_offset_us", "_steady_ns", "_wall_ns")

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, steady_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall_ns = wall_ns
        self._steady_ns = steady_ns
        self._offset_us = (wall_ns() - steady_ns()) // 1000

    def now(self) -> Instant:
        """Microseconds since the Unix epoch, never less than the last one."""
        return self._steady_ns() // 1000 + self._offset_us

    def follow_wall(self) -> int:
        """Move forward to the wall if it is ahead; how far it was, microseconds. Call it once a second."""
        ahead = self._wall_ns() // 1000 - self.now()
        if ahead <= WALL_AHEAD_US:
            return 0
        self._offset_us += ahead
        return ahead

    def since_wall_us(self, wall_ns: int) -> int:
        """How long ago the wall read so, microseconds; 0 where that can't be."""
        passed = (self._wall_ns() - wall_ns) // 1000
        return passed if 0 < passed < LONGEST_US else 0
