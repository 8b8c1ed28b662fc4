"""Calls that a policy would have refused or cut, summed under headings; a table of them is bounded."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ringfence.history.replay import Judged

MAX_HEADINGS = 10_000
OTHERS = "(others)"
"""Heading of what comes when a table is full: extensions and numbers are what somebody else wrote."""

Key = TypeVar("Key", str, int)


class Sum(msgspec.Struct):
    """Calls that the policy would have refused or cut under one heading."""

    refused: int = 0
    cut: int = 0
    saved_micros: int = 0

    def add(self, judged: Judged) -> None:
        """One more."""
        if judged.verdict.outcome == "allow":
            self.cut += 1
        else:
            self.refused += 1
        self.saved_micros += judged.saved_micros

    def merge(self, other: Sum) -> None:
        """As many more."""
        self.refused += other.refused
        self.cut += other.cut
        self.saved_micros += other.saved_micros


def under(table: dict[str, Sum], heading: str) -> Sum:
    """The sum under a heading, `(others)` where there is no more room."""
    found = table.get(heading)
    if found is None:
        name = heading if len(table) < MAX_HEADINGS else OTHERS
        found = table.setdefault(name, Sum())
    return found


def worst(table: dict[Key, Sum], most: int = 10) -> list[tuple[Key, Sum]]:
    """The headings with most money, then most calls."""
    return sorted(table.items(), key=_weight)[:most]


def _weight(item: tuple[Key, Sum]) -> tuple[int, int, Key]:
    name, found = item
    return -found.saved_micros, -found.refused - found.cut, name
