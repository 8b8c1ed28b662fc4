"""Wrong passwords, and registrations that come after them (control E4). Bounded.

Passwords are guessed before they are used: failures of an account, then a registration of it, then calls. The first
registration from a network after failures, wherever they came from, is remembered for a day. The account's own phone,
which registers again each minute meanwhile, is told apart by its network, which the extension is known from.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ringfence.engine.lately import DAY_US, HOUR_US
from ringfence.engine.marks import network_of
from ringfence.model.fact import AuthFailed, Registered
from ringfence.model.time import Instant

MAX_ACCOUNTS = 20_000
MAX_FAILURES = 24
"""Rows of one account: a network and an hour each."""
MAX_NETWORKS = 8


class Failed(msgspec.Struct, gc=False, array_like=True):
    """Wrong passwords from one network."""

    at: Instant
    """The first of them."""
    network: str
    count: int


class Guessed(msgspec.Struct, gc=False, array_like=True, frozen=True):
    """A registration after wrong passwords."""

    at: Instant
    network: str
    """Where it came from."""
    failures: int
    """Wrong passwords within the day before."""


class Registrations:
    """Of one engine, by the name under which an extension is remembered."""

    def __init__(self) -> None:
        self._failed: dict[str, list[Failed]] = {}
        self._guessed: dict[str, list[Guessed]] = {}

    def failed(self, name: str, fact: AuthFailed) -> None:
        """A password was wrong."""
        network, rows = network_of(fact.peer), self._recent(name, fact.at)
        if rows and rows[-1].network == network and rows[-1].at > fact.at - HOUR_US:
            rows[-1].count += fact.count
        else:
            rows.append(Failed(fact.at, network, fact.count))
        self._failed.pop(name, None)  # The latest stand last.
        self._failed[name] = rows[-MAX_FAILURES:]
        if len(self._failed) > MAX_ACCOUNTS:
            del self._failed[next(iter(self._failed))]

    def registered(self, name: str, fact: Registered) -> None:
        """One was right."""
        failures, network = sum(row.count for row in self._recent(name, fact.at)), network_of(fact.peer)
        told = self.guessed(name, fact.at)
        if not failures or any(one.network == network for one in told):
            return
        self._guessed.pop(name, None)
        self._guessed[name] = [*told, Guessed(fact.at, network, failures)][-MAX_NETWORKS:]
        if len(self._guessed) > MAX_ACCOUNTS:
            del self._guessed[next(iter(self._guessed))]

    def guessed(self, name: str, now: Instant) -> list[Guessed]:
        """Registrations after wrong passwords within the last day, one a network."""
        return [one for one in self._guessed.get(name, ()) if one.at > now - DAY_US]

    def _recent(self, name: str, now: Instant) -> list[Failed]:
        return [row for row in self._failed.get(name, ()) if row.at > now - DAY_US]

    def forget(self, names: set[str]) -> None:
        """Forget extensions."""
        for name in names:
            self._failed.pop(name, None)
            self._guessed.pop(name, None)

    def names(self) -> set[str]:
        """The extensions of which something is known."""
        return self._failed.keys() | self._guessed.keys()

    def dump(self) -> Any:
        """As plain data."""
        return msgspec.to_builtins({"failed": self._failed, "guessed": self._guessed})

    def load(self, state: Any) -> None:
        """Take over what `dump` gave; raises msgspec.ValidationError."""
        self._failed = msgspec.convert(state["failed"], dict[str, list[Failed]])
        self._guessed = msgspec.convert(state["guessed"], dict[str, list[Guessed]])
