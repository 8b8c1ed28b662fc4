"""What is paid where, and what is dear in it."""

import pytest

from ringfence.rules.currencies import currency_of, price_class


@pytest.mark.parametrize(
    ("country", "currency"), [("US", "USD"), ("GB", "GBP"), ("DE", "EUR"), ("IN", "INR"), ("JP", "JPY"), ("XK", "")]
)
def test_the_currency_of_a_country(country: str, currency: str) -> None:
    assert currency_of(country) == currency


@pytest.mark.parametrize(
    ("price", "currency", "expected"),
    [
        (-1, "USD", -1),
        (0, "USD", 0),
        (29_999, "USD", 0),
        (30_000, "USD", 1),
        (1_000_000, "EUR", 4),
        (1_000_000, "JPY", 0),
        (15_000_000, "JPY", 2),
        (300_000_000, "INR", 4),
        (30_000, "XYZ", 1),
    ],
)
def test_what_is_dear(price: int, currency: str, expected: int) -> None:
    assert price_class(price, currency) == expected
