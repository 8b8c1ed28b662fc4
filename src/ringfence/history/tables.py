"""CSV files as rows of named columns, and the generic CSV, whose columns are the fields of a record.

A row becomes a `Cdr`, or a `Broken` with its line and reason; nothing is dropped in silence. Times without offset are
taken in the zone that is given.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Protocol, TextIO

from ringfence.history.cdr import Broken, Cdr, CdrError
from ringfence.history.fields import Row, instant, needed, times

GENERIC = (
    "call_id", "start", "answer", "end", "caller", "extension", "source_ip", "user_agent", "dialled", "trunk",
    "disposition", "duration", "billsec", "diverted_from",
)  # fmt: skip
"""Header of the generic CSV; `direction` may follow."""
NEEDED = ("call_id", "start", "dialled")

MAX_LINE = 1 << 20
"""Characters of a line; a longer one is read as several, so that memory stays bounded."""


def read_generic(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    """Rows of a CSV with the generic header, in the file's order; raises CdrError."""
    with opened(path) as file:
        reader = csv_rows(file)
        header = next((row for row in reader if row), [])
        missing = [name for name in NEEDED if name not in header]
        if missing:
            raise CdrError(f"{path}:1: no column {', '.join(missing)}; the header is {','.join(GENERIC)}")
        yield from records(path, reader, lambda row: generic(dict(zip(header, row, strict=False)), zone))


def generic(row: Row, zone: tzinfo) -> Cdr:
    """One row of the generic CSV; raises ValueError."""
    start = instant(row["start"], zone)
    answer, end = times(row, start, zone)
    return Cdr(
        call_id=needed(row, "call_id"),
        start=start,
        answer=answer,
        end=end,
        caller=row.get("caller") or "",
        extension=row.get("extension") or "",
        dialled=needed(row, "dialled"),
        trunk=row.get("trunk") or "",
        source_ip=row.get("source_ip") or "",
        user_agent=row.get("user_agent") or "",
        diverted_from=row.get("diverted_from") or "",
        direction="in" if (row.get("direction") or "out").strip().lower() not in ("", "out", "outbound") else "out",
    )


class Reader(Protocol):
    """What csv.reader gives, which has no public name."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


def records(path: Path, reader: Reader, make: Callable[[Sequence[str]], Cdr]) -> Iterator[Cdr | Broken]:
    """Every row that isn't blank as what `make` gives of it; it may raise ValueError or KeyError."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
            if row:
                yield make(row)
        except StopIteration:
            return
        except (ValueError, OverflowError, KeyError, csv.Error) as error:
            yield Broken(f"{path}:{line}", why(error))


def why(error: Exception) -> str:
    """The reason for which a row can't be used."""
    return f"it has no {error.args[0]}" if isinstance(error, KeyError) else str(error)


def opened(path: Path) -> TextIO:
    """A text file, also one that logrotate has compressed; raises CdrError."""
    try:
        if path.suffix == ".gz":
            return gzip.open(path, "rt", newline="", encoding="utf-8-sig", errors="replace")
        return path.open(newline="", encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise CdrError(f"{path}: {error.strerror}") from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Where a file can't be read on, a CdrError says which."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CdrError(f"{path}: {reason}") from error


def lines(file: TextIO) -> Iterator[str]:
    """Its lines, bounded."""
    return (line.replace("\0", "") for line in iter(lambda: file.readline(MAX_LINE), ""))


def csv_rows(file: TextIO, delimiter: str = ",") -> Reader:
    """A reader over it."""
    return csv.reader(lines(file), delimiter=delimiter)
