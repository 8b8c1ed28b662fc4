"""A replay in several processes, a few groups of sources in each.

    this process   reads, puts in order, finds each call's group ──► batches ──► a process for some groups
                   sums, one file of decisions                  ◄── sums, a file of decisions each

Which process a group goes to is told by the first calls. A pipe that is full makes the reader wait, so memory stays
bounded.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import msgspec

from ringfence.history.cdr import Cdr, CdrError
from ringfence.history.groups import spread
from ringfence.history.placing import Placing
from ringfence.history.replay import Judged, Replay
from ringfence.history.summary import Summary

SAMPLE = 20_000
"""Calls by which groups are spread."""
BATCH = 500

Work = Callable[[Connection], None]
"""What a process does with its end of the pipe; it has to be found by name in a process of its own."""

_processes = multiprocessing.get_context("spawn")
_encode = msgspec.msgpack.encode
_calls = msgspec.msgpack.Decoder(list[Cdr]).decode


class Result(msgspec.Struct):
    """What one process found."""

    summary: Summary
    error: str = ""


class _Worker(NamedTuple):
    process: BaseProcess
    pipe: Connection


def play(
    calls: Iterable[Cdr], placing: Placing, group_of: Mapping[str, int], work: Sequence[Work], summary: Summary
) -> int:
    """Adds all calls to the sums, and gives how many belong to no source; one process for each of `work`.

    Raises CdrError where a process stumbles.
    """
    with ExitStack() as stack:
        workers = [_started(one, stack) for one in work]
        unplaced = _dispatch(calls, placing, group_of, workers)
        for worker in workers:
            summary.merge(_result(worker).summary)
    return unplaced


def _started(work: Work, stack: ExitStack) -> _Worker:
    mine, theirs = _processes.Pipe()
    process = _processes.Process(target=work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    stack.callback(process.join)
    stack.callback(mine.close)  # Before join: a process that still waits for calls ends by it.
    return _Worker(process, mine)


def _dispatch(calls: Iterable[Cdr], placing: Placing, group_of: Mapping[str, int], workers: Sequence[_Worker]) -> int:
    rows = iter(calls)
    first = list(itertools.islice(rows, SAMPLE))
    way = _ways(first, placing, group_of, len(workers))
    batches: list[list[Cdr]] = [[] for _ in workers]
    unplaced = 0
    for call in itertools.chain(first, rows):
        place = placing.of(call.trunk, call.source_ip)
        if place is None:
            unplaced += 1
            continue
        number = way[group_of[place.source]]
        batches[number].append(call)
        if len(batches[number]) == BATCH:
            _send(workers[number], batches[number])
            batches[number].clear()
    for worker, batch in zip(workers, batches, strict=True):
        if batch:
            _send(worker, batch)
        _send(worker, [])
    return unplaced


def _ways(first: Sequence[Cdr], placing: Placing, group_of: Mapping[str, int], many: int) -> dict[int, int]:
    """The process for each group."""
    places = (placing.of(call.trunk, call.source_ip) for call in first)
    counts = Counter(group_of[place.source] for place in places if place is not None)
    counts.update(dict.fromkeys(group_of.values(), 1))
    return spread(counts, many)


def _send(worker: _Worker, batch: list[Cdr]) -> None:
    try:
        worker.pipe.send_bytes(_encode(batch))
    except OSError:
        _result(worker)  # It stumbled, and says over what.
        raise _gone() from None


def _result(worker: _Worker) -> Result:
    try:
        found = msgspec.msgpack.decode(worker.pipe.recv_bytes(), type=Result)
    except (EOFError, OSError):
        raise _gone() from None
    if found.error:
        raise CdrError(found.error)
    return found


def _gone() -> CdrError:
    return CdrError("a process of the replay ended early, by want of memory perhaps; try again with --jobs 1")


# In a process of its own.


def judge(pipe: Connection, player: Replay, keep: Callable[[Judged], None], summary: Summary) -> None:
    """Judge what comes until there is no more."""
    for judged in player.run(_received(pipe)):
        summary.add(judged)
        keep(judged)


def tell(pipe: Connection, summary: Summary, error: str = "") -> None:
    """The sums, or why there aren't any."""
    pipe.send_bytes(_encode(Result(summary, error)))


def _received(pipe: Connection) -> Iterator[Cdr]:
    while batch := _calls(pipe.recv_bytes()):
        yield from batch
