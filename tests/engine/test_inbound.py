"""What is found by an index is what looking at everything would find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine.inbound import KNOCK_US, LONGEST_INBOUND_US, MAX_RINGS, RINGS_KEPT_US, Arrivals, Inbound, Rings
from ringfence.engine.lately import Lately, Try
from ringfence.engine.marks import block_of
from ringfence.model import SECOND, Arrived, Ended, Instant
from ringfence.testing.trial import Trial

NAMES = st.sampled_from(["", "1", "101", "+1 (101)", "12125550101", "0101", "201"])
NUMBERS = st.sampled_from(["", "44", "442079", "442079460018", "442079460019", "442079461018", "37167000000"])
SOURCES = st.sampled_from(["pbx", "other"])


def extension_of(called: str, name: str) -> bool:
    ours, theirs = ("".join(c for c in text if c in "0123456789") for text in (name, called))
    return min(len(ours), len(theirs)) >= 3 and (theirs.endswith(ours) or ours.endswith(theirs))


@given(st.lists(st.tuples(SOURCES, NAMES, st.booleans()), max_size=30), SOURCES, NAMES, NAMES)
def test_the_latest_call_to_an_extension(
    calls: list[tuple[str, str, bool]], source: str, extension: str, forwarder: str
) -> None:
    arrivals, up = Arrivals(), {}
    for number, (owner, dialled, over) in enumerate(calls):
        arrivals.add(str(number), Inbound(owner, "", dialled, number))
        up[str(number)] = arrivals.get(str(number))
        if over:
            assert arrivals.pop(str(number // 2)) is up.pop(str(number // 2), None)
    found = [
        call
        for call in up.values()
        if call is not None
        and call.source == source
        and any(extension_of(call.dialled, name) for name in (extension, forwarder))
    ]
    again = Arrivals(arrivals.dump())
    assert arrivals.latest_to(source, (extension, forwarder)) is (found[-1] if found else None)
    assert again.latest_to(source, (extension, forwarder)) is (found[-1] if found else None)


def test_calls_of_which_nothing_is_heard_are_forgotten() -> None:
    arrivals = Arrivals()
    for number in range(4):
        arrivals.add(str(number), Inbound("pbx", "", "101", number * SECOND))
    arrivals.sweep(LONGEST_INBOUND_US + 2 * SECOND)
    assert [arrivals.get(str(number)) is None for number in range(4)] == [True, True, False, False]
    arrivals.pop("2")
    assert arrivals.latest_to("pbx", ["101"]) is arrivals.get("3")


@given(st.lists(st.tuples(SOURCES, NUMBERS, st.integers(0, RINGS_KEPT_US // 4)), max_size=30), SOURCES, NUMBERS)
def test_missed_calls_from_a_block_and_of_a_caller(calls: list[tuple[str, str, int]], source: str, number: str) -> None:
    rings, now, block = Rings(), 0, block_of(number)
    for owner, caller, pause_us in calls:
        now += pause_us
        rings.add(Inbound(owner, caller, "101", now), now)
    everything = rings.dump()
    assert len(everything) == len(calls)
    assert rings.of_block(source, block, now) == [
        ring
        for ring in everything
        if block and ring.source == source and ring.at > now - RINGS_KEPT_US and ring.caller.startswith(block)
    ]
    assert rings.of_caller(Inbound(source, number, "101", now), now) == sum(
        ring.source == source and ring.caller == number and ring.at > now - KNOCK_US for ring in everything
    )


def test_missed_calls_are_bounded() -> None:
    rings = Rings()
    for number in range(MAX_RINGS + 1):
        rings.add(Inbound("pbx", f"4420794{number}", "101", number), number)
    assert len(rings.dump()) == MAX_RINGS + 1 - MAX_RINGS // 10
    assert not rings.of_block("pbx", "44207940", MAX_RINGS) and rings.of_block("pbx", "44207942", MAX_RINGS)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d"]), NUMBERS, st.integers(0, 8)), max_size=40),
    NUMBERS,
    st.integers(0, 26),
)
def test_attempts_to_a_block(calls: list[tuple[str, str, int]], number: str, hours: int) -> None:
    lately, now, block = Lately(), 0, block_of(number)
    for own, digits, pause_h in calls:
        now += pause_h * 3600 * SECOND
        lately.tried(Try(own, now, digits, "GB", False, digits, True))
    since = now - hours * 3600 * SECOND
    for found in (lately, Lately(*lately.dump())):
        assert sorted(entry.id + entry.digits for entry in found.to_block(block, since, "a")) == sorted(
            entry.id + entry.digits
            for entry in lately.tries
            if block_of(entry.digits) == block and entry.at >= since and entry.id != "a"
        )


def test_what_happens_after_a_judgement_is_seen_when_it_is_decided(tmp_path: Path) -> None:
    trial = Trial(tmp_path, '[trunk.carrier]\npermit = ["US", "GB"]\n')
    behaviour, seen = trial.engine.behaviour, set()
    asked, home = trial.attempt("011442079460018", forwarded_by="12125550101"), trial.attempt("12125550123")
    destination = trial.engine.judge(asked, now=trial.now).destination
    trial.decide(up := trial.attempt("011442079460019"))

    def looked(happened: Callable[[], object]) -> None:
        behaviour.traits(asked, destination, trial.now)
        happened()
        traits = behaviour.traits(asked, destination, trial.now)
        behaviour.use(trial.engine.policy)
        assert traits == behaviour.traits(asked, destination, trial.now)
        seen.add(traits)

    decided = trial.decide(home)
    for happened in (
        lambda: None,
        lambda: trial.engine.apply(Ended(at=trial.now, id=home.id, cause="bye-caller"), now=trial.now),
        lambda: trial.engine.apply(decided, now=trial.now),
        lambda: trial.engine.apply(Ended(at=trial.now, id=up.id, cause="bye-caller"), now=trial.now),
        lambda: trial.engine.apply(arrived("in1", "442079460018", "2125550101", trial.now), now=trial.now),
        lambda: trial.engine.apply(Ended(at=trial.now, id="in1", cause="cancelled"), now=trial.now),
    ):
        looked(happened)
    assert len(seen) >= 5


def arrived(own: str, caller: str, dialled: str, now: Instant) -> Arrived:
    return Arrived(at=now, id=own, source="pbx", trunk="carrier", caller=caller, dialled=dialled)
