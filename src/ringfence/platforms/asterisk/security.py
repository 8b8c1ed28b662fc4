"""Security events as facts: wrong passwords, logins, and those who don't know any account.

One wrong password is told several times: an unknown account twice as such and again as a failed answer of `<unknown>`,
a known one again with each repetition of the request. So what counts is a login (its SessionID, with PJSIP the Call-ID)
and, of a known account, the answer in it. A challenge alone, or a first request without a password, is no failure.

What follows within ten seconds for the same account, or from the same address, is summed. Offences, for which an
address may be banned, are told one by one, and only where the address wasn't forged: its owner answered a challenge
that was sent there, or speaks over a connection (control B6).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from ringfence.model.fact import AuthFailed, Offence, Offended, Registered, Strangers
from ringfence.model.time import SECOND, Instant
from ringfence.platforms.asterisk.ami import Message
from ringfence.platforms.asterisk.names import UNKNOWN, address_of

K = TypeVar("K")
V = TypeVar("V")

SUMMED = 10 * SECOND
MAX_LOGINS = 20_000
"""Logins that are remembered, so that they count once; the oldest are forgotten first."""
MAX_ACCOUNTS = 20_000
MAX_WHAT = 64
"""Characters of a name that was tried."""
MAX_STRANGERS = 20_000
"""Addresses that are counted apart in ten seconds; the rest is one sum."""
FAILED = frozenset({"ChallengeResponseFailed", "InvalidPassword"})
TURNED_AWAY = {"InvalidAccountID": "unknown-account", "FailedACL": "not-permitted"}
"""Events of those who didn't get as far as a password, and what they are counted as."""
SIP = ("PJSIP", "SIP")

Fact = AuthFailed | Offended | Registered | Strangers


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
        self._homes: dict[str, set[str]] = {}
        """Host to the accounts that logged in from there last."""
        self._names: dict[str, str] = {}
        """Login to the unknown account that it tried; empty once that was told as an offence."""
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
        elif name in FAILED:
            yield from self._no_such_name(event, now)
        elif name in TURNED_AWAY:
            self._stranger(event, TURNED_AWAY[name], now)
            if name == "InvalidAccountID":
                _remember(self._names, event["sessionid"], account, MAX_LOGINS)
                if "/UDP/" not in event["remoteaddress"]:
                    yield from self._no_such_name(event, now)

    def _no_such_name(self, event: Message, now: Instant) -> Iterator[Fact]:
        """An account that isn't there was tried by who is really at that address."""
        tried = self._names.get(event["sessionid"], "")
        if tried:
            self._names[event["sessionid"]] = ""
            yield self._offence("name", tried, address_of(event["remoteaddress"]), "", now)

    def _offence(self, kind: Offence, what: str, peer: str, source: str, now: Instant) -> Offended:
        host = _host(peer)
        users = len(self._homes.get(host, ()))
        return Offended(at=now, address=host, kind=kind, what=what[:MAX_WHAT], source=source, users=users)

    def _is_new(self, event: Message) -> bool:
        """Whether this login wasn't told in this way yet."""
        key = event.event, event["sessionid"], event["response"] or event["accountid"]
        if key in self._logins and event.event != "SuccessfulAuth":
            return False
        _remember(self._logins, key, None, MAX_LOGINS)
        return True

    def peer_of(self, account: str) -> str:
        """Where an account logged in from last; empty where that isn't known."""
        found = self._accounts.get(account)
        return found.at_home if found is not None else ""

    def _account(self, name: str) -> _Account:
        found = self._accounts.pop(name, None) or _Account()
        self._accounts[name] = found
        if len(self._accounts) > MAX_ACCOUNTS:
            oldest = next(iter(self._accounts))
            self._moved(oldest, self._accounts.pop(oldest).at_home, "")
        return found

    def _moved(self, name: str, old: str, new: str) -> None:
        """An account is at another address now."""
        here = self._homes.get(_host(old))
        if here is not None:
            here.discard(name)
            if not here:
                del self._homes[_host(old)]
        if new:
            self._homes.setdefault(_host(new), set()).add(name)

    def _failed(self, name: str, peer: str, now: Instant) -> Iterator[Fact]:
        account = self._account(name)
        account.failed, account.peer = True, peer
        account.untold += 1
        yield self._offence("password", name, peer, self.source, now)
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
        if account.failed or _host(account.at_home) != _host(peer) or not account.at_home:
            yield Registered(at=now, source=self.source, account=name, peer=peer)
        self._moved(name, account.at_home, peer)
        account.failed, account.at_home = False, peer

    def _stranger(self, event: Message, what: str, now: Instant) -> None:
        self._flush = self._flush or now + SUMMED
        host = _host(address_of(event["remoteaddress"]))
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


def _host(peer: str) -> str:
    """The host of a transport address."""
    return peer.rpartition(":")[0].strip("[]")


def _remember(table: dict[K, V], key: K, value: V, most: int) -> None:
    """Keep something, and forget the oldest where there is no room."""
    table[key] = value
    if len(table) > most:
        del table[next(iter(table))]
