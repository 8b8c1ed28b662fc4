"""Parquet files, read with DuckDB (the extra `history`): in batches, as text, and never from anywhere but the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ringfence.history.cdr import CdrError

BATCH = 10_000
MAGIC = b"PAR1"


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet; raises CdrError."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise CdrError(f"{path}: {error.strerror}") from error


def header(path: Path) -> list[str]:
    """The names of its columns; raises CdrError."""
    with _connected(path) as connection:
        return [name for name, *_ in _query(connection, "*", path, " LIMIT 0").description]


def batches(path: Path, columns: Sequence[Sequence[str]]) -> Iterator[tuple[str | None, ...]]:
    """Its rows, of each these columns, several of them joined by a space; raises CdrError."""
    with _connected(path) as connection:
        found = _query(connection, ", ".join(map(_cast, columns)), path, "")
        while rows := found.fetchmany(BATCH):
            yield from rows


@contextmanager
def _connected(path: Path) -> Iterator[Any]:
    try:
        import duckdb
    except ImportError:
        raise CdrError(f"{path}: Parquet needs DuckDB: pip install 'ringfence[history]'") from None
    try:
        with duckdb.connect(
            config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
        ) as connection:
            yield connection
    except duckdb.Error as error:
        raise CdrError(f"{path}: {str(error).splitlines()[0]}") from error


def _query(connection: Any, what: str, path: Path, limit: str) -> Any:
    return connection.execute(f"SELECT {what} FROM read_parquet(?){limit}", [str(path)])


def _cast(parts: Sequence[str]) -> str:
    return "concat_ws(' ', " + ", ".join(f"CAST({_quoted(part)} AS VARCHAR)" for part in parts) + ")"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
