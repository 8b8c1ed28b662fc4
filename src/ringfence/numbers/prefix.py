"""Longest-prefix lookup by bisection: one table for rate decks, block lists and risk overrides.

The prefixes cut the ordered space of digit strings into ranges; each range knows the longest prefix that covers it.
The one trap is a number shorter than a prefix: `44` lies in the range of `440`, but `440` isn't a prefix of it. So a
range keeps the chain of prefixes that cover it, longest first, and the first that fits the number is the answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

V = TypeVar("V")


class PrefixTable(Generic[V]):
    """Digit prefixes with a value each; the empty prefix is the default."""

    def __init__(self, values: Mapping[str, V]) -> None:
        self._values = dict(values)
        starts = sorted({"", *values, *map(_past, values)})
        self._starts = starts
        self._chains = [self._chain(start) for start in starts]

    def _chain(self, start: str) -> tuple[str, ...]:
        return tuple(start[:n] for n in range(len(start), -1, -1) if start[:n] in self._values)

    def longest(self, digits: str) -> str | None:
        """The longest prefix of `digits`, or None."""
        for prefix in self._chains[bisect_right(self._starts, digits) - 1]:
            if digits.startswith(prefix):
                return prefix
        return None

    def get(self, digits: str) -> V | None:
        """The value of the longest prefix of `digits`, or None."""
        prefix = self.longest(digits)
        return None if prefix is None else self._values[prefix]

    def chain(self, digits: str) -> Iterator[V]:
        """The values of all prefixes of `digits`, longest first."""
        for prefix in self._chains[bisect_right(self._starts, digits) - 1]:
            if digits.startswith(prefix):
                yield self._values[prefix]

    def __len__(self) -> int:
        return len(self._values)


def _past(prefix: str) -> str:
    """The first string after all that begin with `prefix`."""
    stem = prefix.rstrip("9")
    return stem[:-1] + chr(ord(stem[-1]) + 1) if stem else ":"
