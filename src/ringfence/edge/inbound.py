"""Calls from the carrier: whose they are and where they go (A10).

A number may be named by a source (`dids`); a registered PBX's contact comes back with the mark that `registers` put
into it, and gets the parameters back that it had (by `line` Asterisk knows the trunk); else the only source that takes
calls from the trunk gets it. No money of ours is in an inbound call, so
nobody is asked; it is remembered as an inbound leg, since a forwarded call may only claim the caller of a live one.
"""

from __future__ import annotations

import msgspec

from ringfence.edge.bindings import Binding
from ringfence.edge.diversion import last_digits
from ringfence.edge.identity import caller_of
from ringfence.edge.peers import digits_in, same_number
from ringfence.edge.records import Contact, Origin, Target
from ringfence.edge.shaken.verify import Verification
from ringfence.edge.state import Edge
from ringfence.model.fact import Arrived
from ringfence.model.settings import Source
from ringfence.sip.address import parse_address
from ringfence.sip.dialog import Dialog
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import wire
from ringfence.sip.message import Request
from ringfence.sip.uri import Uri, parse_uri


def find(edge: Edge, request: Request, origin: Origin, now: int) -> tuple[Source, list[Target] | list[Contact]] | None:
    """The source whose call this is, and its addresses in order, none while they aren't known; None: nobody's call."""
    marked = _marked(edge, request.uri, origin)
    if marked is not None:
        return marked
    digits = digits_in(request.uri.user or "")
    source = edge.peers.source_for(origin.party.names, digits)
    if source is None:
        return None
    if source.auth == "digest":
        return source, _registered(edge, source, digits, request.uri)
    return source, edge.targets.of_source(source.name, now)


def _registered(edge: Edge, source: Source, digits: str, uri: Uri) -> list[Contact]:
    """Where the account is registered that an inbound number rings, the latest contact first.

    Who registered over a connection is reached by that alone (RFC 5626 §5.3): is it gone, the contact isn't rung.
    """
    account = _account(source, digits)
    found = reversed(list(edge.digest.bindings.of(account).values()))
    return [_contact(source, one, uri) for one in found if not one.hop.reliable or edge.live(one.hop).flow]


def _account(source: Source, digits: str) -> str:
    """The account that has this number; else its only one."""
    named = (name for name, dids in source.accounts.items() if any(same_number(digits, did) for did in dids))
    return next(named, next(iter(source.accounts)) if len(source.accounts) == 1 else "")


def _contact(source: Source, binding: Binding, called: Uri) -> Contact:
    uri = parse_uri(wire(binding.fact.contact))
    if source.registrations.called_as == "number":
        uri = uri.replace(user=called.user, user_raw=called.user_raw, user_params=called.user_params)
    return Contact(binding.hop, uri.to_bytes(), tuple(wire(route) for route in binding.fact.path))


def name_called(edge: Edge, request: Request, origin: Origin) -> None:
    """Put the number into a Request-URI that names our own registration: it stands in P-Called-Party-ID or To then."""
    own = {register.user for name in origin.party.names if (register := edge.policy.trunks[name].register) is not None}
    if request.uri.user not in own:
        return
    called = request.first("p-called-party-id") or request.first("to")
    try:
        number = parse_address(called).uri if called is not None else request.uri
    except SipParseError:
        return
    if number.user is not None:
        uri = request.uri.replace(user=number.user, user_raw=number.user_raw, user_params=number.user_params)
        request.set_uri(uri.to_bytes())


def _marked(edge: Edge, uri: Uri, origin: Origin) -> tuple[Source, list[Target]] | None:
    """Where a contact that we rewrote in a REGISTER really is."""
    where = edge.tokens.read_contact(uri.params.get("rf") or "")
    if where is None:
        return None
    name, host, port, _ = where.split(" ", 3)
    source = edge.policy.sources.get(name)
    if source is None or "in" not in source.directions or not set(origin.party.names).intersection(source.trunks):
        return None
    return source, [Target(host, int(port))]


def request_uri(edge: Edge, uri: Uri, target: Target | Contact) -> bytes:
    """What the carrier dialled, at the address of the source, or what is registered; raises SipParseError."""
    if isinstance(target, Contact):
        return target.uri
    where = edge.tokens.read_contact(uri.params.get("rf") or "")
    own = parse_uri(wire(where.split(" ", 3)[3])).params if where is not None else {}
    params = {**own, **{name: value for name, value in uri.params.items() if name != "rf"}}
    return uri.replace(scheme="sip", host=target.host, port=target.port, params=params, headers=()).to_bytes()


def remember(
    edge: Edge, dialog: Dialog, request: Request, source: str, trunk: str, found: Verification | None, now: int
) -> None:
    """A live inbound call of this caller, until it ends (C10); told, since dial-through is known by it.

    A caller whose signature is false is nobody who may be shown on a forwarded call.
    """
    dialog.inbound = True
    number, caller = request.uri.user or "", caller_of(request)
    dialog.dialled = number
    dialog.digits = "" if found is not None and found.verstat == "failed" else last_digits(caller)
    record = msgspec.msgpack.encode(dialog)
    fact = Arrived(at=now, id=dialog.id, source=source, trunk=trunk, caller=caller, dialled=number, dialog=record)
    if found is not None:
        fact = msgspec.structs.replace(
            fact,
            verstat=found.verstat,
            attestation=found.attestation,
            origid=found.origid,
            verstat_why=found.why,
        )
    edge.note(fact)
    edge.remember_inbound(dialog)
