"""Currencies, as far as they matter here: price classes, whatever a minute is paid in.

The classes are of US dollars or so. Prices in another currency are held against the bounds times what a dollar is in
it, roughly, as the bounds are a factor of three apart, and as of 2026. One that isn't listed counts as a dollar.
"""

from __future__ import annotations

BOUNDS_MICROS = (30_000, 100_000, 300_000, 1_000_000)
"""Prices per minute between which the five classes lie, micro-units of dollars."""
PER_DOLLAR = {
    "AED": 3.7, "ARS": 1400, "BDT": 120, "BRL": 5.5, "CLP": 950, "CNY": 7, "COP": 4000, "CZK": 22, "DKK": 6.7,
    "EGP": 48, "HKD": 7.8, "HUF": 350, "IDR": 16_000, "ILS": 3.5, "INR": 88, "ISK": 125, "JPY": 150, "KES": 130,
    "KRW": 1400, "KZT": 520, "LKR": 300, "MAD": 9.5, "MXN": 18.5, "MYR": 4.3, "NGN": 1500, "NOK": 10.2, "PEN": 3.6,
    "PHP": 57, "PKR": 282, "PLN": 3.7, "RON": 4.4, "RSD": 102, "RUB": 85, "SAR": 3.75, "SEK": 9.5, "THB": 33,
    "TRY": 41, "TWD": 31, "UAH": 41, "VND": 26_000, "ZAR": 17.5,
}  # fmt: skip
"""What a dollar is, in currencies of which a unit is worth less than half of one. No money is converted by it."""


def price_class(price_micros_per_min: int, currency: str) -> int:
    """0, the cheapest, to 4; -1 where the price isn't known (negative)."""
    if price_micros_per_min < 0:
        return -1
    worth = price_micros_per_min / PER_DOLLAR.get(currency, 1)
    return sum(worth >= bound for bound in BOUNDS_MICROS)


EURO = frozenset((
    "AT", "BE", "BG", "CY", "DE", "EE", "ES", "FI", "FR", "GR", "HR", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PT",
    "SI", "SK",
))  # fmt: skip
STRONG = ("AUD", "CAD", "CHF", "GBP", "NZD", "SGD", "USD")


def currency_of(country: str) -> str:
    """What is paid in a country; empty where that isn't known. A currency begins with its country (ISO 4217)."""
    if country in EURO:
        return "EUR"
    return next((name for name in (*STRONG, *PER_DOLLAR) if name[:2] == country), "")
