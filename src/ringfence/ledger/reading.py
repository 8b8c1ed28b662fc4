"""Reading a ledger, also while a guard writes it: calls, facts in order, the story of one call.

    with Reader(path) as reader:
        for call in reader.calls(since, until, outcome="deny"): ...
        for logged in reader.story(call.id): ...

A connection only reads and holds no lock that a writer would wait for. Instants are microseconds, ranges half open.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from ringfence.ledger.errors import LedgerError, in_words
from ringfence.ledger.files import Paths, connect_reader
from ringfence.ledger.messages import Message, messages
from ringfence.ledger.personal import calls_of
from ringfence.ledger.records import KINDS, Entry, Record, columns_of, decode, number_key
from ringfence.model import Answered, Decided, Ended, Fact, PolicyChanged
from ringfence.model.time import Instant

log = logging.getLogger("ringfence.ledger")

_BATCH = 2000
_AFTER = "\U0010ffff"
"""After every text that goes on."""
_TABLES = ("main.search", "temp.tail")
_TAIL = """PRAGMA temp_store = MEMORY;
CREATE TABLE temp.tail (seq INTEGER PRIMARY KEY, at INTEGER, kind TEXT,
    call TEXT, source TEXT, caller TEXT, callee TEXT, outcome TEXT);"""
_END = 2**63 - 1
_ALIKE = 7
"""Digits by which two forms of a number are taken for alike: a subscriber's number without its area."""


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

    @property
    def lengths_us(self) -> list[int]:
        """How long each leg that is over was up; of a redirected call what was told or presumed."""
        if self.decided.verdict.redirect_s:
            return [one.talked_s * 1_000_000 for one in self.ended if one.talked_s]
        ends = {ended.leg: ended.at for ended in self.ended if ended.leg}
        return [ends[one.leg] - one.at for one in self.answered if one.leg in ends]

    @property
    def cost_micros(self) -> int:
        """What its ended legs cost by the rate it was judged with."""
        price = self.decided.verdict.destination.price
        if price is None:
            return 0
        return sum(price.cost_micros(-(-max(0, length) // 1_000_000)) for length in self.lengths_us)


class Reader:
    """A read-only view. Every method raises LedgerError where the ledger can't be read."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._db = connect_reader(self.path)
        with said(self.path):
            self._db.executescript(_TAIL)

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
        keep: Callable[[Call], bool] = lambda call: True,
        limit: int = 100,
    ) -> list[Call]:
        """Calls decided in a time range, newest first; empty filters match all.

        A number is written in any form; `+4420*` matches all that begin so. `keep` reads what no column has.
        """
        given = {"outcome": outcome, "source": source, "caller": caller, "callee": callee}
        where, values = _filters({column: value for column, value in given.items() if value})
        with self._view():
            found = self._search([(where, (*values, since, until))])
            calls = map(self.call, unique(call_id for _, call_id in found))
            return list(itertools.islice((call for call in calls if call is not None and keep(call)), limit))

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
        with self._view():
            return [self._entry(seq) for seq, _ in self._search([("s.call = ?", (call_id,))], by="s.seq", newest=False)]

    def find(self, start: str, limit: int = 10) -> list[str]:
        """Ids of calls that begin with these characters, so that people need not write the whole."""
        query = "SELECT DISTINCT call FROM {} WHERE call >= ?1 AND call < ?2 ORDER BY call LIMIT ?3"
        values = (start, start + _AFTER, limit)
        with self._view():
            rows = [self._db.execute(query.format(table), values) for table in _TABLES]
            return list(itertools.islice(unique(call for (call,) in heapq.merge(*rows)), limit))

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
        with self._view():
            if after:
                where = f"s.seq > ? AND +s.at >= ? AND +s.at < ? AND +s.kind IN ({','.join('?' * len(kinds or KINDS))})"
                rows = self._search([(where, (after, since, until, *(kinds or KINDS)))], by="s.seq", newest=newest)
            else:
                each = [("s.kind = ? AND s.at >= ? AND s.at < ?", (kind, since, until)) for kind in kinds or KINDS]
                rows = self._search(each, newest=newest)
            found = [self._entry(seq) for seq, _ in itertools.islice(rows, limit)]
        return sorted(found)

    def places(self, version: str, at: Instant) -> dict[str, str]:
        """Where the keys of the policy stood that was in force at an instant; empty where that isn't kept."""
        for one in self.log(until=at + 1, kinds=("policy-changed",), limit=1):
            if isinstance(one.entry, PolicyChanged) and one.entry.version == version:
                return one.entry.places
        return {}

    def calls_of(self, numbers: Sequence[str]) -> list[str]:
        """Ids of the calls from, to or forwarded by these numbers, sorted."""
        with self._view():
            steps = calls_of(self._rows, [number_key(number) for number in numbers], self.last(), _TABLES)
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    return sorted(end.value)

    def older(self, before: Instant) -> tuple[int, Instant]:
        """How many entries are older, and the instant of the first."""
        ((count, first),) = self._rows("SELECT count(*), coalesce(min(at), 0) FROM facts WHERE at < ?", (before,))
        return count, first

    def node(self) -> str:
        """Whose ledger it is."""
        return str(self._rows("SELECT node FROM meta")[0][0])

    def other_forms(self, numbers: Sequence[str]) -> dict[str, int]:
        """Callers and callees that end as one of these numbers does, and how many entries have them."""
        found: Counter[str] = Counter()
        keys = {number_key(number) for number in numbers}
        with self._view():
            for table, column, key in itertools.product(_TABLES, ("caller", "callee"), sorted(keys)):
                query = f"SELECT {column}, count(*) FROM {table} WHERE {column} LIKE ? GROUP BY {column}"
                found.update(dict(self._rows(query, (f"%{key[-_ALIKE:]}",))) if len(key) >= _ALIKE else {})
        return {form: count for form, count in sorted(found.items()) if form not in keys}

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

    # --- how it is found ------------------------------------------------------------------------------------------

    @contextmanager
    def _view(self) -> Iterator[None]:
        """One state of the ledger for several queries, with what isn't in the search table yet in one of our own."""
        if self._db.in_transaction:
            yield
            return
        with said(self.path):
            self._db.execute("BEGIN")
            try:
                self._follow()
                yield
            finally:
                self._db.execute("COMMIT")

    def _follow(self) -> None:
        searchable = self._db.execute("SELECT coalesce(max(seq), 0) FROM search").fetchone()[0]
        self._db.execute("DELETE FROM temp.tail WHERE seq <= ?", (searchable,))
        known = self._db.execute("SELECT max(seq) FROM temp.tail").fetchone()[0] or searchable
        rows = self._db.execute(
            "SELECT seq, at, kind, body FROM facts WHERE seq > ? AND body IS NOT NULL", (known,)
        ).fetchall()
        self._db.executemany(
            "INSERT INTO temp.tail VALUES (?,?,?,?,?,?,?,?)",
            [(seq, at, kind, *columns_of(body)) for seq, at, kind, body in rows],
        )

    def _search(
        self, wanted: Sequence[tuple[str, Sequence[object]]], *, by: str = "s.at", newest: bool = True
    ) -> Iterator[tuple[int, str]]:
        """(seq, call) of what one of the (condition, values) matches, in the order of a column, from both tables."""
        order = f"{by} {'DESC' if newest else 'ASC'}, s.seq {'DESC' if newest else 'ASC'}"
        query = f"SELECT {by}, s.seq, s.call FROM {{}} AS s WHERE {{}} ORDER BY {order}"
        rows = [self._db.execute(query.format(table, where), values) for table in _TABLES for where, values in wanted]
        for _, seq, call in heapq.merge(*rows, key=lambda row: row[:2], reverse=newest):
            yield seq, call

    def _entry(self, seq: int) -> Logged:
        query = "SELECT seq, at, kind, body FROM facts WHERE seq = ?"
        return self._logged(*self._db.execute(query, (seq,)).fetchone())

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


def _filters(given: dict[str, str]) -> tuple[str, list[str]]:
    """A condition that ends in `at >= ? AND at < ?`; a `+` keeps an index from being chosen over a better one."""
    where: list[str] = []
    values: list[str] = []
    at = "s.at"
    for column, value in given.items():
        key = number_key(value.rstrip("*")) if column in ("caller", "callee") else value
        if column in ("caller", "callee") and value.endswith("*"):
            where.append(f"s.{column} >= ? AND s.{column} < ?")
            values += [key, key + _AFTER]
            at = "+s.at"
        else:
            where.append(f"s.{column} = ?")
            values.append(key)
    if given.get("outcome", "allow") != "allow":
        where.append("s.outcome <> 'allow'")  # What the index of refused calls is confined to.
    kind = "s.kind" if not given or given == {"outcome": "allow"} else "+s.kind"
    where.append(f"{kind} = 'decided' AND {at} >= ? AND {at} < ?")
    return " AND ".join(where), values


def unique(found: Iterable[str]) -> Iterator[str]:
    """Each once, in order."""
    seen: set[str] = set()
    for one in found:
        if one not in seen:
            seen.add(one)
            yield one
