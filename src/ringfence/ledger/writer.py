"""The writer thread: facts in, groups committed, callbacks out.

    put() ──► queue ──► group ──► journal.commit ──► callbacks, all of a group in one wake-up of the loop

The owner's thread (the event loop) calls `put` and `oldest_pending_us` only: it appends to a deque and rings a bell if
the writer sleeps. Encoding, hashing and SQLite are this thread's. What must not be lost without a word: a fact (it is
committed, or in the backlog, or counted as lost), a callback (called once, with None or the reason), an exception
(foreseen ones are `down`; any other ends the thread, is printed by Python, and stays in `down` for good).

Work that takes long (purging, erasing) is a generator of short steps; one is taken whenever no fact waits.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue

from ringfence.ledger.callbacks import OnCommit, Wake, deliver
from ringfence.ledger.chain import Head
from ringfence.ledger.errors import LedgerError
from ringfence.ledger.journal import MAX_GROUP, Clock, Journal
from ringfence.ledger.records import Entry, kind_of
from ringfence.ledger.snapshots import Snapshot
from ringfence.ledger.store import Store, Written, written
from ringfence.ledger.strangers import DAY_US, PERIOD_US, StrangerQuota
from ringfence.ledger.threads import stand_back
from ringfence.model import Strangers
from ringfence.model.time import Instant

log = logging.getLogger("ringfence.ledger")

MAX_QUEUE = 10_000
"""Facts waiting for a commit; what comes beyond is counted as lost."""
IDLE_S = 0.02
"""How long what nobody waits for may lie in the queue."""
SOON_S = 0.005
"""How long what should be committed soon may lie there, right after another commit."""
CHORES_EVERY_S = 0.02
"""How often it is looked whether there is anything to do besides, when no fact waits."""
CHORES_AT_LEAST_EVERY = 50
"""Groups after which chores are done though facts wait."""
STOPPED = "the ledger's {} stopped unexpectedly; the log has the reason: restart the guard"

Steps = Generator[None, None, int]
Work = Callable[[Store], Steps]


class SnapshotRequest:
    """A state to be kept, at its place in the queue."""

    __slots__ = ("at", "state")

    def __init__(self, state: dict[str, bytes], at: Instant) -> None:
        self.state = state
        self.at = at


_Item = tuple[Entry | SnapshotRequest, OnCommit | None, Instant]


class Writer:
    """Feeds one journal. `on_snapshot` and `on_head` are called in the writer's thread after the commit."""

    def __init__(
        self,
        journal: Journal,
        stranger_rows: int,
        *,
        wake: Wake,
        clock: Clock,
        on_snapshot: Callable[[Snapshot, OnCommit | None], None],
        on_head: Callable[[Head], None],
    ) -> None:
        self.journal = journal
        self.ended = False
        """Whether the thread is over: nothing more comes from it."""
        self.fold_log = False
        """Set by the keeper: most of the log is in the database, and a commit-free moment is wanted for the rest."""
        self._wake = wake
        self._clock = clock
        self._on_snapshot = on_snapshot
        self._on_head = on_head
        self._quota = StrangerQuota(stranger_rows)
        self._quota_resumed = False
        self._queue: deque[_Item] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._asleep = False
        self._urgent = False
        """Whether somebody waits for what is queued."""
        self._wrote = False
        """Whether the turn before this one had something to write."""
        self.closing = False
        """Whether `close` was called: the log is folded in by closing."""
        self._turns = 0
        self._step_at = 0.0
        self._chores_at = 0.0
        self._oldest: Instant | None = None
        self._trouble: tuple[str, bool] | None = None
        self._work: deque[tuple[Work, Steps | None, Future[int]]] = deque()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)

    # --- the owner's side ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the store, or be down and go on trying. Raises LedgerError where the file isn't ours to write."""
        self.journal.start()
        self._thread.start()

    def put(self, item: Entry | SnapshotRequest, on_commit: OnCommit | None = None) -> None:
        """Queue one entry or snapshot. Never blocks and never raises for the state of the ledger.

        The writer looks by itself every IDLE_S; `hurry` has it look at once, `soon` within SOON_S.
        """
        if len(self._queue) >= MAX_QUEUE or self.ended:
            if not isinstance(item, SnapshotRequest):
                self.journal.backlog.lose(kind_of(item))
            if on_commit is not None:
                deliver(self._wake, [(on_commit, self.journal.down or "the ledger's queue is full")])
            return
        self._queue.append((item, on_commit, self._clock()))

    def hurry(self) -> None:
        """Somebody waits for what is queued."""
        self._urgent = True
        self._ring()

    def soon(self) -> None:
        """What is queued should survive us: at once, or with what comes within SOON_S where a commit was just made.

        Under load a commit of its own for each fact costs more than all the facts.
        """
        if self._asleep and not self._wrote:
            self.hurry()

    def do(self, work: Work) -> Future[int]:
        """Have long work done in steps between commits."""
        future: Future[int] = Future()
        if self.ended:
            future.set_exception(LedgerError(self.journal.down or "the ledger was closed"))
            return future
        self._work.append((work, None, future))
        self._ring()
        return future

    def _ring(self) -> None:
        if self._asleep:
            self._asleep = False
            self._bell.put(None)

    def oldest_pending_us(self, now: Instant) -> int:
        """How long the oldest fact has waited for its commit; 0 with none waiting, and while down."""
        if self.journal.down is not None:
            return 0
        oldest = self._oldest
        if oldest is None:
            try:
                oldest = self._queue[0][2]
            except IndexError:
                return 0
        return max(0, now - oldest)

    def report(self, trouble: str, *, for_good: bool = False) -> None:
        """The keeper found that the file is gone or not taken by the disk, or (for good) that it can't go on."""
        self._trouble = trouble, for_good
        self._ring()

    def close(self, timeout_s: float = 10.0) -> None:
        """Commit what is queued, sign the head, close. Blocks."""
        self.closing = True
        self._bell.put(None)
        self._thread.join(timeout_s)

    # --- the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        stand_back()
        try:
            while not (self.closing and not self._queue):
                self._turn()
            self._finish()
        finally:
            self._end()

    def _turn(self) -> None:
        self._turns += 1
        group = self._take()
        self._wrote = bool(group)
        if self._trouble is not None:
            (reason, for_good), self._trouble = self._trouble, None
            self.journal.enter_down(reason, for_good=for_good)
        if not self._quota_resumed:
            self._resume_quota()
        if group:
            self._handle(group)
            self._oldest = None
        if self.journal.down is not None:
            self.journal.retry()
        elif not self._queue or self._turns % CHORES_AT_LEAST_EVERY == 0:
            self._chores()

    def _take(self) -> list[_Item]:
        self._asleep = True
        if not (self._urgent or self.closing):
            with suppress(Empty):
                self._bell.get(timeout=self._idle_s())
        self._asleep = self._urgent = False
        if not self._queue:
            return []
        self._oldest = self._queue[0][2]
        group = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_GROUP))]
        if len(group) == MAX_GROUP:
            self._urgent = True
        return group

    def _idle_s(self) -> float:
        idle_s = SOON_S if self._wrote else IDLE_S
        if self._work and self.journal.down is None:
            return min(idle_s, max(0.0, self._step_at - time.monotonic()))
        return idle_s

    def _handle(self, group: list[_Item]) -> None:
        """Write a group, in order; a snapshot ends the part before it."""
        part: list[tuple[Entry, OnCommit | None]] = []
        for item, on_commit, _ in group:
            if isinstance(item, SnapshotRequest):
                self._write(part)
                part = []
                self._snapshot(item, on_commit)
            else:
                part.append((item, on_commit))
        self._write(part)

    def _write(self, part: list[tuple[Entry, OnCommit | None]]) -> None:
        rows: list[Written] = []
        done: list[tuple[OnCommit, str | None]] = []
        for entry, on_commit in part:
            error = self._encode(entry, rows)
            if on_commit is not None:
                done.append((on_commit, error))
        if rows and (reason := self.journal.commit(rows)) is not None:
            done = [(on_commit, error or reason) for on_commit, error in done]
        deliver(self._wake, done)

    def _encode(self, entry: Entry, rows: list[Written]) -> str | None:
        try:
            if isinstance(entry, Strangers):
                rows.extend(written(row) for row in self._quota.admit(entry))
            else:
                rows.append(written(entry))
        except (ValueError, TypeError, OverflowError) as error:
            log.error("a fact can't be written: %s: %r", error, entry)
            self.journal.backlog.lose(kind_of(entry))
            return f"the fact can't be written: {error}"
        return None

    def _snapshot(self, request: SnapshotRequest, on_done: OnCommit | None) -> None:
        if self.journal.down is None and self.journal.place is not None:
            seq, last = self.journal.place
            self._on_snapshot(Snapshot(seq, request.at, last, request.state), on_done)
        elif on_done is not None:
            deliver(self._wake, [(on_done, self.journal.down)])

    # --- when nobody waits --------------------------------------------------------------------------------------

    def _chores(self) -> None:
        now = time.monotonic()
        try:
            if now >= self._chores_at:
                self._chores_at = now + CHORES_EVERY_S
                self._all_chores()
        except (sqlite3.Error, OSError) as error:
            self.journal.fail(error)
        else:
            self._step()

    def _all_chores(self) -> None:
        self._flush_sums(self._clock())
        self.journal.make_searchable()
        self.journal.record_losses()
        self._sign()
        if self.fold_log and self.journal.store is not None:
            self.fold_log = False
            self.journal.store.checkpoint()

    def _flush_sums(self, now: Instant) -> None:
        sums = self._quota.flush(now)
        if sums:
            self.journal.commit([written(row) for row in sums])

    def _sign(self, at_once: bool = False) -> None:
        head = self.journal.sign_if_due(at_once)
        if head is not None:
            self._on_head(head)

    def _resume_quota(self) -> None:
        """Count what the ledger holds of today, as soon as it can be read: restarting doesn't renew the quota."""
        store, now = self.journal.store, self._clock()
        if store is None:
            return
        try:
            self._quota.resume(store.stranger_bytes(now // DAY_US * DAY_US), now)
            self._quota_resumed = True
        except sqlite3.Error as error:
            self.journal.fail(error)

    def _step(self) -> None:
        """One step of the oldest long work; such work may take a fifth of the thread's time."""
        store, begun = self.journal.store, time.monotonic()
        if not self._work or store is None or begun < self._step_at:
            return
        work, steps, future = self._work.popleft()
        try:
            if steps is None:
                if not future.set_running_or_notify_cancel():
                    return
                steps = work(store)
            next(steps)
            self._work.appendleft((work, steps, future))
        except StopIteration as end:
            future.set_result(end.value)
        except LedgerError as error:
            future.set_exception(error)
        except (sqlite3.Error, OSError) as error:
            future.set_exception(LedgerError(self.journal.fail(error)))
        finally:
            self.journal.moved(store)
            now = time.monotonic()
            self._step_at = now + 4 * (now - begun)

    # --- the end ------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        journal = self.journal
        if journal.down is not None:
            journal.retry(at_once=True)
        if journal.down is not None:
            left = len(journal.backlog.rows)
            log.error("ledger: closed while down (%s): %d facts aren't written", journal.down, left)
            return
        try:
            self._flush_sums(self._clock() + PERIOD_US)
            self._sign(at_once=True)
            journal.finish()
        except (sqlite3.Error, OSError) as error:
            journal.fail(error)

    def _end(self) -> None:
        self.ended = True
        if not self.closing:
            self.journal.enter_down(STOPPED.format("writer"), for_good=True)
        self.journal.close()
        reason = self.journal.down or "the ledger was closed"
        left = [self._queue.popleft() for _ in range(len(self._queue))]
        deliver(self._wake, [(done, reason) for _, done, _ in left if done is not None])
        for _, _, future in self._work:
            future.set_exception(LedgerError(reason))
