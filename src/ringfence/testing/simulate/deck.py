"""A rate deck for one home: a row for each country, rows for special ranges, satellites and the islands of +1.

Prices are by tier (`[price]` in the parameters). A range is special as far as every number under it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from ringfence.numbers import RateDeck, numbering
from ringfence.numbers.number import SPECIAL_TYPES
from ringfence.numbers.overlay import table
from ringfence.testing.simulate.parameters import section

HEADER = "prefix,name,connect_fee,price_per_min,first_increment_s,next_increment_s,valid_from"
DEPTH = 4
"""Digits behind the calling code down to which special ranges are looked for."""


@cache
def price_of(country: str, home: str) -> Decimal:
    """Per minute to ordinary numbers of a country."""
    found = section("price")
    if country == home:
        return Decimal(str(found["home"]))
    if country in found["exact"]:
        return Decimal(str(found["exact"][country]))
    tier = next((tier for tier in ("cheap", "dear") if country in found[f"{tier}_countries"].split()), "middle")
    return Decimal(str(found[tier]))


@cache
def deck_text(home: str) -> str:
    """The deck as CSV; money is in the home's currency, which the prices aren't converted for."""
    rows: dict[str, str] = {}
    for prefix, name, price, step in _rows(home):
        rows.setdefault(prefix, f"{prefix},{name},0,{price},{step},{step},")
    return "\n".join([HEADER, *(rows[prefix] for prefix in sorted(rows))]) + "\n"


@cache
def deck(home: str) -> RateDeck:
    """The deck, compiled."""
    return RateDeck.from_csv(deck_text(home))


def _rows(home: str) -> Iterator[tuple[str, str, Decimal, int]]:
    found, codes = section("price"), numbering().codes
    for code, regions in codes.items():
        if regions[0] == "001":
            satellite = code in ("870", "881")
            yield code, "global", Decimal(str(found["satellite" if satellite else "global"])), 60
            continue
        yield code, regions[0], price_of(regions[0], home), 6 if home in regions else 30
        yield from ((prefix, name, price_of(name, home), 30) for prefix, name in _parts(code, regions))
        for prefix, name in _special(code):
            price = found["special_domestic" if name == home else "special_abroad"]
            yield prefix, f"{name} special", Decimal(str(price)), 60


def _parts(code: str, regions: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Area codes of +1 that aren't the United States'."""
    if code != "1":
        return
    for area in range(200, 1000):
        names = {label.region for row in table().rows_under(f"1{area}") for label in row[11:12] if label.type}
        if len(names) == 1 and (name := names.pop()) != regions[0]:
            yield f"1{area}", name


def _special(code: str) -> Iterator[tuple[str, str]]:
    """The shortest prefixes under which every number is special, with their country."""
    waiting = [code]
    while waiting:
        prefix = waiting.pop()
        labels = {label for row in table().rows_under(prefix) for label in row[len(prefix) :] if label.type}
        if labels and all(label.type in SPECIAL_TYPES for label in labels):
            yield prefix, min(label.region for label in labels)
        elif any(label.type in SPECIAL_TYPES for label in labels) and len(prefix) < len(code) + DEPTH:
            waiting += [f"{prefix}{digit}" for digit in range(10)]


def cost_micros(home: str, e164: str, billed_s: int, at_us: int) -> int:
    """What an answered call costs, micro-units; 0 for what the deck has no price for."""
    rate = deck(home).rate(e164, at_us)
    return rate.cost_micros(billed_s) if rate is not None else 0
