"""Asterisk's call detail records: cdr_csv and cdr_custom CSV, JSON lines, exports with a header, FreePBX's table.

cdr_csv and the stock mapping of cdr_custom put the same columns into another order: they are told apart by where the
first date stands. Which columns come after amaflags depends on loguniqueid, loguserfield and newcdrcolumns; a unique id
is known by its form. FreePBX's table has the start as calldate, and neither answer nor end.

Asterisk writes one row for every leg of the PBX, and none says whether it went over a trunk:

    Dial PJSIP/12125550143@carrier     a number at an endpoint: out, over that endpoint, to that number
    Dial PJSIP/101                     an endpoint only: in, if a long number called on a channel that isn't an
                                       extension's; else it stayed inside
    no Dial (refused, IVR, voicemail)  the same by channel, caller and length of what was dialled

FreePBX keeps the caller ID that it showed to the carrier beside the extension, as outbound_cnum.

What is judged is the number in Dial, not the one that was dialled at the phone: a guard between PBX and carrier sees
that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import NamedTuple

from ringfence.history.cdr import Broken, Cdr
from ringfence.history.fields import Inside, Row, instant, leads_out, needed, times, whole
from ringfence.history.tables import CsvRows, delimiter_of, first_line, lines, opened, records, why
from ringfence.model.time import SECOND

MASTER = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer",
    "end", "duration", "billsec", "disposition", "amaflags",
)  # fmt: skip
"""cdr_csv."""
CUSTOM = (
    "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer", "end",
    "duration", "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield",
)  # fmt: skip
"""cdr_custom as it is shipped; a sequence follows."""
NULLS = ("NULL", "\\N")
"""How exports of a table write that there is no value."""
_UNIQUE = re.compile(r"(?:[\w.-]{1,64}-)?\d{9,11}\.\d{1,10}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d.{0,12}", re.ASCII)


def read_asterisk(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    """Rows of a Master.csv in either order, of a CSV with a header, or of JSON lines; raises CdrError."""
    first = first_line(path)
    if first.lstrip().startswith("{"):
        return _json(path, zone)
    delimiter = delimiter_of(first)
    header = [name.strip().strip('"').lower() for name in first.strip().split(delimiter)]
    return _under_header(path, zone, header, delimiter) if has_header(header) else _csv(path, zone)


def has_header(names: Sequence[str]) -> bool:
    """Whether a first line names columns of Asterisk."""
    return "dst" in names and ("calldate" in names or "start" in names)


def _csv(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    with opened(path) as file:
        yield from records(path, CsvRows(file), lambda row: asterisk(_named(row), zone), whole=False)


def _under_header(path: Path, zone: tzinfo, header: Sequence[str], delimiter: str) -> Iterator[Cdr | Broken]:
    with opened(path) as file:
        rows = CsvRows(file, delimiter)
        rows.read()
        yield from records(path, rows, lambda row: asterisk(_exported(header, row), zone), whole=False)


def _json(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    with opened(path) as file:
        for number, line in enumerate(lines(file), 1):
            if line.strip():
                yield _json_row(f"{path}:{number}", line, zone)


def _json_row(where: str, line: str, zone: tzinfo) -> Cdr | Broken:
    try:
        found = json.loads(line)
        if not isinstance(found, dict):
            return Broken(where, "no JSON object")
        return asterisk({name: "" if value is None else whole(str(value)) for name, value in found.items()}, zone)
    except json.JSONDecodeError:
        return Broken(where, "no JSON object")
    except (ValueError, OverflowError, KeyError, RecursionError) as error:
        return Broken(where, why(error))


def _under(header: Sequence[str], row: Sequence[str]) -> Row:
    return dict(zip(header, row, strict=False))


def _exported(header: Sequence[str], row: Sequence[str]) -> Row:
    """A row as `mysql --batch` and SELECT INTO OUTFILE write it."""
    return {name: "" if value in NULLS else value for name, value in zip(header, row, strict=False)}


def is_row(row: Sequence[str]) -> bool:
    """Whether it looks like one of these CSVs, without a header."""
    return len(row) >= len(MASTER) and any(_TIME.fullmatch(row[at]) for at in (8, 9))


def _named(row: Sequence[str]) -> Row:
    if not is_row(row):
        raise ValueError("no row of Asterisk: 16 columns or more, with a date in the ninth or tenth")
    if _TIME.fullmatch(row[8]) and not _TIME.fullmatch(row[11]):
        return _under(CUSTOM, row)
    unique = next((field for field in row[len(MASTER) :] if _UNIQUE.fullmatch(field)), "")
    return {**_under(MASTER, row), "uniqueid": unique}


class Way(NamedTuple):
    """Where a row leads."""

    direction: str
    trunk: str
    extension: str
    dialled: str


def asterisk(row: Row, zone: tzinfo) -> Cdr:
    """One row; raises ValueError, of a call between two extensions Inside."""
    start = instant(row.get("start") or row["calldate"], zone)
    answer, end = times(row, start, zone)
    way = way_of(row)
    return Cdr(
        call_id=row.get("uniqueid") or f"{row.get('channel')}@{start // SECOND}",
        start=start,
        answer=answer,
        end=end,
        caller=(way.direction == "out" and row.get("outbound_cnum")) or row.get("src") or "",
        extension=way.extension,
        dialled=way.dialled,
        trunk=way.trunk,
        direction="in" if way.direction == "in" else "out",
    )


def way_of(row: Row) -> Way:
    """Direction, trunk, extension and number; raises Inside where no trunk is in it."""
    dialled, own = needed(row, "dst"), endpoint(row.get("channel") or "")
    far, number = _target(row) if row.get("lastapp") in ("Dial", "") else ("", "")
    extension = own or row.get("cnum") or row.get("src") or ""
    if number and number != far:
        return Way("out", far, extension, number)
    if _from_outside(row, own):
        return Way("in", own, far or endpoint(row.get("dstchannel") or ""), row.get("did") or dialled)
    if far or not leads_out(dialled):
        raise Inside()
    return Way("out", endpoint(row.get("dstchannel") or ""), extension, dialled)


def _from_outside(row: Row, own: str) -> bool:
    if row.get("did"):
        return True
    is_extension = own.isdigit() and len(own) <= 6
    inside = (row.get("dcontext") or "").startswith("from-internal")
    return bool(own) and not is_extension and not inside and leads_out(row.get("src") or "")


def _target(row: Row) -> tuple[str, str]:
    """Endpoint and number that Dial named first; empty where it named none."""
    first = re.split(r"[&,|]", row.get("lastdata") or "", maxsplit=1)[0]
    technology, _, rest = first.partition("/")
    if technology == "Local":
        return "", ""
    if "/" in rest:
        name, _, number = rest.partition("/")
        return name, re.sub(r"^sips?:|@.*$", "", number)
    number, at, name = rest.partition("@")
    return (name, number) if at else (rest, "")


def endpoint(channel: str) -> str:
    """The peer that a channel belongs to: `PJSIP/101-0000001a` is 101's."""
    name = channel.partition("/")[2].partition("@")[0]
    return name.rpartition("-")[0] or name
