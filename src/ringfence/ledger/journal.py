"""The store as something that may fail and comes back: commits, `down` with its reason, the backlog, and recovery.

    commit ── fails ──► down: rows go to the backlog ── a try each RETRY_S ──► reopened where the file was at fault,
      ▲                                                                        backlog written, an Outage record
      └────────────────────────────────────────────────────────────────────────────────────┘

A full disk or a lock leaves the store open; after anything else it is opened anew. An opened store is compared with
the last confirmed commit (at the start: the last signed head). It may hold more: a commit that failed was made all the
same. It may hold less: the file was removed or replaced; a new file goes on with the numbers and chain of the lost one.

Belongs to the writer's thread, but for `down`, `commits` and `in_place`, which any thread may read.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ringfence.ledger.backlog import Backlog
from ringfence.ledger.chain import Head
from ringfence.ledger.errors import LedgerError, in_words
from ringfence.ledger.records import Opened
from ringfence.ledger.store import Store, Written, written
from ringfence.model import SECOND
from ringfence.model.time import Instant

log = logging.getLogger("ringfence.ledger")

MAX_BACKLOG = 10_000
"""Facts kept in memory while the ledger is down; what comes beyond is counted as lost."""
MAX_GROUP = 256
RETRY_S = 0.5
FIRST_HEAD_US = 60 * SECOND
"""From the opening to the first head: what a process before left unsigned when it was killed is soon covered."""
HEAD_EVERY_US = 3600 * SECOND
SEARCH_EVERY_US = 1 * SECOND
SEARCH_ROWS = 500
"""Entries after which the search table follows sooner."""
SEARCH_STEP = 100
"""Entries that are made searchable at a time: how long a commit may have to wait."""

Clock = Callable[[], Instant]


class Journal:
    """One ledger's database through good and bad times."""

    def __init__(
        self,
        path: Path,
        open_store: Callable[[], Store],
        opened: Callable[[Instant], Opened],
        place: tuple[int, bytes] | None,
        *,
        clock: Clock,
        on_state: Callable[[str | None], None],
    ) -> None:
        self.down: str | None = None
        """Why nothing can be written now; None while the ledger works."""
        self.commits = 0
        self.committed = 0
        """Entries, for the metrics."""
        self.place = place
        """Where the chain stood at the last commit, across stores; at the start where a signed head says it stood."""
        self.store: Store | None = None
        self.backlog = Backlog(MAX_BACKLOG)
        self._path = path
        self._open_store = open_store
        self._opened = opened
        self._clock = clock
        self._on_state = on_state
        self._retry_at = 0.0
        self._for_good = False
        self._head_due = clock() + FIRST_HEAD_US
        self._search_due = clock() + SEARCH_EVERY_US

    def start(self) -> None:
        """Open the store, or be down. Raises LedgerError where the file isn't ours to write."""
        try:
            self._open()
        except (sqlite3.Error, OSError) as error:
            self.fail(error)

    def commit(self, rows: Sequence[Written]) -> str | None:
        """Commit, or keep the rows for later; the reason where it was not committed."""
        if self.down is None and self.store is not None:
            try:
                self._append(self.store, rows)
                return None
            except (sqlite3.Error, OSError) as error:
                self.fail(error)
        self.backlog.keep(rows)
        return self.down

    def _append(self, store: Store, rows: Sequence[Written]) -> None:
        store.append(rows)
        self.moved(store)
        self.committed += len(rows)

    def moved(self, store: Store) -> None:
        """Something was committed."""
        self.place = store.seq, store.chain
        self.commits += 1

    def sign_if_due(self, at_once: bool = False) -> Head | None:
        """The head that is due: a minute after the opening, then hourly. Raises sqlite3.Error and OSError."""
        now = self._clock()
        if self.store is None or (now < self._head_due and not at_once):
            return None
        head = self.store.sign_head(now)
        self._head_due = now + HEAD_EVERY_US
        if head is not None:
            self.commits += 1
        return head

    def make_searchable(self) -> None:
        """Let the search table follow, in steps that grow with what is left. Raises sqlite3.Error and OSError."""
        store = self.store
        if store is None or not store.unsearched:
            return
        now = self._clock()
        if store.unsearched >= SEARCH_ROWS:
            self._search_due = now
        if now >= self._search_due:
            store.make_searchable(max(SEARCH_STEP, store.unsearched // 10))
            self.commits += 1
            if not store.unsearched:
                self._search_due = now + SEARCH_EVERY_US

    def record_losses(self) -> None:
        """Tell the chain of what was lost while the store worked. Raises sqlite3.Error and OSError."""
        backlog = self.backlog
        if backlog.lossy and self.store is not None:
            gone = "entries are missing that were there when the ledger was last open"
            why = gone if backlog.vanished else "the queue was full, or a fact could not be encoded"
            self._record_outage(self.store, why)

    def in_place(self) -> bool:
        """Whether the paths still name the files that are open."""
        store = self.store
        return store is None or store.in_place()

    def close(self) -> None:
        """Close the store."""
        store, self.store = self.store, None
        if store is not None:
            store.close()

    def finish(self) -> None:
        """Leave nothing to be done at the next start. Raises sqlite3.Error and OSError."""
        while self.store is not None and self.store.unsearched:
            self.store.make_searchable()

    # --- down and up again --------------------------------------------------------------------------------------

    def fail(self, error: sqlite3.Error | OSError) -> str:
        """The store can't be written; the reason in words."""
        if getattr(error, "sqlite_errorname", "") not in ("SQLITE_FULL", "SQLITE_BUSY"):
            self.close()
        return self.enter_down(in_words(self._path, error))

    def enter_down(self, reason: str, *, for_good: bool = False) -> str:
        """Be down, for good where no retry can help."""
        self._for_good = self._for_good or for_good
        if self.down is None:
            self.backlog.since = self._clock()
            log.error("%s; facts are kept in memory until it works again", reason)
        if reason != self.down:
            self.down = reason
            self._on_state(reason)
        self._retry_at = time.monotonic() + RETRY_S
        return reason

    def retry(self, at_once: bool = False) -> None:
        """Try again if it is time."""
        if self._for_good or (time.monotonic() < self._retry_at and not at_once):
            return
        try:
            self._recover(self.down or "")
        except (sqlite3.Error, OSError) as error:
            self.fail(error)
        except LedgerError as error:
            self.close()
            self.enter_down(str(error))

    def _recover(self, reason: str) -> None:
        if not self.in_place():
            self.close()
        store = self.store or self._open()
        while self.backlog.rows:
            part = self.backlog.rows[:MAX_GROUP]
            self._append(store, part)
            self.backlog.written(len(part))
        self._record_outage(store, reason)
        self.down = None
        log.warning("ledger %s: writes again", self._path)
        self._on_state(None)

    def _record_outage(self, store: Store, why: str) -> None:
        record = self.backlog.outage(self._clock(), why)
        self._append(store, [written(record)])
        self.backlog.told(record)

    def _open(self) -> Store:
        """Open the store, and record who writes from here on."""
        store = self._open_store()
        try:
            now = self._clock()
            if self.place is not None:
                self._compare(store, self.place, now)
            self._append(store, [written(self._opened(now))])
        except BaseException:
            store.close()
            raise
        self.store = store
        return store

    def _compare(self, store: Store, place: tuple[int, bytes], now: Instant) -> None:
        """What the file holds against what was committed."""
        seq, last = place
        if store.holds(seq, last):
            if self.backlog.rows:
                self.backlog.found(store.after(seq, len(self.backlog.rows)))
            return
        self.backlog.vanished += max(1, seq - store.seq)
        log.error("ledger %s: entries up to %d were here, now there are %d", self._path, seq, store.seq)
        if store.is_new():
            store.begin_after(seq, last, now)
