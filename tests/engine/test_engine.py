"""The engine as a playbook: facts at an instant, then the commands and meters that are expected."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.engine.down import when_down
from ringfence.engine.engine import Engine
from ringfence.engine.live import CHUNK_S, LEAD_US
from ringfence.engine.snapshot import dump, load
from ringfence.model import (
    SECOND,
    Alert,
    Answered,
    Attempt,
    Challenged,
    Command,
    Contained,
    Cut,
    Decided,
    Ended,
    Extend,
    Fact,
    MeterKey,
    Released,
    Tick,
)
from ringfence.testing.trial import Trial

US, GB, MOBILE = "2125550123", "011442079460000", "011447400123456"
CALLS = MeterKey("trunk", "carrier", "calls", "", 0)
DAY_ABROAD = MeterKey("trunk", "carrier", "money", "international", 86_400)
PRICED = """
[trunk.carrier]
permit = ["US", "GB"]
billing = { rates = "rates.csv" }
"""


class Play(Trial):
    """A trial with shorthands for facts; keeps what a ledger would keep."""

    def __init__(self, folder: Path, lines: str = "") -> None:
        super().__init__(folder, lines)
        self.journal: list[Fact] = []

    def place(self, dialled: str, **changes: object) -> Decided:
        decided = self.decide(self.attempt(dialled, **changes))  # type: ignore[arg-type]
        self.journal.append(decided)
        return decided

    def note(self, fact: Fact) -> tuple[Command, ...]:
        if not isinstance(fact, Tick):
            self.journal.append(fact)
        return self.obey(self.engine.apply(fact, now=self.now))

    def obey(self, commands: tuple[Command, ...]) -> tuple[Command, ...]:
        """Carry out every Extend; gives the commands that are for the edge."""
        rest = [command for command in commands if not isinstance(command, Extend)]
        for command in commands:
            if isinstance(command, Extend):
                extended = self.engine.ask_more(command.hold, now=self.now)
                self.journal.append(extended)
                rest += self.obey(self.engine.apply(extended, now=self.now))
        return tuple(rest)

    def answer(self, decided: Decided, leg: str = "t") -> tuple[Command, ...]:
        return self.note(Answered(at=self.now, id=decided.attempt.id, leg=leg))

    def end(self, decided: Decided, leg: str = "") -> tuple[Command, ...]:
        return self.note(Ended(at=self.now, id=decided.attempt.id, leg=leg, cause="bye-caller"))

    def run(self, seconds: float) -> list[Command]:
        """Let time pass, with a tick whenever the engine wants one."""
        end, commands = self.now + int(seconds * SECOND), []
        while (due := self.engine.due()) is not None and due <= end:
            self.now = max(self.now, due)
            commands += self.note(Tick(at=self.now))
        self.now = end
        return commands

    def shown(self, key: MeterKey) -> int:
        return self.engine.meters.read(key, self.now)

    @property
    def slots(self) -> int:
        return self.shown(CALLS)


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path, PRICED)


def test_a_call_holds_its_slot_from_verdict_to_end(play: Play) -> None:
    decided = play.place(US)
    assert (decided.verdict.outcome, decided.verdict.send_user, decided.verdict.send_caller) == (
        "allow",
        "+12125550123",
        None,
    )
    assert play.slots == 1
    play.answer(decided)
    play.run(30)
    assert play.slots == 1
    play.end(decided, "t")
    assert (play.slots, play.engine.calls) == (0, {})


@pytest.mark.parametrize("answered", [False, True])
def test_an_end_without_leg_ends_all(play: Play, answered: bool) -> None:
    decided = play.place(US)
    if answered:
        play.answer(decided)
    play.end(decided)
    assert (play.slots, play.engine.calls) == (0, {})


def test_every_hit_is_in_the_verdict_and_the_first_gives_the_reason(play: Play) -> None:
    verdict = play.place("0115372041000", caller="+442079460000").verdict
    assert (verdict.outcome, verdict.reason, verdict.sip_status) == ("deny", "caller-id-not-owned", 603)
    assert [hit.rule for hit in verdict.hits if hit.severity == "block"] == [
        "caller-id-not-owned",
        "destination-not-permitted",
    ]
    assert play.slots == 0


def test_a_refusal_by_a_cap_says_observed_limit_and_place(tmp_path: Path) -> None:
    play = Play(tmp_path, "[trunk.carrier]\nconcurrent = { alert = 1, block = 1 }")
    alerted = play.place(US).verdict
    assert [(h.rule, h.severity) for h in alerted.hits] == [("concurrent-calls", "alert")]
    verdict = play.place(US).verdict
    (hit,) = verdict.hits
    assert (verdict.outcome, verdict.sip_status, hit.observed, hit.limit) == ("deny", 480, "2", "1")
    assert hit.where == "trunk.carrier.concurrent.block"
    assert "2 calls in progress on trunk carrier; at most 1" in verdict.text


def test_an_emergency_call_passes_full_caps_and_is_told(tmp_path: Path) -> None:
    play = Play(tmp_path, '[trunk.carrier]\nconcurrent = { block = 0 }\n[source.pbx]\ncaller_id = "+12125550100"')
    assert play.place(US).verdict.outcome == "deny"
    verdict = play.place("911", caller="101").verdict
    assert (verdict.outcome, verdict.reason, verdict.send_user, verdict.send_caller, verdict.max_call_s) == (
        "allow",
        "emergency",
        "911",
        "+12125550100",
        0,
    )
    assert {hit.rule for hit in verdict.hits} == {"emergency", "concurrent-calls"}
    assert play.slots == 1


EXPIRED = """
[[address_exception]]
source = "pbx"
addresses = ["127.0.0.2"]
owner = "noc"
why = "home office"
until = 2026-11-26
"""


@pytest.mark.parametrize(
    ("lines", "changes", "outcome", "reason"),
    [
        ('[source.pbx]\ndirections = ["in"]', {}, "allow", "emergency"),
        ('[source.pbx]\ndirections = ["in"]', {"dialled": US}, "deny", "unverified-source"),
        ('[source.pbx]\ndirections = ["in"]', {"dialled": "9111"}, "deny", "unverified-source"),
        (EXPIRED, {}, "deny", "unverified-source"),
        ("", {"source": None, "verified": "none"}, "deny", "unverified-source"),
        ("", {"source": "gone"}, "deny", "unverified-source"),
    ],
    ids=["takes calls only", "no emergency", "longer", "address was an exception", "stranger", "source is gone"],
)
def test_who_may_call_an_emergency_number(
    tmp_path: Path, lines: str, changes: dict[str, object], outcome: str, reason: str
) -> None:
    """Every source (C8 before A10), and no stranger (A1 before C8)."""
    verdict = Play(tmp_path, lines).place(**{"dialled": "911", **changes}).verdict  # type: ignore[arg-type]
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_observe_mode_records_and_lets_pass(tmp_path: Path) -> None:
    play = Play(tmp_path, '[trunk.carrier]\nconcurrent = { block = 1 }\n[source.pbx]\nmode = "observe"')
    verdicts = [play.place(dialled).verdict for dialled in (US, US, "0115372041000")]
    assert [v.outcome for v in verdicts] == ["allow"] * 3
    assert [[h.rule for h in v.hits if not h.enforced and not h.weight] for v in verdicts] == [
        [],
        ["concurrent-calls"],
        ["destination-not-permitted", "concurrent-calls"],
    ]
    assert play.slots == 3


def test_money_is_reserved_before_each_increment_and_settles_at_the_price(play: Play) -> None:
    decided = play.place(GB)  # 0.02 a minute, 60/60
    assert play.shown(DAY_ABROAD) == 20_000
    play.answer(decided)
    play.run(60 - LEAD_US / SECOND - 1)
    assert play.shown(DAY_ABROAD) == 20_000
    play.run(1)
    assert play.shown(DAY_ABROAD) == 40_000
    play.end(decided, "t")
    assert play.shown(DAY_ABROAD) == 20_000


def test_a_call_that_was_never_answered_costs_nothing(play: Play) -> None:
    decided = play.place(GB)
    play.end(decided)
    assert play.shown(DAY_ABROAD) == 0


def test_a_call_is_cut_while_it_is_still_paid(tmp_path: Path) -> None:
    play = Play(tmp_path, PRICED + "spend = { international = { per_day = 0.04 } }")
    decided = play.place(GB)
    play.answer(decided)
    assert play.run(110) == []
    (cut,) = play.run(10)
    assert isinstance(cut, Cut)
    assert (cut.id, cut.leg, cut.cause) == (decided.attempt.id, "t", "money")
    assert "0.06 in 24 hours on trunk carrier, international; at most 0.04" in cut.text
    assert play.shown(DAY_ABROAD) == 40_000


def test_small_increments_are_asked_for_in_chunks_and_one_by_one_near_the_cap(tmp_path: Path) -> None:
    play = Play(tmp_path, PRICED + "spend = { domestic = { per_day = 0.02 } }")  # 0.001 per 6 s
    decided = play.place(US)
    play.answer(decided)
    play.run(5)
    assert play.shown(DAY_ABROAD._replace(klass="domestic")) == 1_000 * (1 + -(-CHUNK_S // 6))
    cuts = play.run(120)
    assert [command.cause for command in cuts if isinstance(command, Cut)] == ["money"]
    assert play.shown(DAY_ABROAD._replace(klass="domestic")) == 20_000


def test_a_cap_counts_the_calls_that_are_up(tmp_path: Path) -> None:
    play = Play(tmp_path, PRICED + "spend = { international = { per_day = 0.04 } }")
    first, second, third = (play.place(GB) for _ in range(3))
    assert [d.verdict.outcome for d in (first, second, third)] == ["allow", "allow", "deny"]
    play.end(first)
    assert play.place(GB).verdict.outcome == "allow"


def test_each_forked_answer_is_a_call_with_slots_and_money_of_its_own(play: Play) -> None:
    decided = play.place(GB)
    assert play.answer(decided, "t1") == ()
    assert play.answer(decided, "t2") == ()
    assert (play.slots, play.shown(DAY_ABROAD)) == (2, 40_000)
    play.run(70)
    assert play.shown(DAY_ABROAD) == 80_000
    play.end(decided, "t1")
    assert (play.slots, play.shown(DAY_ABROAD)) == (1, 80_000)
    play.end(decided, "t2")
    assert (play.slots, play.shown(DAY_ABROAD), play.engine.calls) == (0, 80_000, {})


def test_a_fork_over_the_cap_is_cut(tmp_path: Path) -> None:
    play = Play(tmp_path, "[trunk.carrier]\nconcurrent = { block = 1 }")
    decided = play.place(US)
    play.answer(decided, "t1")
    (cut,) = play.answer(decided, "t2")
    assert isinstance(cut, Cut) and cut.leg == "t2"
    play.end(decided, "t2")
    assert play.slots == 1


def test_a_repeated_answer_is_one_answer(play: Play) -> None:
    decided = play.place(GB)
    play.answer(decided)
    play.answer(decided)
    assert play.slots == 1


def test_an_answer_to_what_was_never_allowed_is_cut(play: Play) -> None:
    (cut,) = play.note(Answered(at=play.now, id="nobody", leg="t"))
    assert isinstance(cut, Cut) and cut.cause == "unknown"


def test_the_longest_call_is_cut_once(tmp_path: Path) -> None:
    play = Play(tmp_path, "[trunk.carrier]\nmax_call_s = 100")
    play.answer(play.place(US))
    assert play.run(99) == []
    assert [command.cause for command in play.run(500) if isinstance(command, Cut)] == ["longest-call"]


def test_a_hold_that_hears_nothing_is_lost(play: Play) -> None:
    play.place(US)
    commands = play.run(400)
    assert [(c.cause, c.leg) for c in commands if isinstance(c, Cut)] == [("lost", "")]


def test_a_challenged_attempt_asked_again_is_charged_once(tmp_path: Path) -> None:
    play = Play(tmp_path, "[trunk.carrier]\nconcurrent = { block = 1 }\ncalls_per_hour = { block = 1 }")
    first = play.place(US)
    play.note(Challenged(at=play.now, id=first.attempt.id))
    again = play.decide(first.attempt)
    assert again.verdict.outcome == "allow"
    assert play.slots == 1


def test_a_challenged_attempt_that_isnt_asked_again_gives_its_slot_back(play: Play) -> None:
    first = play.place(US)
    play.note(Challenged(at=play.now, id=first.attempt.id))
    commands = play.run(45)
    assert [command.cause for command in commands if isinstance(command, Cut)] == ["lost"]


def test_a_containment_ends_by_itself_and_can_be_undone(play: Play) -> None:
    play.contain("source", "pbx")
    assert play.place(US).verdict.reason == "contained"
    play.note(Released(at=play.now, id="c1", owner="noc"))
    assert play.place(US).verdict.outcome == "allow"
    play.contain("region", "GB")
    assert [play.place(n).verdict.reason for n in (US, GB)] == ["", "contained"]
    play.run(3601)
    assert play.place(GB).verdict.outcome == "allow"


def test_reload_keeps_calls_and_takes_the_shorter_longest_duration(tmp_path: Path) -> None:
    play = Play(tmp_path, PRICED + "max_call_s = 1000")
    play.answer(play.place(GB))
    play.run(10)
    play.engine.use(
        Trial(tmp_path, PRICED + "max_call_s = 100\nspend = { international = { per_day = 0.01 } }").engine.policy
    )
    (cut,) = play.run(200)
    assert isinstance(cut, Cut) and cut.cause == "money"
    assert play.place(GB).verdict.reason == "spend"
    other = Play(tmp_path, PRICED + "max_call_s = 1000")
    other.answer(other.place(US))
    other.engine.use(Trial(tmp_path, PRICED + "max_call_s = 100").engine.policy)
    assert [c.cause for c in other.run(200) if isinstance(c, Cut)] == ["longest-call"]


def test_the_same_alert_is_told_once_a_minute(tmp_path: Path) -> None:
    play = Play(tmp_path, "[trunk.carrier]\nconcurrent = { alert = 1 }")
    for _ in range(5):
        play.place(US)
    assert [type(command) for command in play.told] == [Alert]
    play.run(61)
    play.place(US)
    assert len(play.told) == 2


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("national_only", ["allow", "not_ready"]), ("refuse", ["not_ready", "not_ready"]), ("allow", ["allow", "allow"])],
)
def test_without_a_ledger_only_what_the_trunk_accepts_passes(tmp_path: Path, mode: str, expected: list[str]) -> None:
    play = Play(tmp_path, PRICED + f'when_down = "{mode}"')
    trunk = play.engine.policy.trunks["carrier"]
    verdicts = [when_down(play.place(dialled).verdict, trunk, "the disk is full") for dialled in (US, GB)]
    assert [verdict.outcome for verdict in verdicts] == expected
    assert when_down(play.place("911").verdict, trunk, "the disk is full").outcome == "allow"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), st.sampled_from([US, GB, MOBILE, "911", "0115372041000", "12"])),
        st.tuples(st.just("answer"), st.integers(0, 5), st.sampled_from(["t1", "t2"])),
        st.tuples(st.just("end"), st.integers(0, 5), st.sampled_from(["", "t1", "t2"])),
        st.tuples(st.just("challenge"), st.integers(0, 5)),
        st.tuples(st.just("contain"), st.sampled_from(["US", "GB"])),
        st.tuples(st.just("run"), st.integers(1, 90)),
    ),
    max_size=40,
)
CAPPED = (
    PRICED
    + """
concurrent = { block = 4 }
calls_per_minute = { block = 9 }
max_call_s = 200
spend = { international = { per_day = 0.2 }, total = { per_day = 0.25 } }
[source.pbx]
per_caller = { concurrent = { block = 3 } }
"""
)


def perform(play: Play, steps: list[tuple[object, ...]]) -> None:
    placed: list[Decided] = []
    for what, *rest in steps:
        if what == "place":
            placed.append(play.place(str(rest[0])))
        elif what == "run":
            play.run(int(str(rest[0])))
        elif what == "contain":
            until = play.now + 50 * SECOND
            name = str(rest[0])
            play.note(Contained(at=play.now, id=name, entity="region", name=name, owner="o", why="w", until=until))
        elif int(str(rest[0])) < len(placed):
            decided = placed[int(str(rest[0]))]
            if what == "challenge":
                play.note(Challenged(at=play.now, id=decided.attempt.id))
            elif what == "answer" and decided.attempt.id in play.engine.calls:
                play.answer(decided, str(rest[1]))
            elif what == "end":
                play.end(decided, str(rest[1]))


def state(engine: Engine) -> object:
    """Everything a snapshot has, in an order that doesn't depend on history."""
    found = msgspec.msgpack.decode(dump(engine))
    return [
        sorted(map(repr, part))
        for part in (found["calls"], found["contained"], *(found["meters"][k] for k in sorted(found["meters"])))
    ]


@settings(max_examples=120, deadline=None)
@given(steps=STEPS, cut=st.floats(0, 1))
def test_snapshot_and_tail_are_all_facts_and_decisions_decided_again_are_equal(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[object, ...]], cut: float
) -> None:
    play = Play(tmp_path_factory.getbasetemp(), CAPPED)
    perform(play, steps)
    whole, before = Engine(play.engine.policy, "n"), Engine(play.engine.policy, "n")
    place = int(cut * len(play.journal))
    for fact in play.journal[:place]:
        before.recover(fact)
    after = Engine(play.engine.policy, "n")
    load(after, dump(before))
    for fact in play.journal[place:]:
        after.recover(fact)
    for fact in play.journal:
        if isinstance(fact, Decided):
            assert whole.decide_again(fact) == (fact.hold, fact.verdict)
        whole.recover(fact)
    assert state(after) == state(whole)
    for engine in (whole, after):
        engine.containments.expire(play.now)
    assert sorted(whole.calls) == sorted(play.engine.calls)
    for key in play.engine.meters:
        assert whole.meters.read(key, play.now) == play.engine.meters.read(key, play.now), key


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_when_all_calls_have_ended_no_slot_is_held(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[object, ...]]
) -> None:
    play = Play(tmp_path_factory.getbasetemp(), CAPPED)
    perform(play, steps)
    for call_id in list(play.engine.calls):
        play.note(Ended(at=play.now, id=call_id, cause="lost"))
    assert {key: play.shown(key) for key in play.engine.meters if key.quantity == "calls" and play.shown(key)} == {}
    play.run(31 * 86_400)
    assert not any(play.shown(key) for key in play.engine.meters)


def test_an_attempt_of_nobody_is_refused(play: Play) -> None:
    attempt: Attempt = play.attempt(US)
    for changed in ({"source": None}, {"source": "x"}, {"verified": "none"}, {"trunk": "x"}):
        verdict = play.decide(msgspec.structs.replace(attempt, **changed)).verdict
        assert (verdict.outcome, verdict.reason) == ("deny", "unverified-source")


def test_what_is_no_number_is_refused_even_where_nothing_is_enforced(tmp_path: Path) -> None:
    play = Play(tmp_path, '[source.pbx]\nmode = "observe"\n[rules.unusable-number]\nmode = "off"')
    assert play.place("hello").verdict.reason == "unusable-number"


def test_an_unlisted_number_of_the_home_country_is_domestic(play: Play) -> None:
    assert play.place("12122001234").verdict.destination.klass == "domestic"
