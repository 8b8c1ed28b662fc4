"""From a judgement and the meters' answer to a verdict: pure, so that a recorded decision can be made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import ge

import msgspec

from ringfence.engine.marks import is_foreign
from ringfence.model.attempt import Attempt, Destination
from ringfence.model.meter import Charge, Reading
from ringfence.model.verdict import Hit, Judgement, Outcome, Severity, Verdict
from ringfence.numbers import Number
from ringfence.rules import BUSY, CAP_RULES, RATE, RULES, SUSPICIOUS, TRANSFER, UNVERIFIED
from ringfence.rules.base import Finding, Limit, Named

NOWHERE = Destination(number=Number("reject", "", "", "", "not_a_number"), klass="unusable", risk=0, price=None)
"""Of an attempt that isn't looked at."""
EMERGENCY = "emergency"

_REFUSING: tuple[Named, ...] = (UNVERIFIED, TRANSFER, *RULES, *CAP_RULES, SUSPICIOUS)
_NAMED = {rule.slug: rule for rule in _REFUSING}
_CAPS = {rule.slug: rule for rule in CAP_RULES}


def conclude(judgement: Judgement, reading: Reading) -> Verdict:
    """The verdict, with every hit: those of the rules in their order, then those of the meters."""
    hits = judgement.hits
    if any(map(ge, reading.observed, judgement.charge_levels)):
        hits += tuple(_met(judgement, reading))
    if hits:
        hits += tuple(_suspicious(judgement, hits))
    deciding = next((hit for hit in hits if refuses(hit)), None) if not judgement.emergency else None
    if deciding is not None:
        return refusal(judgement, hits, deciding, _incident(judgement, hits, refused=True))
    return Verdict(
        outcome="allow",
        reason=EMERGENCY if judgement.emergency else "",
        text="emergency call" if judgement.emergency else "allowed",
        sip_status=0,
        public_text="",
        hits=hits,
        destination=judgement.destination,
        emergency=judgement.emergency,
        send_user=judgement.send_user,
        send_caller=judgement.send_caller,
        delay_us=reading.delay_us,
        max_call_s=judgement.max_call_s,
        ring_limit_s=judgement.ring_limit_s,
        redirect_s=judgement.redirect_s,
        incident=_incident(judgement, hits, refused=False),
    )


def _incident(judgement: Judgement, hits: tuple[Hit, ...], *, refused: bool) -> str:
    """The incident that a call is part of."""
    if not judgement.incident or judgement.emergency:
        return ""
    level = judgement.alert_score or judgement.block_score
    suspect = bool(level) and suspicion(hits, enforced=False) >= level
    return judgement.incident if suspect or (refused and judgement.incident_open) else ""


def refusal(judgement: Judgement, hits: tuple[Hit, ...], deciding: Hit, incident: str = "") -> Verdict:
    """A refusal, by the first hit that refuses."""
    named = _NAMED[deciding.rule]
    verdict = _refused(
        judgement.destination, "deny", deciding.rule, deciding.text, named.status, named.public, hits, judgement
    )
    return msgspec.structs.replace(verdict, incident=incident) if incident else verdict


def not_ready(verdict: Verdict, reason: str, text: str) -> Verdict:
    """The same question unanswered: 503, since asking again later or elsewhere makes sense."""
    return msgspec.structs.replace(
        verdict, outcome="not_ready", reason=reason, text=text, sip_status=503, public_text="Service Unavailable"
    )


def failed(attempt: Attempt, text: str) -> Verdict:
    """The verdict on an attempt over which the engine stumbled: refused, and counted as our own error."""
    told = f"error in judging {attempt.id}: {text}"
    return _refused(NOWHERE, "error", "error", told, 503, "Service Unavailable", (), None)


def passed_unjudged(attempt: Attempt, number: Number, text: str, redirect_s: int = 0) -> Verdict:
    """The verdict on an emergency call over which the engine stumbled: it goes on, and people are told (C8)."""
    told = f"emergency call to {number.e164} from {attempt.source}, passed without being judged: {text}"
    return Verdict(
        outcome="allow",
        reason=EMERGENCY,
        text=told,
        sip_status=0,
        public_text="",
        hits=(Hit(rule=EMERGENCY, severity="alert", text=told, enforced=False),),
        destination=Destination(number=number, klass="emergency", risk=0, price=None),
        emergency=True,
        send_user=number.e164,
        send_caller=None,
        redirect_s=redirect_s,
    )


def _refused(
    destination: Destination,
    outcome: Outcome,
    reason: str,
    text: str,
    status: int,
    public: str,
    hits: tuple[Hit, ...],
    judgement: Judgement | None,
) -> Verdict:
    return Verdict(
        outcome=outcome,
        reason=reason,
        text=text,
        sip_status=status,
        public_text=public,
        hits=hits,
        destination=destination,
        emergency=False,
        send_user=judgement.send_user if judgement is not None else "",
        send_caller=judgement.send_caller if judgement is not None else None,
    )


def suspicion(hits: Iterable[Hit], *, enforced: bool = True) -> int:
    """The sum of weights; of those that are enforced, or of all."""
    return sum(hit.weight for hit in hits if hit.enforced or not enforced)


def _suspicious(judgement: Judgement, hits: tuple[Hit, ...]) -> Iterator[Hit]:
    """What the evidence comes to."""
    if judgement.emergency:
        return
    weighed = [(hit.weight, hit.text) for hit in hits if hit.weight]
    score, everything = suspicion(hits), suspicion(hits, enforced=False)
    if judgement.block_score and score >= judgement.block_score:
        yield SUSPICIOUS.find(score, judgement.block_score, weighed).hit(SUSPICIOUS.slug, enforced=True)
    elif judgement.block_score and everything >= judgement.block_score:
        yield SUSPICIOUS.find(everything, judgement.block_score, weighed).hit(SUSPICIOUS.slug, enforced=False)
    elif judgement.alert_score and everything >= judgement.alert_score:
        alert = SUSPICIOUS.find(everything, judgement.alert_score, weighed, "alert")
        yield alert.hit(SUSPICIOUS.slug, enforced=False)


def refuses(hit: Hit) -> bool:
    """Whether this hit alone refuses a call."""
    return hit.enforced and hit.severity == "block"


def _met(judgement: Judgement, reading: Reading) -> Iterator[Hit]:
    """What the meters say: each of them, and some together."""
    found = list(_cap_hits(judgement, reading))
    yield from (hit for _, hit in found)
    yield from _busy(judgement, reading, found)


def _cap_hits(judgement: Judgement, reading: Reading) -> Iterator[tuple[Charge, Hit]]:
    rows = zip(judgement.hold.charges, reading.observed, judgement.charge_rules, judgement.charge_where, strict=True)
    for charge, observed, slug, where in rows:
        rate = charge.meter.quantity == "rate"
        if observed > (charge.pace_us if rate else charge.limit):
            yield charge, cap_finding(slug, where, charge, observed).hit(slug, charge.enforced)
        elif observed >= charge.alert and not rate:
            yield charge, cap_finding(slug, where, charge, observed, "alert").hit(slug, charge.enforced)


def _busy(judgement: Judgement, reading: Reading, found: list[tuple[Charge, Hit]]) -> Iterator[Hit]:
    """What the rate and the calls in progress of one party say together."""
    for fast, hit in found:
        if hit.rule != RATE.slug or judgement.fast_while_busy == "off":
            continue
        enforced = fast.enforced and judgement.fast_while_busy == "enforce"
        for charge, calls in zip(judgement.hold.charges, reading.observed, strict=True):
            if charge.meter == fast.meter._replace(quantity="calls", window_s=0):
                findings = BUSY.find(hit, charge, calls, is_foreign(judgement.destination))
                yield from (finding.hit(BUSY.slug, enforced) for finding in findings)


def cap_finding(slug: str, where: str, charge: Charge, observed: int, severity: Severity = "block") -> Finding:
    """What the rule says of a charge that is over its level."""
    return _CAPS[slug].find(Limit(charge, where), observed, severity)
