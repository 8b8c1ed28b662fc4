"""CDR files as one stream in order of time.

What wrote a file is told by its first line, or said. Files are in the order in which calls ended, so they are sorted
by start: in memory as far as it goes, beyond it in sorted runs on disk that are merged.
"""

from __future__ import annotations

import csv
import heapq
import itertools
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import BinaryIO

import msgspec

from ringfence.history import asterisk, freepbx, freeswitch, kamailio
from ringfence.history.asterisk import read_asterisk
from ringfence.history.cdr import Broken, Cdr, CdrError, Tally
from ringfence.history.freepbx import read_freepbx
from ringfence.history.freeswitch import read_freeswitch
from ringfence.history.kamailio import read_kamailio
from ringfence.history.tables import NEEDED, lines, opened, read_generic, reading

RUN_ROWS = 500_000
"""Rows that are sorted in memory at once (about 250 MB)."""

Read = Callable[[Path, tzinfo], Iterator[Cdr | Broken]]

FORMATS: dict[str, Read] = {
    "generic": read_generic,
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
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Cdr).decode


def recognise(path: Path) -> str:
    """What wrote a file, by its beginning; raises CdrError."""
    with reading(path), opened(path) as file:
        head = list(itertools.islice(lines(file), HEAD_LINES))
    first = head[0] if head else ""
    found = _structured(first, head) or _tabular(next(iter(csv.reader([first])), []))
    if not found:
        known = ", ".join(FORMATS)
        raise CdrError(
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
    return in_order(_all(paths, zone, form, tally))


def _all(paths: Sequence[Path], zone: tzinfo, form: str | Read, tally: Tally) -> Iterator[Cdr]:
    for path in files(paths):
        reader = FORMATS[form or recognise(path)] if isinstance(form, str) else form
        with reading(path):
            for row in reader(path, zone):
                tally.rows += 1
                if isinstance(row, Broken):
                    tally.add_broken(row)
                else:
                    yield row


def files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files, of a directory all that are in it."""
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.is_file())
        else:
            yield path


def in_order(calls: Iterable[Cdr]) -> Iterator[Cdr]:
    """Calls by start, those of the same instant by id."""
    rows = iter(calls)
    first = sorted(itertools.islice(rows, RUN_ROWS), key=_when)
    if len(first) < RUN_ROWS:
        yield from first
        return
    with tempfile.TemporaryDirectory(prefix="ringfence-replay-") as folder:
        runs = [_spill(Path(folder) / "0", first)]
        while run := sorted(itertools.islice(rows, RUN_ROWS), key=_when):
            runs.append(_spill(Path(folder) / str(len(runs)), run))
        yield from heapq.merge(*(_load(path) for path in runs), key=_when)


def _when(call: Cdr) -> tuple[int, str]:
    return call.start, call.call_id


def _spill(path: Path, calls: list[Cdr]) -> Path:
    with path.open("wb") as file:
        for call in calls:
            data = _encode(call)
            file.write(len(data).to_bytes(4, "big") + data)
    return path


def _load(path: Path) -> Iterator[Cdr]:
    with path.open("rb", buffering=1 << 20) as file:
        yield from iter(lambda: _next(file), None)


def _next(file: BinaryIO) -> Cdr | None:
    size = file.read(4)
    return _decode(file.read(int.from_bytes(size, "big"))) if size else None
