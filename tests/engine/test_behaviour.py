"""What is remembered, what teaches, what settles; and that it comes back from a snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.engine.engine import Engine
from ringfence.engine.habits import HOURS, MAX_HOURLY, MAX_SEEN, Habits, settled
from ringfence.engine.lately import MAX_TRIES, Lately, Try, run_length
from ringfence.engine.marks import area_of, network_of
from ringfence.engine.snapshot import dump, load
from ringfence.model import SECOND
from ringfence.rules.traits import NOVEL
from ringfence.testing.trial import Trial

GB = '[trunk.carrier]\npermit = ["US", "GB", "LV"]\n'
ENFORCED = GB + '[behaviour]\nmode = "enforce"\n'
LONDON, OTHER = "011442079460018", "011441214960018"
DAY = 86_400 * SECOND


def evidence(trial: Trial) -> dict[str, int]:
    return {hit.rule: hit.weight for hit in trial.hits if hit.weight}


def test_what_was_called_settles_after_a_day_and_is_forgotten_after_its_memory(tmp_path: Path) -> None:
    trial = Trial(tmp_path, GB + "[behaviour]\nsettle_h = 24\nmemory_days = 30\n")
    weights = []
    for hours in (0, 1, 25, 31 * 24):
        trial.now += hours * 3600 * SECOND
        assert trial.call(LONDON, seconds=60) == "allow"
        weights.append(evidence(trial).get("first-ever-destination", 0))
    assert weights == [45, 45, 0, 45]


def test_what_was_refused_does_not_teach(tmp_path: Path) -> None:
    trial = Trial(tmp_path, '[trunk.carrier]\npermit = ["US"]\n')
    assert trial.call(LONDON) == "destination-not-permitted"
    trial.now += 2 * DAY
    trial.engine.use(Trial(tmp_path, GB).engine.policy)
    assert trial.call(LONDON) == "allow"
    assert evidence(trial)["first-ever-destination"] == 45


def test_a_suspect_call_does_not_teach_and_spoils_the_peaks_of_its_day(tmp_path: Path) -> None:
    trial = Trial(tmp_path, GB)
    for number in range(5):
        assert trial.call(f"0114412149600{number}0") == "allow"
    assert sum(evidence(trial).values()) >= 60
    habits = trial.engine.behaviour.habits["caller:pbx/101"]
    assert not habits.today


def test_an_exception_that_names_the_number_lifts_the_evidence(tmp_path: Path) -> None:
    lines = ENFORCED + ('[[exception]]\nwhat = "+44121"\nowner = "noc"\nuntil = 2027-01-31\nwhy = "our new customer"\n')
    trial = Trial(tmp_path, lines)
    assert [trial.call(f"0114412149600{number}0") for number in range(6)] == ["allow"] * 6
    assert evidence(trial) == {}


def test_an_extension_borrows_from_its_source(tmp_path: Path) -> None:
    trial = Trial(tmp_path, GB)
    trial.used_to(LONDON, 30)
    trial.call(LONDON, extension="102")
    assert evidence(trial) == {"first-ever-destination": 10}


def test_a_verdict_with_evidence_is_decided_again_the_same(tmp_path: Path) -> None:
    trial = Trial(tmp_path, ENFORCED)
    for number in range(3):
        attempt = trial.attempt(f"0114412149600{number}0")
        judged = trial.engine.judge(attempt, now=trial.now)
        assert judged == trial.engine.judge(attempt, now=trial.now)
        decided = trial.decide(attempt)
    assert decided.verdict.reason == "suspicious-call"


def test_it_comes_back_from_a_snapshot(tmp_path: Path) -> None:
    trial = Trial(tmp_path, GB)
    trial.used_to(LONDON, 5)
    trial.inbound("442079460018", "101")
    trial.inbound("441214960018", "102", ringing_s=2)
    trial.call("18005550123")
    trial.call(OTHER)
    other = Engine(trial.engine.policy, "n")
    load(other, dump(trial.engine))
    attempt = trial.attempt(OTHER)
    assert other.judge(attempt, now=trial.now) == trial.engine.judge(attempt, now=trial.now)
    assert other.behaviour.dump() == trial.engine.behaviour.dump()


def test_inbound_calls_are_not_cut_as_unknown(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.inbound("442079460018", "101")
    assert trial.engine.behaviour.inbound and not trial.told


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 500)), max_size=60))
@settings(deadline=None)
def test_what_is_seen_is_bounded_and_settles_by_its_first_hour(calls: list[tuple[int, int]]) -> None:
    habits = Habits()
    for key, hour in sorted(calls, key=lambda call: call[1]):
        habits.see(str(key), hour, 100)
    for trace in habits.seen.values():
        assert trace.first <= trace.last and trace.calls >= 1
        assert settled(trace, trace.first, 0) and not settled(trace, trace.first - 1, 0)
        assert settled(trace, trace.first, trace.last) and not settled(trace, trace.first, trace.last + 1)


def test_the_latest_stay_when_there_is_no_more_room() -> None:
    habits = Habits()
    for number in range(MAX_SEEN + 10):
        habits.see(str(number), number, 10**9)
    assert len(habits.seen) <= MAX_SEEN
    assert "0" not in habits.seen and str(MAX_SEEN + 9) in habits.seen


def test_hours_are_an_office_s_until_calls_say_otherwise() -> None:
    habits = Habits()
    night, noon = 2 * 24 + 3, 2 * 24 + 12
    assert habits.hour_share(night) < 0.1 < 1 < habits.hour_share(noon)
    for week in range(8):
        for day in range(7):
            for _ in range(20):
                habits.called(day * 24 + 3, foreign=True)
        habits.turn(week * 7 + 1)
    assert habits.hour_share(night) > 5 > 0.2 > habits.hour_share(noon)
    assert len(habits.hours) == HOURS


def test_a_day_teaches_when_it_is_over() -> None:
    habits = Habits(day=10)
    habits.reached("parallel", 4)
    assert habits.usual("parallel") == 0
    habits.turn(11)
    assert habits.usual("parallel") == 4
    habits.reached("parallel", 9)
    habits.spoil()
    habits.turn(12)
    assert habits.usual("parallel") == 4


def test_the_same_attempt_again_is_one_attempt() -> None:
    lately = Lately()
    for allowed in (False, True):
        lately.tried(Try("a1", 1, "44", "GB", False, "01144", allowed))
    assert [entry.allowed for entry in lately.tries] == [True]
    for number in range(MAX_TRIES + 5):
        lately.tried(Try(f"b{number}", 2, "44", "GB", False, "01144", True))
    assert len(lately.tries) == MAX_TRIES


@pytest.mark.parametrize(
    ("before", "length"),
    [
        ([], 1),
        (["441000000019"], 2),
        (["441000000019", "441000000020"], 3),
        (["441000000018"], 1),
        (["441000001018"], 1),
    ],
)
def test_a_run_is_of_neighbours(before: list[str], length: int) -> None:
    tries = [Try(n, 1, n, "GB", False, n, True) for n in before]
    assert run_length("441000000018", tries) == length


@pytest.mark.parametrize(
    ("peer", "network"),
    [("192.0.2.7:5060", "192.0.2"), ("[2001:db8:7:1::5]:5060", "2001:db8:7"), ("192.0.2.200:1024", "192.0.2")],
)
def test_networks(peer: str, network: str) -> None:
    assert network_of(peer) == network


@pytest.mark.parametrize(
    ("digits", "area"), [("442079460018", "44207"), ("18765550123", "1876"), ("37167000000", "371670")]
)
def test_areas(digits: str, area: str) -> None:
    assert area_of(digits) == area


def ventures(places: list[str], *, days: int = 1) -> Habits:
    """Of a source that calls so many places in a country each day."""
    habits = Habits()
    for day in range(days):
        habits.turn(day + 1)
        for place in places:
            key = f"a:44{place}" if days == 1 else f"a:44{place}{day}"
            habits.ventured("44", key)
            habits.see(key, day * 24, 8760)
    habits.turn(days + 1)
    return habits


def test_whoever_calls_the_same_places_is_hardly_expected_at_a_new_one() -> None:
    assert ventures(["20", "121"] * 200).novelty("44") < 0.01


def test_whoever_calls_new_places_each_day_is_expected_at_new_ones() -> None:
    assert ventures(["20", "121", "141", "113"], days=30).novelty("44") > 0.7


def test_what_is_believed_of_an_unknown_source_and_an_unknown_country() -> None:
    assert Habits().novelty("44") == ventures(["20"]).novelty("371") == NOVEL


def test_ventures_of_today_count_from_tomorrow() -> None:
    habits = Habits(day=1)
    habits.ventured("44", "a:4420")
    assert habits.novelty("44") == NOVEL
    habits.turn(2)
    assert habits.novelty("44") > NOVEL


def test_a_new_area_weighs_less_for_who_calls_new_areas_all_the_time(tmp_path: Path) -> None:
    trial = Trial(tmp_path, GB)
    for area in (*range(740, 760), *range(770, 800)):
        trial.call(f"01144{area}0960018", seconds=60)
        trial.now += DAY
    assert evidence(trial)["first-ever-destination"] < 15
    assert any("area new, as in " in hit.text and hit.text.endswith("% of its calls there") for hit in trial.hits)


def tallied(*, spoil: bool = False) -> Habits:
    """After an hour with five calls to one country, which is the eleventh of a Monday."""
    habits = Habits()
    for _ in range(5):
        habits.tally(["c:GB"], 1000, 10 - 1000)
    if spoil:
        habits.spoil()
    habits.tally(["c:LV"], 1001, 11 - 1001)
    return habits


def test_an_hour_teaches_what_is_usual_in_such_hours_of_the_week() -> None:
    habits = tallied()
    assert habits.hour_count("c:GB", 1168, 10) == (1, 5)
    assert habits.hour_count("c:GB", 1168, 34 + 1) == (1, 0)
    assert habits.hour_count("c:GB", 1168, 4 * 24 + 10) == (1, 5)
    assert habits.hour_count("c:GB", 1168, 5 * 24 + 10) == (1, 0)
    assert habits.hour_count("c:LV", 1001, 11) == (2, 0)


def test_an_hour_with_a_suspect_call_teaches_nothing() -> None:
    assert tallied(spoil=True).hour_count("c:GB", 1168, 10) == (1, 0)


def test_hours_that_are_remembered_are_bounded() -> None:
    habits = Habits()
    for number in range(3 * MAX_HOURLY):
        for _ in range(3):
            habits.tally([f"a:{number}"], number, -number)
    assert len(habits.hourly) == MAX_HOURLY
