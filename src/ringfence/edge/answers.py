"""Responses to INVITEs that begin a call, on their way back (RFC 3261 §16.7, RFC 6026).

    1xx            back to the caller; an early dialog where it has a To tag
    2xx            a dialog and an `Answered`, each To tag its own (forks); repeated ones only pass
    401, 407, 422  back to the caller: he asks again, as the same attempt
    408, 503       the next target (`sending.fail`)
    others         back to the caller: the end of the attempt

A 2xx that nobody waits for any more (the caller has his final answer, or another target was tried meanwhile) is
acknowledged and hung up at once; it is a call that costs money all the same, and is told as one.
"""

from __future__ import annotations

import msgspec

from ringfence.edge import sending
from ringfence.edge.calls import close, finish, leave
from ringfence.edge.ending import end
from ringfence.edge.relay import pass_back
from ringfence.edge.session import accept
from ringfence.edge.state import Call, Client, Edge, Retry
from ringfence.model.fact import Answered, Challenged
from ringfence.sip.dialog import Dialog, Leg, contact_uri, routes_beyond
from ringfence.sip.message import Response
from ringfence.sip.timers import MS

ASK_AGAIN = (401, 407, 422)
"""Finals after which the caller sends the same INVITE again: challenge (§22), session interval too small (RFC 4028)."""
CALLER_RETRIES = 32_000 * MS
"""How long a challenged attempt waits for the caller's second INVITE."""


def take(edge: Edge, client: Client, response: Response, now: int) -> None:
    """A response that the INVITE client transaction passes on."""
    call = edge.calls.get(client.call)
    current = call is not None and call.client is client
    if response.status == 100:
        if current and call is not None:
            call.wake = 0
            _cancel_at_last(edge, call, now)
    elif response.status < 200:
        if current and call is not None:
            _ringing(edge, call, client, response, now)
    elif response.status < 300:
        _answered(edge, call if current else None, client, response, now)
    elif current and call is not None:
        _failed(edge, call, client, response, now)


def _cancel_at_last(edge: Edge, call: Call, now: int) -> None:
    """A CANCEL had to wait for the first provisional response (§9.1)."""
    if call.cancelled and call.client is not None:
        sending.cancel(edge, call.client, now)


def _ringing(edge: Edge, call: Call, client: Client, response: Response, now: int) -> None:
    call.wake = 0
    if call.cancelled:
        _cancel_at_last(edge, call, now)
        return
    if response.to_tag:
        dialog = _dialog(edge, client, response)
        if dialog.key not in edge.dialogs:
            call.early.append(dialog.key)
            edge.keep(dialog)
    edge.store(call.id, call.prototype.call_id, f"in {client.host}:{client.port}", response.to_bytes())
    pass_back(edge, client, response, now)


def _answered(edge: Edge, call: Call | None, client: Client, response: Response, now: int) -> None:
    prototype = client.dialog
    if not response.to_tag or prototype is None:
        edge.count("malformed")
        return
    key = (prototype.call_id, prototype.caller.tag, response.to_tag)
    known = edge.dialogs.get(key)
    expires_at = accept(response, client.session, now)
    if known is None or known.state == "early":
        late = call is None and _late(edge, client)
        known = _confirm(edge, client, response, expires_at, late, now)
        if late:
            end(edge, known, "late", now, caller_too=False)
    if known.state != "confirmed":
        return
    unwanted = call is not None and call.final is not None
    if call is not None:
        if unwanted and call.final is not None:
            status, text = call.final
            edge.respond(call.server, status, text, now)
            end(edge, known, call.cancelled or "lost", now, caller_too=False)
        leave(edge, call, answered=True)
    if not unwanted:
        edge.store(known.id, known.call_id, f"in {client.host}:{client.port}", response.to_bytes())
        pass_back(edge, client, response, now)


def _late(edge: Edge, client: Client) -> bool:
    """Whether nobody waits for a first answer of this client: its server transaction ended in another way."""
    server = client.server
    return server is None or server.state != "ist.accepted"


def _confirm(edge: Edge, client: Client, response: Response, expires_at: int, late: bool, now: int) -> Dialog:
    dialog = _dialog(edge, client, response)
    dialog.state, dialog.answered_at, dialog.expires_at = "confirmed", now, expires_at
    prototype = client.dialog
    if prototype is not None and prototype.inbound:
        prototype.digits = ""  # The first answer takes the inbound leg over.
    edge.keep(dialog)
    if expires_at:
        edge.arm(dialog, expires_at, edge.dialogs, dialog.key, now)
    if not dialog.inbound:
        record = msgspec.msgpack.encode(dialog)
        edge.note(Answered(at=now, id=dialog.id, leg=dialog.callee.tag, dialog=record, late=late))
    return dialog


def _dialog(edge: Edge, client: Client, response: Response) -> Dialog:
    """The dialog that a response with a To tag makes: the INVITE's record with the answering leg in it."""
    prototype = client.dialog
    if prototype is None:
        raise ValueError("an INVITE that begins a call has a prototype")
    to = response.first("to") or b""
    callee = Leg(
        party=prototype.callee.party or f"trunk:{prototype.trunk}",
        tag=response.to_tag or "",
        name=to,
        seen=to,
        target=contact_uri(response),
        routes=routes_beyond(response.all("record-route"), edge.is_ours),
        cseq=-1,
        host=client.host,
        port=client.port,
        listener=client.listener,
    )
    edge.locate(callee)
    return msgspec.structs.replace(prototype, callee=callee, caller=msgspec.structs.replace(prototype.caller))


def _failed(edge: Edge, call: Call, client: Client, response: Response, now: int) -> None:
    status = response.status
    if call.cancelled:
        final = call.final
        if final is not None:
            finish(edge, call, *final, call.cancelled, now)
        else:
            pass_back(edge, client, response, now)
            close(edge, call, call.cancelled, status, now)
    elif status in ASK_AGAIN and call.kind == "out":
        _challenged(edge, call, client, response, now)
    elif status in (408, 503) and call.kind == "out":
        sending.fail(edge, call, status, now)
    else:
        edge.store(call.id, call.prototype.call_id, f"in {client.host}:{client.port}", response.to_bytes())
        pass_back(edge, client, response, now)
        close(edge, call, "rejected", status, now)


def _challenged(edge: Edge, call: Call, client: Client, response: Response, now: int) -> None:
    pass_back(edge, client, response, now)
    if call.attempt is not None:
        key = (call.attempt.call_id, call.prototype.caller.tag)
        retry = Retry(key, call.attempt, response.status)
        edge.retries[key] = retry
        edge.arm(retry, now + CALLER_RETRIES, edge.retries, key, now)
        edge.note(Challenged(at=now, id=call.id))
    leave(edge, call)
