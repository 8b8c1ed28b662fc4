"""`ringfence log`: what was decided, and what became of it. Reads the ledger's file, also while a guard writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from cyclopts import Parameter, validators

from ringfence.cli.options import LEDGER, Flag, Json, Text, Where
from ringfence.cli.tables import coloured, duration, instant, money, note, show
from ringfence.errors import RingfenceError
from ringfence.ledger.reading import Call, Logged, Reader
from ringfence.model import Outcome, Verdict
from ringfence.server.clock import Clock

Kind = Literal[
    "decided",
    "challenged",
    "answered",
    "dialog-changed",
    "media-elsewhere",
    "media-mismatch",
    "extended",
    "ended",
    "contained",
    "released",
    "accepted",
    "arrived",
    "auth-failed",
    "registered",
    "bound",
    "unbound",
    "enrolled",
    "policy-changed",
    "strangers",
    "banned",
    "unbanned",
    "allowed",
    "disallowed",
    "opened",
    "outage",
    "purged",
    "erased",
    "segment",
]
"""What entries a ledger has."""

_AGO = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
FOREVER = 2**63 - 1
_HIDDEN = ("at", "fact", "dialog", "edge", "hold", "attempt", "verdict", "reading", "key", "places")
"""Parts of an entry that say nothing in one line."""
_INSTANTS = ("since", "before", "until", "last")


T = TypeVar("T")


class WhenError(RingfenceError):
    """An instant can't be read."""


def when(text: str, now: int) -> int:
    """`15m`, `36h`, `7d` ago, or an ISO date and time (local unless it has an offset); raises WhenError."""
    ago = _AGO.fullmatch(text)
    if ago:
        return now - int(ago[1]) * _UNITS[ago[2]] * 1_000_000
    try:
        return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1e6)
    except (ValueError, OverflowError):
        raise WhenError(f"{text!r} is no time: write 15m, 36h, 7d (ago) or 2026-11-26T08:00") from None


def log(
    *,
    since: str = "24h",
    until: Text = "",
    outcome: Outcome | None = None,
    source: Text = "",
    caller: Text = "",
    number: Text = "",
    observed: Flag = False,
    incident: Text = "",
    kind: Annotated[tuple[Kind, ...], Parameter(negative="", show_default=False)] = (),
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 50,
    ledger: Where = LEDGER,
    as_json: Json = False,
) -> int:
    """Show decisions, the newest last: who called where, the verdict and its reason, and what became of the call.

    Example: `ringfence log --since 2h --outcome deny --number "+53*"`

    Parameters
    ----------
    since
        From here on: 15m, 36h or 7d ago, or a time such as 2026-11-26T08:00.
    until
        Up to here, written as --since; now unless given.
    outcome
        Only decisions with this outcome.
    source
        Only calls of this source.
    caller
        Only calls that show this caller ID; +4420* for all that begin so.
    number
        Only calls to this number; +4420* for all that begin so.
    observed
        Only calls that observe mode let through though a rule would refuse them; its name stands in brackets.
    incident
        Only calls that belong to this incident.
    kind
        Instead of decisions, entries of this kind as they are kept; may be given several times.
    limit
        At most so many, the newest.
    ledger
        The ledger's file.
    as_json
        Write JSON, one call or entry a line.
    """
    now = Clock().now()
    begin, end = when(since, now), when(until, now) if until else FOREVER
    with Reader(ledger) as reader:
        if kind:
            entries = reader.log(begin, end, kinds=kind, limit=limit + 1)
            _entries(_newest(entries, limit, since), as_json)
        else:
            filters = {"outcome": outcome or "", "source": source, "caller": caller, "callee": number}
            keep = _keep(incident, observed)
            calls = reader.calls(begin, end, **filters, keep=keep, limit=limit + 1)
            _calls(_newest(calls[::-1], limit, since), as_json)
    return 0


def _newest(found: list[T], limit: int, since: str) -> list[T]:
    """The newest of them, the newest last; says so where there are more."""
    if len(found) > limit:
        note(f"there are more since {since}; these are the newest {limit} (--limit)")
    return found[-limit:]


def _calls(calls: list[Call], as_json: bool) -> None:
    if as_json:
        for call in calls:
            print(json.dumps(as_object(call)))
    elif not calls:
        print("no decisions in this time")
    else:
        headers = ("time", "id", "source", "caller", "dialled", "E.164", "verdict", "reason", "then", "cost")
        show(headers, map(_cells, calls), right=("cost",))


def _entries(entries: list[Logged], as_json: bool) -> None:
    if as_json:
        for one in entries:
            kept = {"seq": one.seq, "at": one.at, "kind": one.kind, "entry": msgspec.to_builtins(one.entry)}
            print(json.dumps(kept, default=str))
    elif not entries:
        print("no such entries in this time")
    else:
        rows = ((instant(o.at), o.seq, o.kind, _words(o)) for o in entries)
        show(("time", "entry", "kind", "what"), rows, sentences=("what",))


def _words(logged: Logged) -> str:
    """An entry in one line."""
    if logged.entry is None:
        return "purged, erased, or not readable"
    entry = msgspec.to_builtins(logged.entry)
    entry |= {name: instant(entry[name]) for name in _INSTANTS if name in entry}
    return ", ".join(f"{name} {_plain(value)}" for name, value in entry.items() if name not in _HIDDEN)


def _plain(value: object) -> str:
    """Sums and lists as people write them: `7 OPTIONS and 1 INVITE`."""
    if isinstance(value, dict):
        return " and ".join(f"{many} {what}" for what, many in value.items())
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def as_object(call: Call) -> dict[str, Any]:
    """A call for programs; instants are microseconds, money is micro-units."""
    decided, verdict = call.decided, call.decided.verdict
    return {
        "id": decided.attempt.id,
        "at": decided.at,
        "source": decided.attempt.source,
        "peer": decided.attempt.peer,
        "caller": decided.attempt.caller,
        "extension": decided.attempt.extension,
        "extension_is": decided.attempt.extension_is,
        "transfer": decided.attempt.transfer,
        "transfer_of": decided.attempt.transfer_of,
        "dialled": decided.attempt.dialled,
        "e164": verdict.destination.number.e164 or verdict.destination.number.candidate,
        "region": verdict.destination.number.region,
        "class": verdict.destination.klass,
        "trunk": decided.attempt.trunk,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "text": verdict.text,
        "status": verdict.sip_status,
        "incident": verdict.incident,
        "hits": msgspec.to_builtins(verdict.hits),
        "answered": [{"leg": answered.leg, "at": answered.at} for answered in call.answered],
        "ended": [msgspec.to_builtins(ended) for ended in call.ended],
        "cost_micros": call.cost_micros,
    }


def _cells(call: Call) -> tuple[object, ...]:
    decided, verdict = call.decided, call.decided.verdict
    number = verdict.destination.number.e164 or verdict.destination.number.candidate
    shown = f"+{number}" if number and not verdict.emergency else number
    spent = money(call.cost_micros) if call.lengths_us else ""
    return (
        instant(decided.at),
        decided.attempt.id,
        decided.attempt.source,
        decided.attempt.caller[:32],
        decided.attempt.dialled[:32],
        shown,
        coloured(verdict.outcome),
        verdict.reason or _bracketed(observed_rule(verdict)),
        _then(call),
        spent,
    )


def observed_rule(verdict: Verdict) -> str:
    """The first rule that would have refused a call which was let through; empty where none would."""
    if verdict.outcome != "allow" or verdict.emergency:
        return ""
    return next((hit.rule for hit in verdict.hits if hit.severity == "block" and not hit.enforced), "")


def _keep(incident: str, observed: bool) -> Callable[[Call], bool]:
    def keep(call: Call) -> bool:
        of_it = not incident or call.decided.verdict.incident == incident
        return of_it and (not observed or _was_observed(call))

    return keep


def _was_observed(call: Call) -> bool:
    return bool(observed_rule(call.decided.verdict))


def _bracketed(text: str) -> str:
    return f"({text})" if text else ""


def _then(call: Call) -> str:
    """What became of it, in a few words."""
    if call.decided.verdict.outcome != "allow":
        return f"SIP {call.decided.verdict.sip_status}"
    if not call.ended and call.decided.verdict.redirect_s:
        return "redirected"
    if not call.ended:
        return "up" if call.answered else "ringing"
    last = call.ended[-1]
    if last.talked_s:
        return f"{duration(last.talked_s)}, {last.cause}"
    if call.answered:
        return f"{duration((last.at - call.answered[0].at) // 1_000_000)}, {last.cause}"
    return f"{last.cause} {last.status}" if last.status else last.cause
