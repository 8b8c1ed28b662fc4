"""When the guard lets the garbage collector run."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from ringfence.model.time import SECOND
from ringfence.server.garbage import EVERY_US, LATEST_US, MAX_LITTER, Collector


@pytest.fixture
def runs() -> Iterator[list[int]]:
    """The generations that were collected since; afterwards the collector is as it was."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            seen.append(info["generation"])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.enable()
    gc.unfreeze()


def collected(runs: list[int], collector: Collector, received: int, now: int, litter: int = 0) -> bool:
    runs.clear()
    collector.watch(received, litter, now)
    return bool(runs)


def test_python_collects_no_longer_by_itself(runs: list[int]) -> None:
    Collector(SECOND)
    assert not gc.isenabled()
    assert runs == [2]


def test_it_waits_for_a_moment_without_datagrams(runs: list[int]) -> None:
    collector = Collector(SECOND)
    due = SECOND + EVERY_US
    assert not collected(runs, collector, 1, due - 1)
    assert not collected(runs, collector, 2, due)
    assert collected(runs, collector, 2, due + 1)
    assert not collected(runs, collector, 2, due + 2)


def test_without_such_a_moment_it_runs_all_the_same(runs: list[int]) -> None:
    collector = Collector(SECOND)
    assert not collected(runs, collector, 1, SECOND + LATEST_US - 1)
    assert collected(runs, collector, 2, SECOND + LATEST_US)


def test_it_runs_after_many_connections_that_failed_to_open(runs: list[int]) -> None:
    collector = Collector(SECOND)
    assert not collected(runs, collector, 1, SECOND + 1, MAX_LITTER - 1)
    assert collected(runs, collector, 2, SECOND + 2, MAX_LITTER)
    assert not collected(runs, collector, 3, SECOND + 3, 2 * MAX_LITTER - 1)
    assert collected(runs, collector, 4, SECOND + 4, 2 * MAX_LITTER)
