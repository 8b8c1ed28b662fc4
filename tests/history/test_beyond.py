"""What rules need beyond a record: each is a rule, and what records hold decides what is missing."""

from __future__ import annotations

from pathlib import Path

from historykit import record

from ringfence.history.beyond import NEEDS, missing
from ringfence.history.held import Held
from ringfence.rules import SLUGS


def test_they_are_rules_in_their_order() -> None:
    known = [need.rule for need in NEEDS]
    assert set(known) <= set(SLUGS)
    assert len(set(known)) == len(known)
    assert all(field in Held.__struct_fields__ for need in NEEDS for field in need.fields)


def test_records_that_hold_it_all_lack_only_what_none_holds() -> None:
    held = Held()
    inbound = record("i", 0, direction="in")
    outbound = record("o", 0.5, source_ip="192.0.2.1", user_agent="x", diverted_from="+1")
    assert list(held.counted([inbound, outbound])) == [inbound, outbound]
    assert [need.rule for need in missing(held)] == [need.rule for need in NEEDS if not need.fields]
    assert missing(Held()) == list(NEEDS)


def test_the_page_for_operators_has_the_same() -> None:
    page = (Path(__file__).parents[2] / "docs/replay.md").read_text(encoding="utf-8")
    rows = [f"| [`{need.rule}`](rules.md#{need.rule}) | {need.needs} | {need.without} |\n" for need in NEEDS]
    assert "".join(rows) in page
