"""CDR files as one stream in order of time.

What wrote a file is told by its first line, or said. Files are in the order in which calls ended, so they are sorted
by start: in memory as far as it goes, beyond it in sorted runs on disk that are merged.
"""

from __future__ import annotations

import heapq
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import BinaryIO

import msgspec

from ringfence.history.cdr import Broken, Cdr, CdrError, Tally
from ringfence.history.tables import ASTERISK, NEEDED, read_asterisk, read_generic

RUN_ROWS = 500_000
"""Rows that are sorted in memory at once (about 250 MB)."""

Read = Callable[[Path, tzinfo], Iterator[Cdr | Broken]]

FORMATS: dict[str, Read] = {"generic": read_generic, "asterisk": read_asterisk}
"""By the name that `--format` takes."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Cdr).decode


def recognise(path: Path) -> str:
    """What wrote a file, by its first line; raises CdrError."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            first = file.readline(10_000)
    except OSError as error:
        raise CdrError(f"{path}: {error.strerror}") from error
    fields = [field.strip().strip('"') for field in first.strip().split(",")]
    if all(name in fields for name in NEEDED):
        return "generic"
    if len(ASTERISK) - 2 <= first.count('","') + 1 <= len(ASTERISK) + 2 or len(fields) in range(16, 22):
        return "asterisk"
    known = ", ".join(FORMATS)
    raise CdrError(f"{path}:1: can't tell what wrote this file; say it with --format ({known})")


def read(paths: Sequence[Path], zone: tzinfo, form: str, tally: Tally) -> Iterator[Cdr]:
    """All calls of all files, in order of start; `form` empty: recognised file by file."""
    return in_order(_all(paths, zone, form, tally))


def _all(paths: Sequence[Path], zone: tzinfo, form: str, tally: Tally) -> Iterator[Cdr]:
    for path in paths:
        for row in FORMATS[form or recognise(path)](path, zone):
            tally.rows += 1
            if isinstance(row, Broken):
                tally.add_broken(row)
            else:
                yield row


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
