"""Rows of a table from a dump by mysqldump, mariadb-dump or phpMyAdmin: INSERT statements, read as they stand.

Columns are those that the INSERT names, else those of CREATE TABLE. Only strings, numbers and NULL are understood; that
is all that call records hold. Nothing is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ringfence.history.cdr import Broken
from ringfence.history.fields import Row
from ringfence.history.tables import opened

MAX_STATEMENT = 64 << 20
"""Characters of a line; mysqldump keeps under the server's max_allowed_packet, 16 MB unless set."""
_INSERT = re.compile(r"INSERT (?:IGNORE )?INTO [`\"]?(\w+)[`\"]?\s*(\([^)]*\))?\s*VALUES\s*", re.ASCII)
_CREATE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?[`\"]?(\w+)[`\"]?", re.ASCII)
_COLUMN = re.compile(r"\s*[`\"](\w+)[`\"] ", re.ASCII)
_NAME = re.compile(r"\w+", re.ASCII)
_VALUE = re.compile(r"\s*(?:(?:_binary )?'((?:[^'\\]|\\.|'')*)'|([^,()'\s]+))\s*([,)])", re.DOTALL)
_NEXT = re.compile(r"[\s,]*\(")
_ESCAPED = re.compile(r"\\(.)|''", re.DOTALL)
_MEANT = {"0": "", "n": "\n", "r": "\r", "t": "\t", "b": "\b", "Z": "\x1a"}


class Found(NamedTuple):
    """A row of a table, and where it stands."""

    where: str
    table: str
    row: Row


def rows(path: Path, tables: Sequence[str]) -> Iterator[Found | Broken]:
    """Rows of these tables, in the file's order; raises CdrError."""
    dump = _Dump(tables)
    with opened(path) as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_STATEMENT), ""), 1):
            yield from dump.line(f"{path}:{number}", line)


class _Dump:
    """Where in a dump we are: in a CREATE TABLE, in an INSERT, or between statements."""

    def __init__(self, tables: Sequence[str]) -> None:
        self._wanted = tables
        self._columns: dict[str, list[str]] = {}
        self._creating = ""
        self._into = ""
        self._names: list[str] = []

    def line(self, where: str, line: str) -> Iterator[Found | Broken]:
        """What one line holds."""
        if self._creating:
            self._column(line)
        elif self._into:
            yield from self._inserted(where, line)
        elif created := _CREATE.match(line):
            self._creating = created[1]
            self._columns[created[1]] = []
        elif begun := _INSERT.match(line):
            self._into = begun[1]
            self._names = _NAME.findall(begun[2] or "") or self._columns.get(begun[1], [])
            yield from self._inserted(where, line[begun.end() :])

    def _column(self, line: str) -> None:
        column = _COLUMN.match(line)
        if column:
            self._columns[self._creating].append(column[1])
        if line.startswith(")"):
            self._creating = ""

    def _inserted(self, where: str, text: str) -> Iterator[Found | Broken]:
        if self._into in self._wanted:
            yield from _tuples(where, self._into, self._names, text)
        if text.rstrip().endswith(";"):
            self._into = ""


def _tuples(where: str, table: str, names: Sequence[str], text: str) -> Iterator[Found | Broken]:
    at, count = 0, 0
    while begun := _NEXT.match(text, at):
        count += 1
        values, at = _values(text, begun.end())
        if at < 0:
            yield Broken(where, f"row {count} of the INSERT can't be read")
            return
        if len(values) != len(names):
            yield Broken(where, f"{len(values)} values for {len(names)} columns")
        else:
            yield Found(where, table, dict(zip(names, values, strict=True)))


def _values(text: str, at: int) -> tuple[list[str], int]:
    """Values up to the closing bracket, and where it goes on; -1 where they can't be read."""
    values: list[str] = []
    while value := _VALUE.match(text, at):
        quoted, bare, after = value.groups()
        values.append(_meant(quoted) if quoted is not None else "" if bare == "NULL" else bare)
        at = value.end()
        if after == ")":
            return values, at
    return values, -1


def _meant(quoted: str) -> str:
    if "\\" not in quoted and "''" not in quoted:
        return quoted
    return _ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]) if found[1] else "'", quoted)
