"""The world's numbering plans, compiled: which region and kind a number has, in about a microsecond.

`numbering.bin` is made by `tools/compile_numbering.py` and holds the sorted breakpoints at which the answer changes,
with one row of answers by total length for each. A number is found by bisection: comparing digit strings is comparing
left-aligned numbers, since the breakpoints have no trailing zeros. The overlay (`overlay.tsv`) is cut into the same
breakpoints when it is loaded, so that it costs a lookup nothing.

The beginning of the file is a magic line, then the SHA-256 of the uncompressed rest; a damaged file is refused.
"""

from __future__ import annotations

import hashlib
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from ringfence.errors import RingfenceError

MAGIC = b"RFNUM1\n"
MAX_DIGITS = 15
"""ITU-T E.164 §6."""


class NumberingError(RingfenceError, ValueError):
    """The compiled numbering file can't be used."""


class Label(NamedTuple):
    """What the plans say of one number; `type` is empty in ranges that aren't in use."""

    region: str
    type: str
    flags: tuple[str, ...] = ()


UNKNOWN = Label("", "")


class Packed(msgspec.Struct, array_like=True, frozen=True):
    """Breakpoints as they are stored: rows are label indexes by total length."""

    labels: list[tuple[str, str] | str | None]
    rows: list[list[int]]
    breakpoints: list[str]
    index: list[int]


class Format(msgspec.Struct, array_like=True, frozen=True):
    """How a national number is dialled at home: leading digits, whole pattern, template."""

    leading: str
    pattern: str
    template: str


class RegionData(msgspec.Struct, array_like=True, frozen=True):
    """How people dial in one region (libphonenumber's metadata)."""

    region: str
    code: str
    idd: str
    """Pattern of the international prefix, carrier selection included; empty if unknown."""
    preferred_idd: str
    ndd: str
    """The national (trunk) prefix, for display."""
    ndd_pattern: str
    ndd_transform: str
    general: str
    """Pattern of every national number, for deciding whether a prefix may be stripped."""
    lengths: tuple[int, ...]
    local_lengths: tuple[int, ...]
    formats: tuple[Format, ...]
    """Only in the main region of a calling code."""
    shorts: Packed


class _Payload(msgspec.Struct, array_like=True, frozen=True):
    version: str
    codes: dict[str, tuple[str, ...]]
    lengths: dict[str, tuple[int, ...]]
    numbers: Packed
    regions: dict[str, bytes]


class Rewrite(NamedTuple):
    """An overlay row cut into the table: what the numbers under `start` that fit become."""

    start: str
    regions: frozenset[str]
    types: frozenset[str]
    region: str
    type: str
    flags: tuple[str, ...]

    def of(self, label: Label) -> Label:
        """The label after this row."""
        if not label.type or not self._fits(label):
            return label
        return Label(self.region or label.region, self.type or label.type, label.flags + self.flags)

    def _fits(self, label: Label) -> bool:
        return (not self.regions or label.region in self.regions) and (not self.types or label.type in self.types)


Row = tuple[Label, ...]


class Breakpoints:
    """Sorted breakpoints with a row of labels by length each."""

    def __init__(self, starts: list[str], rows: list[Row]) -> None:
        self.starts = starts
        self.rows = rows

    def label(self, digits: str) -> Label:
        """The label of a number of at most MAX_DIGITS digits; UNKNOWN where there is none."""
        return self.rows[bisect_right(self.starts, digits) - 1][len(digits)]

    def rows_under(self, prefix: str) -> list[Row]:
        """The rows that numbers beginning with `prefix` can have."""
        first = bisect_right(self.starts, prefix.rstrip("0")) - 1
        return self.rows[first : max(first + 1, bisect_left(self.starts, _successor(prefix)))]

    def rewritten(self, rewrites: Iterable[Rewrite]) -> Breakpoints:
        """The same with overlay rows applied; a longer prefix wins over a shorter one."""
        copy = Breakpoints(list(self.starts), list(self.rows))
        originals = copy._cut(rewrites)
        for rewrite in sorted(originals, key=lambda row: len(row.start)):
            copy._apply(rewrite, self)
        return copy

    def _cut(self, rewrites: Iterable[Rewrite]) -> list[Rewrite]:
        """Add a breakpoint at both ends of every row, in one merge."""
        rows = list(rewrites)
        edges = {edge for row in rows for edge in (row.start.rstrip("0"), _successor(row.start))}
        new = sorted(edges.difference(self.starts))
        found = [(edge, self.rows[bisect_right(self.starts, edge) - 1]) for edge in new]
        pairs = sorted([*zip(self.starts, self.rows, strict=True), *found], key=lambda pair: pair[0])
        self.starts = [start for start, _ in pairs]
        self.rows = [row for _, row in pairs]
        return rows

    def _apply(self, rewrite: Rewrite, original: Breakpoints) -> None:
        """A number shorter than the prefix lies in the same range if the prefix ends with zeros, but isn't under it."""
        first = bisect_right(self.starts, rewrite.start.rstrip("0")) - 1
        past = bisect_right(self.starts, _successor(rewrite.start)) - 1
        for i in range(first, past):
            base = original.rows[bisect_right(original.starts, self.starts[i]) - 1]
            now, under = self.rows[i], len(rewrite.start)
            self.rows[i] = now[:under] + tuple(
                kept if new is old else new
                for new, old, kept in zip(map(rewrite.of, base[under:]), base[under:], now[under:], strict=True)
            )


def _successor(prefix: str) -> str:
    """The first breakpoint after all strings that begin with `prefix`."""
    stem = prefix.rstrip("9")
    return (stem[:-1] + chr(ord(stem[-1]) + 1)).rstrip("0") if stem else ":"


def unpack(packed: Packed, width: int = MAX_DIGITS + 1) -> Breakpoints:
    """The breakpoints of a stored table, with rows filled up to `width` lengths."""
    labels = [_label(label) for label in packed.labels]
    rows = [tuple([labels[i] for i in row] + [UNKNOWN] * (width - len(row))) for row in packed.rows]
    return Breakpoints(packed.breakpoints, [rows[i] for i in packed.index])


def _label(stored: tuple[str, str] | str | None) -> Label:
    if stored is None:
        return UNKNOWN
    return Label("", stored) if isinstance(stored, str) else Label(*stored)


class Numbering:
    """The compiled file: its provenance, the calling codes, the table and each region's dialling data."""

    def __init__(self, blob: bytes) -> None:
        payload, self.sha256 = _verified(blob)
        data = msgspec.msgpack.decode(payload, type=_Payload)
        self.version = data.version
        """Version of the phonenumbers metadata it was compiled from."""
        self.codes = data.codes
        """Calling code to its regions, main region first."""
        self.lengths = data.lengths
        """Calling code to the lengths its national numbers can have."""
        self.plain = unpack(data.numbers)
        """The table without the overlay."""
        self._regions = data.regions

    @property
    def region_names(self) -> tuple[str, ...]:
        """All regions, sorted."""
        return tuple(self._regions)

    def region(self, name: str) -> RegionData:
        """Dialling data of a region; raises KeyError for one that isn't there."""
        return msgspec.msgpack.decode(self._regions[name], type=RegionData)

    def code_of(self, digits: str) -> str:
        """The calling code that E.164 digits begin with, or empty."""
        for length in (1, 2, 3):
            if digits[:length] in self.codes:
                return digits[:length]
        return ""


def _verified(blob: bytes) -> tuple[bytes, str]:
    body = blob[len(MAGIC) + 32 :]
    if not blob.startswith(MAGIC) or not body:
        raise NumberingError("numbering.bin isn't a compiled numbering file: reinstall ringfence")
    try:
        payload = zlib.decompress(body)
    except zlib.error as error:
        raise NumberingError(f"numbering.bin is damaged ({error}): reinstall ringfence") from error
    digest = hashlib.sha256(payload)
    if digest.digest() != blob[len(MAGIC) : len(MAGIC) + 32]:
        raise NumberingError("numbering.bin is damaged, its SHA-256 differs: reinstall ringfence")
    return payload, digest.hexdigest()


@cache
def numbering() -> Numbering:
    """The shipped numbering data, loaded once."""
    return Numbering(files(__package__).joinpath("data/numbering.bin").read_bytes())
