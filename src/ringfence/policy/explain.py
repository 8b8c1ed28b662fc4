"""What would happen to a call, and which line of the policy decides.

The engine judges; it stands above this room, so it is handed in as `decide`. Nothing is counted: meters are as empty as
the engine that is handed in, so caps are listed with their limits, not with what is in them now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches

import msgspec

from ringfence.errors import RingfenceError
from ringfence.model import UNLIMITED, Attempt, Charge, Hit, Instant, Judgement, Verdict
from ringfence.model.settings import Source
from ringfence.numbers import DialPlan, Step
from ringfence.policy.load import Loaded

Decide = Callable[[Attempt, Instant], tuple[Judgement, Verdict]]
"""Judges an attempt at an instant, with empty meters."""


class ExplainError(RingfenceError):
    """The question names something the policy doesn't have."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that hit, with the place in the policy it comes from."""

    rule: str
    severity: str
    text: str
    key: str
    place: str
    """`file:line`; empty where a default decides that is in no file."""
    enforced: bool
    decides: bool


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that the call would be counted against."""

    rule: str
    meter: str
    """Scope, name, quantity and class in words."""
    limit: int
    """Calls; micro-units of money; thousandths of a call per second."""
    window_s: int
    key: str
    place: str
    enforced: bool


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to "what would happen if"."""

    attempt: Attempt
    at: Instant
    steps: tuple[Step, ...]
    """How the dialled string becomes a number."""
    judgement: Judgement
    verdict: Verdict
    lines: tuple[Line, ...]
    """Every hit, the one that decides first."""
    caps: tuple[Cap, ...]


def explain(
    loaded: Loaded,
    source: str,
    dialled: str,
    at: Instant,
    decide: Decide,
    *,
    caller: str | None = None,
    trunk: str | None = None,
) -> Explanation:
    """Judge a call of this source; without `caller` it shows its own caller ID, without `trunk` its first is taken.

    Raises ExplainError for a source or trunk that isn't there.
    """
    found = loaded.policy.sources.get(source)
    if found is None:
        raise ExplainError(_unknown("source", source, list(loaded.policy.sources)))
    if trunk is not None and trunk not in found.trunks:
        raise ExplainError(_unknown(f"trunk of source {source}", trunk, list(found.trunks)))
    attempt = _attempt(found, dialled, trunk or found.trunks[0], _own_caller(found) if caller is None else caller)
    judgement, verdict = decide(attempt, at)
    return Explanation(
        attempt=attempt,
        at=at,
        steps=DialPlan(found.plan).explain(dialled),
        judgement=judgement,
        verdict=verdict,
        lines=tuple(sorted(_lines(loaded, verdict), key=lambda line: not line.decides)),
        caps=tuple(_caps(loaded, judgement)),
    )


def _attempt(source: Source, dialled: str, trunk: str, caller: str) -> Attempt:
    address = source.addresses[0].partition("/")[0]
    return Attempt(
        id="explain",
        call_id="explain",
        listener=source.listen,
        peer=f"[{address}]:5060" if ":" in address else f"{address}:5060",
        source=source.name,
        verified="address",
        caller=caller,
        extension=caller.removeprefix("+"),
        dialled=dialled,
        trunk=trunk,
    )


def _own_caller(source: Source) -> str:
    """A caller ID that is the source's own, so that the question is about the destination."""
    own = source.caller_id or next((low for low, _ in source.caller_ids), None)
    return f"+{own}" if own else ""


def _lines(loaded: Loaded, verdict: Verdict) -> Iterator[Line]:
    decided = False
    for hit in verdict.hits:
        decides = not decided and _refuses(hit) and hit.rule == verdict.reason
        decided = decided or decides
        yield Line(
            rule=hit.rule,
            severity=hit.severity,
            text=hit.text,
            key=hit.where,
            place=loaded.where(hit.where),
            enforced=hit.enforced,
            decides=decides,
        )


def _refuses(hit: Hit) -> bool:
    return hit.severity == "block" and hit.enforced


def _caps(loaded: Loaded, judgement: Judgement) -> Iterator[Cap]:
    rows = zip(judgement.hold.charges, judgement.charge_rules, judgement.charge_where, strict=True)
    for charge, rule, key in rows:
        if charge.limit != UNLIMITED:
            yield Cap(
                rule=rule,
                meter=_meter(charge),
                limit=charge.limit,
                window_s=charge.meter.window_s,
                key=key,
                place=loaded.where(key),
                enforced=charge.enforced,
            )


def _meter(charge: Charge) -> str:
    meter = charge.meter
    return f"{meter.quantity} of {meter.scope} {meter.name}" + (f", {meter.klass}" if meter.klass else "")


def _unknown(what: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"there is no {what} {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known)}")
