"""What the plans don't say, or say too coarsely for fraud: our own rows, each with a source and a date.

Four tab-separated files in `data/`, with a header line each:

- `overlay.tsv` changes region, type or flags of numbers under a prefix (`?` stands for any digit); the longest prefix
  wins. It never makes a number valid that the plans don't know.
- `short_overlay.tsv` adds or changes short numbers of one home country; an `emergency` row has no `?`.
- `reroutes.tsv` reads a dialled form as another number: legacy forms that are still dialled, and plans shared by
  several calling codes. `home` is a country, or `+` for the E.164 form. Used only where the dialled form itself
  is no valid number, unless `always` says that it goes elsewhere although the home plan lists it.
- `prefixes.tsv` names carrier selection, operator and caller-ID prefixes before a number, as patterns with a
  look-ahead; `home` is a country or a calling code.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import product
from typing import NamedTuple

from ringfence.numbers.number import SPECIAL_TYPES
from ringfence.numbers.table import Breakpoints, Rewrite, numbering


class Reroute(NamedTuple):
    """A dialled form of exactly `length` digits that begins with `match` is `instead` plus the rest."""

    match: str
    length: int
    instead: str
    source: str
    always: bool

    def apply(self, digits: str) -> str:
        """The E.164 digits meant, or empty if this row doesn't fit."""
        if len(digits) != self.length or not digits.startswith(self.match):
            return ""
        return self.instead + digits[len(self.match) :]


class Access(NamedTuple):
    """A prefix before the number that changes how it is carried, not where it goes."""

    kind: str
    """`carrier`, `operator`, `operator_only` or `clir` (hides or shows the caller ID)."""
    pattern: re.Pattern[str]
    source: str


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files(__package__).joinpath("data", name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)


def _expanded(pattern: str) -> Iterator[str]:
    """A prefix for each way to fill the `?` in."""
    choices = ["0123456789" if char == "?" else char for char in pattern]
    return map("".join, product(*choices))


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()


def rewrites(base: Breakpoints) -> list[Rewrite]:
    """The rows of `overlay.tsv` that change something in `base`."""
    result = []
    for row in _rows("overlay.tsv"):
        flags = tuple(row["flags"].split(",")) if row["flags"] else ()
        for start in _expanded(row["match"]):
            result.append(Rewrite(start, _set(row["regions"]), _set(row["types"]), row["region"], row["type"], flags))
    return [row for row in result if _touches(row, base)]


def _touches(row: Rewrite, base: Breakpoints) -> bool:
    return any(row.of(label) is not label for found in base.rows_under(row.start) for label in found)


@cache
def table() -> Breakpoints:
    """The world's numbers with the overlay applied, made once."""
    plain = numbering().plain
    return plain.rewritten(rewrites(plain))


@cache
def special_prefixes() -> tuple[str, ...]:
    """Prefixes that are special as a whole, also where the plans list no number under them."""
    return tuple(
        start
        for row in _rows("overlay.tsv")
        if row["type"] in SPECIAL_TYPES and not row["regions"] and not row["types"]
        for start in _expanded(row["match"])
    )


@cache
def short_rows(home: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Short numbers of `home` that the overlay defines: (exact pattern, type)."""
    return tuple(
        (re.compile(row["match"].replace("?", "[0-9]")), row["type"])
        for row in _rows("short_overlay.tsv")
        if row["home"] == home
    )


@cache
def reroutes(home: str) -> tuple[Reroute, ...]:
    """The reroutes of one home country, or of the E.164 form (`+`)."""
    return tuple(
        Reroute(row["match"], int(row["length"]), row["instead"], row["source"], row["always"] == "yes")
        for row in _rows("reroutes.tsv")
        if row["home"] == home
    )


@cache
def accesses(home: str, code: str) -> tuple[Access, ...]:
    """Carrier, operator and caller-ID prefixes of one home country with its calling code."""
    return tuple(
        Access(row["kind"], re.compile(row["pattern"], re.ASCII), row["source"])
        for row in _rows("prefixes.tsv")
        if row["home"] in (home, code)
    )
