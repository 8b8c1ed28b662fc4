"""The database as its one writer sees it: where the chain stands, groups appended, heads signed, bodies removed.

Every method belongs to the writer's thread and raises sqlite3.Error or OSError when the file can't be written; then
nothing of the call has happened, and the chain stands where it stood.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ringfence.ledger import chain, files
from ringfence.ledger.chain import Head, Signer
from ringfence.ledger.files import Paths
from ringfence.ledger.records import Columns, Entry, columns, encode, kind_of
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
    return "INSERT INTO facts VALUES " + ",".join(["(?,?,?,?,?,?,?,?,?,?,?,?)"] * rows)


class Store:
    """One open database; `seq` and `chain` are those of the last committed entry."""

    def __init__(self, paths: Paths, node: str, signer: Signer, durability: str, now: Instant) -> None:
        self._node = node
        self._signer = signer
        self.path = paths.db
        self._db = files.connect_writer(paths, durability)
        try:
            files.prepare(self._db, paths.db, node, now)
            self.seq, self.chain = self._where()
            self._files = [(path, os.stat(path).st_ino) for path in (paths.db, paths.wal)]
        except BaseException:
            self._db.close()
            raise

    def _where(self) -> tuple[int, bytes]:
        row = self._db.execute("SELECT seq, chain FROM facts ORDER BY seq DESC LIMIT 1").fetchone()
        row = row or self._db.execute("SELECT seq, chain FROM anchor").fetchone()
        return row or (0, chain.genesis(self._node))

    def close(self) -> None:
        """Close; the last connection to close folds the log into the database."""
        with contextlib.suppress(sqlite3.Error):  # Nothing is lost: the log stays and is read at the next start.
            self._db.close()

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
        self.seq, self.chain = seq, last

    def _link(self, group: Sequence[Written]) -> tuple[list[tuple[object, ...]], int, bytes]:
        seq, last = self.seq, self.chain
        salts = os.urandom(chain.SALT_BYTES * len(group))
        rows: list[tuple[object, ...]] = []
        for number, (at, kind, body, found) in enumerate(group):
            seq += 1
            salt = salts[number * chain.SALT_BYTES : (number + 1) * chain.SALT_BYTES]
            digest = chain.body_digest(salt, body)
            last = chain.link(last, seq, at, kind, digest)
            rows.append((seq, at, kind, digest, last, *found, salt, body))
        return rows, seq, last

    def _insert_rows(self, rows: Sequence[tuple[object, ...]]) -> None:
        self._db.execute(_insert(len(rows)), [value for row in rows for value in row])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; the chain's place is put back where it fails."""
        before = self.seq, self.chain
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            self.seq, self.chain = before
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
        query = "SELECT coalesce(sum(length(body)), 0) FROM facts WHERE at >= ? AND kind = 'strangers'"
        return int(self._db.execute(query, (since,)).fetchone()[0])

    def checkpoint(self) -> None:
        """Fold what is left of the log into the database, so that the next commit begins it anew."""
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def truncate_log(self) -> None:
        """Fold the log in and empty it: nothing that was erased stays behind in it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def drop_before(self, before: Instant, limit: int) -> int:
        """Drop a batch of the oldest entries, headers too, and move the anchor; 0 when there is no more.

        Only a run from the front can go: the first entry that isn't older than `before` or over `limit` ends it.
        """
        rows = self._db.execute(
            "SELECT seq, at, chain FROM facts WHERE seq <= ? ORDER BY seq LIMIT ?", (limit, _BATCH)
        ).fetchall()
        old = 0
        while old < len(rows) and rows[old][1] < before:
            old += 1
        if not old:
            return 0
        seq, at, last = rows[old - 1]
        with self.transaction() as db:
            db.execute("DELETE FROM facts WHERE seq <= ?", (seq,))
            db.execute("DELETE FROM heads WHERE seq < ?", (seq,))
            self.anchor(seq, last, at)
        return old

    def strip_before(self, before: Instant, kinds: Sequence[str], limit: int, after: int) -> tuple[int, int]:
        """Remove a batch of bodies of these kinds with seq over `after`: (bodies removed, last seq looked at)."""
        rows = self._db.execute(
            "SELECT seq, kind, body IS NOT NULL FROM facts WHERE seq > ? AND seq <= ? AND at < ? ORDER BY seq LIMIT ?",
            (after, limit, before, _BATCH),
        ).fetchall()
        if not rows:
            return 0, 0
        gone = [seq for seq, kind, has_body in rows if has_body and kind in kinds]
        with self.transaction():
            self.strip(gone)
        return len(gone), rows[-1][0]

    def strip(self, seqs: Sequence[int]) -> None:
        """Remove the bodies, salts and searchable columns of these entries."""
        self._db.executemany(
            "UPDATE facts SET salt = NULL, body = NULL, call = NULL, source = NULL, caller = NULL, callee = NULL,"
            " outcome = NULL WHERE seq = ?",
            [(seq,) for seq in seqs],
        )

    def of_number(self, number: str) -> tuple[list[int], list[str]]:
        """Every call from or to a number: the entries with their bodies, and the calls' ids."""
        calls = "SELECT call FROM facts WHERE caller = ?1 OR callee = ?1"
        rows = self._db.execute(f"SELECT seq, call FROM facts WHERE call IN ({calls}) ORDER BY seq", (number,))
        found = rows.fetchall()
        return [seq for seq, _ in found], sorted({call for _, call in found})

    def erase(self, seqs: Sequence[int], record: Written) -> None:
        """Remove the bodies of these entries and say so, or neither."""
        with self.transaction():
            self.strip(seqs)
            self.append([record])

    def older(self, before: Instant, kinds: Sequence[str], limit: int) -> int:
        """How many entries (of these kinds, with their bodies; none named: all) a purge would find."""
        query = "SELECT count(*) FROM facts WHERE at < ? AND seq <= ?"
        if kinds:
            query += f" AND body IS NOT NULL AND kind IN ({','.join('?' * len(kinds))})"
        return int(self._db.execute(query, (before, limit, *kinds)).fetchone()[0])
