"""docs/standards.md says of each section of a standard whether it is followed, and by which test that is known."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
PAGE = (ROOT / "docs/standards.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| (?!section|standard|---)", line)]
NAMED = re.compile(r"`((?:\w+/)+test_\w+\.py)(?:::(\w+))?`")
ANSWERS = ("yes", "in part", "stricter", "no")


@cache
def functions(file: str) -> frozenset[str]:
    """The tests of a file under tests/."""
    path = TESTS / file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return frozenset(re.findall(r"^\s*(?:async )?def (test_\w+)\(", text, re.MULTILINE))


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_each_test_that_a_page_names_exists(page: Path) -> None:
    for file, name in NAMED.findall(page.read_text(encoding="utf-8")):
        found = functions(file.removeprefix("tests/"))
        assert name in found if name else found, f"{file}::{name}"


def test_each_row_names_what_shows_it() -> None:
    for row in ROWS:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert NAMED.search(cells[-1]), row
        assert len(cells) < 4 or cells[2] in ANSWERS, row


def test_no_row_stands_twice() -> None:
    said = [row.split(" | ")[1] for row in ROWS]
    assert len(said) == len(set(said)) > 100


def test_the_sections_of_rfc_3261_are_all_there() -> None:
    """§1 to §6 introduce, §24 is examples, §27 and later are IANA and the like."""
    part = PAGE.split("## RFC 3261: SIP")[1].split("\n## ")[0]
    cells = re.findall(r"^\| ([0-9][^|]*) \|", part, re.MULTILINE)
    firsts = {int(number) for cell in cells for number in re.findall(r"(?:^|, )(\d{1,2})\b", cell)}
    assert set(range(7, 27)) - {24} <= firsts
