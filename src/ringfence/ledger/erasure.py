"""Erasing what belongs to a person: their calls lose their bodies, and the chain stays provable.

    forget      a snapshot of a state that has forgotten them, and no other; or none at all
       ▼
    find        their calls, but for those in progress (a restart needs them)            the writer's thread
       ▼
    messages    each segment of SIP messages that has some is written anew               the keeper's thread
       ▼
    strip       bodies, salts and search columns go; an Erased record says which         the writer's thread

Messages go first: after a crash in between, the entries still tell which messages have to go, and erasing again ends
what was begun. Every step is short, since facts wait meanwhile, and hands on to the next by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from ringfence.ledger import upkeep
from ringfence.ledger.errors import LedgerError
from ringfence.ledger.keeper import Keeper
from ringfence.ledger.personal import accounts_of, calls_of, goes_on, readable
from ringfence.ledger.segments import Segments
from ringfence.ledger.store import Store
from ringfence.ledger.writer import Steps, Writer
from ringfence.model.time import Instant


class Erased(NamedTuple):
    """What was done."""

    calls: int
    entries: int
    messages: int
    in_progress: int
    """Calls that stay, since they are in progress: erase again when they are over."""


class Erasure:
    """One erasure; `done` gives Erased, or fails with LedgerError."""

    def __init__(
        self, writer: Writer, keeper: Keeper, segments: Segments, numbers: Sequence[str], clock: Callable[[], Instant]
    ) -> None:
        self.done: Future[Erased] = Future()
        self.done.set_running_or_notify_cancel()  # From here on nobody can cancel it.
        self._writer = writer
        self._keeper = keeper
        self._segments = segments
        self._numbers = numbers
        self._clock = clock
        self._calls: list[str] = []
        self._seqs: list[int] = []
        self._in_progress = self._messages = 0
        self._paths: Iterator[Path] = iter(())

    def begin(self, snapshots: int) -> None:
        """Keep so many snapshots, the newest, and go on by itself."""
        self._keeper.do(lambda: self._in_keeper(lambda: self._forgotten(snapshots)))

    def fail(self, why: str) -> None:
        """It can't be done."""
        self.done.set_exception(LedgerError(why))

    def _forgotten(self, snapshots: int) -> None:
        self._keeper.prune_snapshots(snapshots)
        self._writer.do(self._find).add_done_callback(self._found)

    def _find(self, store: Store) -> Steps:
        yield from upkeep.settle(store)
        for call in sorted((yield from calls_of(store.query, self._numbers, store.seq, ("search",)))):
            rows = store.query(_STORY, (call,))
            if goes_on(readable(body for _, body in rows), self._clock()):
                self._in_progress += 1
            else:
                self._calls.append(call)
                self._seqs += [seq for seq, _ in rows]
            yield
        self._seqs += accounts_of(store.query, self._numbers)
        return len(self._calls)

    def _found(self, found: Future[int]) -> None:
        if not self._failed(found):
            self._keeper.do(lambda: self._in_keeper(self._look))

    def _look(self) -> None:
        self._paths = iter(self._segments.holding(self._calls, self._clock()))
        self._next_segment()

    def _next_segment(self) -> None:
        path = next(self._paths, None)
        if path is None:
            seqs = sorted(self._seqs)
            self._writer.do(lambda store: upkeep.erase(store, seqs, self._clock)).add_done_callback(self._stripped)
            return
        self._messages += self._segments.erase(path, self._calls)
        self._keeper.do(lambda: self._in_keeper(self._next_segment))

    def _stripped(self, stripped: Future[int]) -> None:
        if not self._failed(stripped):
            self.done.set_result(Erased(len(self._calls), stripped.result(), self._messages, self._in_progress))

    def _failed(self, step: Future[int]) -> bool:
        error = step.exception()
        if error is not None:
            self.done.set_exception(error)
        return error is not None

    def _in_keeper(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (OSError, ValueError) as error:
            self.fail(f"{self._segments.directory} or the snapshots beside it can't be changed: {error}; erase again")


_STORY = """SELECT seq, body FROM facts WHERE seq IN (SELECT seq FROM search WHERE call = ?) AND body IS NOT NULL
            ORDER BY seq"""
