"""When the garbage collector may run in the guard: seldom, and when nothing comes in.

What a call leaves behind is acyclic and freed by its reference counts (edge/records.py), so the collector finds nothing
and only costs: with some thousand calls up a full run holds everything still for 40 ms and more, which a caller hears.
It is kept as a backstop for cycles that shouldn't be there: in a quiet moment, and at the latest after an hour. One
kind is known: a TLS handshake that fails leaves a kilobyte of asyncio's, so it runs too after many of them.
"""

from __future__ import annotations

import gc

from ringfence.model.time import SECOND, Instant

EVERY_US = 600 * SECOND
LATEST_US = 3600 * SECOND
MAX_LITTER = 20_000
"""Connections that failed to open since the last time: some 20 MB."""


class Collector:
    """Takes the collector over from Python."""

    __slots__ = ("_litter", "_received", "_since")

    def __init__(self, now: Instant) -> None:
        """All that is there by now stays, and is never looked at again."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._since = now
        self._received = 0
        self._litter = 0

    def watch(self, received: int, litter: int, now: Instant) -> None:
        """Collect if it is time; call it a few times a second.

        `received`: messages since start, `litter`: connections that failed to open since then.
        """
        quiet, self._received = received == self._received, received
        if now - self._since >= (EVERY_US if quiet else LATEST_US) or litter - self._litter >= MAX_LITTER:
            gc.collect()
            self._since, self._litter = now, litter
