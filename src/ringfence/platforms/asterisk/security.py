"""Security events as facts: wrong passwords, logins, and those who don't know any account.

One wrong password is told several times: an unknown account twice as such and again as a failed answer of `<unknown>`,
a known one again with each repetition of the request. So what counts is a login (its SessionID, with PJSIP the Call-ID)
and, of a known account, the answer in it. A challenge alone, or a first request without a password, is no failure.

What follows within ten seconds for the same account, or from the same address, is summed.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ringfence.model.fact import AuthFailed, Registered, Strangers
from ringfence.model.time import SECOND, Instant
from ringfence.platforms.asterisk.ami import Message
from ringfence.platforms.asterisk.names import UNKNOWN, address_of

SUMMED = 10 * SECOND
MAX_LOGINS = 20_000
"""Logins that are remembered, so that they count once; the oldest are forgotten first."""
MAX_ACCOUNTS = 20_000
MAX_STRANGERS = 20_000
"""Addresses that are counted apart in ten seconds; the rest is one sum."""
FAILED = frozenset({"ChallengeResponseFailed", "InvalidPassword"})
TURNED_AWAY = {"InvalidAccountID": "unknown-account", "FailedACL": "not-permitted"}
"""Events of those who didn't get as far as a password, and what they are counted as."""
SIP = ("PJSIP", "SIP")

Fact = AuthFailed | Registered | Strangers


class _Account(msgspec.Struct):
    """One account."""

    until: Instant = 0
    """Until when failures are summed."""
    untold: int = 0
    peer: str = ""
    """Where the last failure came from."""
    at_home: str = ""
    """Where it was told to have logged in from."""
    failed: bool = False
    """Whether a password was wrong since."""


class Security:
    """The security events of one Asterisk."""

    def __init__(self, name: str, source: str) -> None:
        self.source = source
        self._listener = f"asterisk.{name}"
        self._logins: dict[tuple[str, str, str], None] = {}
        self._accounts: dict[str, _Account] = {}
        self._strangers: dict[tuple[str, str], int] = {}
        self._flush: Instant = 0

    def take(self, event: Message, now: Instant) -> Iterator[Fact]:
        """What one event says that wasn't known."""
        name, service, account = event.event, event["service"], event["accountid"]
        if service == "AMI":
            if name in FAILED or name in TURNED_AWAY:
                self._stranger(event, "manager-login", now)
        elif service not in SIP or not self._is_new(event):
            return
        elif name == "SuccessfulAuth" and event["usingpassword"] == "1":
            yield from self._logged_in(account, address_of(event["remoteaddress"]), now)
        elif name in FAILED and account != UNKNOWN:
            yield from self._failed(account, address_of(event["remoteaddress"]), now)
        elif name in TURNED_AWAY:
            self._stranger(event, TURNED_AWAY[name], now)

    def _is_new(self, event: Message) -> bool:
        """Whether this login wasn't told in this way yet."""
        key = event.event, event["sessionid"], event["response"] or event["accountid"]
        if key in self._logins and event.event != "SuccessfulAuth":
            return False
        self._logins[key] = None
        if len(self._logins) > MAX_LOGINS:
            del self._logins[next(iter(self._logins))]
        return True

    def peer_of(self, account: str) -> str:
        """Where an account logged in from last; empty where that isn't known."""
        found = self._accounts.get(account)
        return found.at_home if found is not None else ""

    def _account(self, name: str) -> _Account:
        found = self._accounts.pop(name, None) or _Account()
        self._accounts[name] = found
        if len(self._accounts) > MAX_ACCOUNTS:
            del self._accounts[next(iter(self._accounts))]
        return found

    def _failed(self, name: str, peer: str, now: Instant) -> Iterator[Fact]:
        account = self._account(name)
        account.failed, account.peer = True, peer
        account.untold += 1
        if now >= account.until:
            yield self._told(name, account, now)

    def _told(self, name: str, account: _Account, now: Instant) -> AuthFailed:
        count, account.untold, account.until = account.untold, 0, now + SUMMED
        return AuthFailed(at=now, source=self.source, account=name, peer=account.peer, count=count)

    def _logged_in(self, name: str, peer: str, now: Instant) -> Iterator[Fact]:
        """The first login, one after wrong passwords, and one from another host are told."""
        account = self._account(name)
        if account.untold:
            yield self._told(name, account, now)
        if account.failed or account.at_home.rpartition(":")[0] != peer.rpartition(":")[0] or not account.at_home:
            yield Registered(at=now, source=self.source, account=name, peer=peer)
        account.failed, account.at_home = False, peer

    def _stranger(self, event: Message, what: str, now: Instant) -> None:
        self._flush = self._flush or now + SUMMED
        host = address_of(event["remoteaddress"]).rpartition(":")[0].strip("[]")
        if (host, what) not in self._strangers and len(self._strangers) >= MAX_STRANGERS:
            host = ""
        self._strangers[host, what] = self._strangers.get((host, what), 0) + 1

    def tick(self, now: Instant, rows: int) -> Iterator[Fact]:
        """What was summed and is due; of strangers so many addresses get a row of their own."""
        for name, account in self._accounts.items():
            if account.untold and account.until <= now:
                yield self._told(name, account, now)
        if self._flush and self._flush <= now:
            yield from self._counted(now, rows)
            self._strangers.clear()
            self._flush = 0

    def _counted(self, now: Instant, rows: int) -> Iterator[Fact]:
        hosts: dict[str, dict[str, int]] = {}
        for (host, what), count in self._strangers.items():
            row = hosts.setdefault(host if host in hosts or len(hosts) < rows else "", {})
            row[what] = row.get(what, 0) + count
        for host, requests in hosts.items():
            yield Strangers(at=now, listener=self._listener, address=host, requests=requests)
