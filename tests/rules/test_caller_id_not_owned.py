"""Whose number is shown, and what is put in instead."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rulecase import found, make_case, told

from ringfence.numbers import PlanSettings
from ringfence.rules.caller_id_not_owned import CallerIdNotOwned, send_caller
from ringfence.rules.callers import Owned

RULE = CallerIdNotOwned()
OWN = {"caller_ids": (("12125550100", "12125550199"), ("442079460000", "442079460000"))}
BLOCK = [("block", "source.pbx.caller_ids")]
SUBSTITUTE = {"caller_id_policy": "substitute", "caller_id": "12125550100"}


@pytest.mark.parametrize(
    ("caller", "owned"),
    [
        ("+12125550100", True),
        ("+12125550199", True),
        ("+12125550200", False),
        ("+12125550099", False),
        ("12125550100", True),
        ("2125550100", True),
        ("(212) 555-0100", True),
        ("+442079460000", True),
        ("442079460000", True),  # E.164 without plus is no US number, and ours
        ("011442079460000", True),
        ("+4420794600001", False),
        ("+1212555010", False),
        ("101", False),
        ("911", False),
        ("anonymous", False),
        ("alice", False),
        ("", False),
        ("+12125550100" * 6, False),
        ("٢١٢٥٥٥٠١٠٠", True),  # other decimal digits are digits
    ],
)
def test_ownership_is_of_the_number_however_it_is_written(caller: str, owned: bool) -> None:
    assert told(RULE, make_case(source=OWN, caller=caller)) == ([] if owned else BLOCK)


def test_habits_of_the_pbx_are_not_those_of_a_caller_id() -> None:
    plan = PlanSettings(home="US", outside=("9",), ext_len=(7, 10), vanity=True)
    source = {**OWN, "plan": plan}
    assert told(RULE, make_case(source=source, caller="2125550100")) == []
    assert told(RULE, make_case(source=source, caller="212555AA01")) == BLOCK


def test_a_number_in_an_unlisted_range_can_be_owned() -> None:
    source = {"caller_ids": (("447700900100", "447700900199"),)}
    assert told(RULE, make_case(source=source, caller="+447700900123")) == []


@pytest.mark.parametrize(
    ("source", "attempt", "expected"),
    [
        ({"caller_id_policy": "any"}, {"caller": "+18005551212"}, []),
        ({"caller_id_policy": "owned"}, {"caller": "+18005551212", "forwarded_by": "+12125550100"}, BLOCK),
        ({"caller_id_policy": "owned_or_forwarded"}, {"caller": "+18005551212"}, BLOCK),
        ({"caller_id_policy": "owned_or_forwarded"}, {"caller": "+18005551212", "forwarded_by": "+12125550100"}, []),
        ({"caller_id_policy": "owned_or_forwarded"}, {"caller": "anonymous"}, BLOCK),
        (SUBSTITUTE, {"caller": "+18005551212"}, [("info", "source.pbx.caller_id")]),
        (SUBSTITUTE, {"caller": "anonymous"}, [("info", "source.pbx.caller_id")]),
        (SUBSTITUTE, {"caller": "101"}, [("info", "source.pbx.caller_id")]),
        (SUBSTITUTE, {"caller": "+12125550101"}, []),
        ({"caller_id_policy": "substitute"}, {"caller": "101"}, BLOCK),
    ],
)
def test_each_policy(source: dict[str, Any], attempt: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert told(RULE, make_case(source={**OWN, **source}, **attempt)) == expected


def test_what_a_stranger_wrote_is_quoted_and_short() -> None:
    [finding] = found(RULE, make_case(caller="\x1b[2J" + "x" * 500))
    assert "\x1b" not in finding.text and len(finding.text) < 120
    assert finding.observed.startswith("'\\x1b[2Jxxx")


@pytest.mark.parametrize(
    ("source", "attempt", "expected"),
    [
        ({}, {"caller": "+12125550100"}, None),
        ({}, {"caller": "+12125550100", "extension": "alice"}, None),
        ({}, {"caller": "2125550100"}, "12125550100"),
        ({}, {"caller": "+12125550100,9"}, "12125550100"),
        ({}, {"caller": "+12125550100", "extension": "+12125550101"}, None),
        ({}, {"caller": "+12125550100", "extension": "+18005551212"}, "12125550100"),
        ({}, {"caller": "2125550100", "extension": "anonymous"}, None),
        ({}, {"caller": "+18005551212"}, None),
        (SUBSTITUTE, {"caller": "+18005551212"}, "12125550100"),
        (SUBSTITUTE, {"caller": "anonymous"}, "12125550100"),
        (SUBSTITUTE, {"caller": "+12125550101"}, None),
        ({"caller_id_policy": "any"}, {"caller": "2125550100"}, None),
        ({"caller_id_policy": "owned_or_forwarded"}, {"caller": "+442079460001", "forwarded_by": "x"}, None),
        ({"caller_id": "12125550100"}, {"dialled": "911", "caller": "101"}, "12125550100"),
        ({"caller_id": "12125550100"}, {"dialled": "911", "caller": "+12125550107"}, None),
        ({"caller_id": "12125550100", "caller_id_policy": "any"}, {"dialled": "911", "caller": "1"}, "12125550100"),
        ({}, {"dialled": "911", "caller": "101"}, None),
    ],
)
def test_what_is_put_in(source: dict[str, Any], attempt: dict[str, Any], expected: str | None) -> None:
    assert send_caller(make_case(source={**OWN, **source}, **attempt)) == expected


def test_the_trunks_own_format_is_left_as_it_is() -> None:
    trunk = {"from_format": "national"}
    assert send_caller(make_case(source=OWN, trunk=trunk, caller="2125550100")) is None
    assert send_caller(make_case(source=OWN, trunk=trunk, caller="+12125550100")) == "12125550100"


LENGTHS = st.integers(min_value=1, max_value=4)
NUMBERS = LENGTHS.flatmap(lambda length: st.text("0123456789", min_size=length, max_size=length))


@st.composite
def ranges(draw: st.DrawFn) -> tuple[str, str]:
    low = draw(NUMBERS)
    high = draw(st.text("0123456789", min_size=len(low), max_size=len(low)))
    return min(low, high), max(low, high)


@given(st.lists(ranges(), max_size=6), NUMBERS)
def test_ranges_hold_exactly_what_lies_between_their_ends(owned: list[tuple[str, str]], digits: str) -> None:
    naive = any(len(low) == len(digits) and int(low) <= int(digits) <= int(high) for low, high in owned)
    assert (digits in Owned(tuple(owned))) == naive
