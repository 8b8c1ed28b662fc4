"""What is contained is refused, and says by whom."""

from __future__ import annotations

from rulecase import at, found, make_case

from ringfence.model import Contained as Fact
from ringfence.rules.contained import Contained

RULE = Contained()


def contained(entity: str, name: str, klass: str = "") -> Fact:
    until = at("2026-11-27T13:00")
    return Fact(at=0, id=f"c-{name}", entity=entity, name=name, klass=klass, owner="noc", why="drill", until=until)  # type: ignore[arg-type]


def test_nothing_contained_is_nothing_found() -> None:
    assert found(RULE, make_case()) == []


def test_each_containment_is_a_refusal_narrowest_first() -> None:
    findings = found(
        RULE, make_case(contained=(contained("caller", "pbx/101"), contained("trunk", "carrier", "special")))
    )
    assert [(finding.severity, finding.where, finding.observed) for finding in findings] == [
        ("block", "", "c-pbx/101"),
        ("block", "", "c-carrier"),
    ]
    assert [finding.text for finding in findings] == [
        "extension pbx/101 is contained until Fri 2026-11-27 13:00 America/New_York by noc: drill",
        "trunk carrier is contained for special calls until Fri 2026-11-27 13:00 America/New_York by noc: drill",
    ]
