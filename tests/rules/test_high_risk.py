"""Block lists and risk."""

from __future__ import annotations

from typing import Any

import pytest
from rulecase import LV, exception, found, make_case, permit, told

from ringfence.numbers import BlockList
from ringfence.rules.high_risk import HighRisk

RULE = HighRisk()
LISTED = BlockList.from_csv("prefix,reason,source,date\n3716,test numbers,carrier,2026-11-01\n")
BROADER = BlockList.from_csv("prefix,reason,source,date\n371,all of it,own,2026-11-02\n4,short,own,2026-11-02\n")


@pytest.mark.parametrize(
    ("trunk", "expected"),
    [
        ({"risk_alert": None}, []),
        ({"risk_alert": 30}, [("alert", "trunk.carrier.risk_alert")]),
        ({"risk_alert": 31}, []),
        ({"risk_alert": 10, "risk_block": 31}, [("alert", "trunk.carrier.risk_alert")]),
        ({"risk_alert": 10, "risk_block": 30}, [("block", "trunk.carrier.risk_block")]),
        ({"risk_alert": None, "risk_block": 30}, [("block", "trunk.carrier.risk_block")]),
        ({"risk_block": 0}, [("block", "trunk.carrier.risk_block")]),
    ],
)
def test_levels_of_risk(trunk: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    case = make_case(LV, trunk=trunk)
    assert case.destination.risk == 30
    assert told(RULE, case) == expected


@pytest.mark.parametrize(
    ("dialled", "lists", "rows"),
    [
        (LV, (LISTED,), ["3716"]),
        (LV, (LISTED, BROADER), ["3716", "371"]),
        ("01137167000000", (LISTED,), ["3716"]),
        ("01137110000000", (BROADER,), ["371"]),  # in a range that isn't listed by the plan
        ("+37250000000", (LISTED, BROADER), []),
        ("411", (BROADER,), []),
        ("alice", (BROADER,), []),
        (LV, (), []),
    ],
)
def test_block_lists(dialled: str, lists: tuple[BlockList, ...], rows: list[str]) -> None:
    findings = found(RULE, make_case(dialled, trunk={"block_lists": lists, "risk_alert": None, **permit("LV")}))
    assert [finding.limit for finding in findings] == rows
    assert all((finding.severity, finding.where) == ("block", "trunk.carrier.block_lists") for finding in findings)


def test_it_says_why_it_is_listed() -> None:
    [finding] = found(RULE, make_case(LV, trunk={"block_lists": (LISTED,)}))
    assert finding.text == "+37167000000 is on a block list under +3716: test numbers (carrier, 2026-11-01)"
    [finding] = found(RULE, make_case(LV, trunk={"risk_block": 20}))
    assert finding.text == "+37167000000 (fixed, LV) has a risk of 30 of 100; refused from 20 on"


@pytest.mark.parametrize(("what", "severity"), [("+371", "info"), ("LV", "block")])
def test_an_exception_lifts_both_if_it_names_the_number(what: str, severity: str) -> None:
    trunk = {"block_lists": (LISTED,), "risk_block": 20}
    findings = found(RULE, make_case(LV, trunk=trunk, policy={"exceptions": (exception(what),)}))
    assert [finding.severity for finding in findings] == [severity] * 2
