"""Long work on the ledger in short steps: what is too old goes, and what erasure.py found of a person.

Each function is a generator for `Writer.do`: it yields after each batch, so that no fact waits longer than one, and
returns how many entries were removed or lost their body. What is done is an entry of the chain itself, written before
it is done, so that a crash leaves nothing unexplained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from ringfence.ledger import removal
from ringfence.ledger.records import Erased, Purged
from ringfence.ledger.store import Store, written
from ringfence.ledger.writer import Steps
from ringfence.model.time import Instant

_BATCH = 100


def purge(store: Store, before: Instant, kinds: Sequence[str], limit: int, now: Instant) -> Steps:
    """Remove entries older than `before` from the front, or only the bodies of these kinds; none over `limit`."""
    yield from settle(store)
    found = [kind for kind in kinds if removal.with_body(store, before, kind, limit)]
    if not (found if kinds else removal.any_before(store, before, limit)):
        return 0
    store.append([written(Purged(at=now, before=before, kinds=tuple(found)))])
    yield
    gone = yield from _strip(store, before, found, limit) if kinds else _drop(store, before, limit)
    store.truncate_log()
    return gone


def settle(store: Store) -> Steps:
    """Make everything searchable."""
    while store.unsearched:
        store.make_searchable(_BATCH)
        yield
    return 0


def _strip(store: Store, before: Instant, kinds: Sequence[str], limit: int) -> Steps:
    gone = 0
    for kind in kinds:
        while seqs := removal.with_body(store, before, kind, limit):
            removal.strip(store, seqs)
            gone += len(seqs)
            yield
    return gone


def _drop(store: Store, before: Instant, limit: int) -> Steps:
    gone = 0
    while removed := removal.drop_before(store, before, limit):
        gone += removed
        yield
    return gone


def erase(store: Store, seqs: Sequence[int], clock: Callable[[], Instant]) -> Steps:
    """Remove the bodies of these entries, in ascending order."""
    for start in range(0, len(seqs), _BATCH):
        batch = seqs[start : start + _BATCH]
        removal.strip(store, batch, written(Erased(at=clock(), ranges=runs(batch))))
        yield
    store.truncate_log()
    return len(seqs)


def runs(seqs: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """First and last of each run in ascending numbers."""
    if not seqs:
        return ()
    gaps = [(one, other) for one, other in pairwise(seqs) if other != one + 1]
    firsts = [seqs[0], *(other for _, other in gaps)]
    lasts = [*(one for one, _ in gaps), seqs[-1]]
    return tuple(zip(firsts, lasts, strict=True))
