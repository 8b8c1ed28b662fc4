"""Any CSV with a header, and Parquet, by a map from our fields to its columns: `call_id=uniqueid,start=calldate`.

A CSV may be parted by commas, semicolons, tabs or bars; the header tells. Parquet is read with DuckDB (the extra
`history`), in batches, and never from anywhere but the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringfence.history.cdr import Broken, Cdr, CdrError
from ringfence.history.tables import GENERIC, NEEDED, CsvRows, generic, header_of, opened, records, why
from ringfence.rules import words

if TYPE_CHECKING:
    from ringfence.history.read import Read

FIELDS = (*GENERIC, "direction")
DELIMITERS = ",;\t|"
BATCH = 10_000
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


def reader(columns: Mapping[str, str]) -> Read:
    """Reads files whose columns are these, by field."""

    def read(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
        return _parquet(path, zone, columns) if _is_parquet(path) else _csv(path, zone, columns)

    return read


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise CdrError(f"{path}: {error.strerror}") from error


def _csv(path: Path, zone: tzinfo, columns: Mapping[str, str]) -> Iterator[Cdr | Broken]:
    with opened(path) as file:
        first = file.readline(10_000)
    delimiter = max(DELIMITERS, key=first.count)
    with opened(path) as file:
        rows = CsvRows(file, delimiter)
        places = _places(path, header_of(rows), columns)
        yield from records(path, rows, lambda row: generic(_picked(row, places), zone))


def _places(path: Path, header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    missing = [column for column in columns.values() if column not in header]
    if missing:
        raise CdrError(f"{path}:1: no column {', '.join(missing)}; it has {words.plain(', '.join(header)[:500])}")
    return {field: header.index(column) for field, column in columns.items()}


def _picked(row: Sequence[str], places: Mapping[str, int]) -> dict[str, str]:
    return {field: row[at] for field, at in places.items() if at < len(row)}


def _parquet(path: Path, zone: tzinfo, columns: Mapping[str, str]) -> Iterator[Cdr | Broken]:
    for number, row in enumerate(_batches(path, columns), 1):
        found = {field: value or "" for field, value in zip(columns, row, strict=True)}
        try:
            yield generic(found, zone)
        except (ValueError, OverflowError, KeyError) as error:
            yield Broken(f"{path}:{number}", why(error))


def _batches(path: Path, columns: Mapping[str, str]) -> Iterator[tuple[str | None, ...]]:
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
            picked = ", ".join(f"CAST({_quoted(column)} AS VARCHAR)" for column in columns.values())
            found = _query(connection, picked, path, "")
            while rows := found.fetchmany(BATCH):
                yield from rows
    except duckdb.Error as error:
        raise CdrError(f"{path}: {str(error).splitlines()[0]}") from error


def _query(connection: Any, what: str, path: Path, limit: str) -> Any:
    return connection.execute(f"SELECT {what} FROM read_parquet(?){limit}", [str(path)])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
