"""Commands about incidents: `incidents`, `containments`, `contain`, `release`, `accept`; they ask a running guard."""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from ringfence.cli.options import CONTROL, Control, Flag, Json, Several, Text
from ringfence.cli.tables import console, counted, instant, show
from ringfence.errors import RingfenceError
from ringfence.server.control import ask

What = Literal["extension", "source", "tenant", "trunk", "range", "country", "address"]
Klass = Annotated[
    Literal["all", "abroad", "new", "domestic", "international", "special"],
    Parameter(name="--class"),
]
For = Annotated[str, Parameter(name="--for")]
ENTITIES = {"extension": "caller", "range": "prefix", "country": "region"}
_SPAN = re.compile(r"(\d{1,5})([mhd])", re.ASCII)
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}


class SpanError(RingfenceError):
    """A length of time that can't be read."""


def span_s(text: str) -> int:
    """`30m`, `4h`, `90d` in seconds. Raises SpanError."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise SpanError(f"{text!r} is no length of time: write 30m, 4h or 90d")
    return int(match[1]) * _SECONDS[match[2]]


def incidents(incident: Text = "", /, *, control: Control = CONTROL, as_json: Json = False) -> int:
    """Show the incidents of the last days, or one with its calls and what was done about it.

    Exit code 0: none is open; 1: at least one is; 2: no guard answers.

    Parameters
    ----------
    incident
        Its id, or as much of its beginning as is needed.
    control
        Control socket of the guard.
    as_json
        Write JSON instead of text.
    """
    found = ask(control, "incidents", id=incident)
    if as_json:
        print(json.dumps(found, indent=1))
    elif incident:
        _story(found[0])
    elif not found:
        print("no incidents in the last days")
    else:
        headers = ("incident", "state", "since", "last", "source", "extensions", "calls", "refused", "to", "in force")
        show(headers, [_row(one) for one in found], right=("calls", "refused", "in force"))
    return 1 if any(one["state"] == "open" for one in found) else 0


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    return (
        one["id"],
        one["state"],
        instant(one["opened"])[:-4],
        instant(one["last"])[:-4],
        one["source"],
        _few(_names(one)),
        one["calls"],
        one["refused"],
        _few(list(one["regions"])),
        len(one["contained"]),
    )


def _names(one: dict[str, Any]) -> list[str]:
    """Extensions; under the empty name are the calls of which only a caller ID is known."""
    return [name or "(caller IDs)" for name in one["extensions"]]


def _few(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _story(one: dict[str, Any]) -> None:
    out = console()
    out.print(f"incident {one['id']}, {one['state']}", style="bold")
    print(f"source      {one['source']}, extensions {_few(_names(one), 10)}")
    print(f"when        {instant(one['opened'])} to {instant(one['last'])}")
    refused = f"{one['refused']} of them refused"
    print(f"calls       {counted(one['calls'], 'call')}, {refused}, to {_few(list(one['regions']), 20)}")
    rules = sorted(one["rules"].items(), key=lambda item: -item[1])
    weighed = ", ".join(f"{rule} {count}" for rule, count in rules) or "none yet"
    print(f"evidence    {weighed}; at most {one['weight']} against a call")
    for fact in one["contained"]:
        print(f"in force    {fact['what']} until {instant(fact['until'])[:-4]}: {fact['id']}")
    print()
    rows = [
        (
            instant(suspect["at"])[:-4],
            suspect["call"],
            suspect["extension"] or f"({suspect['shown']})",
            f"+{suspect['digits']}",
            suspect["weight"],
            suspect["outcome"] or "let out",
            suspect["text"],
        )
        for suspect in one["suspects"]
    ]
    against = "what spoke against it"
    headers = ("time", "call", "extension", "number", "evidence", "outcome", against)
    show(headers, rows, right=("evidence",), sentences=(against,))
    if one["state"] == "open":
        print()
        print(f"What to do in the first hour, and what proves it: ringfence evidence {one['id']}")
        print(f"Is it business? ringfence accept {one['id']} --for 90d --why '...'")
        print(f"Undo what was done about it: ringfence release {one['id']}")


def containments(*, control: Control = CONTROL, as_json: Json = False) -> int:
    """Show what is contained and what is accepted: who ordered it, why, and until when.

    Parameters
    ----------
    control
        Control socket of the guard.
    as_json
        Write JSON instead of text.
    """
    found = ask(control, "containments")
    if as_json:
        print(json.dumps(found, indent=1))
    elif not found:
        print("nothing is contained, nothing is accepted")
    else:
        rows = [(f["id"], f["what"], instant(f["until"])[:-4], f["owner"], f["why"], f["incident"]) for f in found]
        show(("id", "what", "until", "by", "why", "incident"), rows, sentences=("why",))
    return 0


def contain(
    what: What,
    name: str,
    /,
    *,
    why: str,
    length: For = "4h",
    klass: Klass | None = None,
    within: Text = "",
    slow: Flag = False,
    cut: Flag = False,
    incident: Text = "",
    owner: Text = "",
    control: Control = CONTROL,
    as_json: Json = False,
) -> int:
    """Stop somebody's calls, or calls to somewhere, for a while. Emergency calls pass.

    Example: `ringfence contain extension pbx/101 --for 4h --cut --why "calls Latvia at night"`

    Parameters
    ----------
    what
        What is contained.
    name
        extension: SOURCE/EXTENSION; range: +37120; country: LV; address: 192.0.2.7 or a network.
    why
        The reason, for those who find it.
    length
        For how long: 30m, 4h, 90d.
    klass
        Which of its calls: abroad are international and special ones, new those among them to numbers that nobody at
        the source is used to. Unless given: abroad for an extension, source, tenant or trunk, all for the others.
    within
        Only the calls of this source, for a range or country.
    slow
        Let one call out in 30 seconds instead of none.
    cut
        End the calls in progress that it covers, too.
    incident
        The incident it is about, so that `release` of the incident undoes it.
    owner
        Who orders it; the user who runs this unless given.
    control
        Control socket of the guard.
    as_json
        Write JSON instead of text.
    """
    fact = ask(
        control,
        "contain",
        entity=ENTITIES.get(what, what),
        name=name,
        why=why,
        for_s=span_s(length),
        klass=_klass(what, klass),
        within=within,
        action="slow" if slow else "refuse",
        cut=cut,
        incident=incident,
        owner=owner or user(),
    )
    if as_json:
        print(json.dumps(fact, indent=1))
    else:
        print(f"{fact['what']} until {instant(fact['until'])[:-4]}; undo: ringfence release {fact['id']}")
    return 0


def _klass(what: What, klass: str | None) -> str:
    if klass is None:
        return "" if what in ("range", "country", "address") else "abroad"
    return "" if klass == "all" else klass


def release(containment: str, /, *, owner: Text = "", control: Control = CONTROL) -> int:
    """Undo a containment or an acceptance, or everything that was contained for an incident.

    Parameters
    ----------
    containment
        The id of it, or of an incident.
    owner
        Who orders it; the user who runs this unless given.
    control
        Control socket of the guard.
    """
    for one in ask(control, "release", id=containment, owner=owner or user()):
        print(f"{one} is released")
    return 0


def accept(
    incident: str,
    /,
    *,
    why: str,
    length: For = "90d",
    number: Several = (),
    owner: Text = "",
    control: Control = CONTROL,
    as_json: Json = False,
) -> int:
    """Take an incident as business: nothing is weighed against such calls until a day, what it contained is free.

    What the policy itself doesn't permit stays so. Undone by `ringfence release`.

    Example: `ringfence accept i-n1-64a --for 90d --why "new customer in Riga"`

    Parameters
    ----------
    incident
        Its id, or as much of its beginning as is needed.
    why
        The reason, for those who find it.
    length
        For how long: 30m, 4h, 90d.
    number
        Numbers or beginnings of numbers that are accepted, +37120; the areas of the incident's calls unless given.
    owner
        Who orders it; the user who runs this unless given.
    control
        Control socket of the guard.
    as_json
        Write JSON instead of text.
    """
    prefixes = [one.removeprefix("+") for one in number]
    fact = ask(control, "accept", id=incident, why=why, for_s=span_s(length), prefixes=prefixes, owner=owner or user())
    if as_json:
        print(json.dumps(fact, indent=1))
    else:
        print(f"{fact['what']} until {instant(fact['until'])[:-4]}; undo: ringfence release {fact['id']}")
    return 0


def user() -> str:
    """Who runs this, also by sudo."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
