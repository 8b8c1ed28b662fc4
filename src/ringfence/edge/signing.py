"""Our signature of a call to the carrier, saying no more than was verified (control A13, ATIS-1000074 §5.2.3).

    A   the source was verified, and the caller ID is its own
    B   the source was verified, the number isn't known to be its own
    C   the call was forwarded: who placed it isn't known here

What the source itself says of such things is taken out (`headers`). A call that can't be signed goes on without: it is
about how a call is shown, not about whether it may be made. Emergency calls aren't signed.
"""

from __future__ import annotations

from email.utils import formatdate

from ringfence.edge.records import Call
from ringfence.edge.rewrite import Outgoing
from ringfence.edge.shaken.sign import Signing, signed
from ringfence.edge.state import Edge
from ringfence.engine.destinations import digits_of
from ringfence.model.attempt import Attempt
from ringfence.model.settings import Source
from ringfence.model.time import SECOND
from ringfence.rules.callers import owns, shown_number
from ringfence.sip.grammar import wire
from ringfence.sip.passport import Attestation

IDENTITY = "identity"


def sign(edge: Edge, signing: Signing, call: Call, out: Outgoing, now: int) -> None:
    """Put a signature into an INVITE for a trunk that wants them."""
    attempt, verdict = call.attempt, call.verdict
    if attempt is None or verdict is None or verdict.emergency or not edge.policy.trunks[call.trunk].sign:
        return
    source = edge.policy.sources.get(attempt.source or "")
    orig = shown_number(source, verdict.send_caller or attempt.caller) if source is not None else ""
    dest = digits_of(verdict.destination.number)
    if source is None or not orig or not dest or not signing.may_sign(orig, now // SECOND):
        edge.count("unsigned")
        return
    origid = edge.tokens.uuid(f"origid {source.name}")
    value = signed(signing, orig, dest, now // SECOND, attestation(attempt, source, orig), origid)
    edge.count("signed")
    out.put("date", wire(formatdate(now // SECOND, usegmt=True)))
    out.put(IDENTITY, value)


def attestation(attempt: Attempt, source: Source, orig: str) -> Attestation:
    """How much of who calls was verified."""
    if attempt.verified == "none":
        return "C"
    if owns(source, orig):
        return "A"
    return "B" if attempt.forwarded_by is None else "C"
