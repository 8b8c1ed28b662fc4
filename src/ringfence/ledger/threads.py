"""How the ledger's threads stand beside the event loop's."""

from __future__ import annotations

import contextlib
import os


def stand_back() -> None:
    """Have this thread, once it is woken, wait until the one that runs on the core is done (Linux, SCHED_BATCH).

    The event loop wakes it while it holds the interpreter lock: the loop would be pushed aside for nothing.
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # A sandbox may forbid it: then it costs a little more.
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
