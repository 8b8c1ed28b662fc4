"""Numbers that are none, and ranges that nobody listed."""

from __future__ import annotations

from typing import Any

import pytest
from rulecase import exception, found, make_case, told

from ringfence.rules.unusable_number import UnusableNumber

RULE = UnusableNumber()
UNLISTED_LV = "01137110000000"
BLOCKED = [("block", "trunk.carrier.unlisted")]


@pytest.mark.parametrize(
    ("dialled", "said"),
    [
        ("0113716700", "number this short"),
        ("011442079460000000000", "number this long"),
        ("0112101234567", "no country has this calling code"),
        ("alice", "a name"),
        ("*72", "star"),
        ("", "no digit"),
        ("011011442079460000", "twice"),
    ],
)
def test_what_is_no_number_is_refused_with_the_reason(dialled: str, said: str) -> None:
    [finding] = found(RULE, make_case(dialled))
    assert (finding.severity, finding.where) == ("block", "")
    assert said in finding.text.partition("can't be called: ")[2]


@pytest.mark.parametrize("dialled", ["12125550123", "+37167000000", "411", "911", "19005550123"])
def test_a_number_is_nothing_to_say(dialled: str) -> None:
    assert found(RULE, make_case(dialled)) == []


@pytest.mark.parametrize(
    ("dialled", "home", "trunk", "expected"),
    [
        (UNLISTED_LV, "US", {}, BLOCKED),
        (UNLISTED_LV, "US", {"unlisted": frozenset({"EE"})}, BLOCKED),
        (UNLISTED_LV, "US", {"unlisted": frozenset({"LV"})}, [("info", "trunk.carrier.unlisted")]),
        ("+37110000000", "LV", {}, [("info", "")]),
        ("12121550100", "US", {}, [("info", "")]),  # an exchange of New York that isn't listed
        ("18762000000", "US", {}, BLOCKED),  # one of Jamaica
        ("17105550100", "US", {}, BLOCKED),  # an area code of nowhere
        ("+12121550100", "GB", {}, BLOCKED),
        ("+12121550100", "GB", {"unlisted": frozenset({"US"})}, [("info", "trunk.carrier.unlisted")]),
        ("18762000000", "JM", {}, [("info", "")]),
        ("09271234567", "GB", {}, BLOCKED),  # at home, but all beside it is premium
        ("19001234567", "US", {"unlisted": frozenset({"US"})}, BLOCKED),
        ("00053512345", "GB", {}, BLOCKED),  # the international prefix behind a spare 0
        ("+4911833", "DE", {}, BLOCKED),  # a short number behind the country code
    ],
)
def test_an_unlisted_range_scores_at_home_and_is_named_abroad(
    dialled: str, home: str, trunk: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert told(RULE, make_case(dialled, home=home, trunk=trunk)) == expected


@pytest.mark.parametrize(
    ("what", "severity"), [("+3711", "info"), ("+37110000000", "info"), ("LV", "block"), ("+3712", "block")]
)
def test_an_exception_lifts_it_if_it_names_the_number(what: str, severity: str) -> None:
    [finding] = found(RULE, make_case(UNLISTED_LV, policy={"exceptions": (exception(what),)}))
    assert finding.severity == severity
    assert (finding.where == "exception[1]") == (severity == "info")
