"""Is the ledger what was written? Every header is linked again, every body and head compared.

Found are: a body or header that was changed, rows that were removed, swapped or added, a body removed without a record
that says so, searchable columns that don't say what the body says, a head whose place isn't in the chain, an end that
was cut off before a signed head, a message segment that was changed or is missing. Who holds the signing key and can
write the files can make a new chain; against that only a head that was sent out helps (`verify(path, head)`).
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ringfence.ledger.chain import Head, Signer, body_digest, genesis, link
from ringfence.ledger.errors import LedgerError, in_words
from ringfence.ledger.files import Paths, connect_reader
from ringfence.ledger.reading import said
from ringfence.ledger.records import Columns, Entry, Erased, Opened, Purged, Segment, columns, decode, kind_of
from ringfence.ledger.segments import digest_of
from ringfence.model.time import Instant

_ROWS = """SELECT f.seq, f.at, f.kind, digest, chain, salt, body, s.at, s.kind, call, source, caller, callee, outcome
           FROM facts AS f LEFT JOIN search AS s ON s.seq = f.seq ORDER BY f.seq"""
_REMOVALS = """SELECT seq, body FROM facts WHERE body IS NOT NULL AND kind IN ('purged', 'erased')
               AND (seq > (SELECT coalesce(max(seq), 0) FROM search)
                    OR seq IN (SELECT seq FROM search WHERE kind IN ('purged', 'erased'))) ORDER BY seq"""


class Broken(NamedTuple):
    """The first entry that isn't what was written."""

    seq: int
    """0: the database as a whole."""
    why: str


class Verified(NamedTuple):
    """What was found."""

    node: str
    first: int
    last: int
    entries: int
    bodies: int
    """Entries whose body is kept."""
    heads: int
    """Signed heads whose place was found in the chain."""
    signed: int
    """The last entry that a signed head tells of, 0 = none: what comes after it could be cut off unseen."""
    segments: int
    """Message segments that are what was written."""
    broken: Broken | None
    doubts: tuple[str, ...]
    """What could not be proved either way, in words."""


def verify(path: str | Path, head: str = "") -> Verified:
    """Walk the whole ledger; `head` is a line that was sent out. Raises LedgerError where it can't be read at all."""
    paths = Paths.of(path)
    with closing(connect_reader(paths.db)) as db, said(paths.db):
        db.execute("BEGIN")
        walk = _Walk(db, paths)
        try:
            walk.start([Head.parse(head)] if head else [])
            walk.rows()
            walk.end()
        except _BrokenHere as found:
            walk.broken = Broken(found.seq, found.why)
        except sqlite3.DatabaseError as error:
            walk.broken = Broken(walk.seq + 1, in_words(paths.db, error))
        return walk.result()


class _BrokenHere(Exception):
    def __init__(self, seq: int, why: str) -> None:
        super().__init__(why)
        self.seq = seq
        self.why = why


class _Walk:
    """Where the walk stands, and what it has seen."""

    def __init__(self, db: sqlite3.Connection, paths: Paths) -> None:
        self._db = db
        self._paths = paths
        self.node = str(db.execute("SELECT node FROM meta").fetchone()[0])
        self.seq = self.first = 0
        self.chain = genesis(self.node)
        self.broken: Broken | None = None
        self._entries = self._bodies = self._proved = self._signed = self._whole = 0
        self._doubts: list[str] = []
        self._heads: dict[int, list[Head]] = {}
        self._keys: set[bytes] = _key_of(paths)
        self._segments: dict[str, tuple[int, Segment]] = {}
        self._explained = _Explained(db)
        self._searchable = int(db.execute("SELECT coalesce(max(seq), 0) FROM search").fetchone()[0])

    def result(self) -> Verified:
        """The findings so far."""
        return Verified(
            self.node,
            self.first,
            self.seq,
            self._entries,
            self._bodies,
            self._proved,
            self._signed,
            self._whole,
            self.broken,
            tuple(self._doubts),
        )

    # --- where the chain begins -----------------------------------------------------------------------------------

    def start(self, given: list[Head]) -> None:
        """Take the anchor and the heads."""
        anchor = self._db.execute("SELECT seq, at, chain, key, signature FROM anchor").fetchone()
        if anchor is not None:
            head = Head(self.node, *anchor)
            if not head.valid("anchor"):
                raise _BrokenHere(head.seq, "the anchor, where the chain begins after a purge, has a wrong signature")
            self.seq, self.chain = head.seq, head.chain
            self._known_key(head, "the anchor")
        kept = self._db.execute("SELECT seq, at, chain, key, signature FROM heads ORDER BY seq").fetchall()
        for head in [Head(self.node, *row) for row in kept] + self._head_file() + given:
            self._heads.setdefault(head.seq, []).append(head)
        self.first = self.seq + 1
        self._before_the_start()

    def _head_file(self) -> list[Head]:
        try:
            return [Head.parse(self._paths.head.read_text())]
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError, LedgerError) as error:
            self._doubts.append(f"{self._paths.head} can't be read: {error}")
            return []

    def _before_the_start(self) -> None:
        self._compare_heads()
        for seq in [seq for seq in self._heads if seq < self.seq]:
            del self._heads[seq]
            self._doubts.append(f"a head of entry {seq} can't be compared: the chain begins after {self.seq}")

    # --- along the chain ------------------------------------------------------------------------------------------

    def rows(self) -> None:
        """Every entry."""
        for seq, at, kind, digest, chain, salt, body, *found in self._db.execute(_ROWS):
            if seq != self.seq + 1:
                raise _BrokenHere(self.seq + 1, f"entries {self.seq + 1} to {seq - 1} are missing")
            if link(self.chain, seq, at, kind, digest) != chain:
                raise _BrokenHere(seq, "the header was changed, or isn't the one that was here")
            self._body(seq, at, kind, digest, salt, body, found)
            self.seq, self.chain = seq, chain
            self._entries += 1
            if self._heads:
                self._compare_heads()

    def _body(
        self, seq: int, at: Instant, kind: str, digest: bytes, salt: bytes | None, body: bytes | None, found: list[Any]
    ) -> None:
        if body is None or salt is None:
            if not self._explained(seq, at, kind):
                raise _BrokenHere(seq, "the body was removed, and no purge or erasure tells of it")
            if found[0] is not None:
                raise _BrokenHere(seq, "the body was removed, and searches find the entry still")
            return
        if body_digest(salt, body) != digest:
            raise _BrokenHere(seq, "the body was changed")
        self._bodies += 1
        entry = _decoded(seq, body)
        if (entry.at, kind_of(entry)) != (at, kind):
            raise _BrokenHere(seq, "instant or kind isn't that of the body")
        self._searched(seq, at, kind, columns(entry), found)
        self._note(seq, entry)

    def _searched(self, seq: int, at: Instant, kind: str, found: Columns, kept: list[Any]) -> None:
        if kept != [at, kind, *found] and not (seq > self._searchable and kept[0] is None):
            raise _BrokenHere(seq, "the searchable columns aren't what the entry says")

    def _note(self, seq: int, entry: Entry) -> None:
        if isinstance(entry, Opened):
            self._keys.add(entry.key)
        elif isinstance(entry, Segment):
            self._segments[entry.name] = seq, entry

    def _compare_heads(self) -> None:
        for head in self._heads.pop(self.seq, ()):
            if head.node != self.node:
                raise LedgerError(f"the head is of node {head.node}, the ledger of {self.node}")
            if not head.valid():
                raise _BrokenHere(head.seq, "a head has a wrong signature")
            if head.chain != self.chain:
                raise _BrokenHere(head.seq, "the chain isn't the one that a signed head tells of")
            self._known_key(head, f"the head of entry {head.seq}")
            self._proved += 1
            self._signed = head.seq

    def _known_key(self, head: Head, what: str) -> None:
        if self._keys and head.key not in self._keys:
            self._doubts.append(f"{what} is signed with key {head.key.hex()[:16]}, which no entry and no file names")

    # --- where it ends --------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Heads of entries that aren't here, the segments, and the indexes by which people find calls."""
        if self._heads:
            seq = max(self._heads)
            if any(head.valid() for head in self._heads[seq]):
                raise _BrokenHere(self.seq + 1, f"the end is cut off: a signed head tells of entry {seq}")
            raise _BrokenHere(self.seq + 1, f"a head of entry {seq}, which isn't here, has a wrong signature")
        for seq, record in self._segments.values():
            self._segment(seq, record)
        if self._db.execute("SELECT 1 FROM search WHERE seq < ? OR seq > ?", (self.first, self.seq)).fetchone():
            raise _BrokenHere(0, "the search table tells of entries that aren't here")
        said_of_it = str(self._db.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if said_of_it != "ok":
            raise _BrokenHere(0, f"every entry is whole, but the database around them is damaged: {said_of_it}")

    def _segment(self, seq: int, record: Segment) -> None:
        path = self._paths.messages / record.name
        try:
            found = digest_of(path)
        except FileNotFoundError:
            if record.last >= self._explained.messages_before:
                copy = "" if path.parent.is_dir() else "; a copy of a ledger needs a copy of this directory beside it"
                raise _BrokenHere(seq, f"the message segment {path} is missing{copy}") from None
            return
        except OSError as error:
            self._doubts.append(f"message segment {path} can't be read: {error.strerror}")
            return
        if (found.size, found.sha256) != (record.size, record.sha256):
            raise _BrokenHere(seq, f"the message segment {path} was changed")
        self._whole += 1


class _Explained:
    """Which bodies and segments may be missing, as purges and erasures in the chain say."""

    _END = 2**63

    def __init__(self, db: sqlite3.Connection) -> None:
        self.messages_before: Instant = 0
        self._purged: dict[str, Instant] = {}
        self._erased: list[tuple[int, int]] = []
        for seq, body in db.execute(_REMOVALS):
            entry = _decoded(seq, body)
            if isinstance(entry, Erased):
                self._erased.extend(entry.ranges)
            elif isinstance(entry, Purged) and entry.kinds:
                for kind in entry.kinds:
                    self._purged[kind] = max(entry.before, self._purged.get(kind, 0))
            elif isinstance(entry, Purged):
                self.messages_before = max(entry.before, self.messages_before)
        self._erased.sort()

    def __call__(self, seq: int, at: Instant, kind: str) -> bool:
        return at < self._purged.get(kind, 0) or self._was_erased(seq)

    def _was_erased(self, seq: int) -> bool:
        """No entry is erased twice, so that the run which begins last before it is the one."""
        place = bisect_right(self._erased, (seq, self._END))
        return place > 0 and seq <= self._erased[place - 1][1]


def _decoded(seq: int, body: bytes) -> Entry:
    try:
        return decode(body)
    except msgspec.MsgspecError as error:
        raise _BrokenHere(seq, f"the body can't be read: {error}") from None


def _key_of(paths: Paths) -> set[bytes]:
    """The public key of the file beside the ledger; none where it isn't ours to read."""
    try:
        return {Signer.load(paths.key).public} if paths.key.exists() else set()
    except (LedgerError, OSError):
        return set()
