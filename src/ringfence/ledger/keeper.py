"""The keeper thread: all that touches the disk and that no call waits for.

Ten times a second it forces the log to disk if anything was committed (durability "process"; "power" does so in each
commit), looks whether the database still is where it was, writes what messages came, and hands out signed heads that
the disk has by then. Every few seconds it folds the log into the database from a connection of its own, which doesn't
hold up commits; the short rest is left to the writer in a free moment, so that the log begins anew. Snapshots are
written here: first the log is forced, so that no snapshot is ahead of its entries.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from ringfence.ledger import files, snapshots
from ringfence.ledger.callbacks import OnCommit, Wake, deliver
from ringfence.ledger.chain import Head
from ringfence.ledger.errors import in_words
from ringfence.ledger.files import Paths
from ringfence.ledger.journal import Clock
from ringfence.ledger.segments import Segments
from ringfence.ledger.snapshots import Snapshot
from ringfence.ledger.threads import stand_back
from ringfence.ledger.writer import STOPPED, Writer

log = logging.getLogger("ringfence.ledger")

SYNC_EVERY_S = 0.1
CHECKPOINT_EVERY_S = 5.0
FOLD_PAGES = 16_000
"""Pages in the log from which on it is begun anew (64 MB)."""
FEW_PAGES = 100
"""What may be left of the log for the writer, which no commit passes meanwhile."""


class Keeper:
    """Runs beside one writer."""

    def __init__(self, paths: Paths, power: bool, segments: Segments, clock: Clock, wake: Wake) -> None:
        self.oldest_snapshot = snapshots.oldest_seq(paths.snapshots)
        """Number up to which no snapshot that is kept needs the entries' bodies."""
        self._paths = paths
        self._power = power
        self._segments = segments
        self._clock = clock
        self._wake = wake
        self._synced = 0
        self._heads: deque[Head] = deque()
        self._snapshots: deque[tuple[Snapshot, OnCommit | None]] = deque()
        self._jobs: deque[Callable[[], None]] = deque()
        self._bell = threading.Event()
        self._stopping = False
        self._checkpoint_at = time.monotonic() + CHECKPOINT_EVERY_S
        self._checkpointed = 0
        self._thread: threading.Thread | None = None

    def begin(self, writer: Writer, on_head: Callable[[str], None]) -> None:
        """Start the thread; `on_head` is called in the owner's with each signed head in one line of text."""
        self._thread = threading.Thread(target=self._run, args=(writer, on_head), name="ledger-keeper", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Write what is waiting, and end. Blocks."""
        self._stopping = True
        self._bell.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def snapshot(self, snapshot: Snapshot, on_done: OnCommit | None) -> None:
        """Write a snapshot soon."""
        self._snapshots.append((snapshot, on_done))

    def prune_snapshots(self, keep: int) -> None:
        """Remove all snapshots but the newest; in this thread. Raises OSError."""
        snapshots.prune(self._paths.snapshots, keep)
        self.oldest_snapshot = snapshots.oldest_seq(self._paths.snapshots)

    def head(self, head: Head) -> None:
        """Hand a head out once the disk has what it signs."""
        self._heads.append(head)

    def do(self, job: Callable[[], None]) -> None:
        """Run something in this thread, which alone writes segments."""
        self._jobs.append(job)

    def finish_messages(self, timeout_s: float = 10.0) -> None:
        """End the segment being written, so that its record is among the last entries. Blocks."""
        done = threading.Event()

        def finish() -> None:
            self._segments.drain(self._clock())
            self._segments.rotate()
            done.set()

        self.do(finish)
        self._bell.set()
        if self._thread is not None and self._thread.is_alive():
            done.wait(timeout_s)

    def _run(self, writer: Writer, on_head: Callable[[str], None]) -> None:
        stand_back()
        try:
            self._segments.recover()
            while not self._stopping:
                self._bell.wait(SYNC_EVERY_S)
                self._bell.clear()
                self._turn(writer, on_head)
            self._turn(writer, on_head)  # The head that was signed at the very end.
        finally:
            if not self._stopping:
                writer.report(STOPPED.format("keeper"), for_good=True)

    def _turn(self, writer: Writer, on_head: Callable[[str], None]) -> None:
        self._sync(writer)
        self._hand_out(writer, on_head)
        self._write_snapshots()
        self._checkpoint(writer)
        if self._jobs:  # One a turn: the log is forced to disk between them.
            self._jobs.popleft()()
            self._bell.set()
        self._segments.drain(self._clock())

    def _sync(self, writer: Writer) -> None:
        commits = writer.journal.commits
        if commits == self._synced or writer.journal.down is not None or writer.ended:
            return
        if not writer.journal.in_place():
            writer.report(
                f"ledger {self._paths.db}: the file was removed or replaced; put it back, or leave the path free"
            )
            return
        try:
            if not self._power:
                self.force()
        except OSError as error:
            if not writer.ended:  # The log is folded away by a writer that ends.
                writer.report(in_words(self._paths.wal, error))
            return
        self._synced = commits

    def force(self) -> None:
        """Have the log on disk; raises OSError. (Closing this descriptor drops no lock: SQLite locks other files.)"""
        fd = os.open(self._paths.wal, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)

    def _hand_out(self, writer: Writer, on_head: Callable[[str], None]) -> None:
        while self._heads and (self._synced == writer.journal.commits or writer.ended):
            head = str(self._heads.popleft())
            try:
                draft = self._paths.head.with_name(self._paths.head.name + ".draft")
                draft.write_text(head + "\n")
                draft.replace(self._paths.head)
            except OSError as error:
                log.error("%s can't be written: %s", self._paths.head, error.strerror)
            log.info("ledger head %s", head)
            with contextlib.suppress(RuntimeError):  # The loop is closed: nobody is left to be told.
                self._wake(partial(on_head, head))

    def _write_snapshots(self) -> None:
        while self._snapshots:
            snapshot, on_done = self._snapshots.popleft()
            error: str | None = None
            try:
                with contextlib.suppress(FileNotFoundError):  # No log: everything is in the database.
                    self.force()
                snapshots.write(self._paths.snapshots, snapshot)
                self.oldest_snapshot = snapshots.oldest_seq(self._paths.snapshots)
            except OSError as failed:
                error = f"snapshot in {self._paths.snapshots}: {failed.strerror}"
                log.error("%s; the ones before it are kept", error)
            if on_done is not None:
                deliver(self._wake, [(on_done, error)])

    def _checkpoint(self, writer: Writer) -> None:
        commits = writer.journal.commits
        if time.monotonic() < self._checkpoint_at or commits == self._checkpointed:
            return
        if writer.journal.down is not None or writer.closing:
            return
        self._checkpoint_at = time.monotonic() + CHECKPOINT_EVERY_S
        self._checkpointed = commits
        try:
            with contextlib.closing(files.connect_folder(self._paths.db)) as connection:
                pages, left = _folded(connection)
        except sqlite3.Error as error:
            log.warning("%s; the log grows until this works", in_words(self._paths.db, error))
            return
        if pages >= FOLD_PAGES and left <= FEW_PAGES:
            writer.fold_log = True


def _folded(connection: sqlite3.Connection) -> tuple[int, int]:
    """Fold the log in while it is written, so often that little is left: pages in it, and how many are left."""
    connection.execute("PRAGMA synchronous = NORMAL")
    pages = left = 0
    for _ in range(4):
        _, pages, done = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        left = pages - done
        if left <= FEW_PAGES:
            break
    return pages, left
