"""Taking entries out of an open store: from the front with their headers, or bodies alone.

As with the store: every function belongs to the writer's thread and raises sqlite3.Error or OSError, and then nothing
of the call has happened. All of the store has to be searchable (`settle`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ringfence.ledger.store import Store, Written
from ringfence.model.time import Instant

_BATCH = 500


def settle(store: Store) -> None:
    """Make everything searchable."""
    while store.unsearched:
        store.make_searchable()


def older(store: Store, before: Instant, kinds: Sequence[str], limit: int) -> int:
    """How many entries (of these kinds, with their bodies; none named: all) a purge would find."""
    query = "SELECT count(*) FROM search WHERE at < ? AND seq <= ?"
    if kinds:
        query = f"""SELECT count(*) FROM search JOIN facts USING (seq)
                    WHERE search.at < ? AND seq <= ? AND search.kind IN ({_marks(kinds)}) AND body IS NOT NULL"""
    return int(store.query(query, (before, limit, *kinds))[0][0])


def drop_before(store: Store, before: Instant, limit: int) -> int:
    """Drop a batch of the oldest entries, headers too, and move the anchor; 0 when there is no more.

    Only a run from the front can go: the first entry that isn't older than `before` or over `limit` ends it.
    """
    rows = store.query("SELECT seq, at, chain FROM facts WHERE seq <= ? ORDER BY seq LIMIT ?", (limit, _BATCH))
    old = 0
    while old < len(rows) and rows[old][1] < before:
        old += 1
    if not old:
        return 0
    seq, at, last = rows[old - 1]
    with store.transaction() as db:
        db.execute("DELETE FROM facts WHERE seq <= ?", (seq,))
        db.execute("DELETE FROM search WHERE seq <= ?", (seq,))
        db.execute("DELETE FROM heads WHERE seq < ?", (seq,))
        store.anchor(seq, last, at)
    return old


def strip_before(store: Store, before: Instant, kinds: Sequence[str], limit: int, after: int) -> tuple[int, int]:
    """Remove a batch of bodies of these kinds with seq over `after`: (bodies removed, last seq looked at)."""
    query = "SELECT seq, kind, body IS NOT NULL FROM facts WHERE seq > ? AND seq <= ? AND at < ? ORDER BY seq LIMIT ?"
    rows = store.query(query, (after, limit, before, _BATCH))
    if not rows:
        return 0, 0
    gone = [seq for seq, kind, has_body in rows if has_body and kind in kinds]
    with store.transaction() as db:
        _strip(db, gone)
    return len(gone), rows[-1][0]


def erase(store: Store, seqs: Sequence[int], record: Written) -> None:
    """Remove the bodies of these entries and say so, or neither."""
    with store.transaction() as db:
        _strip(db, seqs)
        store.append([record])


def of_number(store: Store, number: str) -> tuple[list[int], list[str]]:
    """Every call from or to a number: the entries with their bodies, and the calls' ids."""
    calls = "SELECT call FROM search WHERE caller = ?1 OR callee = ?1"
    found = store.query(f"SELECT seq, call FROM search WHERE call IN ({calls}) ORDER BY seq", (number,))
    return [seq for seq, _ in found], sorted({call for _, call in found})


def _strip(db: sqlite3.Connection, seqs: Sequence[int]) -> None:
    numbers = [(seq,) for seq in seqs]
    db.executemany("UPDATE facts SET salt = NULL, body = NULL WHERE seq = ?", numbers)
    db.executemany(
        "UPDATE search SET call = NULL, source = NULL, caller = NULL, callee = NULL, outcome = NULL WHERE seq = ?",
        numbers,
    )


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
