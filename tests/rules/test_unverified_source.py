"""Who may be judged at all."""

from __future__ import annotations

from typing import Any

import pytest
from rulecase import at, make_attempt, make_case

from ringfence.model.settings import AddressException, Policy
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


@pytest.mark.parametrize(
    ("directions", "expected"),
    [
        ({"in"}, ("source.pbx.directions", "source pbx may not place calls")),
        ({"in", "out"}, None),
        ({"out"}, None),
    ],
)
def test_a_source_that_only_takes_calls_places_none(directions: set[str], expected: tuple[str, str] | None) -> None:
    finding = UNVERIFIED.find_confined(make_case(source={"directions": frozenset(directions)}).source)
    assert (finding and (finding.where, finding.text)) == expected


ENDS = at("2027-02-01T00:00")


def with_exceptions(*ends: int, **changes: Any) -> Policy:
    """A policy in which 192.0.2.0/28 is an exception of the source, once for each end."""
    common = {"source": "pbx", "addresses": ("192.0.2.0/28", "2001:db8::/64"), "owner": "noc", "why": "ticket 9"}
    exceptions = tuple(AddressException(**{**common, "until": end, **changes}) for end in ends)
    return make_case(policy={"address_exceptions": exceptions}).policy


@pytest.mark.parametrize(
    ("ends", "changes", "attempt", "ended"),
    [
        ((ENDS,), {}, {}, True),
        ((ENDS + 1,), {}, {}, False),
        ((ENDS, ENDS + 1), {}, {}, False),  # prolonged
        ((ENDS - 1, ENDS), {}, {}, True),
        ((ENDS,), {}, {"peer": "192.0.2.16:5060"}, False),  # an address that is no exception
        ((ENDS,), {}, {"peer": "[2001:db8::7]:5060"}, True),
        ((ENDS,), {"source": "other"}, {}, False),
        ((ENDS,), {}, {"verified": "platform", "peer": ""}, False),
        ((), {}, {}, False),
    ],
)
def test_an_address_by_exception_is_nobodys_once_that_has_ended(
    ends: tuple[int, ...], changes: dict[str, Any], attempt: dict[str, Any], ended: bool
) -> None:
    finding = UNVERIFIED.find_ended(with_exceptions(*ends, **changes), make_attempt(**attempt), ENDS)
    assert (finding is not None) == ended


def test_what_is_said_of_an_address_whose_exception_has_ended() -> None:
    finding = UNVERIFIED.find_ended(with_exceptions(0, ENDS), make_attempt(), ENDS)
    assert finding is not None
    text = "192.0.2.9:5060 was an address of source pbx until Mon 2027-02-01 00:00 America/New_York (noc: ticket 9)"
    assert (finding.severity, finding.where, finding.text) == ("block", "address_exception[2].until", text)
