"""Headers that a caller supplies and somebody acts on: what becomes of them, by where he stands (A9, A10, RFC 3324).

    who calls, who is charged     only what was judged goes to the carrier, or nothing
    who signed for it             Identity goes out by nobody but us: what it signs isn't what we send
    who pays whom                 charging headers are between carriers
    what somebody's gear does     X- headers only from the inside: a remote phone or a vendor commands nothing

Everything else passes; toward a carrier that sees nothing of the inside much less does (`own`). Route isn't here: it is
never taken from a message (`Outgoing`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.edge.diversion import user_in
from ringfence.edge.peers import digits_in, same_number
from ringfence.edge.rewrite import Outgoing
from ringfence.model.attempt import Zone
from ringfence.model.settings import Policy, Source
from ringfence.rules.callers import own_number
from ringfence.sip.dialog import Leg
from ringfence.sip.message import Request

ASSERTED = "p-asserted-identity"
CHARGING = (
    *("p-charge-info", "p-charging-vector", "p-charging-function-addresses", "p-visited-network-id"),
    *("p-associated-uri", "p-served-user", "p-profile-key"),
)
"""RFC 7315, RFC 5502, RFC 8496: of a carrier's own network."""
ATTESTING = ("attestation-info", "origination-id")
"""3GPP TS 24.229 §7.2: what a network says of a signature that it verified."""
REQUIRED = "proxy-require"
"""What proxies have to know comes this far in an emergency call alone, and the carrier's are asked for nothing that
could have them refuse it."""
REMOVED_OUT = ("p-preferred-identity", "remote-party-id", "identity", "identity-info", *ATTESTING, *CHARGING)
REMOVED_IN = ("p-preferred-identity", *CHARGING)
DIVERTING = ("diversion", "history-info")
PRIVACY = (b"header", b"session", b"user", b"none", b"critical", b"id", b"history")
"""RFC 3323 §4.2, RFC 3325 §9.3, RFC 7044 §10.1."""
UNTRUSTED: tuple[Zone, ...] = ("remote", "vendor")
"""Zones that assert nothing: what they claim of callers is read in From alone (RFC 3325 §5)."""


def asserts(source: Source) -> bool:
    """Whether a source is believed, within its own numbers, who its callers are."""
    return source.zone not in UNTRUSTED


def zone_of(policy: Policy, leg: Leg) -> Zone:
    """Where a source's leg stands; one that the policy no longer has is believed nothing."""
    names = leg.party.partition(":")[2].split(",")
    zones = [source.zone for name in names if (source := policy.sources.get(name)) is not None]
    return zones[0] if zones else "remote"


def outward(out: Outgoing, source: Source, send_user: str) -> None:
    """An INVITE of a source that begins a call to the carrier; `send_user` is the number that was judged."""
    _leave_out(out, source.zone)
    out.drop(REQUIRED)
    for name in DIVERTING:
        if out.request.has(name):
            out.put(name, *_diverting(out.request, name, source, send_user))


def within(out: Outgoing, zone: Zone) -> None:
    """A request of a source inside a call: nobody judges who it says that it is."""
    _leave_out(out, zone)
    out.drop(ASSERTED, *DIVERTING)


def inward(out: Outgoing, zone: Zone) -> None:
    """A request of a carrier to a source."""
    out.drop(*REMOVED_IN)
    if zone in UNTRUSTED and b"id" in _privacy(out.request):
        out.drop(ASSERTED, "remote-party-id")


def _leave_out(out: Outgoing, zone: Zone) -> None:
    out.drop(*REMOVED_OUT)
    if zone in UNTRUSTED:
        out.drop(ASSERTED, *{name for name, _ in out.request.lines() if name.startswith("x-")})
    if out.request.has("privacy"):
        known = [value for value in _privacy(out.request) if value in PRIVACY]
        out.put("privacy", *([b";".join(known)] if known else []))


def _privacy(request: Request) -> list[bytes]:
    return [value.strip().lower() for line in request.all("privacy") for value in line.split(b";")]


def _diverting(request: Request, name: str, source: Source, send_user: str) -> Iterator[bytes]:
    """Who sent the call on, where that is a number of the source; of History-Info also where to."""
    for value in request.all(name):
        user = user_in(value)
        sent_on = name == "history-info" and same_number(digits_in(user), digits_in(send_user))
        if source.caller_id_policy == "any" or own_number(source, user) or sent_on:
            yield value
