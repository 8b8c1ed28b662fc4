"""Who may be judged at all."""

from __future__ import annotations

from typing import Any

import pytest
from rulecase import make_attempt, make_case

from ringfence.rules import UNVERIFIED


@pytest.mark.parametrize(
    ("source", "attempt", "expected"),
    [
        ({}, {}, None),
        ({"directions": frozenset({"in", "out"})}, {}, None),
        ({}, {"source": None, "verified": "none"}, ("", "nothing verifies who calls from 192.0.2.9:5060")),
        ({}, {"source": "gone"}, ("", "source gone isn't in the policy")),
        ({}, {"source": ""}, ("", "source  isn't in the policy")),
        ({}, {"verified": "none"}, ("", "nothing verifies that 192.0.2.9:5060 is source pbx")),
        ({"directions": frozenset({"in"})}, {}, ("source.pbx.directions", "source pbx may not place calls")),
        ({}, {"trunk": "other"}, ("source.pbx.trunks", "source pbx may not use trunk other")),
        ({}, {"trunk": ""}, ("source.pbx.trunks", "source pbx may not use trunk (none)")),
        (
            {"trunks": ("carrier", "gone")},
            {"trunk": "gone"},
            ("source.pbx.trunks", "source pbx may not use trunk gone"),
        ),
        ({"trunks": ()}, {}, ("source.pbx.trunks", "source pbx may not use trunk carrier")),
    ],
)
def test_source_and_trunk_must_be_known_and_belong_together(
    source: dict[str, Any], attempt: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    finding = UNVERIFIED.find_unknown(make_case(source=source).policy, make_attempt(**attempt))
    assert (finding and (finding.where, finding.text)) == expected
    assert finding is None or finding.severity == "block"
