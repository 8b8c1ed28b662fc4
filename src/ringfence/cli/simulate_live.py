"""`ringfence simulate --live`: attacks as real calls and knocks, and what the guard said to each and did about them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ringfence.cli.tables import counted, duration
from ringfence.errors import RingfenceError
from ringfence.server.control import ask
from ringfence.testing.simulate import kinds
from ringfence.testing.simulate.attacks import Attack
from ringfence.testing.simulate.call import Call
from ringfence.testing.simulate.customer import Customer, customer
from ringfence.testing.simulate.kinds import Kind
from ringfence.testing.simulate.knock import THROUGH_PBX, Knock
from ringfence.testing.simulate.knocking import Knocked
from ringfence.testing.simulate.live import Stage, own_guard, running_guard, scripts_of
from ringfence.testing.simulate.negatives import Negative
from ringfence.testing.simulate.player import Played
from ringfence.testing.simulate.write import Run

PASSWORDS = {"": "", "wrong": ", wrong password", "right": ", right password"}


class SimulateError(RingfenceError):
    """A simulation that can't be meant."""


class Manner(NamedTuple):
    """How a play goes."""

    policy: Path | None
    """Of the guard that runs; None: one is started."""
    permissive: bool
    enforce: bool
    everyday: bool
    speed: float
    most: int


def play(
    run: Run, chosen: Sequence[Kind], attacks: Sequence[Attack], negatives: Sequence[Negative], manner: Manner
) -> int:
    """Play them and print a line for each call, then a summary. Exit code 1: fraud got through."""
    if not attacks and not negatives:
        raise SimulateError("--live needs --attack KIND, or --negative KIND; --list names them")
    if manner.speed <= 0 or manner.most < 1:
        raise SimulateError("--speed must be over 0, and --most at least 1")
    if manner.policy is not None and (manner.enforce or manner.permissive):
        raise SimulateError("--permissive and --enforce are for a guard that is started; --policy names one that runs")
    kind = (chosen or (kinds.BY_NAME["office"],))[0]
    events: list[Attack | Negative] = [*attacks, *negatives]
    with _stage(run, kind, events, manner) as stage:
        _refuse_misfits(stage.owner, events)
        scripts = scripts_of(run.seed, stage.owner, run.first, attacks, negatives, everyday=manner.everyday)
        scripts = scripts[: manner.most]
        calls = sum(isinstance(script, Call) for script in scripts)
        knocks = f" and {counted(len(scripts) - calls, 'request')} that are none" if calls < len(scripts) else ""
        print(f"{counted(calls, 'call')}{knocks} at {stage.owner.name}, {manner.speed:g} times faster than in life")
        return _told(stage, scripts)


def _stage(
    run: Run, kind: Kind, events: Sequence[Attack | Negative], manner: Manner
) -> contextlib.AbstractContextManager[Stage]:
    if manner.policy is not None:
        return running_guard(manner.policy, kind, run.seed, manner.speed)
    owner = customer(run.seed, 0, kind)
    _refuse_misfits(owner, events)  # Before a guard is started for nothing.
    return own_guard(owner, manner.speed, everything=manner.permissive, enforce=manner.enforce)


def _refuse_misfits(owner: Customer, events: Sequence[Attack | Negative]) -> None:
    """Raise SimulateError for an event that can't happen to this customer."""
    for event in events:
        if not event.fits(owner):
            fitting = [kind.name for kind in kinds.KINDS if event.fits(customer(1, 0, kind))]
            option = "--attack" if isinstance(event, Attack) else "--negative"
            text = f"{option} {event.kind} doesn't happen to {owner.name}"
            raise SimulateError(f"{text}; take --kind {' or '.join(fitting) or 'of another home'}")


def _told(stage: Stage, scripts: Sequence[Call | Knock]) -> int:
    """Print each call as it is decided, and what came of all."""
    began, before = scripts[0].start_ms, {one["id"] for one in ask(stage.control, "incidents")}
    calls: dict[int, Played] = {}
    knocks: list[Knocked] = []
    for played in stage.player.play(scripts):
        if isinstance(played, Played):
            calls[id(played)] = played
            print(_line(played, began), flush=True)
        else:
            knocks.append(played)
            if played.answer or played.passed:
                print(_knock_line(played, began), flush=True)
    out = [one for one in calls.values() if one.script.direction == "out"]
    fraud = [one for one in out if one.script.mark.label == "fraud"]
    honest = [one for one in out if one.script.mark.label == "honest"]
    strangers = [one for one in knocks if one.script.stranger != THROUGH_PBX]
    if fraud:
        print(_summary(fraud))
    if honest:
        print(f"{len(honest)} honest calls: {sum(one.refused for one in honest)} refused.")
    if strangers:
        print(_strangers(strangers))
    _responses(stage, before)
    return int(any(not one.refused for one in fraud) or any(one.answer or one.passed for one in strangers))


def _line(played: Played, began: int) -> str:
    """`0:12:07  fraud   101 -> 01153... (+53...)  603 Decline`."""
    script = played.script
    when = duration((script.start_ms - began) // 1000)
    who = f"{script.caller} ->" if script.direction == "in" else f"{script.extension} ->"
    cut = f", ended by the guard after {played.cut_after_s:.0f} s" if played.cut_after_s is not None else ""
    return f"{when:>9}  {script.mark.label:6}  {script.direction:3}  {who} {script.dialled}  {played.answer}{cut}"


def _knock_line(knocked: Knocked, began: int) -> str:
    """`0:12:07  fraud   REGISTER 101, wrong password  401 Unauthorized`."""
    script = knocked.script
    when = duration((script.start_ms - began) // 1000)
    what = f"{script.method} {script.dialled or script.account}{PASSWORDS[script.password]}"
    return f"{when:>9}  {script.mark.label:6}  {what}  {knocked.answer or 'sent on to the carrier'}"


def _summary(fraud: list[Played]) -> str:
    """What got through, and how soon the first call was refused."""
    refused = [one for one in fraud if one.refused]
    text = f"{len(fraud)} fraudulent calls: {len(refused)} refused, {len(fraud) - len(refused)} got through"
    if not refused:
        return text + ". Nothing was refused."
    first, number = refused[0], fraud.index(refused[0]) + 1
    seconds = (first.script.start_ms - fraud[0].script.start_ms) / 1000
    return f"{text}. The first refused one was call {number}, {seconds:.0f} s after the first."


def _strangers(knocks: list[Knocked]) -> str:
    """What those got who aren't known."""
    many = len({one.script.stranger for one in knocks})
    answered, passed = sum(bool(one.answer) for one in knocks), sum(one.passed for one in knocks)
    return (
        f"{counted(len(knocks), 'request')} of strangers from {many} address{'es' * (many > 1)}: "
        f"{answered or 'none'} answered, {passed or 'none'} sent on to the carrier."
    )


def _responses(stage: Stage, before: set[str]) -> None:
    """What the guard made of it: incidents that began, and what is contained for them."""
    for incident in ask(stage.control, "incidents"):
        if incident["id"] in before:
            continue
        who = f"{incident['source']}/{', '.join(incident['extensions'])}"
        print(
            f"incident {incident['id']}: {counted(incident['calls'], 'call')} of {who}, {incident['refused']} refused"
        )
    for fact in ask(stage.control, "containments"):
        if fact.get("incident") and fact["incident"] not in before:
            print(f"  {fact['what']}, {fact['why']}")
