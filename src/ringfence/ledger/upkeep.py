"""Long work on the ledger in short steps: what is too old goes, and what belongs to one person.

Each function is a generator for `Writer.do`: it yields after each batch, so that no fact waits longer than one, and
returns how many entries were removed or lost their body. What is done is an entry of the chain itself, written before
it is done, so that a crash leaves nothing unexplained.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import pairwise

from ringfence.ledger import removal
from ringfence.ledger.records import Erased, Purged
from ringfence.ledger.store import Store, written
from ringfence.ledger.writer import Steps
from ringfence.model.time import Instant

log = logging.getLogger("ringfence.ledger")

_BATCH = 200


def purge(store: Store, before: Instant, kinds: Sequence[str], limit: int, now: Instant) -> Steps:
    """Remove entries older than `before` from the front, or only the bodies of these kinds; none over `limit`."""
    removal.settle(store)
    count = removal.older(store, before, kinds, limit)
    if not count:
        return 0
    store.append([written(Purged(at=now, before=before, kinds=tuple(kinds), entries=count))])
    yield
    gone = yield from _strip(store, before, kinds, limit) if kinds else _drop(store, before, limit)
    store.truncate_log()
    return gone


def _strip(store: Store, before: Instant, kinds: Sequence[str], limit: int) -> Steps:
    gone = after = 0
    while True:
        removed, after = removal.strip_before(store, before, kinds, limit, after)
        if not after:
            return gone
        gone += removed
        yield


def _drop(store: Store, before: Instant, limit: int) -> Steps:
    gone = 0
    while removed := removal.drop_before(store, before, limit):
        gone += removed
        yield
    return gone


def erase(
    store: Store, number: str, limit: int, clock: Callable[[], Instant], on_calls: Callable[[list[str]], None]
) -> Steps:
    """Remove the bodies of every call from or to a number, none over `limit`; `on_calls` is told their ids first."""
    removal.settle(store)
    found, calls = removal.of_number(store, number)
    on_calls(calls)
    old = [seq for seq in found if seq <= limit]
    if len(old) < len(found):
        log.warning("%d entries are too new to be erased: erase again in a few minutes", len(found) - len(old))
    for start in range(0, len(old), _BATCH):
        batch = old[start : start + _BATCH]
        removal.erase(store, batch, written(Erased(at=clock(), ranges=runs(batch))))
        yield
    store.truncate_log()
    return len(old)


def runs(seqs: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """First and last of each run in ascending numbers."""
    if not seqs:
        return ()
    gaps = [(one, other) for one, other in pairwise(seqs) if other != one + 1]
    firsts = [seqs[0], *(other for _, other in gaps)]
    lasts = [*(one for one, _ in gaps), seqs[-1]]
    return tuple(zip(firsts, lasts, strict=True))
