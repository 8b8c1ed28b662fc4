"""Which calls belong to a person: from, to, or forwarded by one of their numbers; and whether one still goes on.

Caller and callee are columns that are searched. Who forwarded a call is in its body alone, so bodies are read through,
a page at a time: those that have the digits anywhere are decoded and looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from ringfence.ledger.records import Entry, decode, number_key
from ringfence.model import Answered, Arrived, Decided, Ended
from ringfence.model.time import SECOND, Instant

PAGE = 500
"""Entries that are read through at a time: a few milliseconds."""
LOST_AFTER_US = 48 * 3600 * SECOND
"""A call without an end of which nothing was heard for so long is over: its end was lost in an outage."""

Query = Callable[[str, Sequence[object]], list[Any]]


def calls_of(query: Query, numbers: Sequence[str], last: int, tables: Sequence[str]) -> Generator[None, None, set[str]]:
    """Ids of all calls of these numbers (digits) up to an entry; yields after each short step."""
    places = ",".join("?" * len(numbers))
    where = f"call IS NOT NULL AND (caller IN ({places}) OR callee IN ({places}))"
    found: set[str] = set()
    for table in tables:
        rows = query(f"SELECT DISTINCT call FROM {table} WHERE {where}", (*numbers, *numbers))
        found.update(call for (call,) in rows)
        yield
    ((first,),) = query("SELECT coalesce(min(seq), 1) FROM facts", ())
    for after in range(first - 1, last, PAGE):
        found.update(_forwarded(query, numbers, after))
        yield
    return found


def accounts_of(query: Query, numbers: Sequence[str]) -> list[int]:
    """Entries of accounts (wrong passwords, registrations) that are named by one of these numbers."""
    places = ",".join("?" * len(numbers))
    rows = query(f"SELECT seq FROM search WHERE call IS NULL AND caller IN ({places})", numbers)
    return [seq for (seq,) in rows]


def _forwarded(query: Query, numbers: Sequence[str], after: int) -> Iterator[str]:
    has = " OR ".join(["instr(body, CAST(? AS BLOB)) > 0"] * len(numbers))
    page = f"SELECT body FROM facts WHERE seq > ? AND seq <= ? AND kind = 'decided' AND ({has})"
    for entry in readable(body for (body,) in query(page, (after, after + PAGE, *numbers))):
        if isinstance(entry, Decided) and number_key(entry.attempt.forwarded_by or "") in numbers:
            yield entry.attempt.id


def readable(bodies: Iterable[bytes]) -> Iterator[Entry]:
    """The entries among these bodies that can be read."""
    for body in bodies:
        with suppress(msgspec.MsgspecError):
            yield decode(body)


def goes_on(entries: Iterable[Entry], now: Instant) -> bool:
    """Whether a call is in progress, as far as its entries tell, in order: a restart needs them then."""
    over, legs, heard = True, set(), 0
    for entry in entries:
        heard = entry.at
        if isinstance(entry, Decided):
            over = entry.verdict.outcome != "allow"
        elif isinstance(entry, Arrived):
            over = False
        elif isinstance(entry, Answered):
            legs.add(entry.leg)
        elif isinstance(entry, Ended):
            legs.discard(entry.leg)
            over = over or not entry.leg or not legs
    return not over and heard > now - LOST_AFTER_US
