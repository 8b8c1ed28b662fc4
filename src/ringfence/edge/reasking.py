"""Answering what a carrier asks of a call, for a PBX that holds no secret of it (trunks with `register`; RFC 3261 §22).

    PBX                    we                        carrier
     │ INVITE 7 ───────────► │ INVITE 7 ──────────────► │
     │                       │ ◄──────────────── 407, ACK│
     │                       │ INVITE 8, credentials ──► │
     │ ◄────────────── 200 7 │ ◄───────────────── 200 8  │
     │ BYE 8 ──────────────► │ BYE 9 ──────────────────► │

A request that is asked again is another request with the next CSeq number, of which the PBX knows nothing. So from then
on its numbers and the carrier's differ by `Dialog.shift`, which grows with each challenge: requests toward the carrier
get the higher number, their responses come back with the one they had, an ACK names the INVITE as the carrier numbered
it, and so does RAck (RFC 3262 §7.2). What the carrier asks counts by its own numbers, and passes as it is.

The shift is part of the dialog's record, so calls go on after a restart; while the call still rings it is told by a
DialogChanged without leg. One challenge of a request is answered, and one more where it says that only the nonce was
too old. Whatever else comes goes to the PBX as it would without us.
"""

from __future__ import annotations

import msgspec

from ringfence.edge import own, sending
from ringfence.edge.answering import Unanswerable, answer_to, asked_by
from ringfence.edge.records import Client
from ringfence.edge.state import Edge
from ringfence.model.fact import DialogChanged
from ringfence.model.settings import Register
from ringfence.sip.dialog import Dialog
from ringfence.sip.digest import for_realm
from ringfence.sip.grammar import text
from ringfence.sip.message import Request, Response
from ringfence.sip.parse import parse

CHALLENGES = (401, 407)
MOST_ANSWERS = 2
"""Challenges of one request that are answered, the second only where it says that the nonce was too old."""
_UNANSWERED = ("ict.calling", "ict.proceeding", "nict.trying", "nict.proceeding")
_PURPOSES = ("begin", "inside", "ours")


def again(edge: Edge, client: Client, response: Response, now: int) -> tuple[Client, bytes] | None:
    """The request that answers a challenge to another, and how it is sent; None where the challenge isn't ours.

    To be asked before the transaction takes the response, which lets the request go.
    """
    dialog = client.dialog
    register = _register(edge, client, dialog)
    if register is None or dialog is None or client.state not in _UNANSWERED:
        return None
    try:
        asked = asked_by(response, register, edge.digest.secrets)
    except Unanswerable:
        edge.count("unanswerable")
        return None
    if client.answers >= MOST_ANSWERS or (client.answers and not asked.stale):
        edge.count("secret_refused")
        return None
    request = parse(client.last)
    if not isinstance(request, Request):
        return None
    dialog.shift += 1
    number = dialog.caller.cseq + dialog.shift
    if client.method == "INVITE":
        dialog.invites = dialog.caller.cseq, number
    other = _client(edge, client, dialog, request, now)
    _without_ours(request, register.realm)
    request.set("cseq", b"%d %b" % (number, client.method.encode("ascii")))
    request.pop_first("via")
    request.prepend("via", own.via(edge, other))
    request.append(*answer_to(edge, asked, register.user, client.method, text(request.uri_raw), other.answers))
    return other, request.to_bytes()


def _register(edge: Edge, client: Client, dialog: Dialog | None) -> Register | None:
    """How to answer for the trunk that a request went to; None where that isn't our business."""
    if dialog is None or dialog.inbound or client.purpose not in _PURPOSES or client.side != "c":
        return None
    call = edge.calls.get(client.call)
    trunk = edge.policy.trunks.get(dialog.trunk)
    if trunk is None or (client.purpose == "begin" and (call is None or call.client is not client or call.cancelled)):
        return None
    return trunk.register


def _client(edge: Edge, client: Client, dialog: Dialog, request: Request, now: int) -> Client:
    """The transaction of the second request: all that is remembered of the first."""
    call = edge.calls.get(client.call)
    if client.purpose == "begin" and call is not None:
        branch = sending.branch_of(edge, call, dialog.invite_cseq)
    else:
        branch = edge.tokens.branch(dialog.id, f"c{edge.tokens.number(now)}")
    other = Client(branch, now, client.method, client.hop, client.limit)
    other.purpose, other.side, other.answers = client.purpose, client.side, client.answers + 1
    other.server, other.call, other.dialog = client.server, client.call, dialog
    other.session, other.contact, other.ours = client.session, client.contact, client.ours
    other.restore = client.restore
    if not any(name == "cseq" for name, _ in client.restore):
        other.restore += (("cseq", request.first("cseq") or b""),)
    return other


def _without_ours(request: Request, realm: str) -> None:
    """Take out the answer to a challenge of before."""
    for name in ("authorization", "proxy-authorization"):
        kept = [value for value in request.all(name) if not for_realm(value, realm)]
        request.remove(name)
        for value in kept:
            request.append(name, value)


def send(edge: Edge, client: Client, data: bytes, now: int) -> None:
    """Ask again, in the place of the request that was challenged."""
    dialog, call = client.dialog, edge.calls.get(client.call)
    if dialog is None:
        return
    edge.count("challenges_answered")
    edge.store_out(dialog.id, dialog.call_id, data, client.hop.host, client.hop.port)
    edge.send(client, data)
    if client.purpose == "begin" and call is not None:
        call.client = client
        if call.wake:
            edge.agenda.arm(call, now + sending.FAILOVER, edge.calls, call.id)
        edge.note(DialogChanged(at=now, id=dialog.id, leg="", dialog=msgspec.msgpack.encode(dialog)))
        return
    if client.method == "INVITE" and client.server is not None:
        client.server.call = client.key
    if dialog.state == "confirmed":
        record = msgspec.msgpack.encode(dialog)
        edge.note(DialogChanged(at=now, id=dialog.id, leg=dialog.callee.tag, dialog=record))
