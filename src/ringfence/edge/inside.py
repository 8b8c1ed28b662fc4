"""Requests inside a dialog: re-INVITE, UPDATE, PRACK, INFO, BYE, ACK and whatever else there is (RFC 3261 §12.2, §16).

They are sent by the dialog's record and not by what they say: who may speak is the party of a leg, where it goes is the
other leg's target and route set. So a request can't be steered to another number, and a stranger, or a known peer that
isn't part of the call, ends nothing.

A BYE ends the call when it is answered (or given up), not when it is seen: a carrier that challenges it, or never gets
it, still has the call up. REFER is refused: it would let the other side place a call that nobody judged (C10).
"""

from __future__ import annotations

import msgspec

from ringfence.edge.calls import refuse
from ringfence.edge.ending import over
from ringfence.edge.relay import pass_back
from ringfence.edge.rewrite import hop
from ringfence.edge.session import accept, offer
from ringfence.edge.state import Client, Edge, Origin, Server, is_party
from ringfence.model.fact import DialogChanged
from ringfence.sip.dialog import Dialog, Leg, contact_uri, redirect
from ringfence.sip.message import Request, Response

REFRESHES = ("INVITE", "UPDATE")
"""Methods that refresh target and session."""
CHALLENGED = (401, 407)
CAUSES = {"c": "bye-caller", "s": "bye-callee"}


def find(edge: Edge, request: Request, origin: Origin) -> tuple[Dialog, Leg] | None:
    """The dialog of a request and the leg that sent it; None where it is nobody's, or somebody else's."""
    call_id, sender, receiver = request.call_id, request.from_tag or "", request.to_tag or ""
    dialog = edge.dialogs.get((call_id, sender, receiver))
    leg = dialog.caller if dialog is not None else None
    if dialog is None:
        dialog = edge.dialogs.get((call_id, receiver, sender))
        leg = dialog.callee if dialog is not None else None
    if dialog is None or leg is None:
        return None
    if not is_party(origin.party, leg.party):
        edge.count("foreign")
        return None
    return dialog, leg


def acknowledged(edge: Edge, request: Request, origin: Origin, now: int) -> None:
    """The ACK of a 2xx goes on without a transaction (§16.6, §13.2.2.4)."""
    found = find(edge, request, origin)
    if found is None:
        return
    dialog, leg = found
    dialog.acked = True
    other = dialog.other(leg)
    out = _outgoing(request, dialog, leg)
    branch = edge.tokens.branch(dialog.id, f"ack-{edge.tokens.number(now)}")
    hop(out, edge.via(other.listener, branch))
    data = out.to_bytes()
    edge.store(dialog.id, dialog.call_id, f"out {other.host}:{other.port}", data)
    edge.transmit(other.listener, data, other.host, other.port)


def take(edge: Edge, request: Request, server: Server, origin: Origin, now: int) -> None:
    """Any other request with a To tag."""
    found = find(edge, request, origin)
    if found is None:
        edge.respond(server, 481, "Call/Transaction Does Not Exist", now)
        return
    dialog, leg = found
    if dialog.state == "ending":
        done = request.method == "BYE"
        edge.respond(server, 200 if done else 481, "OK" if done else "Call/Transaction Does Not Exist", now)
    elif request.method == "REFER":
        refuse(edge, server, 603, "Transfer Declined", now)
    elif request.cseq[0] <= leg.cseq:
        edge.respond(server, 500, "CSeq Out of Order", now)
    elif request.max_forwards == 0:
        edge.respond(server, 483, "Too Many Hops", now)
    else:
        leg.cseq = request.cseq[0]
        _forward(edge, request, server, dialog, leg, now)


def _forward(edge: Edge, request: Request, server: Server, dialog: Dialog, leg: Leg, now: int) -> None:
    other = dialog.other(leg)
    if request.method == "INVITE":
        edge.respond(server, 100, "Trying", now)
    side = "c" if leg is dialog.caller else "s"
    branch = edge.tokens.branch(dialog.id, f"{side}{request.cseq[0]}-{edge.tokens.number(now)}")
    client = Client(branch, now, method=request.method, listener=other.listener, host=other.host, port=other.port)
    client.server, client.dialog, client.purpose, client.side = server, dialog, "inside", side
    out = _outgoing(request, dialog, leg)
    client.restore = _restore(request, out)
    if request.method in REFRESHES:
        server.call = client.key
        client.session = offer(out, 0)
    hop(out, edge.via(other.listener, branch))
    data = out.to_bytes()
    edge.store(dialog.id, dialog.call_id, f"out {other.host}:{other.port}", data)
    edge.send(client, data, now)


def _outgoing(request: Request, dialog: Dialog, leg: Leg) -> Request:
    """A copy for the other leg: by the record, with the names the other side knows."""
    out = request.copy()
    redirect(out, dialog.other(leg))
    if dialog.caller.name != dialog.caller.seen:
        if leg is dialog.caller:
            out.set("from", dialog.caller.name)
        else:
            out.set("to", dialog.caller.seen)
    return out


def _restore(request: Request, out: Request) -> tuple[tuple[str, bytes], ...]:
    """What responses get back on their way to the sender."""
    given = [(name, request.first(name) or b"") for name in ("from", "to")]
    return tuple((name, value) for name, value in given if out.first(name) != value)


def answered(edge: Edge, client: Client, response: Response, now: int) -> None:
    """A response to such a request."""
    dialog, status = client.dialog, response.status
    if status == 100 or dialog is None:
        return
    if 200 <= status < 300 and client.method in REFRESHES:
        _refreshed(edge, client, dialog, response, now)
    edge.store(dialog.id, dialog.call_id, f"in {client.host}:{client.port}", response.to_bytes())
    pass_back(edge, client, response, now)
    if client.method == "BYE" and status >= 200 and status not in CHALLENGED:
        over(edge, dialog, CAUSES[client.side], now)


def _refreshed(edge: Edge, client: Client, dialog: Dialog, response: Response, now: int) -> None:
    expires_at = accept(response, client.session, now)
    if expires_at or dialog.expires_at:
        dialog.expires_at = expires_at
        if expires_at:
            edge.arm(dialog, expires_at, edge.dialogs, dialog.key, now)
        else:
            dialog.wake = 0
    request = client.server.request if client.server is not None else None
    asked = contact_uri(request) if request is not None else b""
    sender = dialog.caller if client.side == "c" else dialog.callee
    changed = _retarget(edge, sender, asked)
    changed = _retarget(edge, dialog.other(sender), contact_uri(response)) or changed
    if changed and not dialog.inbound:
        record = msgspec.msgpack.encode(dialog)
        edge.note(DialogChanged(at=now, id=dialog.id, leg=dialog.callee.tag, dialog=record))


def _retarget(edge: Edge, leg: Leg, target: bytes) -> bool:
    if not target or target == leg.target:
        return False
    leg.target = target
    edge.locate(leg)
    return True


def gave_up(edge: Edge, client: Client, now: int) -> None:
    """Nobody answered a request inside a dialog (a proxy doesn't say 408 to a non-INVITE, RFC 4320 §4.1)."""
    server, dialog = client.server, client.dialog
    if server is not None:
        if client.method == "INVITE":
            edge.respond(server, 408, "Request Timeout", now)
        else:
            edge.forget(server)
    if client.method == "BYE" and dialog is not None:
        over(edge, dialog, CAUSES[client.side], now)
