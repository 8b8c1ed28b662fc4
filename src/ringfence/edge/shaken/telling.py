"""Telling the PBX what the signature of an inbound call says (ATIS-1000074 §5.3.2, 3GPP TS 24.229).

    P-Asserted-Identity: <sip:+12155551212;verstat=TN-Validation-Passed@…>    where the policy wants it there
    X-Ringfence-Verstat: TN-Validation-Passed
    Attestation-Info: A, Origination-Id: …                                    where it passed

Only we say so: whatever of it came with the call is taken out, also from From.
"""

from __future__ import annotations

from ringfence.edge.rewrite import Outgoing
from ringfence.edge.shaken.verify import Verification
from ringfence.model.fact import Verstat
from ringfence.model.settings import Shaken
from ringfence.sip.address import cut_address, parse_address
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import wire
from ringfence.sip.uri import Uri

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
    shown = marked(seen, "") or seen
    asserted = [marked(value, "") for value in out.values(_ASSERTED)]
    kept = [value for value in asserted if value is not None]
    if settings.verstat:
        said = marked(kept[0] if kept else _bare(shown), WORDS[found.verstat])
        kept = [said, *kept[1:]] if said is not None else kept
    out.put(_ASSERTED, *kept)
    return shown


def marked(value: bytes, verstat: str) -> bytes | None:
    """An address with this verstat and no other, with none where it is empty; None where it has no number to mark."""
    try:
        display, _, params = cut_address(value)
        uri = parse_address(value).uri
    except SipParseError:
        return None
    if uri.user is None or uri.user_raw is None or not any(char.isdigit() for char in uri.user):
        return value if not verstat else None
    if not verstat and "verstat" not in uri.user_params:
        return value
    lead = display + b" " if display else b""
    return lead + b"<" + _with(uri, verstat).to_bytes() + b">" + params


def _with(uri: Uri, verstat: str) -> Uri:
    if uri.scheme == "tel":
        kept = {name: value for name, value in uri.user_params.items() if name != "verstat"}
        return uri.replace(user_params={**kept, "verstat": verstat} if verstat else kept)
    first, *rest = (uri.user_raw or "").split(";")
    pieces = [piece for piece in rest if piece.partition("=")[0].lower() != "verstat"]
    pieces += [f"verstat={verstat}"] if verstat else []
    return uri.replace(user_raw=";".join([first, *pieces]))


def _bare(value: bytes) -> bytes:
    """An address without its parameters: From's tag is no part of an identity."""
    display, uri, _ = cut_address(value)
    return (display + b" " if display else b"") + b"<" + uri + b">"
