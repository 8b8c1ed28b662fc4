"""An incident as the ledger has it: its calls, what the same accounts did the day before, what was done and by whom.

A call belongs to it if its verdict names it, or if it was hung up for it. What else the accounts called abroad from a
day before its first call on is beside it: test calls come before, and what got through meanwhile is as dear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ringfence.engine.marks import ABROAD
from ringfence.errors import RingfenceError
from ringfence.ledger.reading import Call, Logged, Reader
from ringfence.model import Accepted, AuthFailed, Contained, Registered, Released
from ringfence.model.attempt import Naming
from ringfence.model.time import SECOND, Instant
from ringfence.rules import CONTAINED, SUSPICIOUS

DAY_US = 86_400 * SECOND
HOUR_US = 3600 * SECOND
MOST = 100_000
"""Calls of a case, at most."""
LOOKED_AT = 2000
"""Calls that are looked at where an incident is named by the beginning of its id."""
CUTS = (SUSPICIOUS.slug, CONTAINED.slug)
ORDERS = ("contained", "released", "accepted")
KNOCKS = ("auth-failed", "registered")
END = 2**63 - 1


class CaseError(RingfenceError):
    """There is no such incident."""


class Case(NamedTuple):
    """All that is known of one incident; everything is in order of time."""

    incident: str
    node: str
    source: str
    calls: tuple[Call, ...]
    """Those that belong to it."""
    beside: tuple[Call, ...]
    """Other calls abroad of the same accounts."""
    orders: tuple[Logged, ...]
    """Containments, releases and acceptances for it."""
    knocks: tuple[Logged, ...]
    """Wrong passwords and registrations of the accounts."""

    @property
    def accounts(self) -> tuple[str, ...]:
        """Parts of the source, those with most calls first: extensions, accounts, and who forwarded."""
        return self.named("account", "label", "number", "forwarder")

    def named(self, *namings: Naming) -> tuple[str, ...]:
        """Names of these kinds that its calls have, those with most calls first."""
        attempts = (call.decided.attempt for call in self.calls)
        return tuple(ranked(one.extension for one in attempts if one.extension_is in namings))

    @property
    def first(self) -> Instant:
        """When it began."""
        return self.calls[0].decided.at

    @property
    def last(self) -> Instant:
        """When its last call was judged."""
        return self.calls[-1].decided.at

    @property
    def let_out(self) -> tuple[Call, ...]:
        """Calls abroad that went to the carrier, of it and beside it."""
        both = sorted((*self.calls, *self.beside), key=lambda call: call.decided.at)
        return tuple(call for call in both if call.decided.verdict.outcome == "allow" and is_abroad(call))

    def in_force(self, now: Instant) -> list[Contained]:
        """Containments that were neither released nor have come to their end."""
        found: dict[str, Contained] = {}
        for logged in self.orders:
            if isinstance(logged.entry, Contained):
                found[logged.entry.id] = logged.entry
            elif isinstance(logged.entry, Released):
                found.pop(logged.entry.id, None)
            elif isinstance(logged.entry, Accepted):
                found.clear()
        return [fact for fact in found.values() if fact.until > now]


def gather(reader: Reader, wanted: str) -> Case:
    """The incident with this id, or the only one that begins so; raises CaseError."""
    incident, start = _found(reader, wanted)
    opener = incident.removeprefix("i-")
    named = _calls(
        reader,
        start,
        END,
        lambda call: call.decided.verdict.incident == incident or call.decided.attempt.id == opener,
    )
    source = named[0].decided.attempt.source or ""
    accounts = {call.decided.attempt.extension for call in named}
    around = _calls(
        reader,
        named[0].decided.at - DAY_US,
        named[-1].decided.at + HOUR_US,
        lambda call: call.decided.attempt.extension in accounts and is_abroad(call),
        source,
    )
    known = {call.decided.attempt.id for call in named}
    others = [call for call in around if call.decided.attempt.id not in known]
    cut = [call for call in others if any(ended.cause in CUTS for ended in call.ended)]
    calls = tuple(sorted((*named, *cut), key=lambda call: call.decided.at))
    beside = tuple(call for call in others if call not in cut)
    orders, knocks = _orders(reader, incident, calls[0].decided.at), _knocks(reader, source, accounts, calls)
    return Case(incident, reader.node(), source, calls, beside, orders, knocks)


def _found(reader: Reader, wanted: str) -> tuple[str, Instant]:
    """The whole id, which names its first call, and when that was judged."""
    start = wanted.removeprefix("i-")
    calls = [start] if start and reader.call(start) is not None else reader.find(start, LOOKED_AT) if start else []
    found = [call for call in (reader.call(one) for one in calls) if call is not None]
    opened = [call for call in found if call.decided.verdict.incident == f"i-{call.decided.attempt.id}"]
    opened = opened or [call for call in found if not call.decided.verdict.incident and _was_cut(call)]
    if len(opened) != 1:
        what = f"{len(opened)} incidents begin with" if opened else "there is no incident"
        raise CaseError(f"{what} {wanted!r} in this ledger; `ringfence incidents` lists them")
    return f"i-{opened[0].decided.attempt.id}", opened[0].decided.at


def _was_cut(call: Call) -> bool:
    return any(ended.cause == SUSPICIOUS.slug for ended in call.ended)


def _calls(
    reader: Reader, since: Instant, until: Instant, keep: Callable[[Call], bool], source: str = ""
) -> list[Call]:
    return reader.calls(max(0, since), until, source=source, keep=keep, limit=MOST)[::-1]


def _orders(reader: Reader, incident: str, since: Instant) -> tuple[Logged, ...]:
    found, ids = [], set[str]()
    for logged in reader.log(since, END, kinds=ORDERS, limit=MOST):
        entry = logged.entry
        own = isinstance(entry, (Contained, Accepted)) and entry.incident == incident
        if isinstance(entry, (Contained, Accepted)) and own:
            ids.add(entry.id)
        if own or (isinstance(entry, Released) and entry.id in ids):
            found.append(logged)
    return tuple(found)


def _knocks(reader: Reader, source: str, accounts: set[str], calls: Sequence[Call]) -> tuple[Logged, ...]:
    entries = reader.log(calls[0].decided.at - DAY_US, calls[-1].decided.at + HOUR_US, kinds=KNOCKS, limit=MOST)
    return tuple(
        logged
        for logged in entries
        if isinstance(logged.entry, (AuthFailed, Registered))
        and (logged.entry.source, logged.entry.account in accounts) == (source, True)
    )


def is_abroad(call: Call) -> bool:
    """Whether it goes where money is lost."""
    return call.decided.verdict.destination.klass in ABROAD


def ranked(names: Iterator[str] | Sequence[str]) -> dict[str, int]:
    """How often each comes, the most frequent first, then as they come."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
