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
from typing import TextIO, TypeVar

from ringfence.history.cdr import Broken, Cdr, CdrError
from ringfence.history.fields import Row, instant, needed, times

GENERIC = (
    "call_id", "start", "answer", "end", "caller", "extension", "source_ip", "user_agent", "dialled", "trunk",
    "disposition", "duration", "billsec", "diverted_from",
)  # fmt: skip
"""Header of the generic CSV; `direction` may follow."""
Made = TypeVar("Made")
NEEDED = ("call_id", "start", "dialled")
DELIMITERS = ",;\t|"

MAX_LINE = 1 << 20
"""Characters of a line; a longer one is read as several, so that memory stays bounded."""


def read_generic(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    """Rows of a CSV with the generic header, in the file's order; raises CdrError."""
    with opened(path) as file:
        rows = CsvRows(file, delimiter_of(first_line(path)))
        header = header_of(rows)
        missing = [name for name in NEEDED if name not in header]
        if missing:
            raise CdrError(f"{path}:1: no column {', '.join(missing)}; the header is {','.join(GENERIC)}")
        yield from records(path, rows, lambda row: generic(dict(zip(header, row, strict=False)), zone))


def first_line(path: Path) -> str:
    """As much of it as a header may have; raises CdrError."""
    with opened(path) as file:
        return file.readline(10_000)


def delimiter_of(header: str) -> str:
    """What parts the columns that a first line names."""
    return max(DELIMITERS, key=header.count)


def header_of(rows: CsvRows) -> list[str]:
    """The names in the first line that isn't blank; empty where there is none."""
    while (row := rows.read()) is not None:
        if isinstance(row, list) and row:
            return [name.strip() for name in row]
    return []


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


class CsvRows:
    """Rows of a CSV, and the lines that the last one was made of.

    A line that was cut off within quotes swallows the next ones, up to the next quote. So the lines of a row that can't
    be used are read again, each for itself.
    """

    def __init__(self, file: TextIO, delimiter: str = ",") -> None:
        self.line = 0
        """Where the last row began."""
        self._delimiter = delimiter
        self._lines: list[str] = []
        self._reader = csv.reader(self._kept(file), delimiter=delimiter)

    def _kept(self, file: TextIO) -> Iterator[str]:
        for line in lines(file):
            self._lines.append(line)
            yield line

    def read(self) -> list[str] | csv.Error | None:
        """The next row, empty for a blank line; why it is none; None at the end."""
        self.line = self._reader.line_num + 1
        self._lines.clear()
        return _next(self._reader)

    @property
    def spans(self) -> int:
        """How many lines it was made of."""
        return len(self._lines)

    def apart(self) -> Iterator[tuple[int, list[str] | csv.Error]]:
        """Each of these lines as a row."""
        for line, text in enumerate(self._lines, self.line):
            row = _next(csv.reader([text], delimiter=self._delimiter))
            if row:
                yield line, row


def _next(rows: Iterator[list[str]]) -> list[str] | csv.Error | None:
    try:
        return next(rows, None)
    except csv.Error as error:
        return error


def records(
    path: Path, rows: CsvRows, make: Callable[[Sequence[str]], Made], *, whole: bool = True
) -> Iterator[Made | Broken]:
    """Every row that isn't blank as what `make` gives of it; it may raise ValueError or KeyError.

    `whole` is False where no field can have several lines.
    """
    while (row := rows.read()) is not None:
        if not row:
            continue
        found = Broken("", "") if rows.spans > 1 and not whole else _record(f"{path}:{rows.line}", row, make)
        if isinstance(found, Broken) and rows.spans > 1:
            yield from (_record(f"{path}:{line}", one, make) for line, one in rows.apart())
        else:
            yield found


def _record(where: str, row: Sequence[str] | csv.Error, make: Callable[[Sequence[str]], Made]) -> Made | Broken:
    try:
        return make(row) if not isinstance(row, csv.Error) else Broken(where, str(row))
    except (ValueError, OverflowError, KeyError) as error:
        return Broken(where, why(error))


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
