"""Calls from the carrier: whose they are and where they go (A10).

A number may be named by a source (`dids`); a registered PBX's contact comes back with the mark that `registers` put
into it, and gets the parameters back that it had (by `line` Asterisk knows the trunk); else the only source that takes
calls from the trunk gets it. No money of ours is in an inbound call, so
nobody is asked; it is remembered as an inbound leg, since a forwarded call may only claim the caller of a live one.
"""

from __future__ import annotations

from ringfence.edge.identity import caller_of, last_digits
from ringfence.edge.records import Origin, Target
from ringfence.edge.state import Edge
from ringfence.model.fact import Arrived
from ringfence.model.settings import Source
from ringfence.sip.dialog import Dialog
from ringfence.sip.grammar import wire
from ringfence.sip.message import Request
from ringfence.sip.uri import Uri, parse_uri


def find(edge: Edge, request: Request, origin: Origin, now: int) -> tuple[Source, list[Target]] | None:
    """The source whose call this is, and its addresses in order, none while they aren't known; None: nobody's call."""
    marked = _marked(edge, request.uri, origin)
    if marked is not None:
        return marked
    digits = "".join(c for c in request.uri.user or "" if c in "0123456789")
    source = edge.peers.source_for(origin.party.names, digits)
    return (source, edge.targets.of_source(source.name, now)) if source is not None else None


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


def request_uri(edge: Edge, uri: Uri, target: Target) -> Uri:
    """What the carrier dialled, at the address of the source; raises SipParseError."""
    where = edge.tokens.read_contact(uri.params.get("rf") or "")
    own = parse_uri(wire(where.split(" ", 3)[3])).params if where is not None else {}
    params = {**own, **{name: value for name, value in uri.params.items() if name != "rf"}}
    return uri.replace(scheme="sip", host=target.host, port=target.port, params=params, headers=())


def remember(edge: Edge, dialog: Dialog, request: Request, source: Source, trunk: str, now: int) -> None:
    """A live inbound call of this caller, until it ends (C10); told, since dial-through is known by it."""
    dialog.inbound = True
    number, caller = request.uri.user or "", caller_of(request)
    edge.note(Arrived(at=now, id=dialog.id, source=source.name, trunk=trunk, caller=caller, dialled=number))
    dialog.dialled = request.uri.user or ""
    dialog.digits = last_digits(caller_of(request))
    if dialog.digits:
        edge.inbound.setdefault((source.name, dialog.digits), []).append(dialog.dialled)
