"""The calls that the guard decided, out of its ledger, one by one as they end.

A ledger may not hold all of a time: it begins somewhere, old bodies are purged, a person may have been erased, and
while it couldn't be written facts were lost. What is billed there can't be called unseen, so each is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from ringfence.ledger.reading import Reader
from ringfence.ledger.records import Erased, Outage, Purged
from ringfence.model import SECOND, Answered, Decided, Ended, Instant
from ringfence.numbers.deck import Rate

EARLY_US = 3600 * SECOND
"""Longer than any call rings before it is answered."""
LATE_US = 86_400 * SECOND
"""How long after the end of a time its calls may end."""
MAX_OPEN = 200_000
"""Calls in progress at once; beyond, those that began first are taken as they stand."""


class Seen(msgspec.Struct, gc=False, array_like=True):
    """One call as the guard knows it."""

    call_id: str
    start: Instant
    """When it was decided."""
    keys: tuple[str, ...]
    """Digits by which the carrier may know its number: as it was read, as it was sent, as it was dialled."""
    number: str
    """For people: `+442079460018`."""
    trunk: str
    source: str
    caller: str
    reason: str
    """Why it was refused; empty: it was let through."""
    leg: str = ""
    """The one that was answered."""
    answer: Instant = 0
    end: Instant = 0
    rate: Rate | None = None
    free: bool = False
    """An emergency call, that nobody bills."""
    billed_at: Instant = 0
    """Of the row that it was matched with; 0 = none so far."""

    @property
    def last(self) -> Instant:
        """The later of the instants that a carrier may name."""
        return self.answer or self.start

    @property
    def seconds(self) -> int:
        """Of talk, begun ones too; -1: it was answered, and its end isn't in the ledger."""
        if not self.answer:
            return 0
        return -(-max(0, self.end - self.answer) // SECOND) if self.end else -1


ERASED = "a person was erased from the ledger: calls of that number aren't in it"


class Gap(NamedTuple):
    """A time of which the ledger doesn't hold everything."""

    since: Instant
    until: Instant
    why: str


def seen(reader: Reader, since: Instant, until: Instant) -> Iterator[Seen]:
    """Calls that were decided in a time, and shortly before it, as they end; raises LedgerError."""
    open_calls: dict[str, Seen] = {}
    for _, fact in reader.facts(since=since - EARLY_US):
        if fact.at > until and _is_over(fact.at, until, open_calls):
            break
        if isinstance(fact, Decided):
            yield from _decided(fact, open_calls)
        elif isinstance(fact, Answered):
            call = open_calls.get(fact.id)
            if call is not None and not call.answer and not fact.late:
                call.answer, call.leg = fact.at, fact.leg
        elif isinstance(fact, Ended):
            yield from _ended(fact, open_calls)
    yield from open_calls.values()


def _is_over(now: Instant, until: Instant, open_calls: dict[str, Seen]) -> bool:
    """Whether no call of the time is up any more; the one that began first stands first."""
    first = next(iter(open_calls.values()), None)
    return now > until + LATE_US or first is None or first.start > until


def _decided(fact: Decided, open_calls: dict[str, Seen]) -> Iterator[Seen]:
    call = _of(fact)
    if call is None:
        return
    if call.reason:
        if fact.attempt.id not in open_calls:
            yield call
        return
    open_calls[fact.attempt.id] = call  # The next trunk in line is the same call, with the trunk it went over at last.
    if len(open_calls) > MAX_OPEN:
        yield open_calls.pop(next(iter(open_calls)))


def _of(fact: Decided) -> Seen | None:
    attempt, verdict = fact.attempt, fact.verdict
    number = verdict.destination.number
    digits = number.e164 or number.candidate
    keys = dict.fromkeys(filter(None, (digits, only_digits(verdict.send_user), only_digits(attempt.dialled))))
    return Seen(
        call_id=attempt.id,
        start=fact.at,
        keys=tuple(keys),
        number=f"+{digits}" if digits and number.status != "short" else digits or attempt.dialled[:40],
        trunk=attempt.trunk,
        source=attempt.source or "",
        caller=attempt.caller[:40],
        reason="" if verdict.outcome == "allow" else verdict.reason or verdict.outcome,
        rate=verdict.destination.price,
        free=verdict.emergency,
    )


def _ended(fact: Ended, open_calls: dict[str, Seen]) -> Iterator[Seen]:
    """A call is over when its answered leg is, or the whole."""
    call = open_calls.get(fact.id)
    if call is None or (fact.leg and call.leg and fact.leg != call.leg):
        return  # A second leg of a fork that answered late, and is hung up.
    call.end = fact.at
    yield open_calls.pop(fact.id)


def only_digits(text: str) -> str:
    """The ASCII digits of a text."""
    return "".join(c for c in text if "0" <= c <= "9")


def gaps(reader: Reader) -> list[Gap]:
    """What the ledger doesn't hold; raises LedgerError."""
    first = next(iter(reader.facts()), None)
    begins = first[1].at - SECOND if first is not None else 2**62  # A bill's whole seconds are cut off.
    found = [Gap(0, begins, "before the ledger begins")]
    for logged in reader.log(kinds=("purged", "outage", "erased"), limit=100_000):
        entry = logged.entry
        if isinstance(entry, Purged):
            found.append(Gap(0, entry.before, "purged from the ledger"))
        elif isinstance(entry, Outage) and (entry.lost or entry.vanished):
            found.append(Gap(entry.since, entry.at, "while the ledger couldn't be written"))
        elif isinstance(entry, Erased):
            found.append(Gap(0, 0, ERASED))
    return found


def gap_at(found: Sequence[Gap], at: Instant) -> str:
    """Why the ledger doesn't hold an instant; empty where it does."""
    return next((gap.why for gap in found if gap.since <= at < gap.until), "")
