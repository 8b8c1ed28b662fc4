"""The database as its one writer sees it: where the chain stands, groups appended, heads signed.

Every method belongs to the writer's thread and raises sqlite3.Error or OSError when the file can't be written; then
nothing of the call has happened, and the chain stands where it stood.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ringfence.ledger import chain, files
from ringfence.ledger.chain import Head, Signer
from ringfence.ledger.files import Paths
from ringfence.ledger.records import Columns, Entry, columns, columns_of, encode, kind_of
from ringfence.model.time import Instant

_ROWS_A_STATEMENT = 32
_BATCH = 500


class Written(NamedTuple):
    """An entry ready to be linked into the chain."""

    at: Instant
    kind: str
    body: bytes
    columns: Columns


def written(entry: Entry) -> Written:
    """The entry encoded; raises ValueError, TypeError or OverflowError for one that can't be."""
    return Written(entry.at, kind_of(entry), encode(entry), columns(entry))


@lru_cache(maxsize=_ROWS_A_STATEMENT)
def _insert(rows: int) -> str:
    return "INSERT INTO facts VALUES " + ",".join(["(?,?,?,?,?,?,?)"] * rows)


_INSERT_SEARCH = "INSERT INTO search VALUES (?,?,?,?,?,?,?,?)"


class Store:
    """One open database; `seq` and `chain` are those of the last committed entry.

    What was appended is put into the search table by `make_searchable`; what a crash kept from it is when it is opened.
    """

    def __init__(self, paths: Paths, node: str, signer: Signer, durability: str, now: Instant) -> None:
        self._node = node
        self._signer = signer
        self.path = paths.db
        self._unsearched: deque[tuple[object, ...]] = deque()
        self._salts = chain.Salts()
        self._db = files.connect_writer(paths, durability)
        try:
            files.prepare(self._db, paths.db, node, now)
            self.seq, self.chain = self._where()
            self._catch_up()
            self._files = [(path, os.stat(path).st_ino) for path in (paths.db, paths.wal)]
        except BaseException:
            self._db.close()
            raise

    def _where(self) -> tuple[int, bytes]:
        row = self._db.execute("SELECT seq, chain FROM facts ORDER BY seq DESC LIMIT 1").fetchone()
        row = row or self._db.execute("SELECT seq, chain FROM anchor").fetchone()
        return row or (0, chain.genesis(self._node))

    def _catch_up(self) -> None:
        """Make searchable what isn't."""
        query = "SELECT seq, at, kind, body FROM facts WHERE seq > ? AND body IS NOT NULL ORDER BY seq LIMIT ?"
        after = self._db.execute("SELECT coalesce(max(seq), 0) FROM search").fetchone()[0]
        while rows := self._db.execute(query, (after, _BATCH)).fetchall():
            self._unsearched.extend((seq, at, kind, *columns_of(body)) for seq, at, kind, body in rows)
            self.make_searchable()
            after = rows[-1][0]

    def close(self) -> None:
        """Close; the last connection to close folds the log into the database."""
        with contextlib.suppress(sqlite3.Error):  # Nothing is lost: the log stays and is read at the next start.
            self._db.close()

    def query(self, query: str, values: Sequence[object]) -> list[Any]:
        """Rows."""
        return self._db.execute(query, values).fetchall()

    def in_place(self) -> bool:
        """Whether database and log are still the files that are open; from any thread."""
        try:
            return all(os.stat(path).st_ino == inode for path, inode in self._files)
        except OSError:
            return False

    def append(self, group: Sequence[Written]) -> None:
        """Commit a group; up to 32 entries are one statement, so that the interpreter lock is let go once."""
        rows, seq, last = self._link(group)
        if len(rows) <= _ROWS_A_STATEMENT:
            self._insert_rows(rows)
        else:
            with self.transaction():
                for start in range(0, len(rows), _ROWS_A_STATEMENT):
                    self._insert_rows(rows[start : start + _ROWS_A_STATEMENT])
        for number, row in enumerate(group, self.seq + 1):
            self._unsearched.append((number, row.at, row.kind, *row.columns))
        self.seq, self.chain = seq, last

    @property
    def unsearched(self) -> int:
        """How many entries searches have to look at one by one."""
        return len(self._unsearched)

    def make_searchable(self, limit: int = _BATCH) -> None:
        """Put the oldest entries that aren't in the search table into it."""
        rows = list(itertools.islice(self._unsearched, limit))
        if rows:
            with self.transaction():
                self._db.executemany(_INSERT_SEARCH, rows)
            for _ in rows:
                self._unsearched.popleft()

    def _link(self, group: Sequence[Written]) -> tuple[list[tuple[object, ...]], int, bytes]:
        seq, last = self.seq, self.chain
        rows: list[tuple[object, ...]] = []
        for at, kind, body, _ in group:
            seq += 1
            salt = self._salts.next()
            digest = chain.body_digest(salt, body)
            last = chain.link(last, seq, at, kind, digest)
            rows.append((seq, at, kind, digest, last, salt, body))
        return rows, seq, last

    def _insert_rows(self, rows: Sequence[tuple[object, ...]]) -> None:
        self._db.execute(_insert(len(rows)), [value for row in rows for value in row])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; the chain's place is put back where it fails."""
        before, searched = (self.seq, self.chain), len(self._unsearched)
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            self.seq, self.chain = before
            while len(self._unsearched) > searched:
                self._unsearched.pop()
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def sign_head(self, at: Instant) -> Head | None:
        """Sign where the chain stands; None where that is signed already."""
        if self._db.execute("SELECT 1 FROM heads WHERE seq = ?", (self.seq,)).fetchone() or not self.seq:
            return None
        head = self._signer.sign(self._node, self.seq, at, self.chain)
        self._db.execute("INSERT INTO heads VALUES (?,?,?,?,?)", head[1:])
        return head

    def anchor(self, seq: int, last: bytes, at: Instant) -> None:
        """State, signed, that the chain begins after `seq`; inside the caller's transaction where there is one."""
        head = self._signer.sign(self._node, seq, at, last, "anchor")
        self._db.execute("INSERT OR REPLACE INTO anchor VALUES (1,?,?,?,?,?)", head[1:])

    def begin_after(self, seq: int, last: bytes, at: Instant) -> None:
        """Let an empty ledger go on where a lost one ended."""
        self.anchor(seq, last, at)
        self.seq, self.chain = seq, last

    def is_new(self) -> bool:
        """Whether nothing was ever written here."""
        return self.seq == 0

    def holds(self, seq: int, last: bytes) -> bool:
        """Whether the entry with that number is here, with that chain value, or was purged."""
        anchor = self._db.execute("SELECT seq FROM anchor").fetchone()
        return seq < (anchor[0] if anchor else 1) or self.chain_at(seq) == last

    def after(self, seq: int, limit: int) -> list[tuple[Instant, str, bytes | None]]:
        """(at, kind, body) of the first entries after a number."""
        query = "SELECT at, kind, body FROM facts WHERE seq > ? ORDER BY seq LIMIT ?"
        return self._db.execute(query, (seq, limit)).fetchall()

    def chain_at(self, seq: int) -> bytes | None:
        """The chain value after an entry, None where it isn't here."""
        row = self._db.execute(
            "SELECT chain FROM facts WHERE seq = ?1 UNION ALL SELECT chain FROM anchor WHERE seq = ?1", (seq,)
        ).fetchone()
        return row[0] if row else None

    def stranger_bytes(self, since: Instant) -> int:
        """What strangers' entries since then take up."""
        query = """SELECT coalesce(sum(length(body)), 0) FROM search JOIN facts USING (seq)
                   WHERE search.kind = 'strangers' AND search.at >= ?"""
        return int(self._db.execute(query, (since,)).fetchone()[0])

    def checkpoint(self) -> None:
        """Fold what is left of the log into the database, so that the next commit begins it anew."""
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def truncate_log(self) -> None:
        """Fold the log in and empty it: nothing that was erased stays behind in it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
