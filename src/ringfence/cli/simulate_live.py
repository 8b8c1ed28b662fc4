"""`ringfence simulate --live`: attacks as real calls, and what the guard said to each."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from ringfence.cli.tables import duration
from ringfence.errors import RingfenceError
from ringfence.testing.simulate import kinds
from ringfence.testing.simulate.attacks import Attack
from ringfence.testing.simulate.call import Call
from ringfence.testing.simulate.customer import Customer, customer
from ringfence.testing.simulate.kinds import Kind
from ringfence.testing.simulate.live import Stage, calls_of, own_guard, running_guard
from ringfence.testing.simulate.player import Played
from ringfence.testing.simulate.write import Run


class SimulateError(RingfenceError):
    """A simulation that can't be meant."""


def play(
    run: Run,
    chosen: Sequence[Kind],
    attacks: Sequence[Attack],
    *,
    policy: Path | None,
    permissive: bool,
    everyday: bool,
    speed: float,
    most: int,
) -> int:
    """Play them and print a line for each call, then a summary. Exit code 1: fraud got through."""
    if not attacks:
        raise SimulateError("--live needs --attack KIND; --list names them")
    if speed <= 0 or most < 1:
        raise SimulateError("--speed must be over 0, and --most at least 1")
    kind = (chosen or (kinds.BY_NAME["office"],))[0]
    with _stage(run, kind, attacks, policy, speed, permissive) as stage:
        _refuse_misfits(stage.owner, attacks)
        calls = calls_of(run.seed, stage.owner, run.first, attacks, everyday=everyday)[:most]
        print(f"{len(calls)} calls of {stage.owner.name}, {speed:g} times faster than in life")
        return _told(stage, calls)


def _stage(
    run: Run, kind: Kind, attacks: Sequence[Attack], policy: Path | None, speed: float, permissive: bool
) -> contextlib.AbstractContextManager[Stage]:
    if policy is not None:
        return running_guard(policy, kind, run.seed, speed)
    owner = customer(run.seed, 0, kind)
    _refuse_misfits(owner, attacks)  # Before a guard is started for nothing.
    return own_guard(owner, speed, everything=permissive)


def _refuse_misfits(owner: Customer, attacks: Sequence[Attack]) -> None:
    """Raise SimulateError for an attack that can't happen to this customer."""
    for attack in attacks:
        if not attack.fits(owner):
            fitting = [kind.name for kind in kinds.KINDS if attack.fits(customer(1, 0, kind))]
            text = f"--attack {attack.kind} doesn't happen to {owner.name}"
            raise SimulateError(f"{text}; take --kind {' or '.join(fitting) or 'of another home'}")


def _told(stage: Stage, calls: list[Call]) -> int:
    """Print each call as it is decided, and what came of all."""
    began = calls[0].start_ms
    found: dict[int, Played] = {}
    for played in stage.player.play(calls):
        found[id(played)] = played
        print(_line(played, began), flush=True)
    fraud = [one for one in found.values() if one.script.mark.label == "fraud" and one.script.direction == "out"]
    print(_summary(fraud))
    honest = [one for one in found.values() if one.script.mark.label == "honest" and one.script.direction == "out"]
    if honest:
        print(f"{len(honest)} honest calls: {sum(one.refused for one in honest)} refused.")
    return int(any(not one.refused for one in fraud))


def _line(played: Played, began: int) -> str:
    """`0:12:07  fraud   101 -> 01153... (+53...)  603 Decline`."""
    script = played.script
    when = duration((script.start_ms - began) // 1000)
    who = f"{script.caller} ->" if script.direction == "in" else f"{script.extension} ->"
    cut = f", ended by the guard after {played.cut_after_s:.0f} s" if played.cut_after_s is not None else ""
    return f"{when:>9}  {script.mark.label:6}  {script.direction:3}  {who} {script.dialled}  {played.answer}{cut}"


def _summary(fraud: list[Played]) -> str:
    """What got through, and how soon the first call was refused."""
    refused = [one for one in fraud if one.refused]
    text = f"{len(fraud)} fraudulent calls: {len(refused)} refused, {len(fraud) - len(refused)} got through"
    if not refused:
        return text + ". Nothing was refused."
    first, number = refused[0], fraud.index(refused[0]) + 1
    seconds = (first.script.start_ms - fraud[0].script.start_ms) / 1000
    return f"{text}. The first refused one was call {number}, {seconds:.0f} s after the first."
