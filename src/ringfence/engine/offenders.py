"""Who is banned for what he does (B2, B4): offences are counted by address, and by the account that is tried.

    wrong passwords     in a minute: banned for minutes; in six hours: for a day. Slow guessing passes any limit by the
                        minute: a recorded attack tried one password in 20 seconds for nine hours
    many addresses      one account tried from many: each of them for minutes, and those that come after at once
    names               accounts that nobody has: a sweep. Those of real phones are never among them, so that an office
                        that comes back after a power failure isn't one
    numbers             one number behind many prefixes: whoever tries how an outside line is reached here
    names of scanners   at once
    unreadable          messages that no phone sends

Where an account was right at the same address others are behind it (NAT): wrong passwords of one account then never ban
it for long. Everything is bounded: addresses, accounts, and what is kept of each; who was silent longest is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

from ringfence.model.fact import Offended
from ringfence.model.settings import Bans as Settings
from ringfence.model.time import SECOND, Instant

T = TypeVar("T")

MAX_OFFENDERS = 20_000
MAX_VICTIMS = 2_000
MAX_KEPT = 128
"""Of each address and each account, of each kind."""
MINUTE_US, HOUR_US = 60 * SECOND, 3600 * SECOND
SLOW_US = 6 * HOUR_US
MALFORMED_US = 10 * MINUTE_US
TAIL = 8
"""Digits at a number's end by which it is known again behind another prefix."""
LEAST_DIGITS = 10
"""A shorter number is none that costs much, and its end might be another's."""
NAMES_FOR_LONG = 3
"""Accounts whose passwords were tried from where others are, after which it isn't one phone with an old password."""


class Finding(NamedTuple):
    """Somebody is to be banned."""

    address: str
    reason: str
    why: str
    evidence: int
    base_us: int
    """How long, the first time."""


class Trial(msgspec.Struct, gc=False):
    """That an address tried an account."""

    at: Instant
    told: bool = False
    """Whether something came of it already."""


class Offender(msgspec.Struct, gc=False):
    """What an address did."""

    last: Instant = 0
    users: int = 0
    passwords: list[tuple[Instant, str]] = msgspec.field(default_factory=list)
    names: dict[str, Instant] = msgspec.field(default_factory=dict)
    numbers: dict[str, Instant] = msgspec.field(default_factory=dict)
    malformed: list[Instant] = msgspec.field(default_factory=list)


class Offenders:
    """Of one engine."""

    def __init__(self) -> None:
        self._by_name: dict[str, Offender] = {}
        self._victims: dict[str, dict[str, Trial]] = {}
        """Accounts to the addresses that a wrong password for them came from."""

    def __len__(self) -> int:
        return len(self._by_name)

    def take(self, fact: Offended, name: str, settings: Settings) -> list[Finding]:
        """One more offence, of the address that is banned as `name`; gives what has to come of it."""
        one = self._by_name.pop(name, None) or Offender()
        if len(self._by_name) >= MAX_OFFENDERS:
            del self._by_name[next(iter(self._by_name))]
        self._by_name[name] = one
        one.last, one.users = fact.at, fact.users
        return list(_COUNTED[fact.kind](self, one, fact, name, settings))

    def forget(self, name: str) -> None:
        """A ban of it was undone: it begins anew."""
        self._by_name.pop(name, None)
        for tried in self._victims.values():
            tried.pop(name, None)

    def sweep(self, now: Instant) -> None:
        """Forget what no longer counts."""
        while self._by_name:
            name = next(iter(self._by_name))
            if self._by_name[name].last + SLOW_US > now:
                break
            del self._by_name[name]
        while self._victims:
            account = next(iter(self._victims))
            if max((trial.at for trial in self._victims[account].values()), default=0) + SLOW_US > now:
                break
            del self._victims[account]

    # Each kind.

    def _password(self, one: Offender, fact: Offended, name: str, settings: Settings) -> Iterator[Finding]:
        now = fact.at
        _keep(one.passwords, (now, fact.what))
        slow = [account for at, account in one.passwords if at > now - SLOW_US]
        fast = sum(at > now - MINUTE_US for at, _ in one.passwords)
        few = settings.shared_failures if one.users else settings.short_failures
        of = f"for {_accounts(slow)}"
        shared = one.users and len(set(slow)) < NAMES_FOR_LONG
        if settings.failures is not None and len(slow) >= settings.failures and not shared:
            why = f"{len(slow)} wrong passwords {of} within six hours"
            yield Finding(name, "password-guessing", why, len(slow), settings.hours * HOUR_US)
        elif few is not None and fast >= few:
            why = f"{fast} wrong passwords {of} within a minute"
            yield Finding(name, "password-guessing", why, fast, settings.short_min * MINUTE_US)
        if not fact.source:
            yield from self._name(one, fact, name, settings)
        elif not fact.users:  # Else it comes from where others are, and is one of them rather.
            yield from self._distributed(fact, name, settings)

    def _distributed(self, fact: Offended, name: str, settings: Settings) -> Iterator[Finding]:
        """Each address is told once for each time that it tries."""
        tried = self._victims.pop(fact.what, {})
        if len(self._victims) >= MAX_VICTIMS:
            del self._victims[next(iter(self._victims))]
        self._victims[fact.what] = tried
        _note(tried, name, Trial(fact.at))
        lately = {address: trial for address, trial in tried.items() if trial.at > fact.at - SLOW_US}
        if settings.distributed is None or len(lately) < settings.distributed:
            return
        why = f"account {fact.what} is tried from {len(lately)} addresses within six hours, this is one of them"
        for address, trial in lately.items():
            if not trial.told:
                trial.told = True
                yield Finding(address, "distributed-guessing", why, len(lately), settings.short_min * MINUTE_US)

    def _name(self, one: Offender, fact: Offended, name: str, settings: Settings) -> Iterator[Finding]:
        _note(one.names, fact.what, fact.at)
        asked = [which for which, at in one.names.items() if at > fact.at - SLOW_US]
        if settings.sweep is not None and len(asked) >= settings.sweep:
            why = f"asked for {len(asked)} accounts within six hours that nobody has, such as {asked[-1]}"
            yield Finding(name, "extension-sweep", why, len(asked), settings.hours * HOUR_US)

    def _number(self, one: Offender, fact: Offended, name: str, settings: Settings) -> Iterator[Finding]:
        digits = "".join(c for c in fact.what if "0" <= c <= "9" or c in "+*#")
        if sum(c.isdigit() for c in digits) < LEAST_DIGITS:
            return
        _note(one.numbers, digits, fact.at)
        tail = digits[-TAIL:]
        ways = [which for which, at in one.numbers.items() if which.endswith(tail) and at > fact.at - SLOW_US]
        if settings.prefixes is not None and len(ways) >= settings.prefixes:
            why = f"dialled the number that ends in {tail} in {len(ways)} ways: {', '.join(ways[-3:])}"
            yield Finding(name, "prefix-probing", why, len(ways), settings.hours * HOUR_US)

    def _agent(self, one: Offender, fact: Offended, name: str, settings: Settings) -> Iterator[Finding]:
        if settings.scanners:
            yield Finding(name, "scanner", f"calls itself {fact.what}", 1, settings.hours * HOUR_US)

    def _malformed(self, one: Offender, fact: Offended, name: str, settings: Settings) -> Iterator[Finding]:
        _keep(one.malformed, fact.at)
        lately = sum(at > fact.at - MALFORMED_US for at in one.malformed)
        if settings.malformed is not None and lately >= settings.malformed:
            why = f"{lately} messages within ten minutes that can't be read, the last one: {fact.what}"
            yield Finding(name, "malformed", why, lately, settings.short_min * MINUTE_US)

    # Snapshots.

    def dump(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {"offenders": self._by_name, "victims": self._victims}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        self._by_name = msgspec.convert(state.get("offenders", {}), dict[str, Offender])
        self._victims = msgspec.convert(state.get("victims", {}), dict[str, dict[str, Trial]])


_COUNTED: dict[str, Callable[[Offenders, Offender, Offended, str, Settings], Iterator[Finding]]] = {
    "password": Offenders._password,
    "name": Offenders._name,
    "number": Offenders._number,
    "agent": Offenders._agent,
    "malformed": Offenders._malformed,
}


def _keep(kept: list[Any], one: Any) -> None:
    kept.append(one)
    if len(kept) > MAX_KEPT:
        del kept[: MAX_KEPT // 2]


def _note(kept: dict[str, T], key: str, value: T) -> None:
    """The latest stands last; the one that was silent longest makes room."""
    kept.pop(key, None)
    if len(kept) >= MAX_KEPT:
        del kept[next(iter(kept))]
    kept[key] = value


def _accounts(names: list[str]) -> str:
    different = list(dict.fromkeys(names))
    return different[0] if len(different) == 1 else f"{len(different)} accounts"
