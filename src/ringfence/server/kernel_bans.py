"""The guard's bans in the kernel too, so that they hold for every port of the machine and cost nothing there.

Theory. The edge keeps each ban by itself; the kernel is told what is banned and until when, in a thread, newest state
of each name. What it didn't take it is told again once the firewall is as it should be (`firewall_watch.py`).
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from ringfence.model.time import Instant
from ringfence.platforms.firewall.backend import Backend
from ringfence.platforms.firewall.bans import widened
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.nftables.conntrack import forget

log = logging.getLogger("ringfence.firewall")

Ends = dict[str, Instant]
"""What is banned until when; 0: no longer."""


class KernelBans:
    """Of one guard; used in its event loop."""

    def __init__(self) -> None:
        self.says = ""
        """Why bans aren't in the kernel; empty where they are, or nobody wants them there."""
        self._waiting: Ends = {}
        self._busy = False

    def note(self, ends: Ends, backend: Backend, now: Instant) -> None:
        """Somebody is banned, or no longer."""
        self._waiting.update(ends)
        self._go_on(backend, now)

    def _go_on(self, backend: Backend, now: Instant) -> None:
        if self._busy or not self._waiting:
            return
        told, self._waiting, self._busy = self._waiting, {}, True
        done = asyncio.get_running_loop().run_in_executor(None, partial(tell, told, backend, now))
        done.add_done_callback(partial(self._told, backend, now))

    def _told(self, backend: Backend, now: Instant, done: asyncio.Future[str]) -> None:
        self._busy = False
        if done.cancelled():
            return
        before, self.says = self.says, done.result()
        if self.says and self.says != before:
            log.warning("%s", self.says)
        self._go_on(backend, now)


def table(backend: Backend) -> int:
    """The kernel's number of the table that bans are in; 0 where there is none, or it can't be asked."""
    bans = backend.bans()
    try:
        return bans.table()
    except FirewallError:
        return 0
    finally:
        bans.close()


def tell(ends: Ends, backend: Backend, now: Instant) -> str:
    """Have the kernel ban and unban, and forget the connections of who is banned; why not, if it doesn't."""
    bans = backend.bans()
    try:
        for name in (name for name, until in ends.items() if not until):
            bans.unban(name)
        kept = {name: until for name, until in ends.items() if until}
        bans.fill(kept.items(), now=now)
        forget([widened(name) for name in kept])
    except FirewallError as error:
        return f"bans hold at the edge, and not in the kernel: {error} (docs/firewall.md#guard)"
    finally:
        bans.close()
    return ""
