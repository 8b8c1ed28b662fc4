"""Tables on terminals of any width: nothing that is copied is ever broken in two."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ringfence.cli import tables

HEADERS = ("time", "id", "why", "cost")
ROWS = [
    ("2026-11-30 23:44:06.834", "vm-66186fbe17047", "calls abroad are not permitted at this hour of the day", "0.0008"),
    ("2026-11-30 23:44:07.134", "vm-66186fbe1704d", "", None),
]


def shown(monkeypatch: pytest.MonkeyPatch, width: int, rows: list[tuple[object, ...]] = ROWS) -> list[str]:
    out = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width)
    monkeypatch.setattr(tables, "console", lambda: out)
    tables.show(HEADERS, rows, right=("cost",), sentences=("why",))
    text: str = out.file.getvalue()  # type: ignore[attr-defined]
    return [line.rstrip() for line in text.splitlines()]


def test_a_row_is_a_line_where_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [len(line.split("  ")) for line in shown(monkeypatch, 120)[1:2]] == [4]
    assert len(shown(monkeypatch, 120)) == 3


def test_sentences_are_broken_between_words_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 90)
    assert lines[1].startswith("2026-11-30 23:44:06.834  vm-66186fbe17047  calls abroad ")
    assert lines[1].endswith("0.0008")
    assert lines[2].strip() == "hour of the day"


@pytest.mark.parametrize("width", [80, 60, 45, 30])
def test_a_row_takes_several_lines_where_it_does_not_fit(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    text = "\n".join(shown(monkeypatch, width))
    for row in ROWS:
        for cell in (*row[:2], row[3]):
            assert str(cell or "") in text
    for word in ("time", "id", "why", "cost", *ROWS[0][2].split()):
        assert word in text
    assert all(len(line) <= width for line in text.splitlines())


def test_the_lines_of_each_row_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place is a column also there; what a row doesn't have takes no line."""
    assert shown(monkeypatch, 60) == [
        "time                     id",
        "    why",
        "    cost",
        "2026-11-30 23:44:06.834  vm-66186fbe17047",
        "    calls abroad are not permitted at this hour of the day",
        "    0.0008",
        "2026-11-30 23:44:07.134  vm-66186fbe1704d",
    ]
