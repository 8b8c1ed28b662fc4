"""The registrar of accounts (A11; RFC 3261 §10.3, RFC 3327): a REGISTER whose password was proved.

An account registers itself and nobody else. Its contact is kept together with the address that the REGISTER came from,
and calls go to that address: a phone behind NAT doesn't know its own, and one that is broken into can't have us ring
somebody else. Path, where an outbound proxy of the site asks for it, is put into calls as their Route.

    too short          423 with Min-Expires
    too long           what the policy gives at most
    one too many       takes the place of the oldest
    out of order       500: an older REGISTER of the same Call-ID changes nothing

Engine and ledger are told of what changes: a contact that is new, elsewhere or gone. That it is still there isn't a
change, so a contact that comes back with a restart has once more all the time that it was given.
"""

from __future__ import annotations

from typing import Any

from ringfence.edge.bindings import Binding
from ringfence.edge.identity import MAX_AGENT
from ringfence.edge.records import Origin, Server
from ringfence.edge.secrets import Secrets
from ringfence.edge.state import Edge
from ringfence.model.fact import Bound, Fact, Gone, Unbound
from ringfence.model.settings import Registrations
from ringfence.model.time import SECOND
from ringfence.sip.address import parse_address
from ringfence.sip.dialog import route_set
from ringfence.sip.grammar import host_port_bytes, text, wire
from ringfence.sip.hop import NextHop
from ringfence.sip.message import Request

MAX_CONTACT = 512
"""Bytes of a contact that is kept."""
MAX_PATH = 4
LONGEST_ASKED = 2**32 - 1
_KNOWN_EXTENSIONS = frozenset({"path"})
LONGEST_ON_A_CONNECTION_S = 600
"""Registration over TCP or TLS at most: a phone that doesn't notice that its connection is gone isn't rung until it
registers again."""


class Refused(Exception):
    """A REGISTER changes nothing."""

    def __init__(self, status: int, reason: str, *extra: tuple[str, bytes]) -> None:
        super().__init__(status, reason)
        self.status, self.reason, self.extra = status, reason, extra


def register(edge: Edge, request: Request, server: Server, origin: Origin, now: int) -> None:
    """A REGISTER of an account that was proved."""
    settings = edge.policy.sources[origin.party.names[0]].registrations
    try:
        wanted = _wanted(edge, request, origin, settings, now)
        _in_order(edge, request, origin.account, wanted)
    except Refused as refused:
        edge.respond(server, refused.status, refused.reason, now, refused.extra)
        return
    for fact in wanted:
        if fact.expires_s:
            _bind(edge, fact, edge.hop_from(origin), settings, now)
        else:
            _unbind(edge, edge.digest.bindings.of(origin.account).get(fact.key), "unregistered", now)
    edge.respond(server, 200, "OK", now, _as_registered(edge, request, origin.account, now))


def _wanted(edge: Edge, request: Request, origin: Origin, settings: Registrations, now: int) -> list[Bound]:
    """What is asked for, contact by contact; raises Refused."""
    unknown = [value for value in request.all("require") if text(value).lower() not in _KNOWN_EXTENSIONS]
    if unknown:
        raise Refused(420, "Bad Extension", ("Unsupported", b", ".join(unknown)))
    if request.to.uri.user != origin.account:
        raise Refused(403, "Not Your Address Of Record")
    contacts, expires = request.all("contact"), _seconds(request.first("expires"))
    if b"*" in contacts:
        if len(contacts) > 1 or expires != 0:
            raise Refused(400, "Bad Wildcard Contact")
        return [_fact(request, origin, key, key, 0, now) for key in edge.digest.bindings.of(origin.account)]
    if len(contacts) > settings.contacts:
        raise Refused(403, "Too Many Contacts")
    return [_contact(request, value, expires, origin, settings, now) for value in contacts]


def _contact(
    request: Request, value: bytes, expires: int | None, origin: Origin, settings: Registrations, now: int
) -> Bound:
    address = parse_address(value)
    if address.uri.scheme not in ("sip", "sips") or address.uri.headers or len(value) > MAX_CONTACT:
        raise Refused(400, "Bad Contact")
    uri = text(address.uri.to_bytes())
    own = address.params.get("expires")
    asked = _seconds(wire(own)) if own is not None else expires
    longest = settings.max_expires_s
    if origin.flow:
        longest = max(settings.min_expires_s, min(longest, LONGEST_ON_A_CONNECTION_S))
    seconds = longest if asked is None else min(asked, longest)
    if 0 < seconds < settings.min_expires_s:
        raise Refused(423, "Interval Too Brief", ("Min-Expires", b"%d" % settings.min_expires_s))
    return _fact(request, origin, address.params.get("+sip.instance") or uri, uri, seconds, now)


def _fact(request: Request, origin: Origin, key: str, uri: str, seconds: int, now: int) -> Bound:
    path = request.all("path")
    if len(path) > MAX_PATH:
        raise Refused(400, "Too Many Path Entries")
    return Bound(
        at=now,
        source=origin.party.names[0],
        account=origin.account,
        key=key,
        contact=uri,
        listener=origin.listener,
        peer=host_port_bytes(origin.host, origin.port).decode(),
        path=tuple(text(value) for value in route_set(path)),
        expires_s=seconds,
        user_agent=text(request.first("user-agent") or b"")[:MAX_AGENT],
        call_id=request.call_id,
        cseq=request.cseq[0],
    )


def _seconds(value: bytes | None) -> int | None:
    """Expires; what can't be read counts as none (§10.2.1.1)."""
    if value is None or not value.isdigit() or len(value) > 10:
        return None
    return min(int(value), LONGEST_ASKED)


def _in_order(edge: Edge, request: Request, account: str, wanted: list[Bound]) -> None:
    """Nothing that is to change was set by a later REGISTER of the same Call-ID; raises Refused."""
    known = edge.digest.bindings.of(account)
    for binding in (known[fact.key] for fact in wanted if fact.key in known):
        if binding.fact.call_id == request.call_id and binding.fact.cseq >= request.cseq[0]:
            raise Refused(500, "CSeq Out Of Order")


def _bind(edge: Edge, fact: Bound, hop: NextHop, settings: Registrations, now: int) -> None:
    bindings = edge.digest.bindings
    known = bindings.of(fact.account)
    binding = known.get(fact.key)
    if binding is None:
        for oldest in list(known.values())[: max(0, len(known) - settings.contacts + 1)]:
            _unbind(edge, oldest, "replaced", now)
        binding = Binding(fact, hop)
        changed = True
    else:
        changed = _where(binding.fact) != _where(fact)
    binding.fact, binding.hop = fact, hop
    binding.since = now if changed else binding.since
    bindings.put(binding)
    edge.agenda.arm(binding, now + fact.expires_s * SECOND, bindings.table, binding.key)
    if changed:
        edge.note(binding.fact)


def _where(fact: Bound) -> tuple[object, ...]:
    """What makes a difference to whoever looks for the account."""
    return fact.source, fact.contact, fact.listener, fact.peer, fact.path, fact.expires_s, fact.user_agent


def _unbind(edge: Edge, binding: Binding | None, why: Gone, now: int) -> None:
    if binding is None:
        return
    edge.digest.bindings.remove(binding)
    binding.wake = 0
    fact = binding.fact
    edge.note(Unbound(at=now, source=fact.source, account=fact.account, key=fact.key, why=why))


def _as_registered(edge: Edge, request: Request, account: str, now: int) -> list[tuple[str, bytes]]:
    """The 200's headers: every contact with the time it has left (§10.3 step 8), and the Path (RFC 3327 §5.3)."""
    contacts = [
        ("Contact", b"<%b>;expires=%d" % (wire(binding.fact.contact), max(1, (binding.wake - now) // SECOND)))
        for binding in edge.digest.bindings.of(account).values()
    ]
    path = request.all("path")
    return contacts + ([("Path", b", ".join(path)), ("Supported", b"path")] if path else [])


def shown(binding: Binding, now: int) -> dict[str, Any]:
    """A contact as plain data."""
    fact = binding.fact
    return {
        "account": fact.account,
        "source": fact.source,
        "contact": fact.contact,
        "peer": fact.peer,
        "listener": fact.listener,
        "since": binding.since,
        "expires_s": max(0, binding.wake - now) // SECOND,
        "user_agent": fact.user_agent,
    }


# --- without a REGISTER ---------------------------------------------------------------------------------------------


def expired(edge: Edge, binding: Binding, now: int) -> None:
    """A contact wasn't registered again in its time."""
    _unbind(edge, binding, "expired", now)


def trust(edge: Edge, secrets: Secrets, now: int) -> None:
    """Other secrets: who proved one that is gone isn't a guest any more, and isn't registered."""
    changed = edge.digest.trust(secrets)
    for account in changed:
        edge.digest.guests.drop(account)
    revoke(edge, changed, now)


def revoke(edge: Edge, accounts: set[str], now: int) -> None:
    """These accounts are no longer what they were: their passwords were changed, or the policy hasn't got them."""
    for binding in [binding for binding in edge.digest.bindings if binding.fact.account in accounts]:
        _unbind(edge, binding, "revoked", now)


def restore(edge: Edge, facts: list[Fact], now: int) -> None:
    """The contacts of the time before a restart, with all their time once more."""
    for fact in facts:
        if not isinstance(fact, Bound):
            continue
        source = edge.digest.owners.get(fact.account)
        host, _, port = fact.peer.rpartition(":")
        hop = edge.hop_to(fact.listener, host.strip("[]"), int(port))
        binding = Binding(fact, hop)
        edge.digest.bindings.put(binding)
        edge.agenda.arm(binding, now + fact.expires_s * SECOND, edge.digest.bindings.table, binding.key)
        if source is None or source.name != fact.source:
            _unbind(edge, binding, "revoked", now)
        else:
            edge.digest.guests.add((fact.listener, hop.host, hop.port), fact.account, fact.source)
