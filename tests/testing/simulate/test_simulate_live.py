"""Simulated calls as real SIP through a guard on loopback: what it refuses, lets through and delivers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ringfence.cli.app import app
from ringfence.cli.simulate_live import SimulateError
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.process import free_ports
from ringfence.testing.simulate.attacks import BY_KIND
from ringfence.testing.simulate.call import ANSWERED, BUSY, NO_ANSWER, Call
from ringfence.testing.simulate.customer import customer
from ringfence.testing.simulate.kinds import BY_NAME
from ringfence.testing.simulate.live import Stage, own_guard, running_guard, scripts_of
from ringfence.testing.simulate.player import Played

MONDAY = date(2026, 11, 9)
OWNER = customer(4, 0, BY_NAME["office"])


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A guard that permits every country."""
    with own_guard(OWNER, 600, everything=True) as staged:
        yield staged


def scripted(at_ms: int, disposition: str, **changes: object) -> Call:
    phone = OWNER.people[0]
    fields: dict[str, object] = {
        "start_ms": at_ms,
        "ring_ms": 6000,
        "talk_ms": 30_000 if disposition == ANSWERED else 0,
        "disposition": disposition,
        "caller": "+" + phone.did,
        "extension": phone.extension,
        "source_ip": "",
        "user_agent": "Phone 1.0",
        "dialled": OWNER.dialling.dial("442079460000"),
        "e164": "442079460000",
        "trunk": "carrier",
    }
    return Call(**{**fields, **changes})  # type: ignore[arg-type]


def test_calls_go_as_their_script_says(stage: Stage) -> None:
    inbound = {"direction": "in", "caller": "+442079460000", "dialled": "+" + OWNER.people[0].did}
    calls = [
        scripted(1000, ANSWERED),
        scripted(2000, BUSY),
        scripted(3000, NO_ANSWER),
        scripted(4000, ANSWERED, **inbound),
        scripted(5000, ANSWERED, dialled=OWNER.dialling.dial("19005551234")),
    ]
    found = {played.script.start_ms: played for played in stage.player.play(calls)}
    assert [found[call.start_ms].status for call in calls] == [200, 486, 487, 200, 603]
    assert [found[call.start_ms].refused for call in calls] == [False, False, False, False, True]
    assert all(played.cut_after_s is None for played in found.values())


def test_a_campaign_is_played_whole(stage: Stage) -> None:
    calls = scripts_of(4, OWNER, MONDAY, [BY_KIND["sequential-numbers"]], everyday=False)[:12]
    found: dict[int, Played] = {id(played): played for played in stage.player.play(calls)}
    assert len(found) == 12
    assert not any(played.refused for played in found.values())


def test_everyday_calls_are_among_those_of_the_attack() -> None:
    calls = scripts_of(4, OWNER, MONDAY, [BY_KIND["stolen-extension"]], everyday=True)
    assert {call.mark.label for call in calls} == {"fraud", "honest"}
    assert calls == sorted(calls, key=lambda call: call.start_ms)
    assert calls[0].mark.label == calls[-1].mark.label == "fraud"


def test_the_command_says_what_the_guard_answered(capsys: pytest.CaptureFixture[str]) -> None:
    """The customer's own policy permits his countries only."""
    options = ("--kind", "office", "--seed", "4", "--attack", "single-country", "--most", "5", "--speed", "600")
    assert app(["simulate", "--live", *options]) == 0
    said = capsys.readouterr().out
    assert said.count("603 Destination Not Allowed") == 5
    assert "5 refused, 0 got through. The first refused one was call 1, 0 s after the first." in said


def test_a_running_guard_is_played_with_its_own_numbers(tmp_path: Path) -> None:
    """Its first source's caller IDs, addresses and dial plan."""
    pbx, carrier = ((host, free_ports(1, host)[0]) for host in (PBX, CARRIER))
    guard = Guard(tmp_path, pbx, carrier)
    guard.policy.write_text(guard.policy.read_text().replace('socket = "', f'socket = "{tmp_path}/'))
    with guard, running_guard(guard.policy, BY_NAME["office"], 4, 600) as stage:
        assert stage.owner.home == "US"
        assert all("12125550100" <= phone.did <= "12125550199" for phone in stage.owner.phones)
        calls = scripts_of(4, stage.owner, MONDAY, [BY_KIND["caribbean"]], everyday=False)[:3]
        assert [played.answer for played in stage.player.play(calls)] == ["603 Destination Not Allowed"] * 3


def test_strangers_are_told_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--seed", "4", "--attack", "register-and-invite", "--attack", "options-scan", "--most", "40")
    assert app(["simulate", "--live", *options, "--speed", "3000"]) == 0
    said = capsys.readouterr().out
    assert "0 calls and 40 requests that are none" in said
    assert "40 requests of strangers from 1 address: none answered, none sent on to the carrier." in said


def test_a_guessed_password_becomes_an_incident(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--kind", "office", "--seed", "4", "--attack", "guessed-password", "--permissive", "--enforce")
    app(["simulate", "--live", *options, "--speed", "3000"])
    said = capsys.readouterr().out
    assert said.count("wrong password  401 Unauthorized") >= 6
    assert said.count("right password  200 OK") == 1
    assert re.search(r"The first refused one was call [1-4],", said), said
    assert "\nincident i-" in said and "is slowed down for calls abroad to new numbers" in said


@pytest.mark.parametrize("kind", ["reboot", "old-password"])
def test_honest_phones_that_register_are_no_incident(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--kind", "office", "--seed", "4", "--negative", kind, "--permissive", "--enforce", "--speed", "3000")
    assert app(["simulate", "--live", *options]) == 0
    said = capsys.readouterr().out
    assert said.count("right password  200 OK") == (len(OWNER.people) if kind == "reboot" else 1)
    assert "1 honest calls: 0 refused." in said
    assert "incident" not in said and "fraudulent" not in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "needs --attack"),
        (("--negative", "magic"), "there are new-branch"),
        (
            ("--negative", "neighbour-island", "--kind", "hotel", "--seed", "2"),
            "--negative neighbour-island doesn't happen",
        ),
        (("--attack", "wangiri", "--policy", "p.toml", "--enforce"), "are for a guard that is started"),
        (("--attack", "wangiri", "--speed", "0"), "must be over 0"),
        (("--attack", "wangiri", "--most", "0"), "at least 1"),
        (("--attack", "dialler-hijack", "--kind", "office"), "take --kind dialler"),
    ],
)
def test_what_cannot_be_played_is_said(options: tuple[str, ...], said: str) -> None:
    with pytest.raises(SimulateError, match=said):
        app(["simulate", "--live", *options])
