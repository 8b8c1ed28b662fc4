"""Requests inside a dialog: re-INVITE, UPDATE, PRACK, INFO, BYE, ACK and whatever else there is (RFC 3261 §12.2, §16).

They are sent by the dialog's record and not by what they say: who may speak is the party of a leg, where it goes is the
other leg's target and route set. So a request can't be steered to another number, and a stranger, or a known peer that
isn't part of the call, ends nothing.

A BYE ends the call when it is answered (or given up), not when it is seen: a carrier that challenges it, or never gets
it, still has the call up. REFER is judged first: it has the other side place a call (`transfers`).
"""

from __future__ import annotations

import msgspec

from ringfence.edge import headers, media, own, sending, transfers
from ringfence.edge.calls import refuse
from ringfence.edge.ending import end, over
from ringfence.edge.records import Client, Origin, Server
from ringfence.edge.redirects import disarm
from ringfence.edge.referrals import Transfer
from ringfence.edge.relay import pass_back
from ringfence.edge.rewrite import Outgoing, renumbered
from ringfence.edge.session import accept, offer
from ringfence.edge.state import DialogKey, Edge, is_party
from ringfence.model.fact import DialogChanged
from ringfence.model.verdict import Verdict
from ringfence.sip.dialog import Dialog, Leg, aim, contact_uri
from ringfence.sip.message import Request, Response

REFRESHES = ("INVITE", "UPDATE")
"""Methods that refresh target and session."""
CHALLENGED = (401, 407)
CAUSES = {"c": "bye-caller", "s": "bye-callee"}
NOT_THERE = "Call/Transaction Does Not Exist"


def find(edge: Edge, request: Request, origin: Origin) -> tuple[Dialog, Leg] | None:
    """The dialog of a request and the leg that sent it; None where it is nobody's, or somebody else's."""
    call_id, sender, receiver = _call_id(edge, request, origin), request.from_tag or "", request.to_tag or ""
    dialog = _known(edge, request, (call_id, sender, receiver))
    if dialog is not None:
        leg = dialog.caller
    else:
        dialog = _known(edge, request, (call_id, receiver, sender))
        if dialog is None:
            return None
        leg = dialog.callee
    if not _speaks_for(edge, origin, leg):
        edge.count("foreign")
        return None
    if origin.flow and not origin.dialled and leg.host == origin.host:
        leg.flow = origin.flow
    return dialog, leg


def _call_id(edge: Edge, request: Request, origin: Origin) -> str:
    """The Call-ID inside, of which a carrier may know another."""
    id = edge.tokens.read_call_id(request.call_id) if origin.party.kind == "trunk" else None
    if id is None:
        return request.call_id
    known = edge.dialogs_of(id)
    transfer = edge.referrals.of_call(id) if not known and request.method == "NOTIFY" else None
    return known[0].call_id if known else transfer.dialog.call_id if transfer is not None else request.call_id


def _known(edge: Edge, request: Request, key: DialogKey) -> Dialog | None:
    """A dialog; for a NOTIFY also one that is over, whose transfer is not."""
    dialog = edge.dialogs.get(key)
    if dialog is None and request.method == "NOTIFY":
        transfer = edge.referrals.within(key)
        return transfer.dialog if transfer is not None else None
    return dialog


def _speaks_for(edge: Edge, origin: Origin, leg: Leg) -> bool:
    """Whether it comes from the party of this leg, as the policy has it now or had it before."""
    if is_party(origin.party, leg.party):
        return True
    former = edge.former.find(origin.listener, origin.host) if edge.former is not None else None
    return former is not None and is_party(former, leg.party)


def acknowledged(edge: Edge, request: Request, origin: Origin, now: int) -> bool:
    """The ACK of a 2xx goes on without a transaction (§16.6, §13.2.2.4); False where no dialog is known."""
    found = find(edge, request, origin)
    if found is None:
        return False
    dialog, leg = found
    if media.objects(edge, dialog, leg, request, now):
        edge.store_in(dialog.id, dialog.call_id, origin.host, origin.port)
        _stop(edge, dialog, now)
        return True
    dialog.acked = True
    other = dialog.other(leg)
    if not other.listener:
        return True  # A call that is hung up since nobody waits for it has no caller.
    out, _ = _readdressed(edge, request, dialog, leg)
    data = out.write(edge.via(other.listener, edge.tokens.plain_branch(now)))
    edge.store_in(dialog.id, dialog.call_id, origin.host, origin.port)
    edge.transmit(edge.hop_of(other), data)
    return True


def take(edge: Edge, request: Request, server: Server, origin: Origin, now: int) -> bool:
    """Any other request with a To tag; False where no dialog is known."""
    found = find(edge, request, origin)
    if found is None:
        return False
    dialog, leg = found
    edge.store_in(dialog.id, dialog.call_id, origin.host, origin.port)
    if dialog.state == "ending":
        status, text = (200, "OK") if request.method == "BYE" else (481, NOT_THERE)
        edge.respond(server, status, text, now)
    elif request.cseq[0] <= leg.cseq:
        edge.respond(server, 500, "CSeq Out of Order", now)
    elif request.max_forwards == 0:
        edge.respond(server, 483, "Too Many Hops", now)
    elif media.objects(edge, dialog, leg, request, now):
        refuse(edge, server, *media.FINAL, now)
        _stop(edge, dialog, now)
    else:
        leg.cseq = request.cseq[0]
        if request.method == "REFER":
            transfers.refer(edge, request, server, dialog, leg, origin, now)
        else:
            _forward(edge, request, server, dialog, leg, now)
    return True


def _stop(edge: Edge, dialog: Dialog, now: int) -> None:
    """End a call for its media: by BYE, or by CANCEL while it has no answer."""
    call = edge.calls.get(dialog.id)
    if dialog.state != "early":
        end(edge, dialog, media.CAUSE, now)
    elif call is not None:
        sending.stop(edge, call, media.CAUSE, media.FINAL, now)


def referred(edge: Edge, id: str, verdict: Verdict, now: int) -> None:
    """The answer to an Ask about a REFER."""
    transfer = transfers.decided(edge, id, verdict, now)
    if transfer is not None:
        _forward(edge, transfer.request, transfer.server, transfer.dialog, transfer.leg, now, transfer)


def _forward(
    edge: Edge, request: Request, server: Server, dialog: Dialog, leg: Leg, now: int, transfer: Transfer | None = None
) -> None:
    """Send it to the other leg; `transfer` is what a REFER is."""
    other, method = dialog.other(leg), request.method
    side = "c" if leg is dialog.caller else "s"
    branch = edge.tokens.branch(dialog.id, f"{side}{edge.tokens.number(now)}")
    client = Client(branch, now, method, edge.hop_of(other))
    client.server, client.dialog, client.purpose, client.side = server, dialog, "inside", side
    out, client.restore = _readdressed(edge, request, dialog, leg)
    if transfer is not None:
        client.call = transfer.attempt.id
        out.put("refer-to", transfer.refer_to)
    if method == "NOTIFY":
        transfers.notified(edge, request, dialog, leg, now)
    if method in REFRESHES:
        if method == "INVITE":
            edge.respond(server, 100, "Trying", now)
            server.call = branch
        client.session = offer(out, 0)
        client.contact = contact_uri(request)
    edge.send(client, out.write(own.via(edge, client)))


def _readdressed(
    edge: Edge, request: Request, dialog: Dialog, leg: Leg
) -> tuple[Outgoing, tuple[tuple[str, bytes], ...]]:
    """The request pointed at the other leg, with the names it knows; and what responses get back for the sender."""
    other = dialog.other(leg)
    uri, routes = aim(other)
    out = Outgoing(request, uri)
    if (leg is dialog.caller) != dialog.inbound:
        headers.within(out, headers.zone_of(edge.policy, leg))
    else:
        headers.inward(out, headers.zone_of(edge.policy, other))
    for route in routes:
        out.lead("route", route)
    restore = renumbered(out, dialog) if dialog.shift and leg is dialog.caller else ()
    if dialog.own:
        return out, (*restore, *own.across(edge, out, dialog, leg, other.listener))
    if dialog.caller.name == dialog.caller.seen:
        return out, restore
    name, value = ("from", dialog.caller.name) if leg is dialog.caller else ("to", dialog.caller.seen)
    out.put(name, value)
    return out, (*restore, (name, request.first(name) or b""))


def answered(edge: Edge, client: Client, response: Response, now: int) -> None:
    """A response to such a request."""
    dialog, status = client.dialog, response.status
    if status == 100 or dialog is None:
        return
    if media.objects(edge, dialog, dialog.callee if client.side == "c" else dialog.caller, response, now):
        edge.store_in(dialog.id, dialog.call_id, client.hop.host, client.hop.port)
        if client.server is not None:
            refuse(edge, client.server, *media.FINAL, now)
        _stop(edge, dialog, now)
        return
    if 200 <= status < 300 and client.method in REFRESHES:
        _refreshed(edge, client, dialog, response, now)
    edge.store_in(dialog.id, dialog.call_id, client.hop.host, client.hop.port)
    pass_back(edge, client, disarm(response), now)
    if client.method == "REFER":
        transfers.answered(edge, client.call, status, now)
    elif client.method == "BYE" and status >= 200 and status not in CHALLENGED:
        over(edge, dialog, CAUSES[client.side], now)


def _refreshed(edge: Edge, client: Client, dialog: Dialog, response: Response, now: int) -> None:
    expires_at = accept(response, client.session, now) or (dialog.expires_at if dialog.inbound else 0)
    if dialog.state == "confirmed" and (expires_at or dialog.expires_at):
        dialog.expires_at = dialog.wake = expires_at
        if expires_at:
            edge.agenda.arm(dialog, expires_at, edge.dialogs, dialog.key)
    sender = dialog.caller if client.side == "c" else dialog.callee
    changed = _retarget(edge, sender, client.contact)
    changed = _retarget(edge, dialog.other(sender), contact_uri(response)) or changed
    if changed and dialog.state == "confirmed":
        record = msgspec.msgpack.encode(dialog)
        edge.note(DialogChanged(at=now, id=dialog.id, leg=dialog.callee.tag, dialog=record))


def _retarget(edge: Edge, leg: Leg, target: bytes) -> bool:
    if not target or target == leg.target:
        return False
    leg.target = target
    edge.locate(leg)
    return True


def say_nobody(edge: Edge, server: Server, method: str, status: int, now: int) -> None:
    """408 or 503 to a request that came to nothing; a proxy doesn't say 408 to a non-INVITE (RFC 4320 §4.1)."""
    if status == 503:
        edge.respond(server, 503, "Service Unavailable", now)
    elif method == "INVITE":
        edge.respond(server, 408, "Request Timeout", now)
    else:
        edge.forget(server)


def gave_up(edge: Edge, client: Client, status: int, now: int) -> None:
    """Nobody answered a request inside a dialog, or it can't be sent (503)."""
    server, dialog = client.server, client.dialog
    if server is not None:
        say_nobody(edge, server, client.method, status, now)
    if client.method == "REFER":
        transfers.answered(edge, client.call, status, now)
    elif client.method == "BYE" and dialog is not None:
        over(edge, dialog, CAUSES[client.side], now)
