"""Answers that a killed process had passed on but not yet told the ledger (F5).

Facts are committed some milliseconds after the message that caused them went on. Who is killed in between comes back
with an attempt that seems to ring while both sides talk. What they say next inside their call proves the answer: an ACK
or BYE of the caller along our Record-Route (the ACK of a refusal has none, RFC 3261 §17.1.1.3), a BYE or re-INVITE of
the carrier. Its tags and route set make the dialog anew, and the answer is told, late as it is; then the message takes
its usual way.

PRACK, UPDATE and INFO prove nothing: early dialogs have them too.
"""

from __future__ import annotations

import msgspec

from ringfence.edge import probing
from ringfence.edge.late import SKIP
from ringfence.edge.records import Origin, Orphan
from ringfence.edge.rewrite import shown_from
from ringfence.edge.state import Edge, is_party
from ringfence.model.fact import Answered
from ringfence.sip.dialog import Dialog, Leg, contact_uri, route_set
from ringfence.sip.grammar import host_port_bytes
from ringfence.sip.message import Request


def recall(edge: Edge, request: Request, origin: Origin, now: int) -> None:
    """Take a request with a To tag as proof of an orphan's answer, where it is one."""
    if not edge.orphans or request.to_tag is None:
        return
    routes = [(route, edge.named_by(route)) for route in request.all("route")]
    orphan = next((edge.orphans[id] for _, id in routes if id is not None and id in edge.orphans), None)
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
    known = (request.call_id, request.to_tag) == orphan.key and orphan.attempt.trunk in origin.party.names
    return known and origin.party.kind == "trunk" and request.method in ("BYE", "INVITE")


def _told_by_caller(edge: Edge, orphan: Orphan, request: Request, routes: tuple[bytes, ...], now: int) -> Leg | None:
    """The callee as the caller writes to it (§12.2.1.1); None where no address of its trunk is known."""
    targets = edge.targets.of(orphan.attempt.trunk, now)
    if not targets:
        return None
    to, host, port = request.first("to") or b"", targets[0].host, targets[0].port
    listener = edge.policy.trunks[orphan.attempt.trunk].listen
    label = f"trunk:{orphan.attempt.trunk}"
    leg = Leg(label, request.to_tag or "", to, to, request.uri_raw, route_set(routes), -1, host, port, listener)
    edge.locate(leg)
    return leg


def _itself(edge: Edge, orphan: Orphan, request: Request, origin: Origin) -> Leg:
    """The callee as it writes to us; its route set it doesn't say."""
    name, host, port = request.first("from") or b"", origin.host, edge.port_of(origin)
    target = contact_uri(request) or b"sip:" + host_port_bytes(host, port)
    label = f"trunk:{orphan.attempt.trunk}"
    return Leg(label, request.from_tag or "", name, name, target, (), -1, host, port, origin.listener)


def _answered(edge: Edge, orphan: Orphan, callee: Leg, now: int) -> None:
    prototype, verdict = orphan.prototype, orphan.verdict
    caller = msgspec.structs.replace(prototype.caller)
    if verdict.send_caller is not None:
        caller.name = shown_from(caller.seen, orphan.attempt, verdict.send_caller)
    dialog = Dialog(prototype.id, prototype.call_id, caller, callee, "confirmed", invite_cseq=prototype.invite_cseq)
    dialog.trunk, dialog.skip, dialog.srtp = prototype.trunk, SKIP, prototype.srtp
    dialog.shift, dialog.invites = prototype.shift, prototype.invites
    trunk = edge.policy.trunks.get(prototype.trunk)
    if trunk is not None and trunk.register is not None and not dialog.shift:
        # Perhaps a challenge was answered and not told either. Numbers may have gaps, so a high one fits in any case;
        # that of the INVITE, which an ACK has to name, is guessed, and learned from the answer if that is repeated.
        dialog.shift, dialog.invites = SKIP, (dialog.invite_cseq, dialog.invite_cseq + 1)
    edge.adopt_orphan(prototype.id)
    edge.keep(dialog)
    probing.begin(edge, now)
    record = msgspec.msgpack.encode(dialog)
    edge.note(Answered(at=now, id=dialog.id, leg=callee.tag, dialog=record))
