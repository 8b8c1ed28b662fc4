"""The longest duration is the shortest of all bounds."""

from __future__ import annotations

from typing import Any

import pytest
from rulecase import GB, US, make_case

from ringfence.rules.longest_call import longest


@pytest.mark.parametrize(
    ("dialled", "settings", "expected"),
    [
        (GB, {}, (0, "")),
        (GB, {"trunk": {"international": 60}}, (60, "trunk.carrier.max_call_s.international")),
        (US, {"trunk": {"international": 60}}, (0, "")),
        (
            GB,
            {"trunk": {"international": 60}, "source": {"international": 59}},
            (59, "source.pbx.max_call_s.international"),
        ),
        (
            GB,
            {"trunk": {"international": 60}, "source": {"international": 61}},
            (60, "trunk.carrier.max_call_s.international"),
        ),
        (US, {"source": {"domestic": 7}, "tenant": {"domestic": 5}}, (5, "tenant.hotel.max_call_s.domestic")),
        (US, {"tenant": {"special": 5}}, (0, "")),
    ],
)
def test_the_shortest_of_all_bounds(dialled: str, settings: dict[str, Any], expected: tuple[int, str]) -> None:
    case = make_case(dialled, **{party: {"max_call_s": bounds} for party, bounds in settings.items()})
    assert longest(case.bounds, case.destination.klass) == expected
