"""Any CSV with a header, and Parquet, by a map from our fields to its columns: `call_id=uniqueid,start=calldate`.

Two columns are joined by +, as in `start=Date+Time`. A CSV may be parted by commas, semicolons, tabs or bars; the
header tells. Parquet is read with DuckDB (the extra `history`), in batches, and never from anywhere but the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringfence.history.cdr import Broken, Cdr, CdrError
from ringfence.history.dates import Dates, dates_of
from ringfence.history.tables import GENERIC, NEEDED, CsvRows, generic, header_of, opened, records, why
from ringfence.model.time import SECOND
from ringfence.rules import words

if TYPE_CHECKING:
    from ringfence.history.read import Read

FIELDS = (*GENERIC, "direction")
DELIMITERS = ",;\t|"
TIMES = ("start", "answer", "end")
BATCH = 10_000
SAMPLE = 5000
"""Rows by whose dates it is told whether the day comes first."""
MAGIC = b"PAR1"


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
        rows = _parquet if is_parquet(path) else _csv
        return rows(path, zone, columns, date_format)

    return read


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet; raises CdrError."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise CdrError(f"{path}: {error.strerror}") from error


def _csv(path: Path, zone: tzinfo, columns: Mapping[str, str], date_format: str) -> Iterator[Cdr | Broken]:
    with opened(path) as file:
        first = file.readline(10_000)
    delimiter = max(DELIMITERS, key=first.count)
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
    for field in TIMES:
        if row.get(field, "").strip() and not row[field].startswith("0000-"):
            row[field] = f"{dates.read(row[field]) / SECOND:.6f}"
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
    try:
        import duckdb
    except ImportError:
        raise CdrError(f"{path}: Parquet needs DuckDB: pip install 'ringfence[history]'") from None
    try:
        with duckdb.connect(
            config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
        ) as connection:
            header = [name for name, *_ in _query(connection, "*", path, " LIMIT 0").description]
            _places(path, header, columns)
            picked = ", ".join(_cast(parts_of(column, header)) for column in columns.values())
            found = _query(connection, picked, path, "")
            while rows := found.fetchmany(BATCH):
                yield from rows
    except duckdb.Error as error:
        raise CdrError(f"{path}: {str(error).splitlines()[0]}") from error


def _query(connection: Any, what: str, path: Path, limit: str) -> Any:
    return connection.execute(f"SELECT {what} FROM read_parquet(?){limit}", [str(path)])


def _cast(parts: Sequence[str]) -> str:
    return "concat_ws(' ', " + ", ".join(f"CAST({_quoted(part)} AS VARCHAR)" for part in parts) + ")"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
