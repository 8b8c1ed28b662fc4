"""Whose numbers these are: calling code and country (control C4).

A calling code isn't a country: +1 has 25 of them, +44 four, +7 two. Domestic means the same region as home, so for a
US trunk Canada, Jamaica and also the US territories (PR, VI, GU, AS, MP) are abroad: carriers bill them apart, and a
policy permits them by name. Toll-free, 900 and personal numbers of the NANP have the region US by convention; the
toll-free ones are at home in every country of it.
"""

from __future__ import annotations

from ringfence.numbers.national import national
from ringfence.numbers.number import Number
from ringfence.numbers.table import numbering


def calling_code(e164: str) -> str:
    """The calling code E.164 digits begin with, or empty if it isn't assigned."""
    return numbering().code_of(e164)


def counts_as(number: Number, home: str) -> str:
    """The country that a number counts as for a party at home: toll-free ones of a shared code are home's."""
    if number.type == "toll_free" and calling_code(number.e164) == national(home).code:
        return home
    return number.region


def is_domestic(number: Number, home: str) -> bool:
    """Whether an accepted number belongs to the home region itself; short numbers of home do."""
    return number.status != "reject" and counts_as(number, home) == home
