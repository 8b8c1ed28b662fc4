"""People find calls, facts and stories, also while a guard writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ledgerkit import START, Guard, decided, guard, story

from ringfence.ledger.errors import LedgerError
from ringfence.ledger.reading import Reader
from ringfence.model import Challenged, Contained, PolicyChanged, Strangers

HOUR_US = 3_600_000_000
OTHERS = [
    PolicyChanged(at=START, version="p1", by="start"),
    Strangers(at=START, listener="outside", address="203.0.113.9", requests={"INVITE": 3}),
    Contained(at=START, id="k1", entity="source", name="pbx-main", owner="noc", why="fraud", until=START + HOUR_US),
]


@pytest.fixture(params=[0, 5, 10], ids=["none searchable", "half searchable", "all searchable"])
def owner(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Guard]:
    """A ledger that is open, with ten calls, one an hour; every third refused. Closing it makes it searchable."""
    with guard(tmp_path / "l.db") as owner:
        owner.append(*OTHERS)
        fill(owner, range(request.param))
    with guard(tmp_path / "l.db") as owner:
        fill(owner, range(request.param, 10))
        yield owner


def fill(owner: Guard, numbers: range) -> None:
    for number in numbers:
        at, refused = START + number * HOUR_US, number % 3 == 0
        facts = story(
            f"n1-{number}",
            at,
            outcome="deny" if refused else "allow",
            caller=f"+1212555010{number}",
            callee="5355512345" if refused else f"4420794600{number:02}",
            source="pbx-main" if number < 5 else "pbx-two",
        )
        owner.append(*(facts[:1] if refused else facts))


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ({"limit": 3}, [9, 8, 7]),
    ({"since": START + 3 * HOUR_US, "until": START + 6 * HOUR_US}, [5, 4, 3]),
    ({"outcome": "deny"}, [9, 6, 3, 0]),
    ({"outcome": "deny", "source": "pbx-two"}, [9, 6]),
    ({"caller": "+1 (212) 555-0104"}, [4]),
    ({"caller": "1212555*"}, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ({"callee": "53*"}, [9, 6, 3, 0]),
    ({"callee": "53"}, []),
    ({"callee": "+44 2079 460002"}, [2]),
    ({"source": "nobody"}, []),
]


@pytest.mark.parametrize(("filters", "found"), FILTERS, ids=lambda value: str(value))
def test_calls(owner: Guard, filters: dict[str, Any], found: list[int]) -> None:
    with Reader(owner.ledger.path) as reader:
        calls = reader.calls(**filters)
    assert [call.decided.attempt.id for call in calls] == [f"n1-{number}" for number in found]


def test_calls_that_no_column_tells_apart(owner: Guard) -> None:
    with Reader(owner.ledger.path) as reader:
        calls = reader.calls(source="pbx-two", keep=lambda call: bool(call.ended), limit=2)
    assert [call.decided.attempt.id for call in calls] == ["n1-8", "n1-7"]


def test_a_call_has_its_verdict_its_legs_and_its_end(owner: Guard) -> None:
    with Reader(owner.ledger.path) as reader:
        call = reader.call("n1-1")
        assert call is not None
        facts = [call.decided, *call.answered, *call.ended]
        assert facts[1:] == story("n1-1", START + HOUR_US)[1:]
        refused = reader.call("n1-3")
        assert refused is not None
        assert (refused.answered, refused.ended) == ((), ())
        assert reader.call("n1-77") is None


def test_the_last_verdict_counts(owner: Guard) -> None:
    owner.append(Challenged(at=START, id="twice"), decided("twice"), decided("twice", outcome="not_ready"))
    with Reader(owner.ledger.path) as reader:
        call = reader.call("twice")
        assert call is not None
        assert call.decided.verdict.outcome == "not_ready"
        assert len([found for found in reader.calls() if found.decided.attempt.id == "twice"]) == 1


def test_a_story_is_whole_and_in_order(owner: Guard) -> None:
    with Reader(owner.ledger.path) as reader:
        kinds = [logged.kind for logged in reader.story("n1-2")]
    assert kinds == ["decided", "answered", "ended"]
    assert owner.ledger.story("n1-2")[0].at == START + 2 * HOUR_US


def test_ids_are_found_by_their_beginning(owner: Guard) -> None:
    with Reader(owner.ledger.path) as reader:
        assert reader.find("n1-4") == ["n1-4"]
        assert reader.find("n1-", limit=2) == ["n1-0", "n1-1"]
        assert reader.find("x") == []


def test_log(owner: Guard) -> None:
    with Reader(owner.ledger.path) as reader:
        everything = reader.log(limit=1000)
        assert [logged.seq for logged in everything] == list(range(1, reader.last() + 1))
        assert everything[0].kind == "opened"
        by_time = sorted(everything, key=lambda logged: (logged.at, logged.seq))
        assert reader.log(limit=2) == sorted(by_time[-2:])
        assert reader.log(limit=2, newest=False) == sorted(by_time[:2])
        assert reader.log(after=everything[-3].seq) == everything[-2:]
        assert [logged.entry for logged in reader.log(kinds=["contained", "policy-changed"])] == [OTHERS[0], OTHERS[2]]
        within = reader.log(START + HOUR_US, START + 2 * HOUR_US, limit=1000)
        assert [logged.entry for logged in within] == owner.ledger.story("n1-1")


def test_what_becomes_searchable_is_found_once(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1"))
        reader = Reader(tmp_path / "l.db")
        before = reader.log(limit=1000)
        assert len(before) == 4
    assert reader.log(limit=1000) == before
    assert len(reader.story("c1")) == 3
    reader.close()


def test_a_ledger_can_be_followed(owner: Guard) -> None:
    with Reader(owner.ledger.path) as reader:
        last = reader.last()
        owner.append(decided("next"))
        (found,) = reader.log(after=last)
        assert found.entry == decided("next")


def test_a_reader_doesnt_hold_up_the_writer(owner: Guard) -> None:
    with Reader(owner.ledger.path) as reader:
        facts = reader.facts()
        first = next(facts)
        owner.append(*(decided(f"more{number}") for number in range(500)))
        assert owner.ledger.down is None
        assert len([first, *facts]) == reader.last() - 2  # All but the openings.


def test_facts_since_an_instant(owner: Guard) -> None:
    late = START + 8 * HOUR_US
    assert {fact.at >= late for _, fact in owner.ledger.replay(since=late)} == {True}


def test_reading_without_a_writer_changes_nothing(tmp_path: Path) -> None:
    with guard(tmp_path / "l.db") as owner:
        owner.append(*story("c1"))
    before = (tmp_path / "l.db").read_bytes()
    with Reader(tmp_path / "l.db") as reader:
        assert len(list(reader.facts())) == 3
    assert (tmp_path / "l.db").read_bytes() == before


@pytest.mark.parametrize("content", [None, b"no database at all, but long enough to look at" * 100, b""])
def test_what_is_no_ledger_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "l.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LedgerError, match=str(path)):
        Reader(path)
