"""`ringfence explain` and `ringfence ledger verify`; they read the ledger's file, also while a guard writes it."""

from __future__ import annotations

import json

import msgspec
from cyclopts import App, Group

from ringfence.cli.erase import erase
from ringfence.cli.log import FOREVER, as_object
from ringfence.cli.options import LEDGER, Flag, Json, Text, Where
from ringfence.cli.tables import WINDOWS, coloured, console, instant, money, show
from ringfence.errors import RingfenceError
from ringfence.ledger.reading import Call, Logged, Reader
from ringfence.ledger.verify import Verified
from ringfence.ledger.verify import verify as verify_ledger
from ringfence.model import Arrived, Charge, Decided, Hit
from ringfence.policy import place_of
from ringfence.rules import words


def explain(call: str, /, *, ledger: Where = LEDGER, messages: Flag = False, as_json: Json = False) -> int:
    """Tell the whole story of one call: how its number was read, every rule that hit, every cap, and what came after.

    Of an inbound call: who called whom, and what the signature of its caller says. Exit code 0: it was allowed, or is
    inbound; 1: it was refused.

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
        places = reader.places(found.decided.policy, found.decided.at) if found is not None else {}
    arrived = next((one.entry for one in story if isinstance(one.entry, Arrived)), None)
    if found is None and arrived is None:
        raise RingfenceError(f"call {call_id}: the verdict on it is no longer kept")
    if as_json:
        facts = [msgspec.to_builtins(one.entry) for one in story]
        print(json.dumps({**(as_object(found) if found is not None else {"id": call_id}), "facts": facts}, default=str))
        return _code(found)
    if found is not None:
        _tell(found.decided, story, places)
    elif arrived is not None:
        _tell_inbound(arrived, story)
    for message in kept:
        print(f"\n{instant(message.at)} {message.direction}\n{message.data.decode('utf-8', 'replace').strip()}")
    return _code(found)


def _code(found: Call | None) -> int:
    return int(found is not None and found.decided.verdict.outcome != "allow")


def _one(found: list[str], asked: str) -> str:
    if asked in found or len(found) == 1:
        return asked if asked in found else found[0]
    if not found:
        raise RingfenceError(f"no call {asked!r} in this ledger; `ringfence log` lists them")
    raise RingfenceError(f"{asked!r} begins several calls: {', '.join(found)}")


def _tell_inbound(arrived: Arrived, story: list[Logged]) -> None:
    console().print(f"{instant(arrived.at)}  inbound call {arrived.id}", style="bold")
    print(f"trunk    {arrived.trunk}, to source {arrived.source}")
    print(f"caller   {arrived.caller!r}")
    print(f"dialled  {arrived.dialled!r}")
    if arrived.verstat:
        why = f" — {words.plain(arrived.verstat_why)}" if arrived.verstat_why else ""
        level = f", attestation {arrived.attestation}" if arrived.attestation else ""
        origin = f", origid {words.plain(arrived.origid)}" if arrived.origid else ""
        print(f"signed   {arrived.verstat}{level}{origin}{why}")
    _after(story, "arrived")


def _tell(decided: Decided, story: list[Logged], places: dict[str, str]) -> None:
    attempt, verdict = decided.attempt, decided.verdict
    number = verdict.destination.number
    out = console()
    out.print(f"{instant(decided.at)}  call {attempt.id}", style="bold")
    print(f"from     {attempt.peer}, source {attempt.source}, verified by {attempt.verified}")
    print(f"caller   {attempt.caller!r}, {words.called_by(attempt)}")
    read = f"+{number.e164} ({number.type}, {number.region})" if number.status == "ok" else number.e164 or number.reason
    print(f"dialled  {attempt.dialled!r}, read as {read}")
    how = "told to send it as" if verdict.redirect_s else "sent as"
    print(f"trunk    {attempt.trunk}, {how} {verdict.send_user or '(nothing)'}")
    transfer = words.transferred(attempt)
    if transfer:
        print(f"transfer {transfer}")
    price = verdict.destination.price
    if price is not None:
        print(f"price    {money(price.price_micros_per_min)} a minute ({price.name}), {price.first_s}/{price.next_s} s")
    why = f"{verdict.reason} — {verdict.text}" if verdict.reason else ""
    out.print("verdict ", coloured(verdict.outcome), *filter(None, [why]))
    if verdict.incident:
        print(f"incident {verdict.incident}")
    print(f"policy   {decided.policy[:12]}, numbers {decided.numbers}")
    for hit in verdict.hits:
        print(f"  {_hit(hit, places)}")
    limited = [
        (f"{c.meter.quantity} of {c.meter.scope} {c.meter.name}", c.meter.klass or "all", *_amounts(c, observed))
        for c, observed in zip(decided.hold.charges, decided.reading.observed, strict=True)
        if c.limit < FOREVER and c.meter.quantity != "rate"
    ]
    if limited:
        show(("counted against", "class", "window", "with it", "at most"), limited, right=("with it", "at most"))
    _after(story, "decided")


def _after(story: list[Logged], first: str) -> None:
    """What came after."""
    for one in story:
        if one.kind != first:
            print(f"{instant(one.at)}  {_event(one)}")


def _amounts(charge: Charge, observed: int) -> tuple[str, str, str]:
    amount = money if charge.meter.quantity == "money" else str
    return WINDOWS.get(charge.meter.window_s, str(charge.meter.window_s)), amount(observed), amount(charge.limit)


def _hit(hit: Hit, places: dict[str, str]) -> str:
    mode = "" if hit.enforced else " (observed only)"
    where = " ".join(filter(None, (place_of(places, hit.where), hit.where)))
    where = f"  [{where}]" if where else ""
    return f"{hit.severity:5} {hit.rule}{mode}: {hit.text}{where}"


def _event(logged: Logged) -> str:
    entry = logged.entry
    words = [str(getattr(entry, name)) for name in ("cause", "status", "leg", "why") if getattr(entry, name, None)]
    talked = getattr(entry, "talked_s", None)
    words += [f"after {talked} s"] if talked is not None else []
    return " ".join([logged.kind, *words])


def verify(*, ledger: Where = LEDGER, head: Text = "", as_json: Json = False) -> int:
    """Prove that the ledger is what was written: every hash of the chain, every signed head.

    Exit code 0: it is; 1: it isn't, and the first wrong entry is named; 2: it can't be read.

    Parameters
    ----------
    ledger
        The ledger's file.
    head
        A signed head that you kept elsewhere, in one line: the chain must go on from it.
    as_json
        Write JSON instead of text.
    """
    found: Verified = verify_ledger(ledger, head)
    if as_json:
        broken = found.broken._asdict() if found.broken else None
        print(json.dumps({**found._asdict(), "broken": broken}))
    elif found.broken is None:
        last = f"entries {found.first} to {found.last}, {found.bodies} with their bodies, {found.heads} signed heads"
        print(f"{ledger}: intact; node {found.node}, {last}")
        if found.signed < found.last:
            since = f"entries {found.signed + 1} to {found.last}"
            print(f"  not signed yet: {since}; whether more came after entry {found.signed} isn't proved")
    else:
        console().print(f"{ledger}: broken at entry {found.broken.seq}: {found.broken.why}", style="red")
    for doubt in () if as_json else found.doubts:
        print(f"  not proved: {doubt}")
    return int(found.broken is not None)


def ledger_app(group: Group) -> App:
    """`ringfence ledger`, with its own commands."""
    app = App(name="ledger", group=group, help="Check the ledger, or erase from it.")
    app.command(verify, name="verify")
    app.command(erase, name="erase")
    return app
