"""Who is on a feed is banned: by an ordinary ban with an end, so that the last good list holds over failures and
restarts until it expires, and edge, kernel and `ringfence bans` need to know nothing of feeds.

A ban is renewed once half of its time is over. Who isn't on a list any more is released, but for a list that lost more
than half of its entries: that is a broken one until it is shown otherwise, and what it lost runs out by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from ipaddress import ip_network
from urllib.parse import urlsplit

from ringfence.feeds.ask import Fetched, ask_feed
from ringfence.feeds.lists import Network
from ringfence.model import SECOND, Banned, Instant, Unbanned
from ringfence.model.settings import Feed, Policy
from ringfence.server.guard import Guard

log = logging.getLogger("ringfence.feeds")

REASON = "feed "
"""Begins the reason of each ban of a feed."""
RETRY_US = 300 * SECOND
AT_ONCE = 100
"""Entries that are looked at in one go: calls go on between them."""
FEW = 10
"""Entries from which on a list can have shrunk or grown suspiciously."""


class _State:
    """One feed."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.reason = f"{REASON}{feed.name}"
        self.due: Instant = 0
        self.asking: asyncio.Task[Fetched] | None = None
        self.seen = Fetched(None)
        self.listed: tuple[Network, ...] = ()
        """As of the last good answer since the start."""
        self.todo: deque[Network] = deque()
        self.names: set[str] = set()
        """Of those that were looked at."""
        self.before = 0
        """How many it had banned before."""
        self.taking = False
        self.left_out: Counter[str] = Counter()
        self.failed = ""
        self.told: list[str] = []


class Feeding:
    """The feeds of one guard."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._states: dict[str, _State] = {}
        self._gone: deque[str] = deque()

    def follow(self, policy: Policy) -> None:
        """Another policy is in force: feeds that are new or changed are asked at once, those that are gone release."""
        kept = {name: one for name, one in self._states.items() if policy.feeds.get(name) == one.feed}
        for state in self._states.values():
            if state.asking is not None and kept.get(state.feed.name) is not state:
                state.asking.cancel()
        self._states = {name: kept.get(name) or _State(feed) for name, feed in policy.feeds.items()}
        reasons = {state.reason for state in self._states.values()}
        mine = (fact for fact in self._guard.engine.banning.bans if fact.reason.startswith(REASON))
        self._gone.extend(fact.name for fact in mine if fact.reason not in reasons)

    def chore(self, now: Instant) -> None:
        """Ask what is due, and ban and release some of those that wait."""
        changed = self._released(now)
        for state in self._states.values():
            if state.taking:
                changed = self._went_on(state, now) or changed
            elif state.asking is None and state.due <= now:
                state.asking = asyncio.get_running_loop().create_task(ask_feed(state.feed, state.seen), name="feed")
            elif state.asking is not None and state.asking.done():
                self._answered(state, state.asking, now)
        if changed:
            self._guard.edge.banned(now)
            self._guard.rest()

    def status(self) -> list[str]:
        """All that is to be told."""
        return [
            f"feed {name}: {text}" for name, one in self._states.items() for text in (one.failed, *one.told) if text
        ]

    async def close(self) -> None:
        """Ask nothing any more."""
        asking = [state.asking for state in self._states.values() if state.asking is not None]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _answered(self, state: _State, done: asyncio.Task[Fetched], now: Instant) -> None:
        state.asking = None
        error = done.exception()
        if error is not None:
            state.due = now + RETRY_US
            says = f"can't be had, what it listed stays banned until its end: {error}"
            if says != state.failed:
                log.warning("feed %s %s", state.feed.name, says)
            state.failed = says
            return
        found = done.result()
        state.due, state.failed, state.seen = now + state.feed.refresh_min * 60 * SECOND, "", found
        if found.networks is not None:
            state.listed = found.networks
        bans = self._guard.engine.banning.bans
        state.before = sum(fact.reason == state.reason for fact in bans)
        state.todo, state.names, state.left_out = deque(state.listed), set(), Counter(found.left_out)
        state.taking = True

    def _went_on(self, state: _State, now: Instant) -> bool:
        """Look at some more entries, and at the whole when there are none left; whether anybody was banned."""
        banned = False
        for _ in range(min(AT_ONCE, len(state.todo))):
            banned = self._take(state, state.todo.popleft(), now) or banned
        if not state.todo:
            state.taking = False
            self._finish(state)
        return banned

    def _take(self, state: _State, network: Network, now: Instant) -> bool:
        banning, feed = self._guard.engine.banning, state.feed
        single = network.num_addresses == 1
        name = banning.name(str(network.network_address)) if single else str(network)
        if not name or banning.spared.whose(ip_network(name)):
            state.left_out["of somebody who is never banned"] += 1
            return False
        state.names.add(name)
        lasts_us, there = feed.expires_h * 3600 * SECOND, banning.bans.get(name)
        others = there is not None and there.until > now and there.reason != state.reason
        if others or (there is not None and there.until > now + lasts_us // 2):
            return False
        why = f"on the list of {urlsplit(feed.url).hostname}"
        owner = f"feed.{feed.name}"
        self._guard.note(Banned(at=now, name=name, until=now + lasts_us, reason=state.reason, why=why, owner=owner))
        return True

    def _finish(self, state: _State) -> None:
        before, after = state.before, len(state.names)
        shrunk = before >= FEW and after * 2 < before
        state.told = []
        if state.feed.kind == "list":
            if shrunk:
                state.told.append(f"has {after} entries, {before} before: what is missing stays banned until its end")
            else:
                mine = (fact.name for fact in self._guard.engine.banning.bans if fact.reason == state.reason)
                self._gone.extend(name for name in mine if name not in state.names)
            if before >= FEW and after > before * 2:
                state.told.append(f"has {after} entries, {before} before: does it still list attackers alone?")
        if state.left_out:
            state.told.append("left out: " + ", ".join(f"{count} {why}" for why, count in state.left_out.items()))
        log.info("feed %s: %d entries; %s", state.feed.name, after, "; ".join(state.told) or "nothing left out")

    def _released(self, now: Instant) -> bool:
        """Release some of those that no feed lists any more; whether there were any."""
        some = min(AT_ONCE, len(self._gone))
        for _ in range(some):
            name = self._gone.popleft()
            there = self._guard.engine.banning.bans.get(name)
            if there is not None and there.reason.startswith(REASON):
                self._guard.note(Unbanned(at=now, name=name, owner="feed"))
        return bool(some)
