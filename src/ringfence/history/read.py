"""CDR files as one stream in order of time.

What wrote a file is told by its first line, or said. Files are in the order in which calls ended, so they are sorted
by start.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from pathlib import Path

from ringfence.history import asterisk, freepbx, freeswitch, kamailio
from ringfence.history.asterisk import read_asterisk
from ringfence.history.cdr import Broken, Cdr, CdrError, Tally
from ringfence.history.database import is_database
from ringfence.history.freepbx import read_freepbx
from ringfence.history.freeswitch import read_freeswitch
from ringfence.history.kamailio import read_kamailio
from ringfence.history.mapped import read_parquet
from ringfence.history.ordered import in_order
from ringfence.history.parquet import is_parquet
from ringfence.history.tables import NEEDED, delimiter_of, lines, opened, read_generic, reading

Read = Callable[[Path, tzinfo], Iterator[Cdr | Broken]]


def _generic(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    return (read_parquet if is_parquet(path) else read_generic)(path, zone)


FORMATS: dict[str, Read] = {
    "generic": _generic,
    "asterisk": read_asterisk,
    "freepbx": read_freepbx,
    "freeswitch": read_freeswitch,
    "kamailio": read_kamailio,
}
"""By the name that `--format` takes."""
HEAD_LINES = 200
"""Lines at the beginning of a dump in which a table has to come up."""

_TABLE = re.compile(
    r"(?:CREATE TABLE (?:IF NOT EXISTS )?|INSERT INTO )[`\"]?(acc|acc_cdrs|missed_calls|cdr)[`\"]? ", re.ASCII
)


class UnknownFileError(CdrError):
    """Nobody knows what wrote a file."""


def recognise(path: Path) -> str:
    """What wrote a file, by its beginning; raises CdrError."""
    if is_database(path):
        return "freepbx"
    if is_parquet(path):
        return "generic"
    with reading(path), opened(path) as file:
        head = list(itertools.islice(lines(file), HEAD_LINES))
    first = head[0] if head else ""
    found = _structured(first, head) or _tabular(next(iter(csv.reader([first], delimiter=delimiter_of(first))), []))
    if not found:
        known = ", ".join(FORMATS)
        raise UnknownFileError(
            f"{path}:1: can't tell what wrote this file; say it with --format ({known}), or its columns with --map"
        )
    return found


def _structured(first: str, head: Sequence[str]) -> str:
    """JSON, XML and dumps."""
    if first.lstrip().startswith("{"):
        return "asterisk" if '"dstchannel"' in first else "freeswitch"
    if first.lstrip().startswith("<"):
        return "freeswitch"
    table = next((found[1] for line in head if (found := _TABLE.match(line))), "")
    return "kamailio" if table in kamailio.TABLES else "freepbx" if table in freepbx.TABLES else ""


def _tabular(fields: Sequence[str]) -> str:
    names = [field.strip().lower() for field in fields]
    if all(name in names for name in NEEDED):
        return "generic"
    if kamailio.is_header(names):
        return "kamailio"
    if asterisk.has_header(names) or asterisk.is_row(fields):
        return "asterisk"
    return "freeswitch" if freeswitch.is_row(fields) else ""


def read(paths: Sequence[Path], zone: tzinfo, form: str | Read, tally: Tally) -> Iterator[Cdr]:
    """All calls of all files, in order of start; `form` empty: recognised file by file."""
    return in_order(_all(paths, zone, form, tally), Cdr)


def _all(paths: Sequence[Path], zone: tzinfo, form: str | Read, tally: Tally) -> Iterator[Cdr]:
    for path in files(paths):
        with reading(path):
            for row in _rows(path, zone, form, named=path in paths):
                tally.rows += 1
                if isinstance(row, Broken):
                    tally.add_broken(row)
                else:
                    yield row


def _rows(path: Path, zone: tzinfo, form: str | Read, *, named: bool) -> Iterator[Cdr | Broken]:
    """Of one file; of a directory's files those that nobody knows are left out as a whole."""
    if not isinstance(form, str):
        return form(path, zone)
    try:
        return FORMATS[form or recognise(path)](path, zone)
    except UnknownFileError:
        if named:
            raise
        return iter([Broken(f"{path}:1", "a whole file: can't tell what wrote it")])


def files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files, of a directory all that are in it."""
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.is_file())
        else:
            yield path
