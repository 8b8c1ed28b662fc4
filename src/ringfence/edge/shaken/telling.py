"""Telling the PBX what the signature of an inbound call says (ATIS-1000074 §5.3.2, 3GPP TS 24.229).

    P-Asserted-Identity: <sip:+12155551212;verstat=TN-Validation-Passed@…>    where the policy wants it there
    X-Ringfence-Verstat: TN-Validation-Passed
    Attestation-Info: A, Origination-Id: …                                    where it passed

Only we say so: whatever of it came with the call is taken out, also from From.
"""

from __future__ import annotations

from ringfence.edge.rewrite import Outgoing
from ringfence.edge.shaken.verify import Verification
from ringfence.edge.shaken.verstat import marked, unmarked
from ringfence.model.fact import Verstat
from ringfence.model.settings import Shaken
from ringfence.sip.address import cut_address
from ringfence.sip.grammar import wire

WORDS: dict[Verstat, str] = {
    "passed": "TN-Validation-Passed",
    "failed": "TN-Validation-Failed",
    "none": "No-TN-Validation",
}
VERSTAT, ATTESTATION, ORIGINATION = "x-ringfence-verstat", "attestation-info", "origination-id"
_ASSERTED = "p-asserted-identity"


def tell(out: Outgoing, seen: bytes, found: Verification, settings: Shaken) -> bytes:
    """Put the outcome into an INVITE on its way to the PBX; gives the From that it gets."""
    out.drop(ATTESTATION, ORIGINATION)
    out.put(VERSTAT, wire(WORDS[found.verstat]))
    if found.attestation:
        out.put(ATTESTATION, wire(found.attestation))
    if found.origid:
        out.put(ORIGINATION, wire(found.origid))
    shown = unmarked(seen)
    asserted = [marked(value, "") for value in out.values(_ASSERTED)]
    kept = [value for value in asserted if value is not None]
    if settings.verstat:
        said = marked(kept[0] if kept else _bare(shown), WORDS[found.verstat])
        kept = [said, *kept[1:]] if said is not None else kept
    out.put(_ASSERTED, *kept)
    return shown


def _bare(value: bytes) -> bytes:
    """An address without its parameters: From's tag is no part of an identity."""
    display, uri, _ = cut_address(value)
    return (display + b" " if display else b"") + b"<" + uri + b">"
