"""What the ledger tells: `log`, `explain`, `ledger verify|head`. They read its file, also while a guard writes it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from ringfence.cli.tables import WINDOWS, coloured, console, duration, instant, money, show
from ringfence.errors import RingfenceError
from ringfence.ledger.reading import Call, Logged, Reader
from ringfence.ledger.verify import Verified
from ringfence.ledger.verify import verify as verify_ledger
from ringfence.model import Charge, Decided, Hit
from ringfence.server.clock import Clock

LEDGER = Path("state/ledger.db")
"""Where the ledger is unless the policy says otherwise."""
Where = Annotated[Path, Parameter(name="--ledger", env_var="RINGFENCE_LEDGER")]
Json = Annotated[bool, Parameter(name="--json", negative="")]
_AGO = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
FOREVER = 2**63 - 1


class WhenError(RingfenceError):
    """An instant can't be read."""


def when(text: str, now: int) -> int:
    """`15m`, `36h`, `7d` ago, or an ISO date and time (local unless it has an offset); raises WhenError."""
    ago = _AGO.fullmatch(text)
    if ago:
        return now - int(ago[1]) * _UNITS[ago[2]] * 1_000_000
    try:
        return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1e6)
    except ValueError:
        raise WhenError(f"{text!r} is no time: write 15m, 36h, 7d (ago) or 2026-11-26T08:00") from None


def log(
    *,
    since: str = "24h",
    until: str = "",
    outcome: str = "",
    source: str = "",
    caller: str = "",
    number: str = "",
    kind: tuple[str, ...] = (),
    limit: int = 50,
    ledger: Where = LEDGER,
    as_json: Json = False,
) -> int:
    """Show decisions, the newest last: who called where, the verdict and its reason, and what became of the call.

    Parameters
    ----------
    since
        From here on: 15m, 36h, 7d ago, or an ISO time.
    until
        Up to here.
    outcome
        Only allow, deny, not_ready or error.
    source
        Only calls of this source.
    caller
        Only calls that show this caller ID; +4420* for all that begin so.
    number
        Only calls to this number; +4420* for all that begin so.
    kind
        Entries of this kind as they are kept, instead of decisions: strangers, answered, ended, contained,
        policy-changed, outage, ...; may be given several times.
    limit
        At most so many.
    ledger
        The ledger's file.
    as_json
        Write JSON, one call or entry a line.
    """
    now = Clock().now()
    begin, end = when(since, now), when(until, now) if until else FOREVER
    if kind:
        return _entries(ledger, begin, end, kind, limit, as_json)
    with Reader(ledger) as reader:
        found = reader.calls(begin, end, outcome=outcome, source=source, caller=caller, callee=number, limit=limit)
    if as_json:
        for call in reversed(found):
            print(json.dumps(_object(call)))
    elif not found:
        print("no decisions in this time")
    else:
        headers = ("time", "id", "source", "caller", "dialled", "E.164", "verdict", "reason", "then", "cost")
        show(headers, (_cells(call) for call in reversed(found)), right=("cost",))
    return 0


def _entries(ledger: Path, begin: int, end: int, kinds: tuple[str, ...], limit: int, as_json: bool) -> int:
    with Reader(ledger) as reader:
        found = reader.log(begin, end, kinds=kinds, limit=limit)
    if as_json:
        for one in found:
            kept = {"seq": one.seq, "at": one.at, "kind": one.kind, "entry": msgspec.to_builtins(one.entry)}
            print(json.dumps(kept, default=str))
    else:
        show(("time", "entry", "kind", "what"), ((instant(o.at), o.seq, o.kind, _words(o)) for o in found))
    return 0


def _words(logged: Logged) -> str:
    """An entry in one line."""
    entry = msgspec.to_builtins(logged.entry) if logged.entry is not None else {"body": "purged"}
    skipped = ("at", "fact", "dialog", "edge", "hold", "attempt", "verdict", "reading", "key")
    return ", ".join(f"{name} {value}" for name, value in entry.items() if name not in skipped)


def _object(call: Call) -> dict[str, Any]:
    decided, verdict = call.decided, call.decided.verdict
    return {
        "id": decided.attempt.id,
        "at": decided.at,
        "source": decided.attempt.source,
        "peer": decided.attempt.peer,
        "caller": decided.attempt.caller,
        "dialled": decided.attempt.dialled,
        "e164": verdict.destination.number.e164 or verdict.destination.number.candidate,
        "region": verdict.destination.number.region,
        "class": verdict.destination.klass,
        "trunk": decided.attempt.trunk,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "text": verdict.text,
        "status": verdict.sip_status,
        "hits": msgspec.to_builtins(verdict.hits),
        "answered": [answered.at for answered in call.answered],
        "ended": [{"at": ended.at, "cause": ended.cause, "status": ended.status} for ended in call.ended],
        "cost_micros": cost(call),
    }


def cost(call: Call) -> int:
    """What its ended legs cost by the rate it was judged with, micro-units."""
    price = call.decided.verdict.destination.price
    if price is None:
        return 0
    ends = {ended.leg: ended.at for ended in call.ended if ended.leg}
    lengths = [ends[a.leg] - a.at for a in call.answered if a.leg in ends]
    return sum(price.cost_micros(-(-max(0, length) // 1_000_000)) for length in lengths)


def _cells(call: Call) -> tuple[object, ...]:
    decided, verdict = call.decided, call.decided.verdict
    number = verdict.destination.number.e164 or verdict.destination.number.candidate
    shown = f"+{number}" if number and not verdict.emergency else number
    spent = money(cost(call)) if call.answered else ""
    return (
        instant(decided.at),
        decided.attempt.id,
        decided.attempt.source,
        decided.attempt.caller[:32],
        decided.attempt.dialled[:32],
        shown,
        coloured(verdict.outcome),
        verdict.reason,
        _then(call),
        spent,
    )


def _then(call: Call) -> str:
    """What became of it, in a few words."""
    if call.decided.verdict.outcome != "allow":
        return f"SIP {call.decided.verdict.sip_status}"
    if not call.ended:
        return "up" if call.answered else "ringing"
    last = call.ended[-1]
    if call.answered:
        return f"{duration((last.at - call.answered[0].at) // 1_000_000)}, {last.cause}"
    return f"{last.cause} {last.status}" if last.status else last.cause


def explain(call: str, /, *, ledger: Where = LEDGER, messages: bool = False, as_json: Json = False) -> int:
    """Tell the whole story of one call: how its number was read, every rule that hit, every cap, and what came after.

    Exit code 0: it was allowed; 1: it was refused.

    Parameters
    ----------
    call
        Its id, or the beginning of it, as `ringfence log` shows it.
    ledger
        The ledger's file.
    messages
        Show its SIP messages too.
    as_json
        Write JSON instead of text.
    """
    with Reader(ledger) as reader:
        call_id = _one(reader.find(call), call)
        found, story = reader.call(call_id), reader.story(call_id)
        kept = list(reader.messages(call_id)) if messages else []
    if found is None:
        raise RingfenceError(f"call {call_id}: the verdict on it is no longer kept")
    if as_json:
        facts = [msgspec.to_builtins(one.entry) for one in story]
        print(json.dumps({**_object(found), "facts": facts}, default=str))
    else:
        _tell(found.decided, story)
        for message in kept:
            print(f"\n{instant(message.at)} {message.direction}\n{message.data.decode('utf-8', 'replace').strip()}")
    return int(found.decided.verdict.outcome != "allow")


def _one(found: list[str], asked: str) -> str:
    if asked in found or len(found) == 1:
        return asked if asked in found else found[0]
    if not found:
        raise RingfenceError(f"no call {asked!r} in this ledger; `ringfence log` lists them")
    raise RingfenceError(f"{asked!r} begins several calls: {', '.join(found)}")


def _tell(decided: Decided, story: list[Logged]) -> None:
    attempt, verdict = decided.attempt, decided.verdict
    number = verdict.destination.number
    out = console()
    out.print(f"{instant(decided.at)}  call {attempt.id}", style="bold")
    print(f"from     {attempt.peer}, source {attempt.source}, verified by {attempt.verified}")
    print(f"caller   {attempt.caller!r}, extension {attempt.extension!r}")
    read = f"+{number.e164} ({number.type}, {number.region})" if number.status == "ok" else number.e164 or number.reason
    print(f"dialled  {attempt.dialled!r}, read as {read}")
    print(f"trunk    {attempt.trunk}, sent as {verdict.send_user or '(nothing)'}")
    price = verdict.destination.price
    if price is not None:
        print(f"price    {money(price.price_micros_per_min)} a minute ({price.name}), {price.first_s}/{price.next_s} s")
    out.print("verdict ", coloured(verdict.outcome), verdict.reason or "", f"— {verdict.text}")
    print(f"policy   {decided.policy[:12]}, numbers {decided.numbers}")
    for hit in verdict.hits:
        print(f"  {_hit(hit)}")
    limited = [
        (f"{c.meter.quantity} of {c.meter.scope} {c.meter.name}", c.meter.klass or "all", *_amounts(c, observed))
        for c, observed in zip(decided.hold.charges, decided.reading.observed, strict=True)
        if c.limit < FOREVER and c.meter.quantity != "rate"
    ]
    if limited:
        show(("counted against", "class", "window", "with it", "at most"), limited, right=("with it", "at most"))
    for one in story:
        if one.kind != "decided":
            print(f"{instant(one.at)}  {_event(one)}")


def _amounts(charge: Charge, observed: int) -> tuple[str, str, str]:
    amount = money if charge.meter.quantity == "money" else str
    return WINDOWS.get(charge.meter.window_s, str(charge.meter.window_s)), amount(observed), amount(charge.limit)


def _hit(hit: Hit) -> str:
    mode = "" if hit.enforced else " (observed only)"
    where = f"  [{hit.where}]" if hit.where else ""
    return f"{hit.severity:5} {hit.rule}{mode}: {hit.text}{where}"


def _event(logged: Logged) -> str:
    entry = logged.entry
    words = [str(getattr(entry, name)) for name in ("cause", "status", "leg") if getattr(entry, name, None)]
    return " ".join([logged.kind, *words])


def verify(*, ledger: Where = LEDGER, head: str = "", as_json: Json = False) -> int:
    """Prove that the ledger is what was written: every hash of the chain, every signed head.

    Exit code 0: it is; 1: it isn't, and the first wrong entry is named; 2: it can't be read.

    Parameters
    ----------
    ledger
        The ledger's file.
    head
        A signed head that was sent out, in one line.
    as_json
        Write JSON instead of text.
    """
    found: Verified = verify_ledger(ledger, head)
    if as_json:
        print(json.dumps(msgspec.to_builtins(found), default=str))
    elif found.broken is None:
        last = f"entries {found.first} to {found.last}, {found.bodies} with their bodies, {found.heads} signed heads"
        print(f"{ledger}: intact; node {found.node}, {last}")
    else:
        console().print(f"{ledger}: broken at entry {found.broken.seq}: {found.broken.why}", style="red")
    return int(found.broken is not None)


def ledger_app() -> App:
    """`ringfence ledger`, with its own commands."""
    app = App(name="ledger", help="Check the ledger.")
    app.command(verify, name="verify")
    return app
