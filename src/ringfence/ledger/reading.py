"""Reading a ledger, also while a guard writes it: calls, facts in order, the story of one call.

    with Reader(path) as reader:
        for call in reader.calls(since, until, outcome="deny"): ...
        for logged in reader.story(call.id): ...

A connection only reads and holds no lock that a writer would wait for. Instants are microseconds, ranges half open.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from ringfence.ledger.errors import LedgerError, in_words
from ringfence.ledger.files import Paths, connect_reader
from ringfence.ledger.messages import Message, messages
from ringfence.ledger.records import Entry, Record, decode, number_key
from ringfence.model import Answered, Decided, Ended, Fact
from ringfence.model.time import Instant

log = logging.getLogger("ringfence.ledger")

_BATCH = 2000
_END = 2**63 - 1


class Logged(NamedTuple):
    """One entry as it is kept."""

    seq: int
    at: Instant
    kind: str
    entry: Entry | None
    """None where the body was purged or erased, or can't be read."""


class Call(NamedTuple):
    """One attempt and what became of it."""

    seq: int
    decided: Decided
    """The last verdict on it."""
    answered: tuple[Answered, ...]
    """One for each leg that was answered."""
    ended: tuple[Ended, ...]
    """The ends of its legs, or of the whole."""


class Reader:
    """A read-only view. Every method raises LedgerError where the ledger can't be read."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._db = connect_reader(self.path)

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    # --- what people ask for --------------------------------------------------------------------------------------

    def calls(
        self,
        since: Instant = 0,
        until: Instant = _END,
        *,
        outcome: str = "",
        source: str = "",
        caller: str = "",
        callee: str = "",
        limit: int = 100,
    ) -> list[Call]:
        """Calls decided in a time range, newest first; empty filters match all.

        A number is written in any form; `+4420*` matches all that begin so.
        """
        where, values = ["kind = 'decided'", "at >= ?", "at < ?"], [since, until]
        filters: list[object] = [*values]
        for column, value in (("outcome", outcome), ("source", source)):
            if value:
                where.append(f"{column} = ?")
                filters.append(value)
        for column, number in (("caller", caller), ("callee", callee)):
            if number:
                where.append(f"{column} >= ? AND {column} < ?")
                filters += _range(number)
        query = f"SELECT call FROM facts WHERE {' AND '.join(where)} GROUP BY call ORDER BY max(seq) DESC LIMIT ?"
        found = self._rows(query, (*filters, limit))
        return [call for (call_id,) in found if (call := self.call(call_id)) is not None]

    def call(self, call_id: str) -> Call | None:
        """One call; None where there is none with that id, or it was purged."""
        story = self.story(call_id)
        decided = [(one.seq, one.entry) for one in story if isinstance(one.entry, Decided)]
        if not decided:
            return None
        answered = tuple(one.entry for one in story if isinstance(one.entry, Answered))
        ended = tuple(one.entry for one in story if isinstance(one.entry, Ended))
        return Call(*decided[-1], answered, ended)

    def story(self, call_id: str) -> list[Logged]:
        """Every fact of one call, in order."""
        query = "SELECT seq, at, kind, body FROM facts WHERE call = ? ORDER BY seq"
        return [self._logged(*row) for row in self._rows(query, (call_id,))]

    def find(self, start: str, limit: int = 10) -> list[str]:
        """Ids of calls that begin with these characters, so that people need not write the whole."""
        query = "SELECT DISTINCT call FROM facts WHERE call >= ? AND call < ? ORDER BY call LIMIT ?"
        return [call for (call,) in self._rows(query, (start, start + "\U0010ffff", limit))]

    def log(
        self,
        since: Instant = 0,
        until: Instant = _END,
        *,
        kinds: Sequence[str] = (),
        after: int = 0,
        limit: int = 100,
        newest: bool = True,
    ) -> list[Logged]:
        """Entries of a time range in order: the newest of them, or the first; `after` a number to follow a ledger."""
        query = "SELECT seq, at, kind, body FROM facts WHERE at >= ? AND at < ? AND seq > ?"
        if kinds:
            query += f" AND kind IN ({','.join('?' * len(kinds))})"
        query += f" ORDER BY seq {'DESC' if newest else 'ASC'} LIMIT ?"
        found = [self._logged(*row) for row in self._rows(query, (since, until, after, *kinds, limit))]
        return found[::-1] if newest else found

    def messages(self, call_id: str) -> Iterator[Message]:
        """The SIP messages of one call (its id or a SIP Call-ID), in order of the files."""
        return messages(Paths.of(self.path).messages, call_id)

    # --- what recovery and replay need ----------------------------------------------------------------------------

    def facts(self, after: int = 0, since: Instant = 0) -> Iterator[tuple[int, Fact]]:
        """(seq, fact) in order, the ledger's own records left out."""
        query = "SELECT seq, at, kind, body FROM facts WHERE seq > ? AND at >= ? ORDER BY seq LIMIT ?"
        while rows := self._rows(query, (after, since, _BATCH)):
            for row in rows:
                logged = self._logged(*row)
                if logged.entry is not None and not isinstance(logged.entry, Record):
                    yield logged.seq, logged.entry
            after = rows[-1][0]

    def facts_of(self, call_id: str) -> list[Fact]:
        """The facts of one call, in order."""
        entries = [logged.entry for logged in self.story(call_id)]
        return [entry for entry in entries if entry is not None and not isinstance(entry, Record)]

    def last(self) -> int:
        """Number of the last entry; 0 with none."""
        found = self._rows("SELECT seq FROM facts ORDER BY seq DESC LIMIT 1")
        return int(found[0][0]) if found else 0

    def chain_at(self, seq: int) -> bytes | None:
        """The chain value after an entry, None where it isn't here."""
        query = "SELECT chain FROM facts WHERE seq = ?1 UNION ALL SELECT chain FROM anchor WHERE seq = ?1"
        found = self._rows(query, (seq,))
        return bytes(found[0][0]) if found else None

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        with said(self.path):
            return self._db.execute(query, values).fetchall()

    def _logged(self, seq: int, at: Instant, kind: str, body: bytes | None) -> Logged:
        if body is None:
            return Logged(seq, at, kind, None)
        try:
            return Logged(seq, at, kind, decode(body))
        except msgspec.MsgspecError as error:
            log.error("ledger %s: entry %d (%s) can't be read and is left out: %s", self.path, seq, kind, error)
            return Logged(seq, at, kind, None)


@contextmanager
def said(path: Path) -> Iterator[None]:
    """Errors of SQLite in words for the operator."""
    try:
        yield
    except sqlite3.Error as error:
        raise LedgerError(in_words(path, error)) from error


def _range(number: str) -> tuple[str, str]:
    """First key, and first one that is no match."""
    key = number_key(number.rstrip("*"))
    return (key, key + "\U0010ffff") if number.endswith("*") else (key, key + "\0")
