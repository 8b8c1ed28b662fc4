"""Our own dialled strings, `cases.csv`: each row names the rule that it defends."""

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest

from ringfence.cli.number import number
from ringfence.numbers import FLAGS, REASONS, SHORT_TYPES, TYPES, DialPlan, Number, PlanSettings

FILE = Path(__file__).with_name("cases.csv")
ROWS = list(csv.DictReader(io.StringIO(FILE.read_text(encoding="utf-8")), strict=True))


def expected(row: dict[str, str]) -> tuple[object, ...]:
    return (*(row[key] for key in ("status", "e164", "region", "type", "reason")), tuple(row["flags"].split()))


def plan(row: dict[str, str]) -> DialPlan:
    return DialPlan(msgspec.convert({"home": row["home"], **json.loads(row["settings"])}, PlanSettings))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['home']}:{row['dialled']!a}" for row in ROWS])
def test_case(row: dict[str, str]) -> None:
    found = plan(row).normalise(row["dialled"])
    assert found[:6] == expected(row), row["rule"]
    assert plan(row).explain(row["dialled"])[-1].left == found.e164, "explaining takes another way than judging"


def test_the_file_names_a_rule_in_every_row_and_known_words_only() -> None:
    assert all(row["rule"] for row in ROWS)
    assert {row["type"] for row in ROWS if row["type"]} <= {*TYPES, *SHORT_TYPES}
    assert {row["reason"] for row in ROWS if row["reason"]} <= set(REASONS)
    assert {flag for row in ROWS for flag in row["flags"].split()} <= set(FLAGS)


def test_the_file_has_every_kind_reason_and_flag() -> None:
    assert {row["type"] for row in ROWS} >= {*TYPES, *SHORT_TYPES}
    assert {row["reason"] for row in ROWS} >= set(REASONS) - {"foreign_short"}  # of `for_call` only
    flags = {flag for row in ROWS for flag in row["flags"].split()}
    assert flags >= set(FLAGS)


def test_the_batch_command_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert number(batch=FILE) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [tuple(Number(**{**each, "flags": tuple(each["flags"])})[:6]) for each in shown]
    assert found == [expected(row) for row in ROWS]
