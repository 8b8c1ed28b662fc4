"""The guard looks at this machine's firewall every few seconds and tells when it isn't what the policy wants.

It also has the kernel keep bans: all at the start and whenever the table they are in was made anew, then each as it
comes. It doesn't where an account's password was right at the address: others behind it go on, whom only the edge
can tell apart; nor where somebody is logged in from, who would lose his connection to this machine.
"""

from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_network

from ringfence.model.fact import Banned, Unbanned
from ringfence.model.settings import Policy
from ringfence.model.time import SECOND, Instant
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.keeper import Keeper
from ringfence.platforms.firewall.sessions import anybody_in
from ringfence.platforms.firewall.wanted import wanted
from ringfence.server.firewall import backend_of, keeper_of
from ringfence.server.guard import Guard
from ringfence.server.kernel_bans import KernelBans, table

log = logging.getLogger("ringfence.firewall")

LOOK_EVERY_US = 10 * SECOND


class FirewallWatch:
    """Of one guard. Looks in a thread of its own, since the firewall is asked by a program."""

    def __init__(self, guard: Guard) -> None:
        self.wrong: str | None = None
        """What is wrong and what to do; empty where nothing is, None before the first look."""
        self._guard = guard
        self._bans = KernelBans()
        self._table: int | None = None
        """That the kernel was told all bans for."""
        self._looks = False
        self._look_at: Instant = 0

    def follow(self, policy: Policy) -> None:
        """Another policy is in force: look at the next chore."""
        self._look_at = 0

    def status(self) -> list[str]:
        """All that is to be told."""
        return [text for text in (self.wrong, self._bans.says) if text]

    def chore(self, now: Instant) -> None:
        """Look if it is time."""
        policy = self._guard.engine.policy
        if policy.firewall is None or self._looks or now < self._look_at:
            return
        self._look_at, self._looks = now + LOOK_EVERY_US, True
        backend = backend_of(policy.firewall.backend)
        looked = asyncio.get_running_loop().run_in_executor(None, lambda: (look(policy), table(backend)))
        looked.add_done_callback(self._looked)

    def _looked(self, looked: asyncio.Future[tuple[str, int]]) -> None:
        self._looks = False
        if looked.cancelled():
            return
        before, (self.wrong, there) = self.wrong, looked.result()
        if self.wrong and self.wrong != before:
            log.warning("%s", self.wrong)
        elif before and not self.wrong:
            log.info("the firewall is as the policy wants it")
        if there != self._table:
            self._table = there
            self._tell(*self._guard.engine.banning.bans)

    async def close(self) -> None:
        """A look that is under way tells nobody."""

    def banned(self, fact: Banned | Unbanned) -> None:
        """Somebody is banned, or no longer."""
        self._tell(fact)

    def _tell(self, *facts: Banned | Unbanned) -> None:
        firewall = self._guard.engine.policy.firewall
        if firewall is not None and facts:
            ends = {fact.name: self._end(fact) for fact in facts}
            self._bans.note(ends, backend_of(firewall.backend), self._guard.clock.now())

    def _end(self, fact: Banned | Unbanned) -> Instant:
        if isinstance(fact, Unbanned) or self._guard.edge.shares(fact.name) or anybody_in(ip_network(fact.name)):
            return 0
        return fact.until


def look(policy: Policy) -> str:
    """What is wrong with the firewall and what to do; empty where nothing is."""
    if policy.firewall is None:
        return ""
    try:
        keeper = keeper_of(policy.firewall)
        return _found(keeper, keeper.backend.render(wanted(policy, policy.firewall)))
    except FirewallError as error:
        return f"the firewall can't be looked at: {error} (docs/firewall.md#guard)"


def _found(keeper: Keeper, text: str) -> str:
    pending = keeper.state.pending()
    if pending is not None and pending.of_this_boot():
        if pending.left_s() < 0:
            return "a change of the firewall was neither confirmed nor rolled back: `ringfence firewall rollback`"
        return "a change of the firewall waits: `ringfence firewall confirm`, or it is rolled back"
    found = keeper.look()
    if found.drifted:
        return "somebody else changed the firewall: `ringfence firewall diff` shows what, `restore` undoes it"
    if found.then is None:
        return "the policy has a [firewall] and its rules aren't in force: `ringfence firewall apply`"
    if found.then.text != text:
        return "the policy wants other rules than the firewall has: `ringfence firewall diff`, then `apply`"
    return ""
