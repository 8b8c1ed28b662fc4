"""Any CSV with a header, and Parquet, by a map from our fields to its columns: `call_id=uniqueid,start=calldate`.

Two columns are joined by +, as in `start=Date+Time`. A CSV may be parted by commas, semicolons, tabs or bars; the
header tells. Parquet whose columns have our fields' names needs no map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.history import parquet
from ringfence.history.cdr import Broken, Cdr, CdrError
from ringfence.history.dates import Dates, dates_of
from ringfence.history.tables import (
    GENERIC,
    NEEDED,
    CsvRows,
    delimiter_of,
    first_line,
    generic,
    header_of,
    opened,
    records,
    why,
)
from ringfence.model.time import SECOND
from ringfence.rules import words

if TYPE_CHECKING:
    from ringfence.history.read import Read

FIELDS = (*GENERIC, "direction")
TIMES = ("start", "answer", "end")
SAMPLE = 5000
"""Rows by whose dates it is told whether the day comes first."""


def parsed(text: str) -> dict[str, str]:
    """The map; raises CdrError."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    found = {field.strip(): column.strip() for field, equals, column in pairs if equals and column.strip()}
    if len(found) != len(pairs):
        raise CdrError(f"--map {text}: write field=column, with commas between, each field once")
    for field in found:
        if field not in FIELDS:
            raise CdrError(f"--map {field}: no such field; there are {', '.join(FIELDS)}")
    missing = [field for field in NEEDED if field not in found]
    if missing:
        raise CdrError(f"--map {text}: {', '.join(missing)} must be in it")
    return found


def reader(columns: Mapping[str, str], date_format: str = "") -> Read:
    """Reads files whose columns are these, by field; dates are written as strptime takes it, or as they tell."""

    def read(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
        rows = _parquet if parquet.is_parquet(path) else _csv
        return rows(path, zone, columns, date_format)

    return read


def read_parquet(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    """Reads Parquet whose columns have our fields' names; raises CdrError."""
    header = parquet.header(path)
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise CdrError(f"{path}: no column {', '.join(missing)}; say with --map which column holds what")
    return _parquet(path, zone, {field: field for field in FIELDS if field in header}, "")


def _csv(path: Path, zone: tzinfo, columns: Mapping[str, str], date_format: str) -> Iterator[Cdr | Broken]:
    delimiter = delimiter_of(first_line(path))
    dates = dates_of(path, zone, date_format, _starts(path, delimiter, columns))
    with opened(path) as file:
        rows = CsvRows(file, delimiter)
        places = _places(path, header_of(rows), columns)
        yield from records(path, rows, lambda row: _call(_picked(row, places), dates, zone))


def _starts(path: Path, delimiter: str, columns: Mapping[str, str]) -> Iterator[str]:
    """The start of the first calls, by which it is told how dates are written."""
    with opened(path) as file:
        rows = CsvRows(file, delimiter)
        places = _places(path, header_of(rows), {"start": columns["start"]})
        for _ in range(SAMPLE):
            row = rows.read()
            if row is None:
                return
            yield _picked(row, places).get("start", "") if isinstance(row, list) else ""


def _call(row: dict[str, str], dates: Dates, zone: tzinfo) -> Cdr:
    """One row, its dates read as they are written; raises ValueError and KeyError."""
    before = 0
    for field in TIMES:
        if row.get(field, "").strip() and not row[field].startswith("0000-"):
            before = dates.read(row[field], before)
            row[field] = f"{before / SECOND:.6f}"
    return generic(row, zone)


def _places(path: Path, header: Sequence[str], columns: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    named = {field: parts_of(column, header) for field, column in columns.items()}
    missing = [part for parts in named.values() for part in parts if part not in header]
    if missing:
        raise CdrError(f"{path}:1: no column {', '.join(missing)}; it has {words.plain(', '.join(header)[:500])}")
    return {field: tuple(header.index(part) for part in parts) for field, parts in named.items()}


def parts_of(column: str, header: Sequence[str]) -> tuple[str, ...]:
    """The columns that one is made of: `Date+Time` is two, unless a column has that name."""
    return (column,) if column in header else tuple(part.strip() for part in column.split("+"))


def _picked(row: Sequence[str], places: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    return {field: " ".join(row[at] for at in found) for field, found in places.items() if found[-1] < len(row)}


def _parquet(path: Path, zone: tzinfo, columns: Mapping[str, str], date_format: str) -> Iterator[Cdr | Broken]:
    dates = dates_of(path, zone, date_format, ())
    for number, row in enumerate(batches(path, columns), 1):
        found = {field: value or "" for field, value in zip(columns, row, strict=True)}
        try:
            yield _call(found, dates, zone)
        except (ValueError, OverflowError, KeyError) as error:
            yield Broken(f"{path}:{number}", why(error))


def batches(path: Path, columns: Mapping[str, str]) -> Iterator[tuple[str | None, ...]]:
    """The rows of a Parquet file, of each these columns in their order, as text; raises CdrError."""
    header = parquet.header(path)
    _places(path, header, columns)
    return parquet.batches(path, [parts_of(column, header) for column in columns.values()])
