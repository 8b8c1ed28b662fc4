"""Toll-free calls of the last hour, by name, and that names don't pile up."""

from __future__ import annotations

from ringfence.engine.lately import HOUR_US
from ringfence.engine.toll_free import MAX_CALLS, MAX_NAMES, TollFree


def test_an_hour_is_counted_and_no_more() -> None:
    calls = TollFree()
    for at in (1, 2, HOUR_US):
        calls.add("a", at)
    assert [calls.hour("a", now) for now in (HOUR_US, HOUR_US + 1, HOUR_US + 2)] == [3, 2, 1]
    assert calls.hour("b", HOUR_US) == 0


def test_names_that_are_made_up_within_an_hour_are_bounded() -> None:
    calls = TollFree()
    calls.add("known", 0)
    for number in range(MAX_NAMES):
        calls.add(f"made up {number}", 1)
        calls.add("known", 2)
    assert len(list(calls)) == MAX_NAMES
    assert calls.hour("known", 3) == MAX_CALLS


def test_it_comes_back_from_a_snapshot() -> None:
    calls, again = TollFree(), TollFree()
    calls.add("a", 5)
    again.load(calls.dump())
    assert (again.dump(), again.hour("a", 6)) == (calls.dump(), 1)
