"""What the commands on call records share: their files, their zone, progress, and which rows were left out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ringfence.cli.tables import console, counted, note
from ringfence.errors import RingfenceError
from ringfence.history import mapped
from ringfence.history.cdr import Cdr, Tally
from ringfence.history.read import FORMATS, Read

Files = Annotated[tuple[Path, ...], Parameter(name="--cdr", consume_multiple=True, negative="", show_default=False)]
MAX_TOLD = 10


Columns = Annotated[str, Parameter(name="--map", show_default=False)]


def form_of(name: str, columns: str, date_format: str = "") -> str | Read:
    """What reads the files: the name of a format, none to recognise it, or a map; raises RingfenceError."""
    if name and columns:
        raise RingfenceError("--format and --map exclude each other: a map says where the fields are")
    if name and name not in FORMATS:
        raise RingfenceError(f"--format {name}: write one of {', '.join(FORMATS)}")
    if date_format and not columns:
        raise RingfenceError("--date-format says how the dates of --map are written; the known formats have their own")
    return mapped.reader(mapped.parsed(columns), date_format) if columns else name


def zone_of(name: str) -> ZoneInfo:
    """A time zone; raises RingfenceError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise RingfenceError(f"--time-zone {name}: no such time zone; write one like Europe/London or UTC") from None


def progressing(calls: Iterator[Cdr], tally: Tally) -> Iterator[Cdr]:
    """The same calls, with a bar on the terminal; `tally` is that of their reader.

    All rows are read before the first call comes, since files are in order of end; from then on it is known how many
    there are.
    """
    if not sys.stderr.isatty():
        yield from calls
        return
    columns = (TextColumn("{task.description}"), _Rows(tally), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        for number, call in enumerate(calls):
            if number == 0:
                bar.update(task, description="judging", total=tally.rows - tally.left_out)
            if number % 100 == 0:
                bar.update(task, completed=number)
            yield call


class _Rows(ProgressColumn):
    """Rows read, then calls judged; the reader isn't slowed down by telling."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text(f"{self._tally.rows:,} rows")
        return Text(f"{task.completed:,.0f} of {task.total:,.0f} calls")


def left_out(tally: Tally, unplaced: int) -> None:
    """Say which rows were not judged, and why."""
    if tally.left_out:
        note(f"{tally.left_out} of {counted(tally.rows, 'row')} can't be used:")
        for why, count in sorted(tally.broken.items(), key=lambda item: -item[1])[:MAX_TOLD]:
            note(f"  {counted(count, 'row')}: {why}, first at {tally.first[why]}")
        if len(tally.broken) > MAX_TOLD:
            note(f"  and {len(tally.broken) - MAX_TOLD} other reasons; --json names them all")
    if unplaced:
        note(f"{counted(unplaced, 'call')} belong to no source of the policy; --source names one for them")
