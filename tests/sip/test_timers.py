"""The agenda wakes each owner once, when it wants to be woken, never early, and holds nobody."""

from __future__ import annotations

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.timers import FAR, FAR_GRAIN, GRAIN, HORIZON, Agenda

T0 = 1_800_000_000_000_000


class Owner:
    """Something that can be woken."""

    def __init__(self) -> None:
        self.wake = 0
        self.armed = 0


def agenda_at(now: int) -> Agenda:
    agenda = Agenda()
    assert woken(agenda, now) == []
    return agenda


def woken(agenda: Agenda, now: int) -> list[object]:
    return list(agenda.expired(now))


def test_it_wakes_once_and_not_early() -> None:
    agenda, owner = agenda_at(T0), Owner()
    agenda.arm(owner, T0 + 1, {"a": owner}, "a")
    assert agenda.due() == T0 + GRAIN
    assert woken(agenda, T0 + GRAIN - 1) == []
    assert woken(agenda, T0 + GRAIN) == [owner]
    assert (owner.wake, owner.armed, len(agenda), agenda.due()) == (0, 0, 0, None)


def test_those_far_off_share_their_instants() -> None:
    agenda = agenda_at(T0)
    table = {after: Owner() for after in (FAR - 1, FAR, FAR + 1, FAR + FAR_GRAIN)}
    for after, owner in table.items():
        agenda.arm(owner, T0 + after, table, after)
    dues = []
    while (due := agenda.due()) is not None:
        dues.append((due - T0, len(woken(agenda, due))))
    assert dues == [(FAR, 2), (FAR + FAR_GRAIN, 2)]


def test_put_off_and_cancelled_by_an_assignment() -> None:
    agenda = agenda_at(T0)
    table = {"later": Owner(), "never": Owner()}
    for name, owner in table.items():
        agenda.arm(owner, T0 + GRAIN, table, name)
    table["later"].wake = T0 + 3 * GRAIN
    table["never"].wake = 0
    assert woken(agenda, T0 + 2 * GRAIN) == []
    assert woken(agenda, T0 + 3 * GRAIN) == [table["later"]]
    assert len(agenda) == 0


def test_one_that_is_armed_for_sooner_comes_sooner_and_once() -> None:
    agenda, owner = agenda_at(T0), Owner()
    table = {"a": owner}
    agenda.arm(owner, T0 + 9 * GRAIN, table, "a")
    agenda.arm(owner, T0 + 2 * GRAIN, table, "a")
    assert woken(agenda, T0 + 2 * GRAIN) == [owner]
    assert woken(agenda, T0 + 20 * GRAIN) == []


def test_one_that_left_its_table_is_not_woken_and_not_held() -> None:
    agenda, owner = agenda_at(T0), Owner()
    table = {"a": owner}
    agenda.arm(owner, T0, table, "a")
    gone = weakref.ref(owner)
    del table["a"], owner
    gc.collect()
    assert gone() is None
    assert woken(agenda, T0 + GRAIN) == []


def test_another_with_the_same_key_is_woken_at_its_own_time_only() -> None:
    agenda, first, second = agenda_at(T0), Owner(), Owner()
    table = {"a": first}
    agenda.arm(first, T0 + GRAIN, table, "a")
    table["a"] = second
    agenda.arm(second, T0 + 5 * GRAIN, table, "a")
    assert woken(agenda, T0 + GRAIN) == []
    assert woken(agenda, T0 + 5 * GRAIN) == [second]


def test_what_waits_for_long_is_looked_at_in_between_and_forgotten_when_it_is_over() -> None:
    agenda, owner = agenda_at(T0), Owner()
    table = {"a": owner}
    agenda.arm(owner, T0 + 3 * HORIZON + GRAIN, table, "a")
    looks = 0
    while (due := agenda.due()) is not None and not (found := woken(agenda, due)):
        assert due <= T0 + (looks + 1) * HORIZON
        looks += 1
    assert (due, found, looks) == (T0 + 3 * HORIZON + GRAIN, [owner], 3)
    agenda.arm(owner, T0 + 90 * HORIZON, table, "a")
    del table["a"]
    assert woken(agenda, T0 + 5 * HORIZON) == []
    assert len(agenda) == 0


def test_an_owner_may_be_armed_again_while_it_is_handled() -> None:
    agenda, owner = agenda_at(T0), Owner()
    table = {"a": owner}
    agenda.arm(owner, T0, table, "a")
    times = 0
    for due in agenda.expired(T0 + GRAIN):
        times += 1
        if times < 3:
            agenda.arm(due, T0 + GRAIN, table, "a")
    assert times == 3


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["arm", "off", "stop", "go"]), st.integers(0, 30)), max_size=60
    ),
    st.sampled_from([3_000, 40_000]),
)
def test_it_does_what_a_list_of_wishes_would(steps: list[tuple[int, str, int]], unit: int) -> None:
    """Whoever wants to be woken by `now` is, within the coarser grain; nobody else is."""
    agenda, owners, now = Agenda(), {n: Owner() for n in range(6)}, T0
    for name, what, amount in steps:
        owner = owners[name]
        if what == "arm":
            agenda.arm(owner, now + amount * unit, owners, name)
        elif what == "off" and owner.wake:
            owner.wake += amount * unit
        elif what == "stop":
            owner.wake = 0
        elif what == "go":
            now += amount * unit
            wanted = {n: o.wake for n, o in owners.items() if o.wake}
            found = woken(agenda, now)
            came = {n for n, o in owners.items() if o in found}
            assert len(found) == len(came)
            assert all(wanted[n] <= now for n in came)
            assert all(n in came for n, at in wanted.items() if at + FAR_GRAIN <= now)
