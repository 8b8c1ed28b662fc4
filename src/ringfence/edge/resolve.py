"""Keeps the addresses of names fresh: a task for each asks, tells the edge, and sleeps as long as the answer holds.

When DNS fails, what it said last stays in use for as long as it takes: a carrier moves seldom, DNS fails often, and an
address that is wrong after all isn't the carrier's by `carrier_addresses`. Each change is logged once: that a name
can't be looked up, that it can again, that an address isn't used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from ringfence.edge.lookup import Dns, DnsError, Found, look_up
from ringfence.edge.targets import Address, Name

log = logging.getLogger("ringfence.resolve")

SHORTEST_S, LONGEST_S = 30, 3600
"""Bounds of how long an answer is used before the next question, whatever it says of itself."""
AGAIN_S = 30
"""When DNS failed."""


class Edge(Protocol):
    """What has names and takes addresses: `EdgeCore`."""

    def names(self) -> list[Name]:
        """What has to be looked up."""

    def resolved(self, name: Name, addresses: tuple[Address, ...]) -> None:
        """The addresses of a name."""

    def unusable(self) -> list[str]:
        """Words about addresses that aren't used."""


class Resolver:
    """Made and used in one event loop; nothing is asked before `follow`."""

    def __init__(
        self,
        edge: Edge,
        dns: Callable[[], Dns],
        node: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._edge = edge
        self._make = dns
        self._dns: Dns | None = None
        self._node = node
        self._sleep = sleep
        self._tasks: dict[Name, asyncio.Task[None]] = {}
        self._tried: dict[Name, asyncio.Event] = {}
        self._known: dict[Name, tuple[Address, ...]] = {}
        self._failing: dict[Name, str] = {}
        """Names whose last question failed, and why."""
        self._told: set[str] = set()

    def follow(self) -> None:
        """Look up the names that the edge has now: those that are new at once, those that are gone no longer."""
        names = set(self._edge.names())
        for gone in self._tasks.keys() - names:
            self._tasks.pop(gone).cancel()
            for table in (self._tried, self._known, self._failing):
                table.pop(gone, None)
        for name in sorted(names - self._tasks.keys()):
            self._tried[name] = asyncio.Event()
            self._tasks[name] = asyncio.get_running_loop().create_task(self._keep(name), name=f"resolve {name.host}")
            self._tasks[name].add_done_callback(_over)
        self._warn()

    async def settle(self, within_s: float) -> bool:
        """Wait until each name was asked for once, but not longer than this; False where some have no answer yet."""
        waits = [event.wait() for event in self._tried.values()]
        try:
            async with asyncio.timeout(within_s):
                await asyncio.gather(*waits)
        except TimeoutError:
            slow = sorted(name.host for name, event in self._tried.items() if not event.is_set())
            log.warning("no answer for %s yet; calls there fail until there is one", ", ".join(slow))
            return False
        return True

    def status(self) -> list[dict[str, Any]]:
        """Each name, its addresses, and why the last question failed, for people."""
        return [
            {
                "name": name.host + (f":{name.port}" if name.port else ""),
                "addresses": [f"[{host}]:{port}" if name.v6 else f"{host}:{port}" for host, port in self._of(name)],
                "error": self._failing.get(name, ""),
            }
            for name in sorted(self._tasks)
        ]

    async def close(self) -> None:
        """Ask no more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _of(self, name: Name) -> tuple[Address, ...]:
        return self._known.get(name, ())

    async def _keep(self, name: Name) -> None:
        if self._dns is None:
            self._dns = self._make()
        while True:
            try:
                found = await look_up(self._dns, name, self._node)
            except DnsError as error:
                self._failed(name, str(error))
                wait_s = AGAIN_S
            else:
                self._found(name, found)
                wait_s = min(max(found.ttl_s, SHORTEST_S), LONGEST_S)
            self._tried[name].set()
            await self._sleep(wait_s)

    def _found(self, name: Name, found: Found) -> None:
        if self._failing.pop(name, None) is not None:
            log.warning("%s can be looked up again", name.host)
        if found.addresses == self._of(name):
            return
        self._known[name] = found.addresses
        log.info("%s is at %s", name.host, ", ".join(f"{host} port {port}" for host, port in found.addresses))
        self._edge.resolved(name, found.addresses)
        self._warn()

    def _failed(self, name: Name, why: str) -> None:
        if name not in self._failing:
            known = ", ".join(host for host, _ in self._of(name))
            so = f"its last answer stays in use: {known}" if known else "calls there fail until it can"
            log.error("%s can't be looked up, %s (asked again every %d s): %s", name.host, so, AGAIN_S, why)
        self._failing[name] = why

    def _warn(self) -> None:
        said = set(self._edge.unusable())
        for text in sorted(said - self._told):
            log.warning("%s", text)
        self._told = said


def _over(task: asyncio.Task[None]) -> None:
    """Only a mistake of ours ends a task by itself: what it found last stays in use."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("%s ended, its addresses aren't refreshed any more", task.get_name(), exc_info=task.exception())
