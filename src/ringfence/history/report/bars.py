"""Bars over days or hours as SVG: they stretch with the page; what has to be read stands beside them as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

HEIGHT, WIDTH = 100, 10
MOST_DAYS = 120
"""More are summed by month."""


class Part(NamedTuple):
    """One series in a bar."""

    name: str
    klass: str
    """Of the style sheet."""
    values: Mapping[str, int]


class Rect(NamedTuple):
    """A piece of a bar, in units of the drawing."""

    x: float
    y: float
    width: float
    height: float
    klass: str
    told: str


class Bars(NamedTuple):
    """A drawing and what stands around it."""

    rects: list[Rect]
    width: int
    first: str
    last: str
    most: int
    names: list[tuple[str, str]]
    """Class and name of each series."""


def bars(labels: Sequence[str], parts: Sequence[Part]) -> Bars:
    """A bar for each label, the parts on each other."""
    totals = [sum(part.values.get(label, 0) for part in parts) for label in labels]
    most = max(totals, default=0)
    rects = [rect for at, label in enumerate(labels) for rect in _bar(at, label, parts, most or 1)]
    ends = (labels[0], labels[-1]) if labels else ("", "")
    return Bars(rects, max(1, len(labels)) * WIDTH, *ends, most, [(part.klass, part.name) for part in parts])


def _bar(at: int, label: str, parts: Sequence[Part], most: int) -> list[Rect]:
    found, top = [], float(HEIGHT)
    for part in parts:
        value = part.values.get(label, 0)
        height = HEIGHT * value / most
        top -= height
        if value:
            found.append(
                Rect(
                    at * WIDTH + 1,
                    round(top, 2),
                    WIDTH - 2,
                    round(height, 2),
                    part.klass,
                    f"{label}: {value:,} {part.name}",
                )
            )
    return found


def days(first: str, last: str) -> list[str]:
    """Every day from one to another, `2026-11-27`; months, `2026-11`, where there are many."""
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    every = [(begin + timedelta(days=n)).isoformat() for n in range((end - begin).days + 1)]
    return every if len(every) <= MOST_DAYS else sorted({label[:7] for label in every})


def by_label(counts: Mapping[str, int], labels: Sequence[str]) -> dict[str, int]:
    """Counts by day under these labels."""
    length = len(labels[0]) if labels else 0
    found: dict[str, int] = {}
    for label, count in counts.items():
        found[label[:length]] = found.get(label[:length], 0) + count
    return found
