"""The agenda beside a plain table of times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine import agenda as module
from ringfence.engine.agenda import Agenda

STEPS = st.lists(st.tuples(st.sampled_from("abcde"), st.none() | st.integers(0, 60)), max_size=80)


@given(STEPS, st.integers(0, 60))
def test_each_call_comes_up_once_at_its_last_time(steps: list[tuple[str, int | None]], now: int) -> None:
    agenda, plain = Agenda(), dict[str, int]()
    for call, at in steps:
        agenda.put(call, at)
        plain.pop(call, None)
        if at is not None:
            plain[call] = at
        assert agenda.due() == min(plain.values(), default=None)
    due = sorted((at, call) for call, at in plain.items() if at <= now)
    assert [agenda.take(now) for _ in due] == [call for _, call in due]
    assert agenda.take(now) is None
    assert agenda.due() == min((at for at in plain.values() if at > now), default=None)


def test_a_call_that_was_taken_can_come_again() -> None:
    agenda = Agenda()
    agenda.put("a", 1)
    assert agenda.take(1) == "a"
    agenda.put("a", 1)
    assert agenda.take(1) == "a"


def test_entries_that_no_longer_count_are_thrown_away() -> None:
    agenda = Agenda()
    for at in range(100_000, 0, -1):
        agenda.put("a", at)
        agenda.put("b", 200_000)
    assert len(agenda._heap) <= module.SPARE + 9
    assert [agenda.take(1), agenda.take(199_999), agenda.take(200_000)] == ["a", None, "b"]
