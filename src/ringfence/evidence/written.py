"""How instants, numbers, lengths and money are written for others: UTC, and nothing that a terminal obeys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ringfence.engine.destinations import digits_of
from ringfence.ledger.reading import Call
from ringfence.model.time import Instant
from ringfence.rules import words


def utc(at: Instant) -> str:
    """`2026-12-01 00:47:17 UTC`."""
    return f"{datetime.fromtimestamp(at / 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def number_of(call: Call) -> str:
    """The number it goes to, or what was dialled where that is none."""
    digits = digits_of(call.decided.verdict.destination.number)
    return f"+{digits}" if digits else words.quoted(call.decided.attempt.dialled)


def talked_s(call: Call) -> int:
    """Seconds of its legs that are over, begun ones too."""
    return sum(-(-max(0, length) // 1_000_000) for length in call.lengths_us)


def is_up(call: Call) -> bool:
    """Whether it was let out and isn't over."""
    return (
        call.decided.verdict.outcome == "allow"
        and not any(not ended.leg for ended in call.ended)
        and (len(call.answered) > len(call.lengths_us) or not (call.answered or call.ended))
    )


def columns(rows: Iterable[Sequence[object]], indent: str = "  ") -> list[str]:
    """Rows with their columns one under the other."""
    cells = [[words.plain(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [indent + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]


def listed(names: Iterable[str], most: int = 10) -> str:
    """`LV, CU and 3 more`."""
    found = [words.plain(name) for name in names]
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")
