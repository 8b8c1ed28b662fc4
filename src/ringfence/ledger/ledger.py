"""The ledger of one node: facts in order, in a chain, with snapshots and messages beside them.

    ledger = Ledger.open(policy.ledger, "n1", wake=loop.call_soon_threadsafe, clock=clock.now)
    snapshot = ledger.load_snapshot()            what the state was, None at the very first start
    for seq, fact in ledger.replay(): ...        and what came after it
    ledger.append(decided, on_commit)            on_commit(None) in the loop when it is committed, else on_commit(why)
    ledger.down                                  None, or why nothing can be written now
    ledger.close()                               blocks until all is written; head signed

All methods belong to one thread, the one that `wake` wakes. While the ledger is down, every on_commit is called
with the reason at once, facts are kept in memory up to a bound and written when it works again, in order; what was over
the bound is counted in an Outage record of the chain. After an outage with losses the caller should write a snapshot.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial

from ringfence.ledger import snapshots, upkeep
from ringfence.ledger.callbacks import OnCommit, Wake, deliver
from ringfence.ledger.chain import Head, Signer
from ringfence.ledger.erasure import Erased, Erasure
from ringfence.ledger.errors import LedgerError
from ringfence.ledger.files import Paths, WriterLock
from ringfence.ledger.journal import Clock, Journal
from ringfence.ledger.keeper import Keeper
from ringfence.ledger.messages import Message
from ringfence.ledger.reading import Reader
from ringfence.ledger.records import NOT_KEPT, Opened, Segment, number_key
from ringfence.ledger.segments import Closed, Segments
from ringfence.ledger.snapshots import Snapshot
from ringfence.ledger.store import Store
from ringfence.ledger.verify import Verified, verify
from ringfence.ledger.writer import SnapshotRequest, Writer
from ringfence.model import Fact
from ringfence.model import settings as policy
from ringfence.model.time import Instant

log = logging.getLogger("ringfence.ledger")

LAST = 2**63 - 1
"""After every entry."""
SWITCH_INTERVAL_S = 0.0005
"""What a process with a ledger and an event loop should give `sys.setswitchinterval`: with Python's 5 ms the loop may
wait that long for a thread of ours in the middle of a computation."""


class Ledger:
    """Writes one ledger; only one process can have it open."""

    def __init__(
        self,
        settings: policy.Ledger,
        node: str,
        paths: Paths,
        lock: WriterLock,
        wake: Wake,
        clock: Clock,
        on_state: OnCommit,
    ) -> None:
        signer = Signer.load(paths.key)
        self.path = paths.db
        self._paths = paths
        self._lock = lock
        self._clock = clock
        self._keep_messages = settings.messages
        self._segments = Segments(paths.messages, self._segment_closed)
        self._keeper = Keeper(paths, settings.durability == "power", self._segments, clock, wake)
        self._journal = Journal(
            paths.db,
            lambda: Store(paths, node, signer, settings.durability, clock()),
            lambda now: Opened(at=now, node=node, key=signer.public),
            _last_head(paths, node, signer.public),
            clock=clock,
            on_state=lambda down: deliver(wake, [(on_state, down)]),
        )
        self._writer = Writer(
            self._journal,
            settings.stranger_rows_per_10s,
            wake=wake,
            clock=clock,
            on_snapshot=self._keeper.snapshot,
            on_head=self._keeper.head,
        )

    @classmethod
    def open(
        cls,
        settings: policy.Ledger,
        node: str,
        *,
        wake: Wake,
        clock: Clock,
        on_state: OnCommit = lambda down: None,
        on_head: Callable[[str], None] = lambda head: None,
    ) -> Ledger:
        """Open for writing, and create what is missing.

        `on_state` is called with the reason when the ledger goes down and with None when it works again; `on_head` with
        each signed head (one line of text, to be sent out). Raises LedgerError where another process writes it, it is
        another node's, or nothing can be created. A full disk or a read-only file is no error: the ledger is down.
        """
        paths = Paths.of(settings.path)
        try:
            paths.db.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise LedgerError(f"ledger directory {paths.db.parent}: {error.strerror}; choose another path") from error
        lock = WriterLock(paths.lock)
        try:
            ledger = cls(settings, node, paths, lock, wake, clock, on_state)
            ledger._writer.start()
        except BaseException:
            lock.release()
            raise
        ledger._keeper.begin(ledger._writer, on_head)
        return ledger

    @property
    def down(self) -> str | None:
        """Why nothing can be written now, for the operator; None while the ledger works."""
        return self._journal.down

    def append(self, fact: Fact, on_commit: OnCommit | None = None) -> None:
        """Keep a fact. `on_commit` is called once in the loop. Raises LedgerError for a kind that isn't journaled."""
        if type(fact) in NOT_KEPT:
            raise LedgerError(f"{type(fact).__name__} is not journaled")
        self._writer.put(fact, on_commit)

    def hurry(self) -> None:
        """Write what is queued now and not in a moment: once for all facts that something waits for.

        Waking the writer costs the event loop more than the append itself, so a batch of datagrams does it once.
        """
        self._writer.hurry()

    def soon(self) -> None:
        """Write what is queued within a few milliseconds: nobody waits for it, but it should survive this process."""
        self._writer.soon()

    def oldest_pending_us(self, now: Instant) -> int:
        """How long the oldest fact has waited for its commit; 0 while down, which is an answer of its own."""
        return self._writer.oldest_pending_us(now)

    def store_message(self, message: Message) -> None:
        """Keep a SIP message, scrubbed, when there is time; never blocks."""
        if self._keep_messages:
            self._segments.put(message)

    def counts(self) -> dict[str, int]:
        """Entries and commits written, messages that weren't kept: for status and metrics."""
        journal = self._journal
        return {
            "entries": journal.committed,
            "commits": journal.commits,
            "backlog": len(journal.backlog.rows),
            "messages_dropped": self._segments.dropped,
        }

    # --- state ----------------------------------------------------------------------------------------------------

    def write_snapshot(self, state: dict[str, bytes], at: Instant, on_done: OnCommit | None = None) -> None:
        """Keep the state as it is after every fact appended so far. `on_done` as with `append`."""
        self._writer.put(SnapshotRequest(state, at), on_done)

    def reader(self) -> Reader:
        """A read-only view of what is committed. Raises LedgerError where the ledger can't be read."""
        return Reader(self.path)

    def load_snapshot(self) -> Snapshot | None:
        """The newest usable snapshot. Raises LedgerError where the ledger can't be read."""
        with self.reader() as reader:
            return snapshots.newest(self._paths.snapshots, reader.chain_at)

    def replay(self, since_snapshot: bool = True, since: Instant = 0) -> Iterator[tuple[int, Fact]]:
        """(seq, fact) in order, after the newest usable snapshot or all that is kept; `since` leaves older ones out.

        Raises LedgerError where the ledger can't be read.
        """
        snapshot = self.load_snapshot() if since_snapshot else None
        with self.reader() as reader:
            yield from reader.facts(snapshot.seq if snapshot else 0, since)

    def story(self, call_id: str) -> list[Fact]:
        """The facts of one call in order; for many calls take one `reader()`. Raises LedgerError."""
        with self.reader() as reader:
            return reader.facts_of(call_id)

    def verify(self, head: str = "") -> Verified:
        """Walk the chain; `head` is one that was sent out. Raises LedgerError where the ledger can't be read."""
        return verify(self.path, head)

    # --- upkeep ---------------------------------------------------------------------------------------------------

    def purge(self, before: Instant, kinds: Sequence[str] = (), *, retired: bool = False) -> Future[int]:
        """Remove bodies of these kinds (none named: all, with their headers) and messages older than `before`.

        The future gives the number of entries; it fails with LedgerError. What a kept snapshot still needs stays, and
        all while there is none, unless the ledger is `retired` and no guard starts from it.
        """
        limit = self._keeper.oldest_snapshot or (LAST if retired else 0)
        future = self._writer.do(lambda store: upkeep.purge(store, before, kinds, limit, self._clock()))
        if not kinds:
            self._keeper.do(partial(self._purge_messages, before))
        return future

    def erase(self, numbers: Sequence[str], state: dict[str, bytes] | None) -> Future[Erased]:
        """Remove every call from, to or forwarded by one of these numbers, with its messages; see erasure.py.

        `state` is that of now, without what was remembered of the numbers: it takes the place of all snapshots. None:
        there is none (no guard runs), and the next start reads all facts again. The future fails with LedgerError.
        """
        keys = [number_key(number) for number in numbers]
        erasure = Erasure(self._writer, self._keeper, self._segments, keys, self._clock)
        if state is None:
            erasure.begin(snapshots=0)
        else:
            told = lambda error: erasure.fail(error) if error else erasure.begin(snapshots=1)  # noqa: E731
            self.write_snapshot(state, self._clock(), told)
        return erasure.done

    def _segment_closed(self, closed: Closed) -> None:
        self._writer.put(Segment(at=self._clock(), **closed._asdict()))

    def _purge_messages(self, before: Instant) -> None:
        try:
            self._segments.purge(before)
        except OSError as error:
            log.error("messages in %s can't be purged: %s", self._paths.messages, error.strerror)

    def close(self) -> None:
        """Write what is queued, sign the head, let others write. Blocks until done."""
        self._keeper.finish_messages()
        self._writer.close()
        self._keeper.stop()
        self._lock.release()


def _last_head(paths: Paths, node: str, key: bytes) -> tuple[int, bytes] | None:
    """Where the head that was signed last says the chain stood; None where there is none of ours."""
    try:
        head = Head.parse(paths.head.read_text())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, LedgerError) as error:
        log.warning("%s can't be read, the start of the ledger isn't compared with it: %s", paths.head, error)
        return None
    return (head.seq, head.chain) if (head.node, head.key) == (node, key) and head.valid() else None
