"""A risk score from 0 to 100 for a number, as a sum that can be read (control C6).

Each component has points, a source and a date: the kind of number, the country (not for home), the flags it was
dialled with, and for a refused one the reason. The shipped rows are in `data/risk.tsv`; the list of countries is short
and cited, since numbers of nearly every country are used for fraud: it orders alerts and replaces no permit list.
An operator's row replaces the whole score of what it matches: the longest E.164 prefix first, then the country.
"""

from __future__ import annotations

import csv
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from ringfence.numbers import csvtext
from ringfence.numbers.csvtext import Problem, Rows
from ringfence.numbers.number import Number
from ringfence.numbers.prefix import PrefixTable
from ringfence.numbers.table import numbering

REQUIRED = ("prefix", "score", "source", "date")


class Component(NamedTuple):
    """One part of a score."""

    what: str
    """`type premium`, `country CU`, `flag carrier`, `reason unallocated` or `override 3712`."""
    points: int
    source: str
    date: date


class Risk(NamedTuple):
    """A score and what it is made of."""

    score: int
    components: tuple[Component, ...]


class RiskTable:
    """The shipped components, with an operator's overrides over them."""

    def __init__(self, overrides: dict[str, Component] | None = None) -> None:
        rows = overrides or {}
        self._prefixes = PrefixTable({key: row for key, row in rows.items() if key.isdigit()})
        self._regions = {key: row for key, row in rows.items() if not key.isdigit()}
        self._overridden = bool(rows)

    @classmethod
    def from_csv(cls, text: str, name: str = "risk overrides") -> RiskTable:
        """Overrides from a CSV file's text (prefix or country, score, source, date); raises TableError."""
        rows = Rows(name, text, REQUIRED)
        overrides: dict[str, Component] = {}
        for line, cells in rows:
            key = rows.read(line, "prefix", cells["prefix"], _key, "must be E.164 digits or a country code such as LV")
            score = rows.read(line, "score", cells["score"], _score, "must be a whole number from 0 to 100")
            when = rows.read(line, "date", cells["date"], csvtext.day, csvtext.DAY_ALLOWED)
            if key in overrides:
                rows.problems.append(Problem(line, "prefix", cells["prefix"], "is named twice: keep one row"))
            elif key is not None and score is not None and when is not None:
                overrides[key] = Component(f"override {key}", score, cells["source"], when)
        rows.finish_if(bool(rows.problems))
        return cls(overrides)

    def score(self, number: Number, home: str = "") -> Risk:
        """The risk of a number; `home` is the country that isn't counted as abroad."""
        own = self._own(number) if self._overridden else None
        if own is not None:
            return Risk(own.points, (own,))
        abroad = number.region if number.region != home else ""
        return _shipped_risk(number.type, number.reason, abroad, number.flags)

    def _own(self, number: Number) -> Component | None:
        """The operator's row for it."""
        by_prefix = self._prefixes.get(number.e164 or number.candidate) if number.status != "short" else None
        return by_prefix or self._regions.get(number.region)


@lru_cache(maxsize=4096)
def _shipped_risk(kind: str, reason: str, abroad: str, flags: tuple[str, ...]) -> Risk:
    keys = [f"type {kind}", f"reason {reason}", f"country {abroad}", *(f"flag {flag}" for flag in flags)]
    components = tuple(component for key in keys if (component := _shipped().get(key)) is not None)
    return Risk(min(100, max(0, sum(component.points for component in components))), components)


@cache
def _shipped() -> dict[str, Component]:
    text = files(__package__).joinpath("data/risk.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    components = (
        Component(f"{row['kind']} {row['key']}", int(row["points"]), row["source"], date.fromisoformat(row["date"]))
        for row in rows
    )
    return {component.what: component for component in components}


def _key(cell: str) -> str:
    return cell if cell in numbering().region_names or cell == "001" else csvtext.prefix(cell)


def _score(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and int(cell) <= 100):
        raise ValueError(cell)
    return int(cell)
