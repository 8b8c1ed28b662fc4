"""`ringfence number`: what a dialled string is, and why."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import msgspec

from ringfence.cli.options import Flag, Json, Several, Text
from ringfence.errors import RingfenceError
from ringfence.numbers import DialPlan, Number, PlanError, PlanSettings, Step

COLUMNS = ("dialled", "home", "settings")
DEFAULT_HOME = "US"
USUAL_OUTSIDE = ("9", "0")


class BatchError(RingfenceError):
    """A batch file can't be read at all."""


class Row(NamedTuple):
    """One row of a batch file."""

    line: int
    dialled: str
    home: str
    settings: str


class RowError(NamedTuple):
    """A row that can't be judged."""

    line: int
    text: str


def number(
    dialled: str | None = None,
    /,
    *,
    home: str | None = None,
    outside: Several = (),
    outside_required: bool = True,
    ext_len: str | None = None,
    area: Text = "",
    extra_idd: Several = (),
    e164_noplus: Flag = False,
    vanity: Flag = False,
    emergency: Several = (),
    batch: Path | None = None,
    as_json: Json = False,
) -> int:
    """Say which number a dialled string is, step by step, or why it is refused.

    Example: `ringfence number --home US --outside 9 90115351234567`

    Exit code 0: a number; 1: refused, or a batch had rows that couldn't be judged; 2: wrong usage or unreadable file.

    Parameters
    ----------
    dialled
        What was dialled, or a tel: or sip: URI.
    home
        Country whose dialling habits hold, such as US or GB; US if it isn't given.
    outside
        Prefix for an outside line, such as 9; may be given several times.
    outside_required
        Refuse numbers without the outside prefix.
    ext_len
        Shortest and longest internal extension, such as 3-5.
    area
        Area code for numbers dialled locally.
    extra_idd
        International prefix accepted besides those of the country; may be given several times.
    e164_noplus
        Accept an international number without + and prefix.
    vanity
        Read letters as on a keypad.
    emergency
        Emergency number besides those of the country; may be given several times.
    batch
        CSV file with the columns dialled, home and settings (JSON); writes one JSON object a row, in order.
    as_json
        Write JSON instead of text.
    """
    if batch is not None:
        if dialled is not None:
            raise PlanError("ringfence number takes a dialled string or --batch FILE.csv, not both")
        return _batch(batch, sys.stdout)
    if dialled is None:
        raise PlanError("ringfence number needs a dialled string, or --batch FILE.csv")
    settings = PlanSettings(
        home=(home or DEFAULT_HOME).upper(),
        outside=outside,
        outside_required=outside_required,
        ext_len=_bounds(ext_len),
        area=area,
        extra_idd=extra_idd,
        e164_noplus=e164_noplus,
        vanity=vanity,
        emergency=emergency,
    )
    return _one(settings, dialled, as_json, "" if home else " (choose another with --home)")


def _bounds(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch("([0-9]{1,2})(?:-([0-9]{1,2}))?", text)
    if match is None:
        raise PlanError(f"--ext-len {text!r} must be a length such as 4, or two such as 3-5")
    return int(match[1]), int(match[2] or match[1])


def _one(settings: PlanSettings, dialled: str, as_json: bool, remark: str) -> int:
    plan = DialPlan(settings)
    found = plan.normalise(dialled)
    steps = (Step("plan", f"dialled in {settings.home}{remark}", dialled), *plan.explain(dialled))
    if found.rejected:
        steps += _hints(settings, dialled)
    if as_json:
        shown = {**_object(found), "candidate": found.candidate, "steps": [step._asdict() for step in steps]}
        print(json.dumps(shown))
    else:
        for step in steps:
            left = f"  [{step.left}]" if step.left and step.stage not in ("result", "hint") else ""
            print(f"{step.stage:14}{step.text}{left}")
    return int(found.rejected)


def _hints(settings: PlanSettings, dialled: str) -> tuple[Step, ...]:
    """What an outside prefix that wasn't named would make of a refused string."""
    for prefix in USUAL_OUTSIDE:
        if not settings.outside and dialled.startswith(prefix):
            other = DialPlan(msgspec.structs.replace(settings, outside=(prefix,))).normalise(dialled)
            if other.status == "ok":
                text = f"with --outside {prefix} it is +{other.e164}, {other.type} in {other.region}"
                return (Step("hint", text, other.e164),)
    return ()


def _object(found: Number) -> dict[str, Any]:
    return {
        "status": found.status,
        "e164": found.e164,
        "region": found.region,
        "type": found.type,
        "reason": found.reason,
        "flags": list(found.flags),
    }


def _batch(path: Path, out: TextIO) -> int:
    """One JSON object for each row, in order; a row that can't be judged has the status `error` and says why."""
    failed = 0
    for row in _rows(path):
        found = row if isinstance(row, RowError) else _judged(row)
        failed += isinstance(found, RowError)
        shown = _error_object(path, found) if isinstance(found, RowError) else _object(found)
        out.write(json.dumps(shown) + "\n")
    if failed:
        print(f"{failed} rows couldn't be judged; their objects have the status error", file=sys.stderr)
    return int(failed > 0)


def _judged(row: Row) -> Number | RowError:
    try:
        return _plan(row.home.strip().upper(), row.settings.strip() or "{}").normalise(row.dialled)
    except (PlanError, msgspec.MsgspecError) as problem:
        return RowError(row.line, str(problem))


def _error_object(path: Path, error: RowError) -> dict[str, Any]:
    where = f"{path}:{error.line}: {error.text}"
    print(where, file=sys.stderr)
    return {**_object(Number("error", "", "", "", "bad_row")), "line": error.line, "error": where}


@lru_cache(maxsize=1024)
def _plan(home: str, settings: str) -> DialPlan:
    given = msgspec.json.decode(settings, type=dict[str, Any])
    if "home" in given:
        raise PlanError("settings can't hold home: it has a column")
    return DialPlan(msgspec.convert({"home": home, **given}, PlanSettings))


def _rows(path: Path) -> Iterator[Row | RowError]:
    """Each row of a batch file; raises BatchError for a missing file or a wrong header."""
    try:
        file = path.open(encoding="utf-8-sig", errors="replace", newline="")
    except OSError as error:
        raise BatchError(f"{path}: can't be read: {error.strerror}") from error
    with file:
        reader = csv.reader(file, strict=True)
        header = _header(path, reader)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield RowError(line, _not_csv(error))
                continue
            if cells is None:
                return
            if cells:
                yield _row(line, cells, header)


def _header(path: Path, reader: Any) -> list[str]:
    try:
        header = [name.strip().lower() for name in next(reader, [])]
    except csv.Error as error:
        raise BatchError(f"{path}:1: {_not_csv(error)}") from error
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise BatchError(f"{path}:1: no column {', '.join(missing)}; the header must name {','.join(COLUMNS)}")
    repeated = [name for name in COLUMNS if header.count(name) > 1]
    if repeated:
        raise BatchError(f"{path}:1: column {', '.join(repeated)} is named twice: keep one")
    return header


def _not_csv(error: csv.Error) -> str:
    if str(error) == "unexpected end of data":
        return "a quote that opens here isn't closed, so nothing after it could be read"
    return f"isn't CSV: {error}"


def _row(line: int, cells: list[str], header: list[str]) -> Row | RowError:
    if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
        hint = "a comma or a quote inside a cell needs quotes around the cell"
        return RowError(line, f"has {len(cells)} cells, the header has {len(header)}; {hint}")
    return Row(line, *(cells[header.index(name)] for name in COLUMNS))
