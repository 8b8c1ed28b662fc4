"""Changing the firewall without locking anybody out: apply, confirm, roll back, restore; and noticing who else did.

Theory. A change is remembered as waiting, and a process of its own is started that will roll it back, before the first
rule is touched: whatever dies afterwards, the command, the connection it was typed over, the change goes back unless
somebody confirms it who still gets in. Rolling back puts in force what was listed before, not what was once rendered,
so that what others had changed is there again too.

Drift is the difference between what the firewall says now and what it said right after the last change. It is found
without knowing how the firewall writes its rules.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Literal, NamedTuple

from msgspec.structs import replace

from ringfence.model.time import Instant
from ringfence.platforms.firewall.backend import Backend
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.state import Change, Pending, State, boot, now_s
from ringfence.platforms.firewall.wanted import Wanted

Arm = Callable[[Pending], None]
"""Starts what rolls a change back at its deadline; gives when it runs."""
Settled = Literal["rolled back", "gone with a restart"]


class Look(NamedTuple):
    """What is in force beside what should be."""

    now: str
    """What the firewall says."""
    then: Change | None
    """The last change that was made; None: it isn't known that there was one."""

    @property
    def drifted(self) -> bool:
        """Whether somebody else changed our rules."""
        return self.now != (self.then.listing if self.then is not None else "")


class Keeper:
    """One firewall and what is remembered of it. Every method raises FirewallError."""

    def __init__(self, backend: Backend, state: State) -> None:
        self.backend = backend
        self.state = state

    def look(self) -> Look:
        """See what is in force; changes nothing."""
        return Look(self.backend.listing(), self.state.in_force())

    def apply(self, wanted: Wanted, policy: str, now: Instant, *, confirm_s: int, arm: Arm) -> bool:
        """Put what is wanted in force, to be rolled back unless confirmed; False where it is already.

        Raises FirewallError, with nothing changed, where another change waits or the rules are refused.
        """
        text = self.backend.render(wanted)
        with self.state.locked():
            self._settle()
            if self.state.pending() is not None:
                raise FirewallError(
                    "a change waits: `ringfence firewall confirm` or `ringfence firewall rollback` first"
                )
            before = self.look()
            if before.then is not None and before.then.text == text and not before.drifted:
                return False
            self.backend.check(text)
            change = Change(
                at=now,
                backend=self.backend.name,
                policy=policy,
                wanted=wanted,
                text=text,
                listing="",
                before=before.now,
            )
            self._make(
                Pending(id=secrets.token_hex(8), boot=boot(), deadline_s=now_s() + confirm_s, change=change), arm
            )
        return True

    def _make(self, pending: Pending, arm: Arm) -> None:
        self.state.wait_for(pending)
        try:
            arm(pending)
            self.backend.put(pending.change.text)
        except FirewallError:
            self.state.forget_pending()
            raise
        self.state.wait_for(_listed(pending, self.backend.listing()))

    def confirm(self) -> Change:
        """Keep the change that waits."""
        with self.state.locked():
            settled = self._settle()
            pending = self.state.pending()
            if pending is None:
                raise FirewallError(f"no change waits{': it was ' + settled if settled else ''}")
            self.state.confirm(pending.change)
        return pending.change

    def rollback(self) -> Change:
        """Undo the change that waits, or else the last one that was confirmed; gives the one that is undone."""
        with self.state.locked():
            self._settle()
            pending, confirmed = self.state.pending(), self.state.confirmed()
            if pending is not None:
                self._undo(pending)
                return pending.change
            if confirmed is None:
                raise FirewallError("there is nothing to roll back")
            self.backend.put(self.backend.back_to(confirmed.before))
            self.state.step_back()
        return confirmed

    def restore(self) -> bool:
        """Put the confirmed rules in force again, after a restart or somebody's change; False where they are."""
        with self.state.locked():
            self._settle()
            if self.state.pending() is not None:
                raise FirewallError("a change waits: confirm it or roll it back first")
            confirmed = self.state.confirmed()
            if confirmed is None:
                raise FirewallError("no rules were confirmed yet: `ringfence firewall apply`, then `confirm`")
            if self.backend.listing() == confirmed.listing:
                return False
            self.backend.put(confirmed.text)
            self.state.correct(replace(confirmed, listing=self.backend.listing()))
        return True

    def expire(self, name: str) -> bool:
        """Roll back the change of this name if it waits still and its time is over; False where it no longer waits."""
        with self.state.locked():
            pending = self.state.pending()
            if pending is None or pending.id != name:
                return False
            if pending.left_s() <= 0:
                self._undo(pending)
        return True

    def settle(self) -> Settled | None:
        """Roll back a change whose time is over and that nobody rolled back; what was done, if anything was."""
        with self.state.locked():
            return self._settle()

    def _settle(self) -> Settled | None:
        pending = self.state.pending()
        if pending is None:
            return None
        if not pending.of_this_boot():
            self.state.forget_pending()
            return "gone with a restart"
        if pending.left_s() > 0:
            return None
        self._undo(pending)
        return "rolled back"

    def _undo(self, pending: Pending) -> None:
        self.backend.put(self.backend.back_to(pending.change.before))
        self.state.forget_pending()


def _listed(pending: Pending, listing: str) -> Pending:
    return replace(pending, change=replace(pending.change, listing=listing))
