"""`ringfence number`: what a dialled string is, and why."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TextIO

import msgspec
from cyclopts import Parameter

from ringfence.errors import RingfenceError
from ringfence.numbers import DialPlan, Number, PlanError, PlanSettings

COLUMNS = ("dialled", "home", "settings")


class BatchError(RingfenceError):
    """A batch file can't be read at all."""


def number(
    dialled: str | None = None,
    /,
    *,
    home: str | None = None,
    outside: Annotated[tuple[str, ...], Parameter(consume_multiple=False, negative="")] = (),
    outside_required: bool = True,
    ext_len: str | None = None,
    area: str = "",
    extra_idd: Annotated[tuple[str, ...], Parameter(consume_multiple=False, negative="")] = (),
    e164_noplus: Annotated[bool, Parameter(negative="")] = False,
    vanity: Annotated[bool, Parameter(negative="")] = False,
    emergency: Annotated[tuple[str, ...], Parameter(consume_multiple=False, negative="")] = (),
    batch: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Say which number a dialled string is, step by step, or why it is refused.

    Exit code 0: a number; 1: refused, or a batch had rows that couldn't be judged; 2: wrong usage or unreadable file.

    Parameters
    ----------
    dialled
        What was dialled, or a tel: or sip: URI.
    home
        Country whose dialling habits hold, such as US or GB.
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
        CSV file with the columns dialled, home and settings (JSON); writes one JSON object a row.
    as_json
        Write JSON instead of text.
    """
    if batch is not None:
        return _batch(batch, sys.stdout)
    if dialled is None or home is None:
        raise PlanError("ringfence number needs a dialled string and --home, or --batch FILE.csv")
    settings = PlanSettings(
        home=home.upper(),
        outside=outside,
        outside_required=outside_required,
        ext_len=_bounds(ext_len),
        area=area,
        extra_idd=extra_idd,
        e164_noplus=e164_noplus,
        vanity=vanity,
        emergency=emergency,
    )
    return _one(DialPlan(settings), dialled, as_json)


def _bounds(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    low, _, high = text.partition("-")
    if not (low.isdecimal() and (high or low).isdecimal()):
        raise PlanError(f"--ext-len {text!r} must be a length such as 4, or two such as 3-5")
    return int(low), int(high or low)


def _one(plan: DialPlan, dialled: str, as_json: bool) -> int:
    found = plan.normalise(dialled)
    steps = plan.explain(dialled)
    if as_json:
        shown = {**_object(found), "candidate": found.candidate, "steps": [step._asdict() for step in steps]}
        print(json.dumps(shown))
    else:
        for step in steps:
            print(f"{step.stage:12} {step.text}" + (f"  [{step.left}]" if step.left and step.stage != "result" else ""))
    return int(found.rejected)


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
    """One JSON object for each row; a row that can't be judged gives an error object with its line."""
    failed = 0
    for line, row in _rows(path):
        shown = row if "error" in row else _judged(line, row)
        failed += "error" in shown
        out.write(json.dumps(shown) + "\n")
    if failed:
        print(f"{path}: {failed} rows couldn't be judged, see the objects with an error", file=sys.stderr)
    return int(failed > 0)


def _judged(line: int, row: dict[str, Any]) -> dict[str, Any]:
    try:
        return _object(_plan(row["home"].strip().upper(), row["settings"]).normalise(row["dialled"]))
    except (PlanError, msgspec.MsgspecError) as error:
        return _error(line, str(error))


def _error(line: int, text: str) -> dict[str, Any]:
    return {"status": "error", "line": line, "error": text}


@lru_cache(maxsize=1024)
def _plan(home: str, settings: str) -> DialPlan:
    given = msgspec.json.decode(settings.strip() or "{}", type=dict[str, Any])
    if "home" in given:
        raise PlanError("settings can't hold home: it has a column")
    return DialPlan(msgspec.convert({"home": home, **given}, PlanSettings))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, cells) of each row of a batch file; raises BatchError for a missing file or column."""
    try:
        file = path.open(encoding="utf-8-sig", errors="replace", newline="")
    except OSError as error:
        raise BatchError(f"{path}: can't be read: {error.strerror}") from error
    with file:
        reader = csv.reader(file)
        header = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise BatchError(f"{path}:1: no column {', '.join(missing)}; the header must name {','.join(COLUMNS)}")
        yield from _cells(reader, header)


def _cells(reader: Any, header: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield line, _error(line, f"isn't CSV: {error}")
            continue
        if row is None:
            return
        if not row:
            continue
        if len(row) < len(header):
            yield line, _error(line, f"has {len(row)} cells, the header has {len(header)}")
            continue
        cells = dict(zip(header, row, strict=False))
        yield line, {name: cells[name] for name in COLUMNS}
