"""Permit lists and exceptions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rulecase import LV, at, exception, make_case

from ringfence.rules.permits import admits, exception_for, named_exception

UNTIL = at("2026-12-01T00:00")


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"source": "pbx"}, True),
        ({"source": "other"}, False),
        ({"trunk": "carrier"}, True),
        ({"trunk": "other"}, False),
        ({"source": "pbx", "trunk": "other"}, False),
        ({"what": "EE"}, False),
        ({"what": "+371"}, True),
        ({"what": "+37167000000"}, True),
        ({"what": "+371670000001"}, False),
        ({"what": "+372"}, False),
    ],
)
def test_an_exception_is_for_somebody_and_somewhere(changes: dict[str, Any], holds: bool) -> None:
    what = exception(**{"what": "LV", **changes})
    assert (exception_for(make_case(LV, policy={"exceptions": (what,)})) is not None) == holds


@pytest.mark.parametrize(("now", "holds"), [(UNTIL - 1, True), (UNTIL, False), (UNTIL + 1, False)])
def test_an_exception_ends_by_itself(now: int, holds: bool) -> None:
    case = make_case(LV, now=now, policy={"exceptions": (exception("LV"),)})
    assert (exception_for(case) is not None) == holds


def test_one_that_names_the_number_goes_before_one_that_names_the_country() -> None:
    lifted = named_exception(make_case(LV, policy={"exceptions": (exception("LV"), exception("+37167"))}))
    assert lifted is not None and lifted.where == "exception[2]"
    assert named_exception(make_case(LV, policy={"exceptions": (exception("LV"),)})) is None


def test_no_prefix_covers_a_short_number() -> None:
    assert exception_for(make_case("411", policy={"exceptions": (exception("+4"),)})) is None
    assert exception_for(make_case("411", policy={"exceptions": (exception("US"),)})) is not None


DIGITS = st.text("0123456789", min_size=1, max_size=6)
ENTRIES = st.one_of(st.sampled_from(["US", "GB", "LV"]), DIGITS.map(lambda digits: f"+{digits}"))


@given(
    st.frozensets(ENTRIES, max_size=6), st.sampled_from(["US", "GB", "LV", "EE", ""]), st.one_of(DIGITS, st.just(""))
)
def test_a_list_admits_a_number_if_one_of_its_entries_does(permit: frozenset[str], region: str, digits: str) -> None:
    by_one = [entry == region or (digits != "" and f"+{digits}".startswith(entry)) for entry in permit]
    assert admits(permit, region, digits) == any(by_one)


@given(st.frozensets(ENTRIES, max_size=5), ENTRIES, st.sampled_from(["US", "GB", "LV", ""]), DIGITS)
def test_a_longer_list_never_refuses_more(permit: frozenset[str], more: str, region: str, digits: str) -> None:
    assert admits(permit | {more}, region, digits) >= admits(permit, region, digits)
