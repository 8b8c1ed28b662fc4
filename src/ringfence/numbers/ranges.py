"""All numbers at home of some kinds, as prefixes: for those who have to decide without us, by a list.

The table is cut into stretches of numbers of one length; those that are of the kinds asked for are put together and cut
again into the fewest prefixes under which every number is. Regions that share a calling code are told apart: of +1 only
what is home's own (control C4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from ringfence.numbers import overlay
from ringfence.numbers.national import national
from ringfence.numbers.table import MAX_DIGITS, Label


class Range(NamedTuple):
    """Every number of this length that begins so."""

    prefix: str
    """E.164 digits."""
    length: int


def ranges(home: str, kinds: Collection[str]) -> tuple[Range, ...]:
    """The numbers of a region that are of some kinds, special ranges left out, in order."""
    code = national(home).code
    found = [each for length in range(len(code) + 1, MAX_DIGITS + 1) for each in _of_length(home, code, kinds, length)]
    return tuple(sorted(found))


def _of_length(home: str, code: str, kinds: Collection[str], length: int) -> Iterator[Range]:
    begin = None
    for start, label in _stretches(code, length):
        wanted = label.region == home and label.type in kinds and "special_range" not in label.flags
        if wanted and begin is None:
            begin = start
        elif not wanted and begin is not None:
            yield from _cut(begin, start, length)
            begin = None
    if begin is not None:
        yield from _cut(begin, (int(code) + 1) * 10 ** (length - len(code)), length)


def _stretches(code: str, length: int) -> Iterator[tuple[int, Label]]:
    """Where the answer changes among the numbers of this length under a calling code, and to what."""
    table = overlay.table()
    yield int(code) * 10 ** (length - len(code)), table.label(code.ljust(length, "0"))
    for start, row in zip(table.starts, table.rows, strict=True):
        if start.startswith(code) and start != code:
            yield int(start.ljust(length, "0")[:length]) + (len(start) > length), row[length]


def _cut(begin: int, end: int, length: int) -> Iterator[Range]:
    """The fewest prefixes for the numbers from `begin` up to, but not with, `end`."""
    while begin < end:
        size = 1
        while begin % (size * 10) == 0 and begin + size * 10 <= end:
            size *= 10
        yield Range(str(begin).zfill(length)[: length - len(str(size)) + 1], length)
        begin += size
