"""Suspect calls become one story, and something is done about it, narrowest first; all of it can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringfence.engine.engine import Engine
from ringfence.engine.incidents import MAX_INCIDENTS, MAX_SUSPECTS, Incident
from ringfence.engine.snapshot import dump, load
from ringfence.engine.steps import OWNER
from ringfence.model import SECOND, Accepted, Alert, Answered, Contain, Contained, Cut, Ended, Fact, Hit, Released, Tick
from ringfence.testing.trial import Trial

PERMITTED = '[trunk.carrier]\npermit = ["US", "GB", "LV"]\n'
ENFORCED = PERMITTED + '[behaviour]\nmode = "enforce"\n'
LONDON = "011442079460018"
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A PBX whose people call London each day."""
    return used(tmp_path, ENFORCED)


def used(folder: Path, lines: str) -> Trial:
    trial = Trial(folder, lines)
    trial.used_to(LONDON, 10)
    return trial


def latvian(number: int) -> str:
    """Each in a range of a thousand of its own."""
    return f"01137129{number % 1000:03d}001"


def attack(trial: Trial, count: int, extension: str = "101", start: int = 100, **changes: object) -> list[str]:
    """Calls to Latvian numbers, a minute apart."""
    came = []
    for number in range(start, start + count):
        came.append(trial.call(latvian(number), extension=extension, **changes))
        trial.now += 60 * SECOND
    return came


QUARANTINE = ("caller", "pbx/101", "refuse")


def quarantines(trial: Trial) -> list[Contained]:
    """Of the extension."""
    facts = [command.fact for command in trial.told if isinstance(command, Contain)]
    return [fact for fact in facts if (fact.entity, fact.name, fact.action) == QUARANTINE]


def story(trial: Trial) -> Incident:
    (found,) = trial.engine.incidents
    return found


def made(trial: Trial) -> list[tuple[str, str, str]]:
    """Containments, in order."""
    return [(c.fact.entity, c.fact.name, c.fact.action) for c in trial.told if isinstance(c, Contain)]


def attacked(trial: Trial) -> Trial:
    """Until the extension is quarantined."""
    came = attack(trial, 12)
    assert came.count("suspicious-call") >= 2 and came[-1] == "contained"
    return trial


# --- incidents ------------------------------------------------------------------------------------------------------


def test_everyday_calls_are_no_incident(trial: Trial) -> None:
    assert trial.call(LONDON, seconds=60) == "allow"
    assert list(trial.engine.incidents) == []


def test_suspect_calls_are_one_story_that_is_told_once(trial: Trial) -> None:
    attacked(trial)
    incident = story(trial)
    assert (incident.source, incident.extensions) == ("pbx", ["101"])
    assert incident.calls > incident.refused > 2
    assert incident.regions == {"LV": len(incident.suspects)}
    assert incident.weight >= 100 and "first-ever-destination" in incident.rules
    alerts = [c.hit.text for c in trial.told if isinstance(c, Alert) and c.hit.rule == "incident"]
    assert len(alerts) == 1 and alerts[0].startswith(f"incident {incident.id} begins with a call of pbx/101: ")


def test_another_extension_that_calls_the_same_area_joins(trial: Trial) -> None:
    attack(trial, 4)
    attack(trial, 3, "102", start=110)
    assert story(trial).extensions == ["101", "102"]


def test_whatever_is_refused_to_an_extension_under_suspicion_belongs_to_the_story(trial: Trial) -> None:
    attack(trial, 4)
    before = story(trial).calls
    assert trial.call("01137167000000") == "contained" or trial.call("01153712345678") != "allow"
    assert story(trial).calls > before


def test_after_a_quiet_day_another_one_begins(trial: Trial) -> None:
    attack(trial, 4)
    trial.now += 2 * DAY
    attack(trial, 4, start=300)
    assert len(list(trial.engine.incidents)) == 2


def test_nothing_is_weighed_when_the_rules_are_off(tmp_path: Path) -> None:
    trial = used(tmp_path, PERMITTED + '[behaviour]\nmode = "off"\n')
    assert attack(trial, 8) == ["allow"] * 8
    assert list(trial.engine.incidents) == []


def test_pumping_toll_free_is_a_story_but_nobody_is_kept_from_calling_abroad(trial: Trial) -> None:
    came = [trial.call(f"1800555{number:04d}", seconds=20) for number in range(2000, 2040)]
    assert came[:20] == ["allow"] * 20 and set(came[25:]) == {"suspicious-call"}
    assert story(trial).rules["toll-free-pumping"] >= 15
    assert made(trial) == []
    assert trial.call(LONDON) == "allow"


@pytest.mark.parametrize(("mode", "hits"), [("observe", True), ("off", False)])
def test_the_sum_can_be_observed_or_left_out(tmp_path: Path, mode: str, hits: bool) -> None:
    trial = used(tmp_path, ENFORCED + f'[rules.suspicious-call]\nmode = "{mode}"\n')
    assert attack(trial, 8) == ["allow"] * 8
    assert any(hit.weight for hit in trial.hits) == hits
    assert made(trial) == []


def test_tables_are_bounded(trial: Trial) -> None:
    engine = trial.engine
    for number in range(MAX_INCIDENTS + 20):
        attack(trial, 2, f"x{number}", start=number)
        trial.now += DAY
    assert len(list(engine.incidents)) <= MAX_INCIDENTS
    assert all(len(incident.suspects) <= MAX_SUSPECTS for incident in engine.incidents)


# --- steps ----------------------------------------------------------------------------------------------------------


def test_steps_are_taken_narrowest_first(trial: Trial) -> None:
    attacked(trial)
    steps = made(trial)
    assert [entity for entity, *_ in steps][:5] == ["prefix", "caller", "prefix", "prefix", "caller"]
    assert [step for step in steps if step[0] != "prefix"] == [("caller", "pbx/101", "slow"), QUARANTINE]
    assert trial.call("18005550123") == "allow"
    assert (trial.call(LONDON), trial.call(latvian(1), extension="102")) == ("allow", "allow")


def test_five_extensions_are_the_source(trial: Trial) -> None:
    for number in range(4):
        attack(trial, 7, f"10{number}", start=100 + 70 * number)
    assert ("source", "pbx", "refuse") not in made(trial)
    attack(trial, 7, "104", start=100 + 70 * 4)
    assert ("source", "pbx", "refuse") in made(trial)
    assert trial.call(LONDON, extension="109") == "allow"
    assert trial.call("011441214960018", extension="109") == "contained"
    assert trial.call("12125550123", extension="109") == "allow"


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_what_is_not_to_be_done_is_told_or_left(tmp_path: Path, mode: str) -> None:
    trial = used(tmp_path, ENFORCED + f'[containment]\nmode = "{mode}"\n')
    attack(trial, 10)
    assert made(trial) == [] and list(trial.engine.containments) == []
    told = [c.hit.text for c in trial.told if isinstance(c, Alert) and c.hit.rule == "contained"]
    assert len(told) == len(set(told))
    assert any("extension pbx/101 is contained for calls abroad to new numbers" in text for text in told) == (
        mode == "observe"
    )


def test_steps_can_be_left_out(tmp_path: Path) -> None:
    off = 'slow_down = "off"\nrefuse_range = "off"\nquarantine_extension = "off"\n'
    trial = used(tmp_path, ENFORCED + "[containment]\n" + off)
    assert "contained" not in attack(trial, 10)
    assert made(trial) == []


def test_a_trunk_is_closed_only_where_the_policy_says_so(tmp_path: Path) -> None:
    trial = used(tmp_path, ENFORCED + "[containment]\ninternational_off = 1\n")
    attack(trial, 8)
    assert ("trunk", "carrier", "refuse") in made(trial)


@pytest.mark.parametrize(("zone", "banned"), [("internal", False), ("remote", True)])
def test_only_remote_addresses_are_banned(tmp_path: Path, zone: str, banned: bool) -> None:
    trial = used(tmp_path, ENFORCED + f'[containment]\nban_address = 1\n[source.pbx]\nzone = "{zone}"\n')
    attack(trial, 8)
    assert (("address", "127.0.0.2", "refuse") in made(trial)) == banned
    assert trial.call("12125550123") == ("contained" if banned else "allow")


def test_the_same_containment_holds_twice_as_long_the_next_time(trial: Trial) -> None:
    attacked(trial)
    (first,) = quarantines(trial)
    assert first.until - first.at == 4 * HOUR
    trial.now = first.until + SECOND
    attack(trial, 3, start=600)
    _, second = quarantines(trial)
    assert second.until - second.at == 8 * HOUR


def test_redialling_one_number_is_one_number(trial: Trial) -> None:
    attack(trial, 5)
    first = next(i for i, step in enumerate(made(trial)))
    assert made(trial)[first][0] == "prefix"
    digits = story(trial).suspects[-1].digits
    count = len(made(trial))
    for _ in range(5):
        trial.now += 60 * SECOND
        assert trial.call(f"011{digits}") != "allow"
    assert len(made(trial)) == count


# --- calls in progress ----------------------------------------------------------------------------------------------


def answered(trial: Trial, dialled: str, **changes: object) -> str:
    attempt = trial.attempt(dialled, **changes)
    assert trial.decide(attempt).verdict.outcome == "allow"
    trial.happens(Answered(at=trial.now, id=attempt.id, leg="t"))
    return attempt.id


def cuts(trial: Trial) -> dict[str, str]:
    return {command.id: command.cause for command in trial.told if isinstance(command, Cut)}


def test_what_an_extension_did_before_is_weighed_again_or_cut_by_its_quarantine(trial: Trial) -> None:
    usual = answered(trial, LONDON)
    first = answered(trial, latvian(1))
    trial.now += SECOND
    attack(trial, 10)
    assert first in cuts(trial) and usual not in cuts(trial)
    assert usual in trial.engine.calls and first not in trial.engine.calls


def test_calls_go_on_where_the_policy_says_so(tmp_path: Path) -> None:
    trial = used(tmp_path, ENFORCED + "[containment]\ncut_calls = false\nquarantine_extension = 1\n")
    first = answered(trial, latvian(1))
    attack(trial, 10)
    assert "contained" not in cuts(trial).values() or first not in cuts(trial)


def test_a_call_that_is_cut_for_its_evidence_is_part_of_the_story(trial: Trial) -> None:
    call = answered(trial, latvian(1))
    while call in trial.engine.calls:
        trial.now = trial.engine.due() or trial.now
        trial.happens(Tick(at=trial.now))
    assert cuts(trial) == {call: "suspicious-call"}
    (suspect,) = story(trial).suspects
    assert (suspect.call, suspect.refused, suspect.outcome) == (call, True, "cut")
    assert suspect.text.startswith("evidence of ") and "it is up for " in suspect.text
    assert [step[0] for step in made(trial)] == ["prefix", "caller"]


@pytest.mark.parametrize(("cut", "left"), [("", 2), ("new", 1), ("all", 0)])
def test_a_containment_by_hand_cuts_what_it_is_told_to(trial: Trial, cut: str, left: int) -> None:
    answered(trial, LONDON)
    answered(trial, latvian(1))
    domestic = answered(trial, "12125550123")
    trial.contain("caller", "pbx/101", klass="abroad", cut=cut)
    assert len(trial.engine.calls) == left + 1 and domestic in trial.engine.calls


@pytest.mark.parametrize(
    ("entity", "name", "changes", "refused"),
    [
        ("prefix", "+4420", {}, True),
        ("prefix", "+4420", {"within": "pbx"}, True),
        ("prefix", "+4420", {"within": "other"}, False),
        ("region", "GB", {}, True),
        ("region", "GB", {"klass": "domestic"}, False),
        ("caller", "pbx/101", {"klass": "abroad"}, True),
        ("caller", "pbx/102", {}, False),
        ("address", "127.0.0.2", {}, True),
        ("address", "127.0.0.0/24", {}, True),
        ("address", "127.0.1.0/24", {}, False),
        ("trunk", "carrier", {"klass": "special"}, False),
    ],
)
def test_what_a_containment_covers(
    trial: Trial, entity: str, name: str, changes: dict[str, str], refused: bool
) -> None:
    trial.contain(entity, name, **changes)
    assert trial.call(LONDON) == ("contained" if refused else "allow")


def test_emergency_calls_pass_every_containment(trial: Trial) -> None:
    for number, (entity, name) in enumerate([("caller", "pbx/101"), ("source", "pbx"), ("trunk", "carrier")]):
        trial.contain(entity, name, id=f"c{number}")
    assert trial.call("911") == "allow"


def test_who_is_slowed_down_gets_one_call_in_half_a_minute(trial: Trial) -> None:
    trial.contain("caller", "pbx/101", "slow", klass="abroad")
    came = []
    for _ in range(7):
        came.append(trial.call(LONDON, seconds=0))
        trial.now += 10 * SECOND
    assert came == ["allow", *["slowed-down"] * 3, "allow", *["slowed-down"] * 2]
    assert trial.call("12125550123") == "allow"


def test_the_story_says_what_became_of_each_call(trial: Trial) -> None:
    assert attack(trial, 6) == ["allow"] * 2 + ["suspicious-call"] * 2 + ["contained"] * 2
    outcomes = [suspect.outcome for suspect in story(trial).suspects]
    assert outcomes == ["", "suspicious-call", "suspicious-call", "cut", "cut", "contained", "contained"]


# --- what an attack leaves behind -----------------------------------------------------------------------------------


def taught(trial: Trial) -> dict[str, set[str]]:
    """What everybody is used to, or will be."""
    return {name: {*habits.seen, *habits.ways} for name, habits in trial.engine.behaviour.habits.items()}


def test_an_attack_teaches_nothing_not_even_by_its_calls_that_were_up(trial: Trial) -> None:
    before = taught(trial)
    came = attack(trial, 12)
    assert came[0] == "allow" and came[-1] == "contained", "its first call was let out, and cut"
    assert not trial.engine.calls
    assert taught(trial) == before
    assert not trial.engine.behaviour.habits["caller:pbx/101"].today
    trial.now += 2 * DAY
    trial.happens(Tick(at=trial.now))
    trial.call(latvian(100))
    assert "country new" in next(hit.text for hit in trial.hits if hit.rule == "first-ever-destination")


@pytest.mark.parametrize("ends", ["by a containment", "by itself"])
def test_a_call_that_a_person_cuts_does_not_teach(trial: Trial, ends: str) -> None:
    before = taught(trial)
    attempt = trial.attempt("011441214960018")
    assert trial.decide(attempt).verdict.outcome == "allow"
    trial.happens(Answered(at=trial.now, id=attempt.id, leg="t"))
    if ends == "by itself":
        trial.happens(Ended(at=trial.now + SECOND, id=attempt.id, cause="bye-caller"))
    else:
        trial.contain("caller", "pbx/101", cut="all")
    assert not trial.engine.calls
    assert (taught(trial) == before) == (ends == "by a containment")


# --- undoing --------------------------------------------------------------------------------------------------------


def release(trial: Trial) -> None:
    for fact in list(trial.engine.containments):
        trial.happens(Released(at=trial.now, id=fact.id, owner="noc"))
    trial.now += SECOND


def test_after_a_release_it_counts_anew(trial: Trial) -> None:
    attacked(trial)
    release(trial)
    count = len(made(trial))
    assert trial.call(LONDON) == "allow"
    assert attack(trial, 1, start=500) == ["suspicious-call"]
    assert [step[0] for step in made(trial)[count:]] == ["prefix", "caller"]
    assert made(trial)[-1][2] == "slow"


NEW = [f"0114412{number}4960018" for number in range(1, 8)]
"""Numbers that nobody called so far."""


def looks(trial: Trial, extension: str) -> list[tuple[Hit, ...]]:
    """How calls of an extension would be judged now."""
    attempts = (trial.attempt(number, extension=extension) for number in (LONDON, *NEW, latvian(1), "12125550143"))
    return [trial.engine.judge(attempt, now=trial.now).hits for attempt in attempts]


def kept(trial: Trial) -> Any:
    """A snapshot without stories, which restrict nobody, and what passes with the day: tries and counts."""
    state = msgspec.msgpack.decode(dump(trial.engine))
    del state["incidents"], state["behaviour"]["lately"]
    for habits in state["behaviour"]["habits"].values():
        del habits["today"], habits["today_ventures"], habits["hour_spoiled"]
    return state


@pytest.mark.parametrize(
    ("entity", "name", "changes"),
    [
        ("caller", "pbx/102", {"klass": "new"}),
        ("caller", "pbx/102", {}),
        ("source", "pbx", {"klass": "abroad"}),
        ("trunk", "carrier", {"klass": "new"}),
        ("prefix", "+44", {"within": "pbx"}),
        ("region", "GB", {}),
        ("address", "127.0.0.2", {}),
    ],
)
def test_after_a_release_the_state_is_what_it_was(
    entity: str, name: str, changes: dict[str, str], trial: Trial
) -> None:
    before, looked = kept(trial), looks(trial, "102")
    trial.contain(entity, name, **changes)
    assert {trial.call(number, extension="102") for number in NEW} == {"contained"}
    assert looks(trial, "102") != looked
    release(trial)
    trial.now -= SECOND
    assert kept(trial) == before
    assert looks(trial, "102") == looked
    assert not any(list(incident.proved(0)) for incident in trial.engine.incidents)


def test_what_was_let_out_slowly_still_counts_after_a_release(trial: Trial, tmp_path: Path) -> None:
    twin = used(tmp_path, ENFORCED)
    trial.contain("caller", "pbx/102", "slow", klass="abroad")
    assert twin.call(NEW[0], extension="102", seconds=0) == "allow"
    assert [trial.call(number, extension="102", seconds=0) for number in NEW[:4]] == ["allow", *["slowed-down"] * 3]
    release(trial)
    twin.now = trial.now
    assert looks(trial, "102") == looks(twin, "102")


def test_who_was_held_with_an_attack_is_as_before_once_it_is_undone(tmp_path: Path) -> None:
    looked = []
    for tried in ([], NEW):
        trial = used(tmp_path, ENFORCED)
        for number in range(5):
            attack(trial, 4, f"11{number}", start=100 * number)
        assert ("source", "pbx", "refuse") in made(trial)
        assert all(trial.call(number, extension="104") == "contained" for number in tried)
        release(trial)
        assert not any(incident.held for incident in trial.engine.incidents)
        looked.append(looks(trial, "104"))
    assert looked[0] == looked[1]


def test_what_is_accepted_is_free_weighed_no_more_and_learned(trial: Trial) -> None:
    attacked(trial)
    accepted = Accepted(
        at=trial.now,
        id="o1",
        incident=story(trial).id,
        source="pbx",
        prefixes=("3712",),
        owner="noc",
        why="new customer",
        until=trial.now + 30 * DAY,
    )
    trial.happens(accepted)
    assert list(trial.engine.containments) == []
    assert attack(trial, 5, start=700) == ["allow"] * 5
    assert trial.hits == () and story(trial).state == "accepted"
    trial.now = accepted.until + SECOND
    trial.happens(Tick(at=trial.now))
    assert list(trial.engine.acceptances) == []


def test_an_acceptance_can_be_undone(trial: Trial) -> None:
    attack(trial, 4)
    incident = story(trial).id
    fact = Accepted(
        at=trial.now,
        id="o1",
        incident=incident,
        source="pbx",
        prefixes=("371",),
        owner="o",
        why="w",
        until=trial.now + DAY,
    )
    trial.happens(fact)
    assert attack(trial, 3, start=400) == ["allow"] * 3
    trial.happens(Released(at=trial.now, id="o1", owner="noc"))
    assert set(attack(trial, 6, start=500)) == {"contained"}


def test_what_was_contained_is_so_again_when_an_acceptance_is_undone(trial: Trial) -> None:
    attacked(trial)
    held = {(fact.entity, fact.name, fact.action, fact.until - fact.at) for fact in trial.engine.containments}
    fields = {"source": "pbx", "prefixes": ("371",), "owner": "o", "why": "w", "until": trial.now + DAY}
    trial.happens(Accepted(at=trial.now, id="o1", incident=story(trial).id, **fields))
    assert not list(trial.engine.containments) and story(trial).state == "accepted"
    trial.happens(Released(at=trial.now, id="o1", owner="noc"))
    assert story(trial).state == "open"
    again = {(fact.entity, fact.name, fact.action, fact.until - fact.at) for fact in trial.engine.containments}
    assert again >= {one for one in held if one[2] == "refuse"}
    assert trial.call(latvian(900)) == "contained"


# --- coming back ----------------------------------------------------------------------------------------------------


class Recorded(Trial):
    """Keeps its facts, as a ledger does."""

    facts: list[Fact]

    def happens(self, fact: Fact) -> None:
        self.facts.append(fact)
        super().happens(fact)


def test_facts_and_snapshots_tell_the_whole_story(tmp_path: Path) -> None:
    trial = Recorded(tmp_path, ENFORCED)
    trial.facts = []
    attacked(trial)
    by_facts, by_snapshot = (Engine(trial.engine.policy, "n") for _ in range(2))
    for fact in trial.facts:
        by_facts.recover(fact)
    load(by_snapshot, dump(trial.engine))
    for other in (by_facts, by_snapshot):
        assert other.incidents.dump() == trial.engine.incidents.dump()
        assert other.containments.dump() == trial.engine.containments.dump()
        assert other.reconcile(now=trial.now) == ()


def test_a_step_that_was_not_taken_before_a_crash_is_taken_after_it(tmp_path: Path) -> None:
    trial = Recorded(tmp_path, ENFORCED)
    trial.facts = []
    attacked(trial)
    kept = before_the_quarantine(trial.facts)
    other = Engine(trial.engine.policy, "n")
    for fact in kept:
        other.recover(fact)
    contained = [command.fact for command in other.reconcile(now=trial.now) if isinstance(command, Contain)]
    assert ("caller", "pbx/101", "refuse", OWNER) in [(f.entity, f.name, f.action, f.owner) for f in contained]


def before_the_quarantine(facts: Sequence[Fact]) -> list[Fact]:
    """What the ledger holds if the process dies right before."""
    at = next(i for i, f in enumerate(facts) if isinstance(f, Contained) and (f.entity, f.name, f.action) == QUARANTINE)
    return [fact for fact in facts[:at] if not isinstance(fact, Tick)]


# --- callers that only their own word names -------------------------------------------------------------------------

ANY = ENFORCED + '[source.pbx]\ncaller_id_policy = "any"\n'


def foreign(trial: Trial, count: int) -> list[str]:
    """Calls to Latvian numbers, each with another caller ID that isn't the source's."""
    return [
        outcome
        for number in range(count)
        for outcome in attack(trial, 1, f"+49152185186{number:02d}", 100 + number, extension_is="caller-id")
    ]


def test_caller_ids_that_the_caller_chooses_are_one_incident_and_no_extension(tmp_path: Path) -> None:
    trial = used(tmp_path, ANY)
    assert foreign(trial, 12)[-1] == "contained"
    assert story(trial).extensions == [""]
    assert {suspect.shown for suspect in story(trial).suspects} > {"+4915218518600", "+4915218518601"}
    held = [one for one in made(trial) if one[0] != "prefix"]
    assert held == [("source", "pbx", "slow"), ("source", "pbx", "refuse")], "a name that he gave up contains nobody"


def test_what_the_policy_keeps_from_a_source_holds_for_such_callers_too(tmp_path: Path) -> None:
    trial = used(tmp_path, ANY + '[containment]\nquarantine_source = "off"\n')
    foreign(trial, 8)
    assert {entity for entity, _, _ in made(trial)} == {"prefix"}


def test_a_forwarder_is_contained_whoever_calls_him(tmp_path: Path) -> None:
    trial = used(tmp_path, ANY)
    for number in range(12):
        shown = f"+49152185186{number:02d}"
        attack(trial, 1, "111", 100 + number, extension_is="forwarder", from_user=shown, caller=shown)
    assert [one for one in made(trial) if one[0] == "caller"] == [
        ("caller", "pbx/111", "slow"), ("caller", "pbx/111", "refuse"),
    ]  # fmt: skip
    assert story(trial).extensions == ["111"]
