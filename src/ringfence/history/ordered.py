"""Records in order of start, however many: in memory as far as it goes, beyond it in sorted runs on disk, merged."""

from __future__ import annotations

import heapq
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

import msgspec

RUN_ROWS = 200_000
"""Rows that are sorted in memory at once (about 140 MB)."""
BUFFER = 1 << 18
"""Bytes of each run that are read at once."""


class Starts(Protocol):
    """Something that began at an instant, a msgspec struct."""

    call_id: str
    start: int


Started = TypeVar("Started", bound=Starts)

_encode = msgspec.msgpack.Encoder().encode


def in_order(rows: Iterable[Started], kind: type[Started]) -> Iterator[Started]:
    """Rows by start, those of the same instant by id; `kind` is what they are."""
    taken = iter(rows)
    first = _run(taken)
    if len(first) < RUN_ROWS:
        yield from first
        return
    with tempfile.TemporaryDirectory(prefix="ringfence-replay-") as folder:
        paths = (Path(folder) / str(number) for number in itertools.count())
        runs = [_spill(next(paths), first)]
        del first
        while _rest(taken, path := next(paths)):
            runs.append(path)
        decode = msgspec.msgpack.Decoder(kind).decode
        yield from heapq.merge(*(_load(path, decode) for path in runs), key=_when)


def _run(rows: Iterator[Started]) -> list[Started]:
    return sorted(itertools.islice(rows, RUN_ROWS), key=_when)


def _rest(rows: Iterator[Started], path: Path) -> bool:
    """Another run on disk; False where there is no row left. Only one run is in memory at a time."""
    run = _run(rows)
    if run:
        _spill(path, run)
    return bool(run)


def _when(row: Starts) -> tuple[int, str]:
    return row.start, row.call_id


def _spill(path: Path, rows: Iterable[Starts]) -> Path:
    with path.open("wb") as file:
        for row in rows:
            data = _encode(row)
            file.write(len(data).to_bytes(4, "big") + data)
    return path


def _load(path: Path, decode: Callable[[bytes], Started]) -> Iterator[Started]:
    with path.open("rb", buffering=BUFFER) as file:
        while (data := _next(file)) is not None:
            yield decode(data)


def _next(file: BinaryIO) -> bytes | None:
    size = file.read(4)
    return file.read(int.from_bytes(size, "big")) if size else None
