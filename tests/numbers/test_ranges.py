"""Numbers at home as prefixes: every number under one is of the kinds asked for, and none is missing."""

from __future__ import annotations

import random

import pytest

from ringfence.numbers import DialPlan, is_domestic
from ringfence.numbers.ranges import ranges
from ringfence.numbers.settings import PlanSettings

KINDS = frozenset({"fixed", "mobile", "fixed_or_mobile", "toll_free"})
HOMES = ("US", "CA", "GB", "DE", "IT", "LV", "FR", "JM", "AU")


@pytest.mark.parametrize("home", HOMES)
def test_every_number_under_a_prefix_is_of_these_kinds_at_home(home: str) -> None:
    plan, draw = DialPlan(PlanSettings(home=home)), random.Random(7)
    for prefix, length in ranges(home, KINDS):
        for fill in ("0", "9", str(draw.randrange(10**15)).zfill(15)):
            digits = prefix + (fill * 15)[: length - len(prefix)]
            number = plan.for_call(f"+{digits}")
            assert (number.e164, number.type in KINDS, is_domestic(number, home)) == (digits, True, True), digits


@pytest.mark.parametrize("home", HOMES)
def test_no_such_number_is_missing(home: str) -> None:
    plan, draw = DialPlan(PlanSettings(home=home)), random.Random(11)
    found = set(ranges(home, KINDS))
    code = next(iter(found)).prefix[:3]
    tried = 0
    for prefix, length in list(found):
        near = prefix[:-2] if len(prefix) > 4 else prefix
        digits = near + "".join(draw.choices("0123456789", k=length - len(near)))
        number = plan.for_call(f"+{digits}")
        if (
            number.e164 == digits
            and number.type in KINDS
            and number.region == home
            and "special_range" not in number.flags
        ):
            tried += 1
            assert any((digits[:cut], length) in found for cut in range(1, length + 1)), digits
    assert tried, code


def test_the_caribbean_and_premium_numbers_arent_at_home_in_the_us() -> None:
    found = set(ranges("US", KINDS))
    for digits in ("18765550100", "19005550100", "12425550100", "14415550100", "12129765010"):
        assert not any((digits[:cut], 11) in found for cut in range(1, 12)), digits
    assert any(("12125550143"[:cut], 11) in found for cut in range(1, 12))


def test_prefixes_dont_overlap_and_are_the_fewest() -> None:
    found = ranges("LV", KINDS)
    assert len(set(found)) == len(found)
    siblings: dict[tuple[str, int], set[str]] = {}
    for prefix, length in found:
        siblings.setdefault((prefix[:-1], length), set()).add(prefix[-1])
    assert all(len(last) < 10 for last in siblings.values())
