"""Kinds of number that are permitted by name only."""

from __future__ import annotations

from typing import Any

import pytest
from rulecase import DECK, exception, found, make_case, told

from ringfence.policy.keys_limits import SPECIAL
from ringfence.rules.special_kind import KINDS, SpecialKind

RULE = SpecialKind()
PREMIUM = "19005550123"
TRUNK, SOURCE, TENANT = ([("block", f"{place}.special")] for place in ("trunk.carrier", "source.pbx", "tenant.hotel"))


def special(*kinds: str) -> dict[str, Any]:
    return {"special": frozenset(kinds)}


def test_every_name_of_the_policy_permits_a_kind() -> None:
    assert {*KINDS.values()} == {*SPECIAL}


@pytest.mark.parametrize(
    ("dialled", "kind"),
    [
        (PREMIUM, "premium"),
        ("+448451234567", "premium"),
        ("+491801234567", "shared_cost"),
        ("+447000000000", "personal"),
        ("+881612345678", "satellite"),
        ("+979123456789", "iprs"),
        ("+878101234567890", "upt"),
    ],
)
def test_each_kind_is_refused_unless_the_trunk_names_it(dialled: str, kind: str) -> None:
    others = special(*(name for name in SPECIAL if name != kind))
    [finding] = found(RULE, make_case(dialled, trunk=others))
    assert (finding.severity, finding.where, finding.observed) == ("block", "trunk.carrier.special", kind)
    assert found(RULE, make_case(dialled, trunk=special(kind))) == []


def test_a_short_premium_number_is_premium() -> None:
    assert told(RULE, make_case("118118", home="GB")) == TRUNK
    assert told(RULE, make_case("118118", home="GB", trunk=special("premium"))) == []


@pytest.mark.parametrize("dialled", ["12125550123", "+447400123456", "18005551212", "411", "alice", "01137110000000"])
def test_ordinary_numbers_are_nothing_to_say(dialled: str) -> None:
    assert found(RULE, make_case(dialled)) == []


@pytest.mark.parametrize(
    ("trunk", "source", "tenant", "expected"),
    [
        ((), (), None, TRUNK),
        ((), ("premium",), None, TRUNK),
        (("premium",), (), None, []),
        (("premium",), (), (), []),
        (("premium",), ("satellite",), None, SOURCE),
        (("premium",), ("premium", "upt"), ("upt",), TENANT),
        (("premium",), ("premium",), ("premium",), []),
    ],
)
def test_source_and_tenant_can_only_narrow(
    trunk: tuple[str, ...], source: tuple[str, ...], tenant: tuple[str, ...] | None, expected: list[tuple[str, str]]
) -> None:
    renter = None if tenant is None else {"name": "hotel", **special(*tenant)}
    case = make_case(PREMIUM, trunk=special(*trunk), source=special(*source), tenant=renter)
    assert told(RULE, case) == expected


@pytest.mark.parametrize(
    ("dialled", "home", "ceiling", "deck", "passes"),
    [
        ("01801234567", "DE", 140_000, DECK, True),
        ("01801234567", "DE", 139_999, DECK, False),
        ("01801234567", "DE", None, DECK, False),
        ("01801234567", "DE", 140_000, None, False),
        ("+491801234567", "US", 140_000, DECK, False),
        ("08451234567", "GB", 120_000, DECK, True),  # 0.07 a minute after 0.05
        ("08451234567", "GB", 119_999, DECK, False),
        (PREMIUM, "US", 9_000_000, DECK, False),
    ],
)
def test_everyday_shared_cost_numbers_at_home_pass_under_their_ceiling(
    dialled: str, home: str, ceiling: int | None, deck: Any, passes: bool
) -> None:
    case = make_case(dialled, home=home, trunk={"shared_cost_ceiling": ceiling, "deck": deck})
    assert told(RULE, case) == ([] if passes else TRUNK)


@pytest.mark.parametrize(("what", "severity"), [("+1900", "info"), ("+19005550123", "info"), ("US", "block")])
def test_an_exception_lifts_it_if_it_names_the_number(what: str, severity: str) -> None:
    [finding] = found(RULE, make_case(PREMIUM, policy={"exceptions": (exception(what),)}))
    assert finding.severity == severity
