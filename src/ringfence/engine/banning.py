"""From an offence to a ban, and back: who did what is in `offenders`, what is in force in `bans`, who is spared in
`spared`.

An address that is banned already isn't banned again for less; one that would hit somebody who is never banned isn't
banned at all. Each further ban of an address lasts twice as long as the one before it.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import msgspec

from ringfence.engine.allowances import Allowances
from ringfence.engine.bans import DAY_US, Bans, name_of
from ringfence.engine.offenders import Finding, Offenders
from ringfence.engine.spared import Spared
from ringfence.model.command import Alert, Ban, Command
from ringfence.model.fact import OURSELVES, Allowed, Banned, Disallowed, Offended, Unbanned
from ringfence.model.settings import Policy
from ringfence.model.time import SECOND, Instant
from ringfence.model.verdict import Hit

TOLD_EVERY_US = 60 * SECOND
"""In observe mode the same address is told at most once in so long."""
MAX_TOLD = 10_000
AT_ONCE, ONE_EVERY_US = 5_000, 2 * SECOND
"""Bans that are made by itself: each is kept for months, and who has many addresses (an IPv6 /32) may not fill the
disk with them."""


class Banning:
    """Of one engine."""

    def __init__(self, policy: Policy) -> None:
        self.bans = Bans()
        self.allowances = Allowances()
        self._offenders = Offenders()
        self._told: dict[str, Instant] = {}
        self._paid_until: Instant = 0
        self.forgone = 0
        """Bans that weren't made since there were too many."""
        self.use(policy)

    def use(self, policy: Policy) -> None:
        """Another policy for what comes."""
        self._settings = policy.bans
        self._policy = policy
        self._spare()

    def _spare(self) -> None:
        self.spared = Spared(self._policy, (fact.name for fact in self.allowances))

    def offended(self, fact: Offended) -> tuple[Command, ...]:
        """Somebody did what only attackers do."""
        if self._settings.mode == "off":
            return ()
        name = self.name(fact.address)
        if not name:
            return ()
        found = self._offenders.take(fact, name, self._settings)
        commands = (self._command(finding, fact.at) for finding in found)
        return tuple(command for command in commands if command is not None)

    def name(self, address: str) -> str:
        """What would be banned; empty where somebody would be hit who never is."""
        for name in (name_of(address), address):
            if not self.spared.whose(ip_network(name)):
                return name
        return ""

    def _command(self, finding: Finding, now: Instant) -> Command | None:
        name = finding.address
        if self._settings.mode == "observe":
            return self._observed(finding, now)
        lasts_us = self.bans.lasts(name, finding.base_us, self._settings.longest_days * DAY_US, now)
        before = self.bans.get(name)
        if before is not None and before.until >= now + lasts_us:
            return None
        if not self._affords(now):
            self.forgone += 1
            return None
        return Ban(
            Banned(
                at=now,
                name=name,
                until=now + lasts_us,
                reason=finding.reason,
                why=finding.why,
                evidence=finding.evidence,
                owner=OURSELVES,
            )
        )

    def _affords(self, now: Instant) -> bool:
        """Whether one more may be made: a token bucket."""
        paid = max(self._paid_until, now)
        if paid > now + (AT_ONCE - 1) * ONE_EVERY_US:
            return False
        self._paid_until = paid + ONE_EVERY_US
        return True

    def _observed(self, finding: Finding, now: Instant) -> Command | None:
        if self._told.get(finding.address, -TOLD_EVERY_US) + TOLD_EVERY_US > now:
            return None
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told[finding.address] = now
        text = f"{finding.address} would have been banned: {finding.why}"
        return Alert("", Hit(rule=finding.reason, severity="alert", text=text, enforced=False))

    def banned(self, fact: Banned) -> None:
        """A ban is in force from now on."""
        self.bans.add(fact)

    def unbanned(self, fact: Unbanned) -> None:
        """A ban was undone."""
        self.bans.release(fact.name)
        self._offenders.forget(fact.name)

    def allowed(self, fact: Allowed) -> None:
        """Somebody is never banned from now on."""
        self.allowances.add(fact)
        self._offenders.forget(fact.name)
        self._spare()

    def disallowed(self, fact: Disallowed) -> None:
        """Somebody can be banned again."""
        self.allowances.drop(fact.name)
        self._spare()

    def sweep(self, now: Instant) -> None:
        """Forget what has come to its end, and what no longer counts."""
        if self.allowances.expire(now):
            self._spare()
        self.bans.expire(now)
        self._offenders.sweep(now)

    def dump(self) -> dict[str, Any]:
        """All of it, for a snapshot."""
        return {**self.bans.dump(), **self._offenders.dump(), "allowed": list(self.allowances)}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        self.bans.load(state)
        self._offenders.load(state)
        self.allowances = Allowances(msgspec.convert(state.get("allowed", []), list[Allowed]))
        self._spare()
