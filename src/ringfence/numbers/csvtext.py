"""Reading operators' CSV files: every problem at once, each with its line, what was found and what is allowed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple, TypeVar

from ringfence.errors import RingfenceError

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONEY = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", re.ASCII)
_SHOWN = 10


class Problem(NamedTuple):
    """One thing wrong in a file."""

    line: int
    """Line in the file, the header being 1; 0 for the file as a whole."""
    column: str
    found: str
    allowed: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.column} {self.found!r}: {self.allowed}"


class TableError(RingfenceError, ValueError):
    """A file can't be used; `problems` has them all."""

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.name = name
        self.problems = tuple(problems)
        shown = "\n".join(f"  {problem}" for problem in self.problems[:_SHOWN])
        more = len(self.problems) - _SHOWN
        super().__init__(f"{name}:\n{shown}" + (f"\n  and {more} more" if more > 0 else ""))


class Rows:
    """The rows of one file, and the problems found while they are read."""

    def __init__(self, name: str, text: str, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self._reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        self._known = (*required, *optional)
        self._header = self._read_header(required)

    def _read_header(self, required: Sequence[str]) -> list[str]:
        header = [name.strip().lower() for name in self._next() or []]
        missing = [name for name in required if name not in header]
        unknown = [name for name in header if name not in self._known]
        repeated = sorted({name for name in header if header.count(name) > 1})
        allowed = f"the first line must name the columns {','.join(required)}"
        self.problems += [Problem(1, "column", name, f"is missing; {allowed}") for name in missing]
        self.problems += [
            Problem(1, "column", name, f"is unknown; known are {','.join(self._known)}") for name in unknown
        ]
        self.problems += [Problem(1, "column", name, "is named twice") for name in repeated]
        self.finish_if(bool(self.problems))
        return header

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:
            self.problems.append(Problem(self._reader.line_num, "row", "", f"isn't CSV: {error}"))
            raise TableError(self.name, self.problems) from error

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        """(line, cells by column) of every row that isn't blank and has as many cells as the header."""
        while True:
            line = self._reader.line_num + 1
            row = self._next()
            if row is None:
                return
            if len(row) == len(self._header):
                yield line, {name: cell.strip() for name, cell in zip(self._header, row, strict=True)}
            elif any(cell.strip() for cell in row):
                allowed = f"must have {len(self._header)} cells as the header does"
                self.problems.append(Problem(line, "row", f"{len(row)} cells", allowed))

    def read(self, line: int, column: str, cell: str, parse: Callable[[str], T], allowed: str) -> T | None:
        """The parsed cell, or None and a problem if `parse` raises ValueError."""
        try:
            return parse(cell)
        except ValueError:
            self.problems.append(Problem(line, column, cell, allowed))
            return None

    def finish_if(self, wrong: bool) -> None:
        """Raise TableError with all problems, in order of lines."""
        if wrong:
            raise TableError(self.name, sorted(self.problems, key=lambda problem: problem.line))


def prefix(cell: str) -> str:
    """A prefix of E.164 digits, a leading + allowed."""
    digits = cell.removeprefix("+")
    if not re.fullmatch("[0-9]{1,15}", digits):
        raise ValueError(cell)
    return digits


def micros(cell: str) -> int:
    """Money in millionths, from a plain decimal; six places at most, so nothing is rounded."""
    if not _MONEY.fullmatch(cell):
        raise ValueError(cell)
    whole, _, places = cell.partition(".")
    return int(whole) * 1_000_000 + int(places.ljust(6, "0"))


def seconds(cell: str) -> int:
    """An increment of 1 to 3600 seconds."""
    if not re.fullmatch("[0-9]{1,4}", cell) or not 1 <= int(cell) <= 3600:
        raise ValueError(cell)
    return int(cell)


def instant_us(cell: str) -> int:
    """Microseconds since 1970 of an ISO 8601 date or time; without an offset it is UTC; empty is always."""
    if not cell:
        return 0
    moment = datetime.fromisoformat(cell)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def day(cell: str) -> date:
    """An ISO 8601 date."""
    return date.fromisoformat(cell)


PREFIX_ALLOWED = "must be 1 to 15 digits of E.164, with or without +"
MONEY_ALLOWED = "must be a plain decimal such as 0.0125, at most six places, no sign and no currency"
SECONDS_ALLOWED = "must be whole seconds from 1 to 3600"
INSTANT_ALLOWED = "must be a date or a time such as 2026-01-31 or 2026-01-31T00:00:00+01:00, or empty"
DAY_ALLOWED = "must be a date such as 2026-01-31"
