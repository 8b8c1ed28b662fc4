"""Prices, and what has none."""

from __future__ import annotations

from typing import Any

import pytest
from rulecase import DECK, GB, LV, US, found, make_case, told

from ringfence.model.settings import Caps, Spend
from ringfence.numbers import Rate, RateDeck
from ringfence.rules.price_over_ceiling import PriceOverCeiling, first_minute_micros

RULE = PriceOverCeiling()
CEILING = [("block", "trunk.carrier.max_price_per_min")]
ONLY_GB = RateDeck.from_csv(
    "prefix,name,connect_fee,price_per_min,first_increment_s,next_increment_s,valid_from\n44,GB,0,0.02,60,60,\n"
)
MONEY = Caps(spend=Spend(per_day=5_000_000))
MONTH = Caps(spend=Spend(per_month=5_000_000))


@pytest.mark.parametrize(
    ("dialled", "ceiling", "expected"),
    [
        (US, 10_000, []),
        (US, 9_999, CEILING),
        (LV, 550_000, []),  # 0.50 a minute after 0.05
        (LV, 549_999, CEILING),
        (GB, None, []),
        (GB, 0, CEILING),
    ],
)
def test_the_ceiling(dialled: str, ceiling: int | None, expected: list[tuple[str, str]]) -> None:
    assert told(RULE, make_case(dialled, trunk={"deck": DECK, "max_price_per_min": ceiling})) == expected


def test_a_flat_trunk_has_no_prices() -> None:
    case = make_case(LV, trunk={"max_price_per_min": 1}, source={"per_caller": MONEY})
    assert told(RULE, case) == []


@pytest.mark.parametrize(
    ("fee", "price", "first", "following", "micros"),
    [
        (0, 100, 1, 1, 100),
        (0, 100, 60, 60, 100),
        (50, 100, 60, 60, 150),
        (0, 100, 180, 60, 300),
        (0, 100, 6, 60, 110),  # 66 seconds are billed
        (0, 0, 1, 1, 0),
    ],
)
def test_the_first_minute_counts_fee_and_whole_increments(
    fee: int, price: int, first: int, following: int, micros: int
) -> None:
    assert first_minute_micros(Rate("1", "", fee, price, first, following)) == micros


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({}, None),
        ({"trunk": {"max_price_per_min": 100}}, "trunk.carrier.max_price_per_min"),
        ({"trunk": {"caps": MONEY}}, "trunk.carrier.spend.total"),
        ({"trunk": {"caps": MONTH}}, "trunk.carrier.spend.total"),
        ({"trunk": {"class_caps": {"international": MONTH}}}, "trunk.carrier.spend.international"),
        ({"trunk": {"class_caps": {"domestic": MONEY}}}, None),
        ({"trunk": {"class_caps": {"international": Caps()}}}, None),
        ({"source": {"class_caps": {"international": MONEY}}}, "source.pbx.spend.international"),
        ({"source": {"per_caller": MONEY}}, "source.pbx.per_caller.spend.total"),
        ({"tenant": {"caps": MONEY}}, "tenant.hotel.spend.total"),
    ],
)
def test_an_unknown_price_is_refused_where_money_is_limited(settings: dict[str, Any], where: str | None) -> None:
    trunk = {"deck": ONLY_GB, **settings.get("trunk", {})}
    case = make_case(LV, **{**settings, "trunk": trunk})
    assert told(RULE, case) == ([] if where is None else [("block", where)])


@pytest.mark.parametrize(
    ("dialled", "home", "free"),
    [
        ("18005551212", "US", True),
        ("18005551212", "CA", True),
        ("+80012345678", "US", False),  # universal freephone: the carrier charges for it
        ("+18005551212", "GB", False),
        ("411", "US", True),
        ("988", "US", True),
        ("111", "GB", True),
        ("118118", "GB", False),
        (US, "US", False),
        ("01137110000000", "US", False),
    ],
)
def test_what_is_free_at_home_needs_no_price(dialled: str, home: str, free: bool) -> None:
    case = make_case(dialled, home=home, trunk={"deck": ONLY_GB, "max_price_per_min": 100})
    assert told(RULE, case) == ([] if free else CEILING)


def test_a_price_is_compared_even_where_calls_should_be_free() -> None:
    assert told(RULE, make_case("18005551212", trunk={"deck": DECK, "max_price_per_min": 5})) == CEILING


def test_what_is_no_number_has_no_price_and_nobody_misses_it() -> None:
    assert told(RULE, make_case("alice", trunk={"deck": DECK, "max_price_per_min": 5})) == []


def test_it_says_the_price() -> None:
    [finding] = found(RULE, make_case(LV, trunk={"deck": DECK, "max_price_per_min": 500_000}))
    assert finding.text == "+37167000000 (fixed, LV) costs 0.55 in its first minute (LV); at most 0.50"
    [finding] = found(RULE, make_case(LV, trunk={"deck": ONLY_GB, "max_price_per_min": 500_000}))
    assert finding.text == "+37167000000 (fixed, LV) has no price in the rate deck of trunk carrier"
