"""Tables for people: plain columns, colour only on a terminal, never cut where a program reads them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ringfence.rules import words

WIDE = 10_000
"""Columns that output to a file or pipe may take."""
SENTENCE = 30
"""Columns that a sentence has to have before its row is put on several lines."""
GAP, INDENT = "  ", "    "

WINDOWS = {0: "now", 1: "second", 60: "minute", 3600: "hour", 86_400: "24 hours", 2_592_000: "30 days"}
"""Windows of meters in words, by their seconds."""


def show(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    sentences: Sequence[str] = (),
) -> None:
    """Print a table; columns named in `right` are numbers, those in `sentences` may be broken between words.

    A row that doesn't fit on the terminal takes several lines, since nobody can read or copy a number broken in two.
    """
    cells = [[cell if isinstance(cell, Text) else Text(_plain(cell)) for cell in row] for row in rows]
    widths = [max(map(cell_len, [header, *(row[i].plain for row in cells)])) for i, header in enumerate(headers)]
    least = [
        min(width, SENTENCE) if header in sentences else width for header, width in zip(headers, widths, strict=True)
    ]
    out = console()
    if sum(least) + len(GAP) * (len(least) - 1) > out.width:
        _show_stacked(out, headers, cells, widths)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, justify="right" if header in right else "left", no_wrap=header not in sentences)
    for row in cells:
        table.add_row(*row)
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as captured:
        out.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip())


def _show_stacked(out: Console, headers: Sequence[str], rows: list[list[Text]], widths: list[int]) -> None:
    """Each row as lines of as many columns as fit, all but the first indented, in the same places in every row."""
    lines = _lines(widths, out.width)
    for row in ([Text(header, style="bold") for header in headers], *rows):
        for number, columns in enumerate(lines):
            padded = [row[i] + Text(" " * (widths[i] - row[i].cell_len)) for i in columns]
            line = Text(GAP).join(padded)
            line.rstrip()
            if line.plain:
                out.print(Padding(line, (0, 0, 0, len(INDENT) if number else 0)))


def _lines(widths: list[int], width: int) -> list[list[int]]:
    """The columns of each line."""
    lines: list[list[int]] = [[]]
    left = width
    for column, needed in enumerate(widths):
        if lines[-1] and needed + len(GAP) > left:
            lines.append([])
            left = width - len(INDENT)
        left -= needed + (len(GAP) if lines[-1] else 0)
        lines[-1].append(column)
    return lines


def _plain(cell: object) -> str:
    """Cells hold what phones and call records say of themselves."""
    return "" if cell is None else words.plain(str(cell))


def console(*, stderr: bool = False) -> Console:
    """Where output goes."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, soft_wrap=False, width=None if stream.isatty() else WIDE)


def note(text: str) -> None:
    """A remark beside the result, where it doesn't get into a file or pipe."""
    console(stderr=True).print(text, style="dim", markup=False)


def coloured(outcome: str) -> Text:
    """The outcome of a verdict."""
    colours = {"allow": "green", "deny": "red", "error": "bold red", "not_ready": "yellow"}
    return Text(outcome, style=colours.get(outcome, ""))


def instant(at_us: int) -> str:
    """An instant in local time, to the millisecond."""
    local = datetime.fromtimestamp(at_us / 1e6, UTC).astimezone()
    return local.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def duration(seconds: int) -> str:
    """`1:02:03`, `2:03`."""
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def money(micros: int) -> str:
    """An amount with two to six decimals."""
    units, rest = divmod(micros, 1_000_000)
    return f"{units}.{f'{rest:06d}'.rstrip('0').ljust(2, '0')}"


def counted(many: int, what: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{many} {what}{'' if many == 1 else 's'}"
