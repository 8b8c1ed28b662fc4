"""A rolling window never shows less than what fell into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine.window import BUCKETS, RollingWindow
from ringfence.model import SECOND

STEPS = st.lists(st.tuples(st.integers(0, 40 * SECOND), st.integers(1, 5)), max_size=60)


@given(STEPS)
def test_never_under_the_true_sum_and_at_most_a_bucket_late(steps: list[tuple[int, int]]) -> None:
    window, now, added = RollingWindow(60), 1_700_000_000 * SECOND, []
    for step, amount in steps:
        now += step
        window.add(amount, now)
        added.append((now, amount))
        total = window.read(now)
        assert total >= sum(a for at, a in added if at > now - 60 * SECOND)
        assert total <= sum(a for at, a in added if at > now - (60 + 60 // BUCKETS) * SECOND)


@pytest.mark.parametrize("cap", [1, 7, 50])
@given(steps=st.lists(st.integers(0, 3 * SECOND), max_size=200))
def test_a_cap_kept_by_it_holds_in_every_window(cap: int, steps: list[int]) -> None:
    window, now, granted = RollingWindow(60), 0, []
    for step in steps:
        now += step
        if window.read(now) < cap:
            window.add(1, now)
            granted.append(now)
    for start in granted:
        assert sum(start <= at < start + 60 * SECOND for at in granted) <= cap


def test_midnight_is_no_border() -> None:
    midnight = 20_000 * 86_400 * SECOND
    window = RollingWindow(86_400)
    window.add(5, midnight - 1)
    assert window.read(midnight + 1) == 5


def test_a_refund_leaves_what_others_added_where_it_was() -> None:
    window = RollingWindow(60)
    window.add(3, 0)
    window.add(4, 10 * SECOND)
    window.refund(2, 0)
    assert window.read(10 * SECOND) == 5
    assert window.read(61 * SECOND) == 4
    window.refund(100, 10 * SECOND)
    assert window.read(61 * SECOND) == 0


def test_a_refund_of_what_is_out_of_the_window_takes_nothing() -> None:
    window = RollingWindow(60)
    window.add(3, 0)
    window.add(4, 100 * SECOND)
    window.read(100 * SECOND)
    window.refund(3, 0)
    assert window.read(100 * SECOND) == 4


def test_time_that_steps_back_counts_as_the_newest() -> None:
    window = RollingWindow(60)
    window.add(1, 100 * SECOND)
    window.add(1, 50 * SECOND)
    assert window.read(160 * SECOND) == 2
    assert window.read(161 * SECOND) == 0


@given(STEPS)
def test_loads_what_it_dumped(steps: list[tuple[int, int]]) -> None:
    window, copy, now = RollingWindow(60), RollingWindow(60), 0
    for step, amount in steps:
        now += step
        window.add(amount, now)
    copy.load(window.dump())
    for later in (0, 20 * SECOND, 61 * SECOND):
        assert copy.read(now + later) == window.read(now + later)
