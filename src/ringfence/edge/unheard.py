"""Answers that a killed process had passed on but not yet told the ledger (F5).

Facts are committed some milliseconds after the message that caused them went on. Who is killed in between comes back
with an attempt that seems to ring while both sides talk. What they say next inside their call proves the answer: an ACK
or BYE of the caller along our Record-Route (the ACK of a refusal has none, RFC 3261 §17.1.1.3), a BYE or re-INVITE of
the carrier along it or to our Contact. Its tags and route set make the dialog anew, and the answer is told, late as it
is; then the message takes its usual way.

PRACK, UPDATE and INFO prove nothing: early dialogs have them too.
"""

from __future__ import annotations

import msgspec

from ringfence.edge import own, probing
from ringfence.edge.records import SKIP, Origin, Orphan
from ringfence.edge.rewrite import tagged
from ringfence.edge.state import Edge, is_party
from ringfence.model.fact import Answered
from ringfence.sip.dialog import Leg, contact_uri, route_set
from ringfence.sip.grammar import host_port_bytes
from ringfence.sip.message import Request


def recall(edge: Edge, request: Request, origin: Origin, now: int) -> None:
    """Take a request with a To tag as proof of an orphan's answer, where it is one."""
    if not edge.orphans or request.to_tag is None:
        return
    routes = [(route, edge.named_by(route)) for route in request.all("route")]
    named = [id for _, id in routes] + [edge.tokens.read_cookie(request.uri.user)]
    orphan = next((edge.orphans[id] for id in named if id is not None and id in edge.orphans), None)
    if orphan is None:
        return
    callee = None
    if _from_caller(orphan, request, origin):
        rest = tuple(route for route, id in routes if id is None)
        callee = _told_by_caller(edge, orphan, request, rest, now)
    elif _from_callee(orphan, request, origin):
        callee = _itself(edge, orphan, request, origin)
    if callee is not None:
        _answered(edge, orphan, callee, now)


def _from_caller(orphan: Orphan, request: Request, origin: Origin) -> bool:
    known = (request.call_id, request.from_tag) == orphan.key and is_party(origin.party, orphan.prototype.caller.party)
    return known and request.method in ("ACK", "BYE")


def _from_callee(orphan: Orphan, request: Request, origin: Origin) -> bool:
    known = (request.call_id, request.to_tag) == orphan.far_key and orphan.attempt.trunk in origin.party.names
    return known and origin.party.kind == "trunk" and request.method in ("BYE", "INVITE")


def _told_by_caller(edge: Edge, orphan: Orphan, request: Request, routes: tuple[bytes, ...], now: int) -> Leg | None:
    """The callee as the caller writes to it (§12.2.1.1); None where no address of its trunk is known."""
    targets = edge.targets.of(orphan.attempt.trunk, now)
    if not targets:
        return None
    to, host, port = request.first("to") or b"", targets[0].host, targets[0].port
    listener = edge.policy.trunks[orphan.attempt.trunk].listen
    label = f"trunk:{orphan.attempt.trunk}"
    tag, target = request.to_tag or "", request.uri_raw
    leg = Leg(label, tag, to, _seen(edge, orphan, tag) or to, target, route_set(routes), -1, host, port, listener)
    edge.locate(leg)
    return leg


def _seen(edge: Edge, orphan: Orphan, tag: str) -> bytes:
    """How the callee knows itself where that isn't how the caller knows it."""
    own.name(edge, orphan.prototype, orphan.attempt, orphan.verdict)
    return tagged(orphan.prototype.callee.seen, tag) if orphan.prototype.own else b""


def _itself(edge: Edge, orphan: Orphan, request: Request, origin: Origin) -> Leg:
    """The callee as it writes to us; its route set it doesn't say."""
    seen, tag, host, port = request.first("from") or b"", request.from_tag or "", origin.host, edge.port_of(origin)
    name = tagged(orphan.prototype.callee.name, tag) if orphan.prototype.own else seen
    target = contact_uri(request) or b"sip:" + host_port_bytes(host, port)
    label = f"trunk:{orphan.attempt.trunk}"
    return Leg(label, tag, name, seen, target, (), -1, host, port, origin.listener)


def _answered(edge: Edge, orphan: Orphan, callee: Leg, now: int) -> None:
    prototype = orphan.prototype
    own.name(edge, prototype, orphan.attempt, orphan.verdict)
    dialog = msgspec.structs.replace(prototype, caller=msgspec.structs.replace(prototype.caller), callee=callee)
    dialog.state, dialog.skip = "confirmed", SKIP
    trunk = edge.policy.trunks.get(prototype.trunk)
    if trunk is not None and trunk.register is not None and not dialog.invites[1]:
        # Perhaps a challenge was answered and not told either. Numbers may have gaps, so a high one fits in any case;
        # that of the INVITE, which an ACK has to name, is guessed, and learned from the answer if that is repeated.
        dialog.shift = dialog.base + SKIP
        dialog.invites = dialog.invite_cseq, dialog.invite_cseq + dialog.base + 1
    edge.adopt_orphan(prototype.id)
    edge.keep(dialog)
    probing.begin(edge, now)
    record = msgspec.msgpack.encode(dialog)
    edge.note(Answered(at=now, id=dialog.id, leg=callee.tag, dialog=record))
