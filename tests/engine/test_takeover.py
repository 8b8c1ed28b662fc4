"""What a history knows is taken over beside what is known: nothing is lost, nothing counted twice, all bounded."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine import behaviour as behaviours
from ringfence.engine import habits as habit
from ringfence.engine.habits import HOURS, MAX_WAYS, Habits, Trace
from ringfence.engine.takeover import take_over
from ringfence.testing.trial import Trial

DAY = 20_000
TRACES = st.dictionaries(
    st.sampled_from(["c:GB", "c:LV", "n:1", "n:2"]),
    st.builds(Trace, st.integers(0, 9), st.integers(10, 19), st.integers(1, 9)),
)
COUNTS = st.one_of(st.just([]), st.lists(st.floats(0, 99), min_size=HOURS, max_size=HOURS))
HABITS = st.builds(
    Habits, seen=TRACES, ways=TRACES, hours=COUNTS, foreign_hours=COUNTS, channels=COUNTS, calls=st.integers(0, 99),
    peaks=st.dictionaries(st.sampled_from("ab"), st.integers(0, 9)), day=st.just(DAY),
    nights=st.lists(st.integers(DAY - 14, DAY), max_size=3, unique=True).map(sorted),
)  # fmt: skip


def copied(known: Habits) -> Habits:
    return msgspec.convert(msgspec.to_builtins(known), Habits)


def joined(one: Habits, two: Habits) -> Habits:
    both = copied(one)
    both.join(copied(two), DAY)
    return both


@given(one=HABITS, two=HABITS)
def test_it_is_the_same_from_either_side_and_the_second_time(one: Habits, two: Habits) -> None:
    both = joined(one, two)
    assert both == joined(two, one)
    assert joined(both, two) == both
    assert joined(one, Habits(day=DAY)) == copied(one)
    assert {*both.seen} == {*one.seen, *two.seen}


def test_the_earlier_first_and_the_later_last_hold() -> None:
    one, two = Habits(day=DAY, seen={"c:GB": Trace(5, 9, 3)}), Habits(day=DAY, seen={"c:GB": Trace(2, 7, 8)})
    assert joined(one, two).seen == {"c:GB": Trace(2, 9, 8)}


def test_an_old_history_has_faded() -> None:
    old = Habits(day=DAY - 27, hours=[8.0] * HOURS, foreign_hours=[0.0] * HOURS, channels=[0.0] * HOURS, today={"a": 4})
    found = joined(Habits(day=DAY), old)
    assert found.hours[0] == pytest.approx(4, rel=0.02)
    assert found.peaks == {"a": 4}


def test_tables_stay_bounded() -> None:
    full = [Habits(day=DAY, ways={f"w:{side}{n}": Trace(n, n, 1) for n in range(MAX_WAYS)}) for side in "ab"]
    found = joined(*full)
    assert len(found.ways) <= MAX_WAYS
    assert "w:a99" in found.ways
    assert "w:b99" in found.ways


def test_entities_stay_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviours, "MAX_ENTITIES", 50)
    trial = Trial(tmp_path)
    take_over(trial.engine.behaviour, {f"caller:pbx/{n}": Habits(day=DAY) for n in range(500)}, "d", trial.now)
    assert len(trial.engine.behaviour.habits) <= 51
    assert trial.engine.behaviour.learned_from == "d"


def test_what_was_taken_over_is_in_snapshots_and_old_ones_have_none(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    take_over(trial.engine.behaviour, {"source:pbx": Habits(day=DAY, calls=7)}, "digest", trial.now)
    state = trial.engine.behaviour.dump()
    (tmp_path / "other").mkdir()
    other = Trial(tmp_path / "other").engine.behaviour
    other.load(state)
    assert (other.learned_from, other.habits["source:pbx"].calls) == ("digest", 7)
    del state["learned_from"]
    other.load(state)
    assert other.learned_from == ""
    assert habit.load(state["habits"])["source:pbx"].calls == 7
