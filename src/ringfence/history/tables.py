"""CDR files with named columns: the generic CSV, and Asterisk's in the order of its columns.

A row becomes a `Cdr`, or a `Broken` with its line and reason; nothing is dropped in silence. Times without offset are
taken in the zone that is given.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Protocol, TextIO

from ringfence.history.cdr import Broken, Cdr, CdrError
from ringfence.model.time import SECOND, Instant

GENERIC = (
    "call_id", "start", "answer", "end", "caller", "extension", "source_ip", "user_agent", "dialled", "trunk",
    "disposition", "duration", "billsec", "diverted_from",
)  # fmt: skip
"""Header of the generic CSV; `direction` may follow."""
NEEDED = ("call_id", "start", "dialled")

ASTERISK = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer",
    "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield",
)  # fmt: skip
"""Columns of cdr_csv's Master.csv (with loguniqueid and loguserfield)."""

MAX_LINE = 1 << 20
"""Characters of a line; a longer one is read as several, so that memory stays bounded."""
LAST = 4_102_444_800 * SECOND
"""The year 2100: what is later, or before 1970, is no time of a call."""
_EPOCH = re.compile(r"\d{1,16}(\.\d{0,9})?", re.ASCII)
Row = Mapping[str, str]


def read_generic(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    """Rows of a CSV with the generic header, in the file's order; raises CdrError."""
    with _open(path) as file:
        reader = csv.reader(_without_nul(file))
        header = next((row for row in reader if row), [])
        missing = [name for name in NEEDED if name not in header]
        if missing:
            raise CdrError(f"{path}:1: no column {', '.join(missing)}; the header is {','.join(GENERIC)}")
        yield from _rows(path, reader, header, lambda row: generic(row, zone))


def read_asterisk(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    """Rows of Asterisk's Master.csv, which has no header; raises CdrError."""
    with _open(path) as file:
        yield from _rows(path, csv.reader(_without_nul(file)), ASTERISK, lambda row: asterisk(row, zone))


def generic(row: Row, zone: tzinfo) -> Cdr:
    """One row of the generic CSV; raises ValueError."""
    start, answer = instant(row["start"], zone), _maybe(row.get("answer"), zone)
    answer = 0 if _unanswered(row, answer) else answer
    return Cdr(
        call_id=_needed(row, "call_id"),
        start=start,
        answer=answer,
        end=_end(row, start, answer, zone),
        caller=row.get("caller") or "",
        extension=row.get("extension") or "",
        dialled=_needed(row, "dialled"),
        trunk=row.get("trunk") or "",
        source_ip=row.get("source_ip") or "",
        user_agent=row.get("user_agent") or "",
        diverted_from=row.get("diverted_from") or "",
        direction="in" if (row.get("direction") or "out").strip().lower() not in ("", "out", "outbound") else "out",
    )


def asterisk(row: Row, zone: tzinfo) -> Cdr:
    """One row of Master.csv; raises ValueError."""
    start, answer = instant(row["start"], zone), _maybe(row.get("answer"), zone)
    answer = 0 if _unanswered(row, answer) else answer
    channel = row.get("channel") or ""
    return Cdr(
        call_id=row.get("uniqueid") or f"{row.get('channel')}@{row['start']}",
        start=start,
        answer=answer,
        end=_end(row, start, answer, zone),
        caller=row.get("src") or "",
        extension=endpoint(channel) or row.get("src") or "",
        dialled=_needed(row, "dst"),
        trunk=endpoint(row.get("dstchannel") or ""),
    )


def endpoint(channel: str) -> str:
    """The peer that a channel belongs to: `PJSIP/101-0000001a` is 101's."""
    name = channel.partition("/")[2]
    return name.rpartition("-")[0] or name


def instant(text: str | None, zone: tzinfo) -> Instant:
    """An ISO 8601 time, or seconds since 1970; raises ValueError."""
    text = (text or "").strip()
    if not text:
        raise ValueError("no time")
    try:
        at = int(float(text) * SECOND) if _EPOCH.fullmatch(text) else _iso(text, zone)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is no time") from None
    if not 0 < at < LAST:
        raise ValueError(f"{text[:40]!r} is not between 1970 and 2100")
    return at


def _iso(text: str, zone: tzinfo) -> Instant:
    read = datetime.fromisoformat(text)
    return int((read if read.tzinfo is not None else read.replace(tzinfo=zone)).timestamp() * SECOND)


def _maybe(text: str | None, zone: tzinfo) -> Instant:
    return instant(text, zone) if text and text.strip() and not text.startswith("0000-") else 0


def _end(row: Row, start: Instant, answer: Instant, zone: tzinfo) -> Instant:
    end = _maybe(row.get("end"), zone)
    if not end:
        seconds = float(row.get("billsec") or row.get("duration") or 0) if answer else float(row.get("duration") or 0)
        end = (answer or start) + int(seconds * SECOND)
    if end < start or end >= LAST or (answer and not start <= answer <= end):
        raise ValueError("its times are not in the order start, answer, end")
    return end


def _unanswered(row: Row, answer: Instant) -> bool:
    disposition = (row.get("disposition") or "").strip().upper()
    return not answer or (disposition not in ("", "ANSWERED", "ANSWER") and not _number(row.get("billsec")))


def _number(text: str | None) -> float:
    return float(text) if text and text.strip() else 0.0


def _needed(row: Row, name: str) -> str:
    value = row.get(name, "").strip()
    if not value:
        raise ValueError(f"{name} is empty")
    return value


class Reader(Protocol):
    """What csv.reader gives, which has no public name."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


def _rows(path: Path, reader: Reader, names: Sequence[str], make: Callable[[Row], Cdr]) -> Iterator[Cdr | Broken]:
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
            if row:
                yield make(dict(zip(names, row, strict=False)))
        except StopIteration:
            return
        except (ValueError, OverflowError, KeyError, csv.Error) as error:
            yield Broken(f"{path}:{line}", _why(error))


def _why(error: Exception) -> str:
    return f"it has no {error.args[0]}" if isinstance(error, KeyError) else str(error)


def _open(path: Path) -> TextIO:
    try:
        return path.open(newline="", encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise CdrError(f"{path}: {error.strerror}") from error


def _without_nul(file: TextIO) -> Iterator[str]:
    return (line.replace("\0", "") for line in iter(lambda: file.readline(MAX_LINE), ""))
