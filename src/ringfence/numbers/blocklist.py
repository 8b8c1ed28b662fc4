"""Block lists: prefixes that fraud was seen on, with the reason, the source and the date of each."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from ringfence.numbers import csvtext
from ringfence.numbers.csvtext import Problem, Rows
from ringfence.numbers.prefix import PrefixTable

REQUIRED = ("prefix", "reason", "source", "date")


class Listed(NamedTuple):
    """One row of a block list."""

    prefix: str
    reason: str
    source: str
    date: date


class BlockList:
    """Listed prefixes; the longest wins."""

    def __init__(self, rows: dict[str, Listed]) -> None:
        self._table = PrefixTable(rows)

    @classmethod
    def from_csv(cls, text: str, name: str = "block list") -> BlockList:
        """The list in a CSV file's text, which may have no rows; raises TableError with every problem."""
        rows = Rows(name, text, REQUIRED)
        found: dict[str, Listed] = {}
        lines: dict[str, int] = {}
        for line, cells in rows:
            listed = _read(rows, line, cells)
            if listed is None:
                continue
            first = lines.setdefault(listed.prefix, line)
            if first != line:
                rows.problems.append(Problem(line, "prefix", listed.prefix, f"is on line {first} already: keep one"))
            found[listed.prefix] = listed
        rows.finish_if(bool(rows.problems))
        return cls(found)

    def match(self, e164: str) -> Listed | None:
        """The row with the longest prefix of these digits, or None."""
        return self._table.get(e164)

    def __len__(self) -> int:
        return len(self._table)


def _read(rows: Rows, line: int, cells: dict[str, str]) -> Listed | None:
    prefix = rows.read(line, "prefix", cells["prefix"], csvtext.prefix, csvtext.PREFIX_ALLOWED)
    when = rows.read(line, "date", cells["date"], csvtext.day, csvtext.DAY_ALLOWED)
    reason, source = (
        rows.read(line, column, cells[column], _text, "must say something") for column in ("reason", "source")
    )
    if prefix is None or when is None or reason is None or source is None:
        return None
    return Listed(prefix, reason, source, when)


def _text(cell: str) -> str:
    if not cell:
        raise ValueError("empty")
    return cell
