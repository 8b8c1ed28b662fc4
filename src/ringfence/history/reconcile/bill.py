"""Rows of a carrier's file: when, where to, how long, for how much.

A CSV may have anything before its header (a title, an address), any of the usual delimiters, and a last line with
totals, which is counted among the rows that can't be used. Call records in a form that `replay` knows can be compared
with the ledger too, those of the PBX itself for one.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import NamedTuple

import msgspec

from ringfence.history import mapped, parquet
from ringfence.history.cdr import Broken, Cdr, CdrError, Tally
from ringfence.history.dates import Dates, dates_of
from ringfence.history.read import FORMATS, files
from ringfence.history.reconcile import amounts, columns
from ringfence.history.reconcile.columns import Columns
from ringfence.history.tables import DELIMITERS, CsvRows, lines, opened, reading, records
from ringfence.model import Instant

HEAD_LINES = 50
"""Lines at the beginning of a file in which its header has to come."""


class Billed(msgspec.Struct, gc=False, array_like=True):
    """One call on the bill."""

    call_id: str
    """The carrier's id for it, or `file:line`."""
    start: Instant
    """When it was answered, if that is said, else when it began or was answered."""
    answered: bool
    """Whether `start` is the answer."""
    seconds: int
    """Whole ones that are charged; -1: not said."""
    number: str
    caller: str = ""
    cost_micros: int = -1
    """-1: not said."""
    where: str = ""
    """`file:line`."""


class Way(NamedTuple):
    """How a file is to be read."""

    zone: tzinfo
    said: Mapping[str, tuple[str, ...]]
    """What `--map` says."""
    date_format: str = ""
    form: str = ""
    """A form of call records, such as asterisk; empty: a carrier's CSV or Parquet."""


class Bill:
    """The rows of some files, and what was made of their columns."""

    def __init__(self, way: Way, tally: Tally) -> None:
        self.way = way
        self.tally = tally
        self.inbound = 0
        """Rows of calls that came in; they are left out."""
        self.columns: dict[str, str] = {}
        """By file, as `--map` takes it."""

    def rows(self, paths: Sequence[Path]) -> Iterator[Billed]:
        """All of them, in the files' order; raises CdrError."""
        for path in files(paths):
            with reading(path):
                for row in self._of(path):
                    self.tally.rows += 1
                    if isinstance(row, Broken):
                        self.tally.add_broken(row)
                    elif row is None:
                        self.inbound += 1
                    else:
                        yield row

    def _of(self, path: Path) -> Iterator[Billed | Broken | None]:
        if self.way.form:
            return map(_from_record, FORMATS[self.way.form](path, self.way.zone))
        return self._parquet(path) if parquet.is_parquet(path) else self._csv(path)

    def _csv(self, path: Path) -> Iterator[Billed | Broken | None]:
        found = _Header.of(path, self.way.said)
        self.columns[str(path)] = columns.in_words(found.columns, found.header)
        dates = dates_of(path, self.way.zone, self.way.date_format, _texts(path, found))
        with opened(path) as file:
            rows = CsvRows(file, found.delimiter)
            while rows.line < found.line and rows.read() is not None:
                pass
            yield from records(path, rows, lambda row: _billed(row, found.columns, dates, f"{path}:{rows.line}"))

    def _parquet(self, path: Path) -> Iterator[Billed | Broken | None]:
        if not self.way.said:
            raise CdrError(f"{path}: is Parquet: say its columns with --map")
        said = {field: "+".join(names) for field, names in self.way.said.items()}
        taken = {field: (at,) for at, field in enumerate(said)}
        self.columns[str(path)] = ",".join(f"{field}={column}" for field, column in said.items())
        dates = dates_of(path, self.way.zone, self.way.date_format, ())
        for number, row in enumerate(mapped.batches(path, said), 1):
            yield _tried([value or "" for value in row], taken, dates, f"{path}:{number}")


class _Header(NamedTuple):
    """Where a file's rows begin, and what they hold."""

    line: int
    delimiter: str
    header: list[str]
    columns: Columns

    @classmethod
    def of(cls, path: Path, said: Mapping[str, tuple[str, ...]]) -> _Header:
        """Of a file; raises CdrError."""
        with opened(path) as file:
            head = list(itertools.islice(lines(file), HEAD_LINES))
        for delimiter in sorted(DELIMITERS, key=lambda one: -sum(line.count(one) for line in head)):
            rows = CsvRows(io.StringIO("".join(head)), delimiter)
            while (row := rows.read()) is not None:
                names = [name.strip() for name in row] if isinstance(row, list) else []
                found = _found(names, said) if names else None
                if found is not None:
                    return cls(rows.line, delimiter, names, found)
        raise CdrError(_no_header(path, head, said))


def _found(header: Sequence[str], said: Mapping[str, tuple[str, ...]]) -> Columns | None:
    """The columns, if this is the header."""
    if not said:
        return columns.guessed(header) if columns.is_header(header) else None
    try:
        return columns.places(said, header)
    except KeyError:
        return None


def _no_header(path: Path, head: Sequence[str], said: Mapping[str, tuple[str, ...]]) -> str:
    first = ascii(head[0].strip()[:200]) if head else "nothing"
    if said:
        names = ", ".join(name for names in said.values() for name in names)
        return f"{path}: no line of the first {HEAD_LINES} has the columns {names}; it begins with {first}"
    return (
        f"{path}: can't tell when and where its calls went; say it with --map, such as "
        f"start=Call Date,dialled=Called Number,seconds=Duration,cost=Charge; it begins with {first}"
    )


def _texts(path: Path, found: _Header) -> Iterator[str]:
    """The dates of the first rows."""
    at = found.columns.get("answer") or found.columns.get("start") or ()
    with opened(path) as file:
        rows = CsvRows(file, found.delimiter)
        for _ in range(mapped.SAMPLE):
            row = rows.read()
            if row is None:
                return
            if isinstance(row, list) and at and at[0] < len(row):
                yield row[at[0]]


def _tried(row: Sequence[str], taken: Columns, dates: Dates, where: str) -> Billed | Broken | None:
    try:
        return _billed(row, taken, dates, where)
    except (ValueError, OverflowError) as error:
        return Broken(where, str(error))


def _billed(row: Sequence[str], taken: Columns, dates: Dates, where: str) -> Billed | None:
    """A row; None where the call came in. Raises ValueError."""
    text = {field: " ".join(row[at].strip() for at in found if at < len(row)).strip() for field, found in taken.items()}
    if text.get("direction", "").lower().startswith(("in", "term")):
        return None
    when = text.get("answer") or text.get("start", "")
    if not when:
        raise ValueError("it has no time")
    if not text.get("dialled"):
        raise ValueError("it has no number")
    return Billed(
        call_id=text.get("call_id") or where,
        start=dates.read(when),
        answered=bool(text.get("answer")),
        seconds=_seconds(text),
        number=text["dialled"],
        caller=text.get("caller", ""),
        cost_micros=amounts.micros(text["cost"]) if text.get("cost") else -1,
        where=where,
    )


def _seconds(text: Mapping[str, str]) -> int:
    if text.get("seconds"):
        return math.ceil(amounts.seconds(text["seconds"]))
    if text.get("minutes"):
        return round(amounts.seconds(text["minutes"], 60))
    return -1


def _from_record(row: Cdr | Broken) -> Billed | Broken | None:
    """A record of the PBX as a row."""
    if isinstance(row, Broken):
        return row
    if row.direction == "in":
        return None
    at, answered = row.answer or row.start, bool(row.answer)
    return Billed(row.call_id, at, answered, row.duration_s, row.dialled, row.caller, where=row.call_id)
