"""From an INVITE of a source to an Attempt: who, what, and whether it is one that we know already (A9, C10).

The caller ID is what the INVITE claims: P-Asserted-Identity before From (RFC 3325 §9.1), since that is what carriers
bill and show. An INVITE of the same dialog-to-be that dials the same string again, after a challenge or after a
restart of ours, is the same attempt. If it dials something else it is a new one: a verdict is never carried over to
another number.
"""

from __future__ import annotations

from ringfence.edge.records import Origin
from ringfence.edge.state import Edge
from ringfence.model.attempt import Attempt
from ringfence.model.settings import Source
from ringfence.sip.address import parse_address
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import text
from ringfence.sip.message import Request
from ringfence.sip.uri import Uri

MAX_AGENT = 120
"""Characters of a user agent that are kept."""
SIGNIFICANT = 9
"""Last digits by which two spellings of a caller's number are taken for the same."""


def dialled(request: Request) -> str:
    """The Request-URI as `numbers` takes it; raises SipParseError."""
    return dialled_uri(request.uri)


def dialled_uri(uri: Uri) -> str:
    """A Request-URI as `numbers` takes it; raises SipParseError."""
    return str(uri) if uri.scheme not in ("sip", "sips", "tel") else uri.dialled()


def user_of(value: bytes | None) -> str:
    """User part of an address header; empty where it has none or can't be read."""
    if value is None:
        return ""
    try:
        return parse_address(value).uri.user or ""
    except SipParseError:
        return ""


def caller_of(request: Request) -> str:
    """The caller ID it claims."""
    return user_of(request.first("p-asserted-identity")) or user_of(request.first("from"))


def last_digits(number: str) -> str:
    """What two spellings of a number have in common; empty where it isn't a number."""
    digits = "".join(c for c in number if c in "0123456789")
    return digits[-SIGNIFICANT:] if len(digits) >= 4 else ""


def make_attempt(edge: Edge, request: Request, source: Source, origin: Origin, number: str, now: int) -> Attempt:
    """The attempt that this INVITE, which dials `number`, is; raises SipParseError where it doesn't say who calls."""
    shown = request.from_.uri.user or ""
    caller = _asserted(request) or shown
    known = _known(edge, request, source.name, number, now)
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return Attempt(
        id=known.id if known is not None else edge.tokens.new_id(now),
        call_id=request.call_id,
        listener=origin.listener,
        peer=f"{host}:{origin.port}",
        source=source.name,
        verified="digest" if origin.account else origin.verified,
        caller=caller,
        extension=origin.account or shown,
        extension_verified=bool(origin.account),
        from_user=shown if origin.account else None,
        dialled=number,
        trunk=known.trunk if known is not None else source.trunks[0],
        forwarded_by=_forwarder(edge, request, source.name, caller) if edge.inbound else None,
        user_agent=text(request.first("user-agent") or b"")[:MAX_AGENT],
    )


def _asserted(request: Request) -> str:
    """The asserted caller; refused where it can't be read, since the carrier might read it."""
    value = request.first("p-asserted-identity")
    return parse_address(value).uri.user or "" if value is not None else ""


def _known(edge: Edge, request: Request, source: str, number: str, now: int) -> Attempt | None:
    """The attempt that was challenged, or let through before a restart, and is the same as this."""
    if not edge.retries and not edge.orphans:
        return None
    key = (request.call_id, request.from_tag or "")
    retry = edge.retries.pop(key, None)
    attempt = retry.attempt if retry is not None else None
    if attempt is None:
        orphan = edge.orphans.get(edge.orphan_ids.get(key, ""))
        attempt = orphan.attempt if orphan is not None else None
    if attempt is None or attempt.id in edge.calls:
        return None
    if (attempt.source, attempt.dialled) != (source, number):
        if retry is not None:
            edge.give_up(retry, now)
        return None
    return attempt


def _forwarder(edge: Edge, request: Request, source: str, caller: str) -> str | None:
    """Who forwarded: the number that a live inbound call with this caller came to, as Diversion names it if it does."""
    numbers = edge.inbound.get((source, last_digits(caller)))
    if not numbers or not last_digits(caller):
        return None
    return user_of(request.first("diversion")) or numbers[-1]
