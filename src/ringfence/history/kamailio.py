"""Kamailio's acc table, as a dump or as a CSV with a header, and acc_cdrs.

acc has a row for each transaction: an INVITE with 200 is an answer, a BYE with 200 an end, an INVITE with 300 or more a
call that nobody took. They are brought together by Call-ID. When ringing began isn't recorded: a call starts when it is
answered or refused. Who called whom is in the extra columns of kamailio.cfg's WITH_ACCDB: src_user, src_domain, src_ip,
dst_ouser, dst_user, dst_domain; the domain it went to is the trunk.

Rows are in order of time. An answered call without BYE in the file has no end, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import NamedTuple

from ringfence.history.cdr import Broken, Cdr
from ringfence.history.fields import Row, after, in_order, instant, needed
from ringfence.history.sqldump import Found, rows
from ringfence.history.tables import CsvRows, delimiter_of, first_line, header_of, opened, records, why

TABLES = ("acc", "missed_calls", "acc_cdrs")
MAX_OPEN = 200_000
"""Answered calls that wait for their end; the oldest is given up for one more."""
ACC = ("method", "callid", "sip_code", "time")
CHALLENGES = ("401", "407")


class _Open(NamedTuple):
    where: str
    call: Cdr


def read_kamailio(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    """Calls of a dump or a CSV; raises CdrError."""
    first = first_line(path)
    delimiter = delimiter_of(first)
    header = [name.strip().strip('"') for name in first.strip().split(delimiter)]
    return _calls(_csv(path, delimiter) if is_header(header) else rows(path, TABLES), zone)


def is_header(names: Iterable[str]) -> bool:
    """Whether a first line names columns of acc."""
    return set(ACC) <= set(names)


def _csv(path: Path, delimiter: str) -> Iterator[Found | Broken]:
    with opened(path) as file:
        rows = CsvRows(file, delimiter)
        header = header_of(rows)

        def named(row: Sequence[str]) -> Found:
            return Found(f"{path}:{rows.line}", "acc", dict(zip(header, row, strict=False)))

        yield from records(path, rows, named, whole=False)


def _calls(found: Iterable[Found | Broken], zone: tzinfo) -> Iterator[Cdr | Broken]:
    up: dict[str, _Open] = {}
    for one in found:
        if isinstance(one, Broken):
            yield one
            continue
        try:
            yield from _row(one, up, zone)
        except (ValueError, OverflowError, KeyError) as error:
            yield Broken(one.where, why(error))
        if len(up) > MAX_OPEN:
            yield _endless(up.pop(next(iter(up))))
    yield from map(_endless, up.values())


def _endless(call: _Open) -> Broken:
    return Broken(call.where, "answered, and its BYE is not in the file")


def _row(found: Found, up: dict[str, _Open], zone: tzinfo) -> Iterator[Cdr | Broken]:
    row = found.row
    if found.table == "acc_cdrs" or "start_time" in row:
        start = instant(row["start_time"], zone)
        yield _call(row, start, start, after(start, row["end_time"], zone))
    elif row["method"] == "BYE":
        yield from _ended(found, up, zone)
    elif row["method"] == "INVITE" and row["sip_code"] in CHALLENGES:
        yield Broken(found.where, "a challenge, no call")
    elif row["method"] == "INVITE":
        at, answered = instant(row["time"], zone), row["sip_code"].startswith("2")
        if not answered:
            yield _call(row, at, 0, at)
        elif row["callid"] not in up:  # The same 200 on another leg of a fork begins nothing.
            up[row["callid"]] = _Open(found.where, _call(row, at, at, at))


def _ended(found: Found, up: dict[str, _Open], zone: tzinfo) -> Iterator[Cdr | Broken]:
    begun = up.pop(found.row["callid"], None)
    if begun is None:
        yield Broken(found.where, "a BYE whose INVITE is not in the file")
        return
    call = begun.call
    _, call.end = in_order(call.start, call.answer, after(call.answer, found.row["time"], zone))
    yield call


def _call(row: Row, start: int, answer: int, end: int) -> Cdr:
    in_order(start, answer, end)
    return Cdr(
        call_id=needed(row, "callid"),
        start=start,
        answer=answer,
        end=end,
        caller=row.get("src_user") or "",
        extension=row.get("src_user") or "",
        dialled=(row.get("dst_user") or "").strip() or needed(row, "dst_ouser"),
        trunk=row.get("dst_domain") or "",
        source_ip=row.get("src_ip") or "",
    )
