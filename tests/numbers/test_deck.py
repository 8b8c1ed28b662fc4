"""Rate decks: prices round up, to increments and to whole micro-units; the longest prefix and the newest date win."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.numbers import Rate, RateDeck, TableError

HEADER = "prefix,name,connect_fee,price_per_min,first_increment_s,next_increment_s,valid_from\n"


@pytest.mark.parametrize(
    ("duration_s", "cost"),
    [(0, 1_005_000), (1, 1_005_000), (30, 1_005_000), (31, 1_006_000), (36, 1_006_000), (37, 1_007_000)],
)
def test_first_and_next_increment(duration_s: int, cost: int) -> None:
    assert Rate("44", "United Kingdom", 1_000_000, 10_000, 30, 6).cost_micros(duration_s) == cost


def test_a_fraction_of_a_micro_unit_rounds_up() -> None:
    assert Rate("44", "United Kingdom", 0, 1, 1, 1).cost_micros(1) == 1


rates = st.builds(
    Rate,
    prefix=st.just("44"),
    name=st.just("GB"),
    connect_fee_micros=st.integers(0, 10**15),
    price_micros_per_min=st.integers(0, 10**15),
    first_s=st.integers(1, 3600),
    next_s=st.integers(1, 3600),
)
durations = st.integers(0, 10**6)


@given(rates, durations)
def test_billed_seconds_are_the_fewest_whole_increments_that_cover_the_call(rate: Rate, duration_s: int) -> None:
    billed = rate.billed_s(duration_s)
    assert billed >= duration_s
    assert (billed - rate.first_s) % rate.next_s == 0
    assert billed == rate.first_s or billed - rate.next_s < duration_s


@given(rates, durations)
def test_the_cost_is_exact_and_never_rounded_down(rate: Rate, duration_s: int) -> None:
    cost = rate.cost_micros(duration_s)
    exact = rate.connect_fee_micros + Fraction(rate.price_micros_per_min * rate.billed_s(duration_s), 60)
    assert isinstance(cost, int)
    assert 0 <= exact <= cost < exact + 1


@given(rates, durations, durations)
def test_a_longer_call_never_costs_less(rate: Rate, one: int, other: int) -> None:
    assert rate.cost_micros(min(one, other)) <= rate.cost_micros(max(one, other))


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def test_the_longest_prefix_wins_then_the_newest_date_that_has_begun() -> None:
    deck = RateDeck.from_csv(
        HEADER
        + "44,GB,0,0.01,1,1,\n44,GB,0,0.02,1,1,2026-02-01\n44,GB,0,0.03,1,1,2026-03-01T00:00:00+01:00\n"
        + "447,GB mobile,0,0.05,1,1,2026-02-15\n"
    )

    def price(e164: str, when: str) -> int | None:
        rate = deck.rate(e164, at(when))
        return rate.price_micros_per_min if rate else None

    assert price("441614960123", "2026-01-31T23:59:59") == 10_000
    assert price("441614960123", "2026-02-01T00:00:00") == 20_000
    assert price("441614960123", "2026-02-28T22:59:59") == 20_000
    assert price("441614960123", "2026-02-28T23:00:00") == 30_000
    assert price("447975556677", "2026-02-14T00:00:00") == 20_000, "the longer prefix has not begun"
    assert price("447975556677", "2026-02-15T00:00:00") == 50_000
    assert price("4930123456", "2026-02-15T00:00:00") is None
    assert len(deck) == 2


prefixes = st.text("0123", min_size=1, max_size=4)
dated = st.dictionaries(st.tuples(prefixes, st.integers(0, 5)), st.integers(1, 99), min_size=1, max_size=25)


@given(dated, st.text("0123", max_size=6), st.integers(-1, 6))
def test_rate_is_the_naive_one(rows: dict[tuple[str, int], int], number: str, now: int) -> None:
    deck: dict[str, list[tuple[int, Rate]]] = {}
    for (prefix, since), price in rows.items():
        deck.setdefault(prefix, []).append((since, Rate(prefix, "", 0, price, 1, 1)))
    fitting = [(len(p), since, price) for (p, since), price in rows.items() if number.startswith(p) and since <= now]
    found = RateDeck(deck).rate(number, now)
    assert (found.price_micros_per_min if found else None) == (max(fitting)[2] if fitting else None)


def test_money_is_read_exactly() -> None:
    deck = RateDeck.from_csv(HEADER + "+1,US,999999999.999999,0.000001,60,60,\n 44 , GB , 1 ,0.1,1,1, \n")
    assert deck.rate("12125550142", 0) == Rate("1", "US", 999_999_999_999_999, 1, 60, 60)
    assert deck.rate("441614960123", 0) == Rate("44", "GB", 1_000_000, 100_000, 1, 1)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("x,GB,0,0.01,1,1,", "line 2: prefix 'x': must be 1 to 15 digits"),
        (",GB,0,0.01,1,1,", "line 2: prefix '': must be 1 to 15 digits"),
        ("44,GB,-1,0.01,1,1,", "line 2: connect_fee '-1': must be a plain decimal"),
        ("44,GB,0,0.0000001,1,1,", "line 2: price_per_min '0.0000001': must be a plain decimal"),
        ('44,GB,0,"0,01",1,1,', "line 2: price_per_min '0,01': must be a plain decimal"),
        ("44,GB,0,1e-2,1,1,", "line 2: price_per_min '1e-2': must be a plain decimal"),
        ("44,GB,0,\u0661,1,1,", "line 2: price_per_min '\u0661': must be a plain decimal"),
        ("44,GB,0,0.01,0,1,", "line 2: first_increment_s '0': must be whole seconds"),
        ("44,GB,0,0.01,1,3601,", "line 2: next_increment_s '3601': must be whole seconds"),
        ("44,GB,0,0.01,1,1,soon", "line 2: valid_from 'soon': must be a date or a time"),
        ("44,GB,0,0.01,1,1", "line 2: row '6 cells': must have 7 cells as the header does"),
        ("44,GB,0,0.01,1,1,\n44,UK,0,0.02,1,1,", "line 3: prefix '44 from always': is on line 2 already"),
        ('44,"GB,0,0.01,1,1,', "isn't CSV: unexpected end of data"),
        ("", "deck '': holds no rate"),
    ],
)
def test_a_wrong_row_is_named(row: str, problem: str) -> None:
    with pytest.raises(TableError) as raised:
        RateDeck.from_csv(HEADER + row, "unlimcall.csv")
    assert str(raised.value).startswith("unlimcall.csv:\n  ")
    assert problem in str(raised.value)


def test_all_problems_come_at_once_and_in_order() -> None:
    with pytest.raises(TableError) as raised:
        RateDeck.from_csv(HEADER + "x,GB,y,0.01,1,1,\n44,GB,0,z,1,1,\n")
    assert [(problem.line, problem.column) for problem in raised.value.problems] == [
        (2, "prefix"),
        (2, "connect_fee"),
        (3, "price_per_min"),
    ]


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("", "column 'prefix': is missing"),
        ("prefix,name", "column 'price_per_min': is missing"),
        (HEADER.strip() + ",colour", "column 'colour': is unknown"),
        (HEADER.strip() + ",name", "column 'name': is named twice"),
    ],
)
def test_a_wrong_header_is_named(header: str, problem: str) -> None:
    with pytest.raises(TableError) as raised:
        RateDeck.from_csv(header + "\n")
    assert problem in str(raised.value)
