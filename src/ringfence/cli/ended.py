"""`ringfence calls ended`: tell a guard that calls are over which it redirected, and so doesn't see."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from ringfence.cli.options import CONTROL, Control, Flag, Text
from ringfence.cli.records import Columns, Files, form_of, left_out, zone_of
from ringfence.cli.tables import note
from ringfence.errors import RingfenceError
from ringfence.history.cdr import Tally
from ringfence.history.read import read
from ringfence.server.control import ask

AT_ONCE = 200
"""Calls that are told in one command."""
Seconds = Annotated[int, Parameter(validator=validators.Number(gte=0), show_default=False)]
Call = tuple[str, int]
"""Id or SIP Call-ID, seconds."""


def ended(
    call: Text = "",
    /,
    *,
    talked_s: Seconds = 0,
    cdr: Files = (),
    stream: Flag = False,
    format: Text = "",
    columns: Columns = "",
    time_zone: str = "UTC",
    control: Control = CONTROL,
) -> int:
    """Tell that redirected calls are over, so that their slots come back and their money is what they cost.

    Calls that the guard doesn't hold, or sees by itself, are left alone: a file may be told again (docs/redirect.md).

    Parameters
    ----------
    call
        One call: its id, as `ringfence calls` shows it, or its SIP Call-ID.
    talked_s
        How long it was up, seconds; nobody answered unless given.
    cdr
        Call records whose ids are SIP Call-IDs, such as Kamailio's; may be given several times.
    stream
        Read lines from standard input until it ends, one a call: its id or Call-ID, a space, seconds.
    format
        What wrote the records: generic, asterisk, freepbx, freeswitch or kamailio; recognised unless given.
    columns
        Which column of any CSV holds what: call_id=sip_call_id,start=calldate,dialled=dst,billsec=billsec.
    time_zone
        Zone of times without an offset; only lengths are used.
    control
        Control socket of the guard.
    """
    if sum((bool(call), bool(cdr), stream)) != 1:
        raise RingfenceError("say one call, or --cdr, or --stream")
    tally = Tally()
    if call:
        told: Iterable[Call] = [(call, talked_s)]
    elif stream:
        told = _lines(sys.stdin)
    else:
        records = read(cdr, zone_of(time_zone), form_of(format, columns), tally)
        told = _longest((record.call_id, record.duration_s) for record in records)
    over, unknown = _tell(control, told, 1 if stream else AT_ONCE)
    left_out(tally, 0)
    print(f"{over} over, {unknown} not held here")
    return 0


def _tell(control: Path, told: Iterable[Call], at_once: int) -> tuple[int, int]:
    over = unknown = 0
    rest = iter(told)
    while batch := list(itertools.islice(rest, at_once)):
        found = ask(control, "ended", calls=[{"call": one, "talked_s": seconds} for one, seconds in batch])
        over, unknown = over + found["ended"], unknown + found["unknown"]
    return over, unknown


def _longest(records: Iterable[Call]) -> Iterable[Call]:
    """One for each call: of several tries at carriers the one that was answered."""
    found: dict[str, int] = {}
    for call, seconds in records:
        found[call] = max(seconds, found.get(call, 0))
    return found.items()


def _lines(file: Iterable[str]) -> Iterator[Call]:
    for number, line in enumerate(file, 1):
        call, _, seconds = line.strip().rpartition(" ")
        if seconds.isdecimal() and call.strip():
            yield call.strip(), int(seconds)
        elif line.strip():
            note(f"line {number}: is no CALL SECONDS")
