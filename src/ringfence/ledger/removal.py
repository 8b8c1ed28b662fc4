"""Taking entries out of an open store: from the front with their headers, or bodies alone.

As with the store: every function belongs to the writer's thread and raises sqlite3.Error or OSError, and then nothing
of the call has happened. All of the store has to be searchable, and each call takes a few milliseconds at
most, since facts wait meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ringfence.ledger.store import Store, Written
from ringfence.model.time import Instant

_BATCH = 50


def drop_before(store: Store, before: Instant, limit: int) -> int:
    """Drop a batch of the oldest entries, headers too, and move the anchor; 0 when there is no more.

    Only a run from the front can go: the first entry that isn't older than `before` or over `limit` ends it.
    """
    rows = _front(store, before, limit)
    if not rows:
        return 0
    seq, at, last = rows[-1]
    with store.transaction() as db:
        db.execute("DELETE FROM facts WHERE seq <= ?", (seq,))
        db.execute("DELETE FROM search WHERE seq <= ?", (seq,))
        db.execute("DELETE FROM heads WHERE seq < ?", (seq,))
        store.anchor(seq, last, at)
    return len(rows)


def any_before(store: Store, before: Instant, limit: int) -> bool:
    """Whether there is anything to drop."""
    return bool(_front(store, before, limit))


def _front(store: Store, before: Instant, limit: int) -> list[tuple[int, Instant, bytes]]:
    rows = store.query("SELECT seq, at, chain FROM facts WHERE seq <= ? ORDER BY seq LIMIT ?", (limit, _BATCH))
    young = next((number for number, (_, at, _) in enumerate(rows) if at >= before), len(rows))
    return rows[:young]


def with_body(store: Store, before: Instant, kind: str, limit: int) -> list[int]:
    """A batch of the entries of a kind that are older than `before` and have their bodies."""
    query = "SELECT seq FROM search WHERE kind = ? AND at < ? AND +seq <= ? LIMIT ?"
    return [seq for (seq,) in store.query(query, (kind, before, limit, _BATCH))]


def strip(store: Store, seqs: Sequence[int], record: Written | None = None) -> None:
    """Remove the bodies of these entries (and say so, or neither); they can't be searched for any more."""
    with store.transaction() as db:
        _strip(db, seqs)
        if record is not None:
            store.append([record])


def _strip(db: sqlite3.Connection, seqs: Sequence[int]) -> None:
    numbers = [(seq,) for seq in seqs]
    db.executemany("UPDATE facts SET salt = NULL, body = NULL WHERE seq = ?", numbers)
    db.executemany("DELETE FROM search WHERE seq = ?", numbers)
