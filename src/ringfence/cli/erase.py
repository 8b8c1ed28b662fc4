"""`ringfence ledger erase`: what belongs to a person goes, or what is older than a date, and the chain stays provable.

A running guard does it itself, asked over the control socket, since only one process writes a ledger. Where none runs,
the ledger is opened here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ringfence.cli.log import when
from ringfence.cli.options import CONTROL, LEDGER, Control, Flag, Json, Text, Where
from ringfence.cli.tables import counted, instant
from ringfence.errors import RingfenceError
from ringfence.ledger.errors import LedgerInUse
from ringfence.ledger.ledger import Ledger
from ringfence.ledger.personal import LOST_AFTER_US, goes_on
from ringfence.ledger.reading import Reader
from ringfence.model.settings import Ledger as Settings
from ringfence.server.clock import Clock
from ringfence.server.control import ask

PATIENCE_S = 24 * 3600.0
"""How long a guard may take: it erases in steps between its calls."""


def erase(
    *numbers: str,
    before: Text = "",
    yes: Flag = False,
    ledger: Where = LEDGER,
    control: Control = CONTROL,
    as_json: Json = False,
) -> int:
    """Erase a person's calls from the ledger, or all that is older than a date; the chain stays provable.

    All calls from, to or forwarded by a number lose what was kept of them: verdict, numbers, SIP messages. A running
    guard also forgets what it had learned of the number. Headers and hashes stay, and a record says which entries were
    erased, but not whose. Without --yes it only tells what would go. A call in progress stays until it is over.

    Example: `ringfence ledger erase "+1 212 555 0143"`

    Exit code 0: nothing is left; 1: something is, since --yes is missing or a call is in progress; 2: it can't be done.

    Parameters
    ----------
    numbers
        The person's numbers. One that is also kept in another form (without country code, say) is told: name that too.
    before
        Instead of numbers: what is older than a date (2026-06-01) or an age (30d).
    yes
        Do it. It can't be undone.
    ledger
        The ledger's file.
    control
        Control socket of the guard that writes it.
    as_json
        Write JSON instead of text.
    """
    instant_before = _asked(numbers, before)
    with Reader(ledger) as reader:
        found = _older(reader, instant_before) if before else _of_person(reader, numbers)
        node = reader.node()
    if yes:
        request = {"before": instant_before} if before else {"numbers": numbers}
        found |= {"erased": True, **_erase(ledger, control, node, request)}
    if as_json:
        print(json.dumps(found))
    else:
        print("\n".join(_older_told(found, before) if before else _person_told(found, numbers)))
    return int(bool(found.get("in_progress")) or not (found["erased"] or found["entries"] == 0))


def _asked(numbers: tuple[str, ...], before: str) -> int:
    if bool(numbers) == bool(before):
        raise RingfenceError("name either numbers or --before: what is to be erased?")
    for number in numbers:
        if not any("0" <= character <= "9" for character in number):
            raise RingfenceError(f"{number!r} is no number: it has no digits")
    now = Clock().now()
    instant_before = when(before, now) if before else 0
    if instant_before > now - LOST_AFTER_US:
        raise RingfenceError(f"--before {before}: calls in progress may need what is younger than two days")
    return instant_before


# --- what there is --------------------------------------------------------------------------------------------------


def _of_person(reader: Reader, numbers: tuple[str, ...]) -> dict[str, Any]:
    now, found = Clock().now(), {"calls": 0, "entries": 0, "in_progress": 0}
    for call in reader.calls_of(numbers):
        story = reader.story(call)
        if goes_on([one.entry for one in story if one.entry is not None], now):
            found["in_progress"] += 1
        else:
            found["calls"] += 1
            found["entries"] += len(story)
    return {**found, "other_forms": reader.other_forms(numbers), "erased": False}


def _older(reader: Reader, before: int) -> dict[str, Any]:
    entries, first = reader.older(before)
    return {"entries": entries, "first": first, "erased": False}


# --- doing it -------------------------------------------------------------------------------------------------------


def _erase(path: Path, control: Path, node: str, request: dict[str, Any]) -> dict[str, Any]:
    try:
        with _ours(path, node) as ledger:
            return _here(ledger, request)
    except LedgerInUse as error:
        where = str(path.resolve())
        try:
            return dict(ask(control, "erase", PATIENCE_S, ledger=where, **request))
        except RingfenceError as refused:
            raise RingfenceError(f"{error}, or have it erase: {refused}") from refused


@contextmanager
def _ours(path: Path, node: str) -> Iterator[Ledger]:
    if path.stat().st_uid != os.geteuid():
        raise RingfenceError(f"ledger {path}: belongs to another user; run this as that user, or start its guard")
    ledger = Ledger.open(Settings(path=str(path)), node, wake=lambda call: call(), clock=Clock().now)
    try:
        yield ledger
    finally:
        ledger.close()


def _here(ledger: Ledger, request: dict[str, Any]) -> dict[str, Any]:
    if ledger.down is not None:
        raise RingfenceError(ledger.down)
    if "before" in request:
        return {"entries": ledger.purge(request["before"], retired=True).result()}
    return ledger.erase(request["numbers"], None).result()._asdict()


# --- in words -------------------------------------------------------------------------------------------------------


def _person_told(found: dict[str, Any], numbers: tuple[str, ...]) -> list[str]:
    what = f"{counted(found['calls'], 'call')} from, to or forwarded by {', '.join(numbers)}"
    lines = [f"{_verb(found)} {what}, {found['entries']} entries of the ledger"]
    if found["erased"]:
        lines[0] += f", {counted(found['messages'], 'SIP message')}"
    if found["in_progress"]:
        lines.append(f"{counted(found['in_progress'], 'call')} in progress, kept until the end: erase again then")
    for form, count in found["other_forms"].items():
        lines.append(f"also kept, perhaps the same person: {form} ({count} entries); name it too if it is")
    return lines


def _older_told(found: dict[str, Any], before: str) -> list[str]:
    if found["erased"] or not found["entries"]:
        return [f"{_verb(found)} {found['entries']} entries older than {before}, and their SIP messages"]
    return [f"{_verb(found)} {found['entries']} entries older than {before}, from {instant(found['first'])} on"]


def _verb(found: dict[str, Any]) -> str:
    return "erased" if found["erased"] else "nothing is erased yet (add --yes):"
