"""Whose numbers these are: calling code and country (control C4).

A calling code isn't a country: +1 has 25 of them, +44 four, +7 two. Domestic means the same region as home, so for a
US trunk Canada, Jamaica and also the US territories (PR, VI, GU, AS, MP) are abroad: carriers bill them apart, and a
policy permits them by name. Toll-free, 900 and personal numbers of the NANP have the region US by convention.
"""

from __future__ import annotations

from ringfence.numbers.number import Number
from ringfence.numbers.table import numbering


def calling_code(e164: str) -> str:
    """The calling code E.164 digits begin with, or empty if it isn't assigned."""
    return numbering().code_of(e164)


def is_domestic(number: Number, home: str) -> bool:
    """Whether an accepted number belongs to the home region itself; short numbers of home do."""
    return number.status != "reject" and number.region == home
