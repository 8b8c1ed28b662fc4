"""What would happen to a call, and which line of the policy decides.

The engine judges; it stands above this room, so it is handed in as `decide`. Nothing is counted: meters are as empty as
the engine that is handed in, so caps are listed with their limits, not with what is in them now. What passes has a line
too: the entry of the permit list that admits it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches

import msgspec

from ringfence.errors import RingfenceError
from ringfence.model import UNLIMITED, Attempt, Charge, Hit, Instant, Judgement, Verdict
from ringfence.model.meter import Quantity
from ringfence.model.settings import Policy, Source
from ringfence.numbers import DialPlan, Number, Step
from ringfence.policy.load import Loaded
from ringfence.rules import CAP_RULES, words
from ringfence.rules.base import Limit, money, who
from ringfence.rules.permits import digits_of, region_of

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
    """`file:line` of the key, or of the table that it isn't written in; empty where it is in no file."""
    default: bool
    """Whether the key isn't written, so that its default decides."""
    enforced: bool
    decides: bool


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """What admits a call."""

    text: str
    key: str
    place: str


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """A level that the call would be counted against."""

    rule: str
    text: str
    """Whose it is and what is counted, in words with the level."""
    quantity: Quantity
    limit: int | None
    """Calls; micro-units of money; thousandths of a call per second. None: it alerts only."""
    alert: int | None
    amount: int
    """What the call would add at first: calls, or micro-units of money."""
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
    permissions: tuple[Permission, ...]
    """What admits it, where it is allowed."""
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
    found = source_of(loaded, source)
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
        permissions=tuple(_permissions(loaded, attempt, verdict)) if verdict.outcome == "allow" else (),
        caps=tuple(_caps(loaded, judgement)),
    )


def source_of(loaded: Loaded, name: str) -> Source:
    """A source by name. Raises ExplainError with the nearest one."""
    found = loaded.policy.sources.get(name)
    if found is None:
        raise ExplainError(_unknown("source", name, list(loaded.policy.sources)))
    return found


def _attempt(source: Source, dialled: str, trunk: str, caller: str) -> Attempt:
    address = next(iter(source.addresses or source.networks), "").partition("/")[0]
    return Attempt(
        id="explain",
        call_id="explain",
        listener=source.listen,
        peer=(f"[{address}]:5060" if ":" in address else f"{address}:5060") if address else "",
        source=source.name,
        verified=source.auth if source.listen else "platform",
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
            default=loaded.is_default(hit.where),
            enforced=hit.enforced,
            decides=decides,
        )


def _refuses(hit: Hit) -> bool:
    return hit.severity == "block" and hit.enforced


def _permissions(loaded: Loaded, attempt: Attempt, verdict: Verdict) -> Iterator[Permission]:
    if verdict.emergency:
        yield Permission(text="an emergency call is never refused", key="", place="")
        return
    source = loaded.policy.sources[attempt.source or ""]
    for holder, permit in _permits(loaded.policy, source, attempt.trunk):
        entry = _entry(permit, verdict.destination.number, source.plan.home)
        if entry:
            key = f"{holder}.permit"
            text = f"{holder.replace('.', ' ', 1)} permits {entry}" + ("" if key in loaded.places else ", its home")
            yield Permission(text=text, key=key, place=loaded.where(key))


def _permits(policy: Policy, source: Source, trunk: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Every permit list that a call has to be in, with its holder."""
    permit = policy.trunks[trunk].bounds.permit
    yield f"trunk.{trunk}", frozenset((policy.home_country,)) if permit is None else permit
    if source.bounds.permit is not None:
        yield f"source.{source.name}", source.bounds.permit
    own = policy.tenants[source.tenant].bounds.permit if source.tenant is not None else None
    if own is not None:
        yield f"tenant.{source.tenant}", own


def _entry(permit: frozenset[str], number: Number, home: str) -> str:
    """The entry of a list that admits a number: its country, else the longest prefix; empty where none does."""
    region, digits = region_of(number, home), digits_of(number)
    prefixes = [entry for entry in permit if entry.startswith("+") and digits and digits.startswith(entry[1:])]
    return region if region in permit else max(prefixes, key=len, default="")


def _caps(loaded: Loaded, judgement: Judgement) -> Iterator[Cap]:
    currency = loaded.policy.trunks[judgement.attempt.trunk].currency
    rows = zip(judgement.hold.charges, judgement.charge_rules, judgement.charge_where, strict=True)
    for charge, rule, where in rows:
        if charge.limit == UNLIMITED and charge.alert == UNLIMITED:
            continue  # Counted only, so that a cap written later starts filled.
        key = where or _RULES[rule].find(Limit(charge, where), 0, "alert").where
        yield Cap(
            rule=rule,
            text=in_words(charge, currency),
            quantity=charge.meter.quantity,
            limit=_level(charge.limit),
            alert=_level(charge.alert),
            amount=charge.amount,
            window_s=charge.meter.window_s,
            key=key,
            place=loaded.where(key),
            enforced=charge.enforced,
        )


_RULES = {rule.slug: rule for rule in CAP_RULES}


def _level(value: int) -> int | None:
    return None if value == UNLIMITED else value


def in_words(charge: Charge, currency: str) -> str:
    """The levels of a charge: `trunk carrier, international: at most 20.00 USD in 24 hours`."""
    levels = [
        f"{word} {_amount(charge, level, currency)}"
        for word, level in (("alert from", charge.alert), ("at most", charge.limit))
        if level != UNLIMITED
    ]
    return f"{who(charge)}: {', '.join(levels)}{_during(charge)}"


def _amount(charge: Charge, level: int, currency: str) -> str:
    match charge.meter.quantity:
        case "money":
            return f"{money(level)} {currency}"
        case "rate":
            return f"{level / 1000:g} call{'s' if level != 1000 else ''} a second"
        case "calls" | "attempts":
            return f"{level} call{'s' if level != 1 else ''}"


def _during(charge: Charge) -> str:
    """The span that a level holds for."""
    meter = charge.meter
    if meter.quantity == "rate":
        wait = f", waiting up to {charge.pace_us // 1000} ms" if charge.pace_us else ""
        return f", {charge.burst} at once{wait}"
    return f" in {words.span(meter.window_s)}" if meter.window_s else " at once"


def _unknown(what: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"there is no {what} {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known)}")
