"""`ringfence policy explain`: what would happen to a call, step by step, and which line of the policy decides."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from rich.text import Text

from ringfence.cli.options import Json
from ringfence.cli.tables import coloured, console, duration, money, show
from ringfence.engine.engine import Engine
from ringfence.errors import RingfenceError
from ringfence.model import SECOND, Attempt, Instant, Judgement, Verdict
from ringfence.policy import Loaded, Loader
from ringfence.policy.explain import Cap, Decide, Explanation, Line, explain, source_of
from ringfence.rules import words
from ringfence.server.clock import Clock

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"(?:([A-Za-z]{3}) +)?([0-9]{1,2}):([0-9]{2})", re.ASCII)
STYLES = {"block": "red", "alert": "yellow"}


class TimeError(RingfenceError):
    """A time on the command line can't be read."""


def explain_command(
    file: Path = Path("policy.toml"),
    /,
    *,
    source: str,
    dial: str,
    at: str | None = None,
    caller: str | None = None,
    trunk: str | None = None,
    as_json: Json = False,
) -> int:
    """Say what would happen to a call, and which line of the policy decides.

    Nothing is called and nothing is counted: caps are shown with their levels, as if no call were up. What is in them
    now is shown by `ringfence status`.

    Example: `ringfence policy explain --source pbx --dial 0115351234567 --at "Sun 03:12"`

    Exit code 0: it would be allowed; 1: refused; 2: the file isn't right, or the question can't be asked.

    Parameters
    ----------
    file
        The main policy file.
    source
        Who calls: a source of the policy.
    dial
        What is dialled, just as the PBX sends it.
    at
        When: 2027-01-30T03:12, 03:12 or "Sun 03:12", in the source's time zone unless it names one; now if not given.
    caller
        The caller ID it shows; one of its own unless given.
    trunk
        The trunk; the source's first unless given.
    as_json
        Write JSON instead of text.
    """
    loaded = Loader(str(file)).load()
    zone = _zone(loaded, source)
    told = explain(
        loaded, source, dial, moment(at or "", zone, Clock().now()), _decider(loaded), caller=caller, trunk=trunk
    )
    if as_json:
        print(json.dumps(as_object(told), indent=1))
    else:
        _print(told, zone)
    return int(told.verdict.outcome != "allow")


def _zone(loaded: Loaded, source: str) -> str:
    """The zone that the opening hours of a source are in."""
    tenant = source_of(loaded, source).tenant
    return loaded.policy.tenants[tenant].time_zone if tenant is not None else loaded.policy.time_zone


def moment(text: str, zone: str, now: Instant) -> Instant:
    """The instant that a text means: ISO 8601, or the next such clock time; empty for now. Raises TimeError."""
    if not text:
        return now
    local = datetime.fromtimestamp(now / SECOND, ZoneInfo(zone))
    clock = _CLOCK.fullmatch(text.strip())
    try:
        found = datetime.fromisoformat(text.strip()) if clock is None else _next(clock, local)
    except ValueError:
        hint = 'write 2027-01-30T03:12, 03:12 or "Sun 03:12"'
        raise TimeError(f"--at {text!r} is no time: {hint}") from None
    return int((found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).timestamp()) * SECOND


def _next(clock: re.Match[str], local: datetime) -> datetime:
    """The clock time today, or on the next such weekday. Raises ValueError."""
    day, hour, minute = clock.groups()
    ahead = (DAYS.index(day.lower()) - local.weekday()) % 7 if day else 0
    return (local.replace(tzinfo=None) + timedelta(days=ahead)).replace(
        hour=int(hour), minute=int(minute), second=0, microsecond=0
    )


def _decider(loaded: Loaded) -> Decide:
    """The engine, without a call in it."""
    engine = Engine(loaded.policy, "explain")

    def decide(attempt: Attempt, at: Instant) -> tuple[Judgement, Verdict]:
        judgement = engine.judge(attempt, now=at)
        return judgement, engine.conclude(judgement, engine.meters.reserve(judgement.hold, now=at))

    return decide


def _print(told: Explanation, zone: str) -> None:
    attempt, out = told.attempt, console()
    shown = f"as {attempt.caller}" if attempt.caller else "without a caller ID"
    when = words.moment(told.at, zone)
    out.print(Text(f"{attempt.source} dials {words.quoted(attempt.dialled)} {shown}, trunk {attempt.trunk}, {when}"))
    out.print()
    for step in told.steps:
        left = f"  [{step.left}]" if step.left and step.stage != "result" else ""
        out.print(Text(f"{step.stage:14}{step.text}{left}"))
    out.print()
    out.print(_headline(told))
    show(("", "why", "where", "key"), _reasons(told), sentences=("why",))
    if told.caps:
        out.print()
        emergency = told.verdict.emergency
        title = "counted against (never refused for it)" if emergency else "counted against"
        caps = [(_cap(cap, emergency), cap.place, cap.key) for cap in told.caps]
        show((title, "where", "key"), caps, sentences=(title,))


def _headline(told: Explanation) -> Text:
    """`deny: destination-not-permitted, answered 603 Destination Not Allowed`, or what is sent to the carrier."""
    verdict = told.verdict
    line = coloured(verdict.outcome)
    if verdict.outcome != "allow":
        return line.append(f"  {verdict.reason}, answered {verdict.sip_status} {verdict.public_text}", style="default")
    return line.append("".join(f"  {part}" for part in _sent(told)), style="default")


def _sent(told: Explanation) -> list[str]:
    """What goes to the carrier, at which price and for how long."""
    verdict, price = told.verdict, told.verdict.destination.price
    parts = [f"sent to the carrier as {verdict.send_user}"]
    if verdict.send_caller is not None:
        parts.append(f"shown as {verdict.send_caller}")
    if price is not None:
        fee = f" and {money(price.connect_fee_micros)} to connect" if price.connect_fee_micros else ""
        parts.append(f"{money(price.price_micros_per_min)} a minute{fee} ({price.name or price.prefix})")
    if verdict.max_call_s:
        parts.append(f"at most {duration(verdict.max_call_s)} long")
    return [", ".join(parts)]


def _reasons(told: Explanation) -> list[tuple[object, ...]]:
    hits = [(_effect(line), f"{line.rule}: {line.text}", line.place, _key(line)) for line in told.lines]
    return [*hits, *(("admits", each.text, each.place, each.key) for each in told.permissions)]


def _effect(line: Line) -> Text:
    if line.decides:
        return Text("decides", style="bold red")
    if line.severity == "block":
        return Text("refuses too" if line.enforced else "observed", style="red" if line.enforced else "")
    return Text({"alert": "alerts", "info": "noted"}[line.severity], style=STYLES.get(line.severity, ""))


def _key(line: Line) -> str:
    return f"{line.key} (default)" if line.default and line.key else line.key


def _cap(cap: Cap, emergency: bool) -> str:
    reserved = f"; this call reserves {money(cap.amount)}" if cap.quantity == "money" else ""
    return f"{cap.text}{reserved}{'' if cap.enforced or emergency else '; only observed'}"


def as_object(told: Explanation) -> dict[str, Any]:
    """An explanation for programs."""
    attempt, verdict = told.attempt, told.verdict
    number = verdict.destination.number
    return {
        "source": attempt.source,
        "trunk": attempt.trunk,
        "caller": attempt.caller,
        "dialled": attempt.dialled,
        "at": datetime.fromtimestamp(told.at / SECOND, ZoneInfo("UTC")).isoformat(),
        "e164": number.e164,
        "region": number.region,
        "type": number.type,
        "class": verdict.destination.klass,
        "risk": verdict.destination.risk,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "text": verdict.text,
        "sip_status": verdict.sip_status,
        "emergency": verdict.emergency,
        "max_call_s": verdict.max_call_s,
        "send_user": verdict.send_user,
        "send_caller": verdict.send_caller,
        "steps": [step._asdict() for step in told.steps],
        "hits": msgspec.to_builtins(told.lines),
        "permissions": msgspec.to_builtins(told.permissions),
        "caps": msgspec.to_builtins(told.caps),
    }
