"""A playbook of records: what each call becomes, when it is cut, and what it leaves on meters and habits."""

from __future__ import annotations

from pathlib import Path

import pytest
from historykit import HOME, LONDON, RIGA, START, policy, policy_file, record
from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine.engine import Engine
from ringfence.history.cdr import Cdr
from ringfence.history.placing import Placing
from ringfence.history.replay import Judged, Replay
from ringfence.history.summary import Summary, hits_of
from ringfence.model import SECOND, MeterKey
from ringfence.policy import Loader

ABROAD = '[trunk.carrier]\npermit = ["US", "GB", "LV"]\nbilling = { rates = "rates.csv" }\n'
ENFORCED = ABROAD + '[behaviour]\nmode = "enforce"\n'


class Play:
    """A replay of records under the trial's policy, and what came out by id."""

    def __init__(self, folder: Path, lines: str, *calls: Cdr) -> None:
        loaded = policy(folder, lines)
        self.player = Replay(loaded, Placing(loaded))
        self.out: list[Judged] = list(self.player.run(calls))
        self.by_id = {judged.call.call_id: judged for judged in self.out}

    def reasons(self) -> dict[str, str]:
        return {name: judged.verdict.reason for name, judged in self.by_id.items()}

    def cuts(self) -> dict[str, tuple[float | None, str]]:
        return {name: (judged.cut_after_s, judged.cause) for name, judged in self.by_id.items()}

    def read(self, quantity: str, klass: str = "", window_s: int = 0, at_s: float = 0) -> int:
        meters = self.player.engine.meters
        return meters.read(MeterKey("trunk", "carrier", quantity, klass, window_s), START + int(at_s * SECOND))  # type: ignore[arg-type]


def test_calls_come_out_when_they_are_over(tmp_path: Path) -> None:
    play = Play(
        tmp_path, "", record("long", 0, talk_s=600), record("refused", 1, dialled=LONDON), record("short", 2, talk_s=10)
    )
    assert [judged.call.call_id for judged in play.out] == ["refused", "short", "long"]
    assert play.reasons() == {"refused": "destination-not-permitted", "short": "", "long": ""}


REDIRECT = ABROAD + "[source.pbx]\nredirect = { hold_s = 60 }\n"


def test_a_call_that_was_redirected_costs_what_its_record_says(tmp_path: Path) -> None:
    """The money of the hold is reserved at its beginning; the record settles it, also before the hold is over."""
    play = Play(tmp_path, REDIRECT, record("a", 0, LONDON, talk_s=30), record("unanswered", 10, LONDON))
    assert play.cuts() == {"a": (None, ""), "unanswered": (None, "")}
    assert (play.read("calls"), play.read("money", "international", 86_400, 100)) == (0, 20_000)
    assert not play.player.engine.calls


def test_a_longer_one_is_presumed_over_and_comes_out_at_its_end(tmp_path: Path) -> None:
    play = Play(tmp_path, REDIRECT, record("a", 0, LONDON, talk_s=300), record("b", 100, LONDON, talk_s=30))
    assert [judged.call.call_id for judged in play.out] == ["b", "a"]
    assert play.cuts() == {"a": (None, ""), "b": (None, "")}
    assert (play.read("calls"), play.read("money", "international", 86_400, 400)) == (0, 40_000)


def test_a_refused_call_gives_no_answer_and_costs_nothing(tmp_path: Path) -> None:
    play = Play(tmp_path, ABROAD + 'permit = ["US"]\n', record("a", 0, LONDON, talk_s=600), record("b", 100, LONDON))
    judged = play.by_id["a"]
    assert (judged.verdict.outcome, judged.cut_after_s, judged.cause) == ("deny", None, "")
    assert judged.saved_micros == 200_000
    assert play.by_id["b"].saved_micros == 0
    assert play.read("calls") == 0
    assert play.read("money", "international", 86_400, 700) == 0
    assert not play.player.engine.calls


def test_slots_come_back_when_calls_end_and_not_before(tmp_path: Path) -> None:
    play = Play(
        tmp_path,
        "[trunk.carrier]\nconcurrent = { block = 2 }\n",
        record("a", 0, talk_s=100),
        record("b", 1, talk_s=20),
        record("c", 2, talk_s=10),
        record("d", 25.9, talk_s=10),
        record("e", 26, talk_s=10),
    )
    assert play.reasons() == {"a": "", "b": "", "c": "concurrent-calls", "d": "concurrent-calls", "e": ""}


def test_a_call_over_the_longest_is_cut_there(tmp_path: Path) -> None:
    play = Play(
        tmp_path,
        ABROAD + "[trunk.carrier.max_call_s]\ninternational = 600\n",
        record("a", 0, LONDON, talk_s=3600),
        record("b", 1, LONDON, talk_s=600),
        record("c", 2, HOME, talk_s=3600),
    )
    assert play.cuts() == {"a": (600.0, "longest-call"), "b": (None, ""), "c": (None, "")}
    assert play.by_id["a"].saved_micros == 50 * 20_000


def test_a_call_is_cut_when_the_money_runs_out(tmp_path: Path) -> None:
    play = Play(
        tmp_path,
        ABROAD + "[trunk.carrier.spend]\ninternational = { per_day = 3 }\n",
        record("a", 0, RIGA, talk_s=3600),
        record("b", 3000, RIGA, talk_s=60),
        record("c", 3001, LONDON, talk_s=60),
    )
    cut, cause = play.cuts()["a"]
    assert cause == "money"
    assert cut is not None
    assert 240 <= cut <= 300  # 0.05 + 5 minutes of 0.50 are 2.55, six are over the cap.
    assert play.read("money", "international", 86_400, 3600) <= 3_000_000
    assert play.reasons()["b"] == "spend"
    rest = play.by_id["a"].saved_micros
    assert rest == 60 * 500_000 - -(-int(cut) // 60) * 500_000


def test_cutting_gives_back_the_slot_at_that_moment(tmp_path: Path) -> None:
    play = Play(
        tmp_path,
        "[trunk.carrier]\nconcurrent = { block = 1 }\n[trunk.carrier.max_call_s]\ndomestic = 100\n",
        record("a", 0, talk_s=1000),
        record("b", 104, talk_s=10),
        record("c", 106, talk_s=10),
    )
    assert play.reasons() == {"a": "", "b": "concurrent-calls", "c": ""}


def test_missed_calls_from_a_range_make_the_call_back_wangiri(tmp_path: Path) -> None:
    missed = [
        record(f"m{n}", 10 * n, "12125550100", caller=f"+37167000{n:03}", direction="in", extension=f"10{n}")
        for n in range(6)
    ]
    back, calm = record("back", 600, RIGA), record("calm", 601, LONDON)
    play = Play(tmp_path, ENFORCED, *missed, back, calm)
    assert play.player.inbound == 6
    assert "wangiri" in hits_of(play.by_id["back"])
    assert "wangiri" not in hits_of(play.by_id["calm"])


def test_an_answered_call_from_outside_is_not_missed(tmp_path: Path) -> None:
    inbound = [record(f"m{n}", 100 * n, "12125550100", 60, caller=f"+37167000{n:03}", direction="in") for n in range(6)]
    play = Play(tmp_path, ENFORCED, *inbound, record("back", 1000, RIGA))
    assert "wangiri" not in hits_of(play.by_id["back"])


@pytest.mark.parametrize(("ends_after", "hit"), [(300, True), (5, False)])
def test_a_call_out_while_one_from_outside_is_up_is_dialled_through(
    ends_after: float, hit: bool, tmp_path: Path
) -> None:
    inside = record("in", 0, "101", ends_after, caller="+13035550123", direction="in")
    play = Play(tmp_path, ENFORCED, inside, record("out", 30, LONDON))
    assert ("dialled-through" in hits_of(play.by_id["out"])) is hit


BRANCH = (
    '[trunk.two]\nlisten = "inside"\ncarrier_addresses = ["127.0.0.4"]\nsend_to = ["sip:127.0.0.4:5060"]\n'
    '[source.branch]\nzone = "internal"\nlisten = "inside"\naddresses = ["10.9.0.0/16"]\ntrunks = ["two"]\n'
    'caller_ids = ["+12125550200"]\n'
)


@pytest.mark.parametrize(("knocked_at", "known"), [("carrier", True), ("two", False)])
def test_who_knocked_at_another_source_did_not_knock_here(knocked_at: str, known: bool, tmp_path: Path) -> None:
    shown = {"caller": "+13035550123", "direction": "in"}
    knocks = [record(f"k{n}", 10 * n, "101", trunk=knocked_at, **shown) for n in range(3)]
    play = Play(tmp_path, ENFORCED + BRANCH, *knocks, record("in", 60, "101", 300, **shown), record("out", 90, LONDON))
    told = next(hit.text for hit in play.by_id["out"].verdict.hits if hit.rule == "dialled-through")
    assert ("3 short ones before it" in told) is known


def test_records_of_nobody_are_counted(tmp_path: Path) -> None:
    branch = (
        '[source.branch]\nzone = "internal"\nlisten = "inside"\naddresses = ["10.9.0.0/16"]\ntrunks = ["carrier"]\n'
    )
    play = Play(
        tmp_path,
        branch + 'caller_ids = ["+12125550200"]\n',
        record("a", 0, source_ip="192.0.2.1"),
        record("b", 1, source_ip="127.0.0.2"),
    )
    assert play.player.unplaced == 1
    assert list(play.by_id) == ["b"]


def test_emergency_calls_pass_every_cap(tmp_path: Path) -> None:
    play = Play(
        tmp_path, "[trunk.carrier]\nconcurrent = { block = 1 }\n", record("a", 0, talk_s=60), record("b", 1, "911")
    )
    assert play.by_id["b"].verdict.outcome == "allow"


def test_the_same_call_id_twice_is_two_calls_one_after_the_other(tmp_path: Path) -> None:
    play = Play(tmp_path, "", record("a", 0, talk_s=10), record("a", 60, talk_s=10))
    assert [judged.call.start - START for judged in play.out] == [0, 60 * SECOND]


def test_records_of_one_id_that_are_up_together_are_calls_of_their_own(tmp_path: Path) -> None:
    play = Play(
        tmp_path,
        "[trunk.carrier]\nconcurrent = { block = 2 }\n",
        record("a", 0, talk_s=100),
        record("a", 1, direction="in"),
        record("a", 2, talk_s=10),
        record("a", 3, talk_s=10),
    )
    told = [(judged.call.start - START, judged.verdict.reason) for judged in play.out]
    assert told == [(3 * SECOND, "concurrent-calls"), (2 * SECOND, ""), (0, "")]
    assert {judged.call.call_id for judged in play.out} == {"a"}


ROWS = st.lists(
    st.tuples(
        st.integers(0, 300), st.sampled_from([HOME, LONDON, RIGA, "911", "junk", "15550"]), st.integers(0, 900),
        st.sampled_from(["in", "out", "out"]), st.sampled_from("abcdef"),
    ),
    max_size=30,
)  # fmt: skip
TIGHT = (
    ENFORCED + "[trunk.carrier]\nconcurrent = { block = 3 }\n[trunk.carrier.max_call_s]\ninternational = 300\n"
    "[trunk.carrier.spend]\ninternational = { per_day = 4 }\n"
)


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tight")
    return policy_file(folder, TIGHT)


@given(rows=ROWS)
def test_every_outbound_record_comes_out_once_and_nothing_is_left(
    tight: Path, rows: list[tuple[int, str, int, str, str]]
) -> None:
    loaded = Loader(str(tight)).load().policy
    calls = [record(name, at, number, talk, direction=way) for at, number, talk, way, name in rows]
    calls.sort(key=lambda call: (call.start, call.call_id))
    engine, summary = Engine(loaded, "n"), Summary()
    out = list(Replay(loaded, Placing(loaded), engine).run(calls))
    assert sorted(j.call.call_id for j in out) == sorted(c.call_id for c in calls if c.direction == "out")
    assert not engine.calls
    assert engine.meters.read(MeterKey("trunk", "carrier", "calls", "", 0), START + 3600 * SECOND) == 0
    for judged in out:
        summary.add(judged)
        allowed = judged.verdict.outcome == "allow"
        assert allowed or judged.cut_after_s is None
        assert judged.cut_after_s is None or 0 <= judged.cut_after_s <= judged.call.duration_s
        assert judged.saved_micros >= 0
        assert judged.saved_micros == 0 or not allowed or judged.cut_after_s is not None
    assert summary.total.refused == sum(judged.verdict.outcome != "allow" for judged in out)
    assert summary.total.saved_micros == sum(found.saved_micros for found in summary.by_rule.values())
