"""From an INVITE of a source to an Attempt: who, what, and whether it is one that we know already (A9, C10).

The caller ID is what the INVITE claims: P-Asserted-Identity before From (RFC 3325 §9.1), since that is what carriers
bill and show. An INVITE of the same dialog-to-be that dials the same string again, after a challenge or after a
restart of ours, is the same attempt. If it dials something else it is a new one: a verdict is never carried over to
another number.
"""

from __future__ import annotations

from ringfence.edge import diversion
from ringfence.edge.diversion import last_digits, user_in
from ringfence.edge.headers import asserts
from ringfence.edge.media import is_read, read
from ringfence.edge.records import Origin
from ringfence.edge.state import Edge
from ringfence.model.attempt import Attempt, Naming
from ringfence.model.settings import Source
from ringfence.rules.callers import named
from ringfence.sip.address import parse_address
from ringfence.sip.grammar import text
from ringfence.sip.message import Request
from ringfence.sip.uri import Uri

MAX_AGENT = 120
"""Characters of a user agent that are kept."""


def dialled(request: Request) -> str:
    """The Request-URI as `numbers` takes it; raises SipParseError."""
    return dialled_uri(request.uri)


def dialled_uri(uri: Uri) -> str:
    """A Request-URI as `numbers` takes it; raises SipParseError."""
    return str(uri) if uri.scheme not in ("sip", "sips", "tel") else uri.dialled()


def user_of(value: bytes | None) -> str:
    """User part of an address header; empty where it has none or can't be read."""
    return user_in(value) if value is not None else ""


def caller_of(request: Request) -> str:
    """The caller ID it claims."""
    return user_of(request.first("p-asserted-identity")) or user_of(request.first("from"))


def make_attempt(edge: Edge, request: Request, source: Source, origin: Origin, number: str, now: int) -> Attempt:
    """The attempt that this INVITE, which dials `number`, is; raises SipParseError where it doesn't say who calls."""
    shown = request.from_.uri.user or ""
    caller = (_asserted(request) if asserts(source) else "") or shown
    known = _known(edge, request, source.name, number, now)
    inbound = edge.inbound.get((source.name, last_digits(caller)), ()) if edge.inbound else ()
    forwarder = diversion.forwarder(request, source, inbound)
    extension, naming = _who(source, origin, shown, forwarder)
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return Attempt(
        id=known.id if known is not None else edge.tokens.new_id(now),
        call_id=request.call_id,
        listener=origin.listener,
        peer=f"{host}:{origin.port}",
        source=source.name,
        verified="digest" if origin.account else origin.verified,
        caller=caller,
        extension=extension,
        extension_is=naming,
        from_user=shown if extension != shown else None,
        dialled=number,
        trunk=known.trunk if known is not None else source.trunks[0],
        forwarded_by=forwarder if inbound else None,
        transfer_of=edge.referrals.asked_for(source.name, last_digits(number), now),
        user_agent=text(request.first("user-agent") or b"")[:MAX_AGENT],
        media=read(request) if is_read(edge, source) else None,
    )


def _who(source: Source, origin: Origin, shown: str, forwarder: str) -> tuple[str, Naming]:
    """Who calls within the source: what is proved, before who forwarded the call, before what From shows."""
    if origin.account:
        return origin.account, "account"
    return (forwarder, "forwarder") if forwarder else named(source, shown)


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
