"""Prices round up: to increments, and to whole micro-units."""

import pytest

from ringfence.numbers.deck import Rate


@pytest.mark.parametrize(
    ("duration_s", "cost"),
    [(0, 1_005_000), (1, 1_005_000), (30, 1_005_000), (31, 1_006_000), (36, 1_006_000), (37, 1_007_000)],
)
def test_first_and_next_increment(duration_s: int, cost: int) -> None:
    assert Rate("44", "United Kingdom", 1_000_000, 10_000, 30, 6).cost_micros(duration_s) == cost


def test_a_fraction_of_a_micro_unit_rounds_up() -> None:
    assert Rate("44", "United Kingdom", 0, 1, 1, 1).cost_micros(1) == 1
