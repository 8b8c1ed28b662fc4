"""What `status` and `calls` are given: calls with their legs and their cost so far, meters beside their levels."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from servekit import CUBA, NOON, SECOND_US, answered, decide, hung_up, policy

from ringfence.engine.engine import Engine
from ringfence.model import Answered, Contained
from ringfence.server.views import calls, status


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(policy(tmp_path), "n1")


def test_a_call_is_shown_from_its_first_ring_to_its_end(engine: Engine) -> None:
    decide(engine, "a", NOON)
    (row,) = calls(engine, NOON + 10 * SECOND_US)
    assert row == {
        "id": "a",
        "leg": "",
        "state": "ringing",
        "since": NOON,
        "for_s": 10,
        "source": "pbx",
        "extension": "201",
        "caller": "+12125550100",
        "dialled": "011442079460000",
        "e164": "442079460000",
        "class": "international",
        "trunk": "carrier",
        "cost_micros": 0,
        "max_call_s": row["max_call_s"],
    }
    answered(engine, "a", NOON + 20 * SECOND_US)
    (row,) = calls(engine, NOON + 81 * SECOND_US)
    # The second minute is begun: 0.60 a minute, in steps of 60 s.
    assert (row["state"], row["since"], row["for_s"], row["cost_micros"]) == (
        "up",
        NOON + 20 * SECOND_US,
        61,
        1_200_000,
    )
    hung_up(engine, "a", NOON + 90 * SECOND_US)
    assert calls(engine, NOON + 91 * SECOND_US) == []


def test_a_forked_call_has_a_row_for_each_leg_oldest_first(engine: Engine) -> None:
    decide(engine, "a", NOON)
    decide(engine, "b", NOON + SECOND_US)
    answered(engine, "a", NOON + 2 * SECOND_US)
    engine.apply(Answered(at=NOON + 3 * SECOND_US, id="a", leg="t2"), now=NOON + 3 * SECOND_US)
    rows = calls(engine, NOON + 4 * SECOND_US)
    assert [(row["id"], row["leg"], row["state"]) for row in rows] == [
        ("b", "", "ringing"),
        ("a", "t1", "up"),
        ("a", "t2", "up"),
    ]


def test_status_tells_of_meters_with_their_levels(engine: Engine) -> None:
    decide(engine, "a", NOON)
    decide(engine, "no", NOON, CUBA)
    found = status(engine, NOON)
    assert (found["node"], found["calls"], found["policy"]) == ("n1", 1, engine.policy.version)
    meters = {
        (row["scope"], row["name"], row["quantity"], row["klass"], row["window_s"]): row for row in found["meters"]
    }
    concurrent = meters["trunk", "carrier", "calls", "", 0]
    assert [concurrent[name] for name in ("value", "expected", "alert", "block")] == [1, 2, 3, 4]
    spend = meters["trunk", "carrier", "money", "international", 86_400]
    assert (spend["value"], spend["block"]) == (600_000, 20_000_000)
    assert not any(row["scope"] == "caller" for row in found["meters"])


def test_extensions_are_shown_where_asked_for(engine: Engine) -> None:
    decide(engine, "a", NOON)
    callers = [row for row in status(engine, NOON, callers=True)["meters"] if row["scope"] == "caller"]
    assert {row["name"] for row in callers} == {"pbx/201"}


def test_a_cap_that_nothing_counts_against_yet_is_shown(engine: Engine) -> None:
    rows = [(row["quantity"], row["value"], row["block"]) for row in status(engine, NOON)["meters"]]
    assert sorted(rows) == [("calls", 0, 4), ("money", 0, 20_000_000)]


def test_status_tells_what_is_contained(engine: Engine) -> None:
    fact = Contained(
        at=NOON, id="c1", entity="source", name="pbx", owner="noc@example.net", why="test", until=NOON + SECOND_US
    )
    engine.apply(fact, now=NOON)
    assert status(engine, NOON)["contained"] == [msgspec.to_builtins(fact)]
