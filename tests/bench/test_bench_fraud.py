"""The fraud benchmark's detectors do what their documents say, and its sums are right."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ringfence.policy import Loader

FRAUD = Path(__file__).parents[2] / "bench" / "fraud"
sys.path.insert(0, str(FRAUD))

from controls import Controls  # noqa: E402
from corpus import build  # noqa: E402
from counters import NEVER, Counters, Critical, fitted  # noqa: E402
from replayed import FIXED, _outcome  # noqa: E402
from score import Label, Outcome, Score, labels, lines  # noqa: E402
from seen import Reader, Seen, play  # noqa: E402
from triggers import ACTION_S, History, Triggers  # noqa: E402

MONDAY_NOON = 1_760_371_200.0
"""2025-10-13 12:00 in New York is 16:00 UTC."""
EXAMPLE = """
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:5060"
[trunk.carrier]
listen = "inside"
carrier_addresses = ["127.0.0.3"]
send_to = ["sip:127.0.0.3"]
permit = ["US", "GB"]
concurrent = { block = 2 }
calls_per_second = { block = 3, burst = 9 }
hours = { international = "Mon-Fri 08:00-18:00" }
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["127.0.0.2"]
trunks = ["carrier"]
"""


def seen(at: float, *, talk_s: int = 600, country: str = "GB", klass: str = "international", **changes: object) -> Seen:
    fields = {"id": f"{at}", "extension": "101", "e164": "442079460000", "price_per_min": 500_000, **changes}
    return Seen(
        str(fields["id"]),
        at,
        at + talk_s,
        talk_s,
        str(fields["extension"]),
        "",
        str(fields["e164"]),
        country,
        klass,
        int(str(fields["price_per_min"])),
        True,
    )


@pytest.fixture
def controls(tmp_path: Path) -> Controls:
    (tmp_path / "policy.toml").write_text(EXAMPLE)
    return Controls(Loader(str(tmp_path / "policy.toml")).load().policy)


@pytest.mark.parametrize(
    ("call", "refused"),
    [
        (seen(MONDAY_NOON), False),
        (seen(MONDAY_NOON, country="LV"), True),
        (seen(MONDAY_NOON, klass="special"), True),
        (seen(MONDAY_NOON, klass="unusable"), True),
        (seen(MONDAY_NOON + 12 * 3600), True),
        (seen(MONDAY_NOON + 12 * 3600, country="US", klass="domestic"), False),
    ],
)
def test_controls_have_a_list_and_hours(controls: Controls, call: Seen, refused: bool) -> None:
    assert controls.start(call) is refused


def test_controls_cap_calls_in_progress(controls: Controls) -> None:
    calls = [seen(MONDAY_NOON + n * 10) for n in range(3)]
    assert [controls.start(call) for call in calls] == [False, False, True]
    controls.end(calls[0])
    assert not controls.start(seen(MONDAY_NOON + 60))


def test_counters_refuse_at_the_threshold_and_forget_at_midnight() -> None:
    critical = Critical(3, 10**6, 10**6, 10**6)
    counters = Counters(critical, "UTC")
    assert [counters.start(seen(MONDAY_NOON + n)) for n in range(3)] == [False, False, True]
    assert not counters.start(seen(MONDAY_NOON + 100)), "another minute"
    total = Counters(Critical(10**6, 3, 10**6, 10**6), "UTC")
    assert [total.start(seen(MONDAY_NOON + n * 100)) for n in range(3)] == [False, False, True]
    assert not total.start(seen(MONDAY_NOON + 86_400)), "another day"


def test_counters_are_apart_by_country_unless_all_that_is_abroad_is_one() -> None:
    critical = Critical(10**6, 2, 10**6, 10**6)
    countries = ("GB", "LV", "CU")
    apart, one = Counters(critical, "UTC"), Counters(critical, "UTC", by_country=False)
    assert not any(apart.start(seen(MONDAY_NOON, country=country)) for country in countries)
    assert [one.start(seen(MONDAY_NOON, country=country)) for country in countries] == [False, True, True]


def test_counters_of_calls_to_one_number_begin_anew_with_another() -> None:
    counters = Counters(Critical(10**6, 10**6, 10**6, 3), "UTC")
    numbers = ["44207", "44207", "44208", "44207", "44207", "44207"]
    refused = [counters.start(seen(MONDAY_NOON + n, e164=number)) for n, number in enumerate(numbers)]
    assert refused == [False] * 5 + [True]


def test_counters_in_progress_go_down_when_calls_end() -> None:
    counters = Counters(Critical(10**6, 10**6, 2, 10**6), "UTC")
    calls = [seen(MONDAY_NOON + n * 700) for n in range(5)]
    assert play(calls, counters) == set(), "one after the other"
    assert len(play([seen(MONDAY_NOON + n) for n in range(3)], Counters(Critical(9, 9, 2, 9), "UTC"))) == 2


def test_thresholds_fit_the_history() -> None:
    counters = Counters(NEVER, "UTC")
    play([seen(MONDAY_NOON + n) for n in range(20)], counters)
    assert counters.highest == Critical(20, 20, 20, 20)
    assert fitted(counters.highest) == Critical(25, 25, 25, 25)


def test_domestic_calls_are_not_counted() -> None:
    counters = Counters(Critical(1, 1, 1, 1), "UTC")
    assert not counters.start(seen(MONDAY_NOON, country="US", klass="domestic"))


def test_triggers_sum_prices_and_block_for_an_hour() -> None:
    """Fast traffic pumping: half a unit a minute each, over one unit in five minutes into one country."""
    triggers = Triggers({}, 1.0)
    numbers = [f"4420794600{n}" for n in range(10)]
    calls = [seen(MONDAY_NOON + n, e164=numbers[n]) for n in range(3)]
    assert [triggers.start(call) for call in calls] == [False, False, True]
    assert triggers.start(seen(MONDAY_NOON + ACTION_S, e164=numbers[3])), "the block holds for all numbers there"
    assert not triggers.start(seen(MONDAY_NOON + ACTION_S, country="LV")), "and nowhere else"
    assert not triggers.start(seen(MONDAY_NOON + 3 * ACTION_S, e164=numbers[4]))


def test_triggers_know_what_is_usual() -> None:
    usual = [seen(MONDAY_NOON + n) for n in range(20)]
    history = History()
    play(usual, history)
    later = [seen(MONDAY_NOON + 86_400 + n) for n in range(23)]
    assert len(play(later, Triggers(history.quantile(1.0), 1.1))) == 1
    assert history.quantile(0.5)[0, "user"] < history.quantile(1.0)[0, "user"] == 20


def test_leaks_count_answered_calls_and_money_until_a_cut() -> None:
    calls = [seen(0.0, id="a"), seen(5.0, id="b", talk_s=0), seen(9.0, id="c"), seen(20.0, id="d"), seen(21.0, id="e")]
    marked = {call.id: Label(call.id != "e", "probe", 1000) for call in calls}
    said = {"c": Outcome(refused=True), "d": Outcome(cut_after_s=60.0)}
    score = Score()
    score.add("attack-1", calls, marked, said)
    (caught,) = score.caught
    assert (caught.calls, caught.leaked) == (3, 2)
    assert (caught.money, caught.leaked_money) == (3000, 1000 + 100)
    assert caught.first_refusal_s == 9.0
    assert [line.kind for line in lines(score.caught)] == ["probe", "all"]
    assert lines(score.caught)[0].money_leaked == pytest.approx(1100 / 3000)


def test_honest_calls_that_are_hurt_are_counted_by_class_and_week() -> None:
    calls = [
        seen(0.0, id="a"),
        seen(1.0, id="b"),
        seen(2.0, id="c", klass="domestic"),
        seen(3.0, id="d", klass="emergency"),
        seen(4.0, id="e", klass="unusable"),
    ]
    said = {
        "a": Outcome(refused=True, by_policy=True),
        "b": Outcome(refused=True),
        "d": Outcome(refused=True),
        "e": Outcome(refused=True),
    }
    score = Score()
    score.add("hard", calls, {}, said)
    score.add("calm", calls, {}, {})
    assert (score.hard.abroad, score.hard.abroad_refused, score.hard.by_policy) == (2, 1, 1)
    assert (score.hard.domestic, score.hard.domestic_refused, score.hard.hurt_weeks) == (1, 0, 1)
    assert (score.calm.abroad_refused, score.calm.hurt_weeks, score.calm.weeks) == (0, 0, 1)


def test_decisions_are_read_as_replay_writes_them() -> None:
    assert _outcome({"verdict": "allow", "reason": "", "cut_after_s": None}) == Outcome()
    assert _outcome({"verdict": "allow", "cut_after_s": 12}) == Outcome(cut_after_s=12.0)
    assert _outcome({"verdict": "deny", "reason": "outside-hours"}) == Outcome(refused=True, by_policy=True)
    assert _outcome({"verdict": "deny", "reason": "contained"}) == Outcome(refused=True)
    assert "contained" not in FIXED


def test_sixth_weeks_differ_by_their_campaigns_only(tmp_path: Path) -> None:
    (case,) = build(tmp_path, seed=2, count=1, attacks_each=2, negatives_each=2)
    assert [week.name for week in case.weeks] == ["attack-1", "attack-2", "calm", "hard"]
    reader = Reader(case.folder / "policy.toml")
    everyday = {}
    for week in case.weeks:
        marked = labels(week / "labels.csv")
        rows = [row for row in reader.rows(week / "week-6.csv") if not marked[row.id].kind]
        everyday[week.name] = [(row.start, row.dialled, row.talk_s) for row in rows]
        kinds = {label.kind for label in marked.values()} - {""}
        assert len(kinds) == {"calm": 0, "hard": 2}.get(week.name, 1)
    assert all(found == everyday["calm"] for found in everyday.values())
    history = {row.id for path in case.history for row in reader.rows(path)}
    assert history
    assert not history & {row.id for week in case.weeks for row in reader.rows(week / "week-6.csv")}
