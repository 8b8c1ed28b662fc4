"""Callbacks of a whole group in one wake-up of the event loop."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

log = logging.getLogger("ringfence.ledger")

OnCommit = Callable[[str | None], None]
"""Called once in the owner's thread: None when committed, else why not."""
Wake = Callable[[Callable[[], None]], object]
"""Runs a function in the owner's thread soon: `loop.call_soon_threadsafe`."""


def deliver(wake: Wake, done: Iterable[tuple[OnCommit, str | None]]) -> None:
    """Have them called in the owner's thread, in order."""
    calls = deque(done)
    if not calls:
        return
    try:
        wake(partial(_call, wake, calls))
    except RuntimeError as error:  # The loop is closed: nobody is left to be told.
        log.warning("%d commits could not be told to the event loop: %s", len(calls), error)


def _call(wake: Wake, calls: deque[tuple[OnCommit, str | None]]) -> None:
    """Call back all of a group, also those after one that raises."""
    try:
        while calls:
            on_commit, error = calls.popleft()
            on_commit(error)
    finally:
        if calls:
            wake(partial(_call, wake, calls))
