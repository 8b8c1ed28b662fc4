"""Responses to INVITEs that begin a call, on their way back (RFC 3261 §16.7, RFC 6026).

    1xx            back to the caller; an early dialog where it has a To tag
    2xx            a dialog and an `Answered`, each To tag its own (forks); repeated ones only pass
    401, 407, 422  back to the caller: he asks again, as the same attempt
    503            the next target (`sending.fail`)
    3xx            `redirects`
    others         back to the caller: the end of the attempt

A 2xx that can't be read (no To tag, or that of another trunk's answer, no Via of the caller, a broken Contact) is hung
up as far as can be told, and the caller gets 502. One that nobody waits for any more (the caller has his final answer,
or another target was tried meanwhile) is acknowledged and hung up at once; it is a call that costs money all the same,
and is told as one.
"""

from __future__ import annotations

import msgspec

from ringfence.edge import media, own, probing, redirects, relay, sending
from ringfence.edge.calls import close, finish, leave, refuse
from ringfence.edge.ending import acknowledge, end
from ringfence.edge.records import Call, Client, Retry
from ringfence.edge.rewrite import tagged
from ringfence.edge.session import INBOUND_LONGEST, accept
from ringfence.edge.state import Edge
from ringfence.model.fact import Answered, Challenged
from ringfence.sip.dialog import Dialog, Leg, contact_uri, route_set
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes
from ringfence.sip.message import Response
from ringfence.sip.timers import MS
from ringfence.sip.values import read_seconds

ASK_AGAIN = (401, 407, 422)
"""Finals after which the caller sends the same INVITE again: challenge (§22), session interval too small (RFC 4028)."""
CALLER_RETRIES = 32_000 * MS
"""How long a challenged attempt waits for the caller's second INVITE."""
UNREAD = ""
"""Stands among the tags that a client had 2xx from for those that couldn't be read."""
MAX_FORKS = 16
"""Dialogs, early ones included, that one INVITE may make; what answers beyond them is hung up or not passed."""


def take(edge: Edge, client: Client, response: Response, now: int) -> None:
    """A response that the INVITE client transaction passes on."""
    found = edge.calls.get(client.call)
    call = found if found is not None and found.client is client else None
    status = response.status
    if 200 <= status < 300:
        try:
            _answered(edge, call, client, response, now)
        except SipParseError:
            _unread(edge, client, response, now)
            raise
    elif call is None:
        return
    elif status >= 300:
        _failed(edge, call, client, response, now)
    else:
        call.wake = 0
        if call.cancelled:
            relay.cancel(edge, client, now)  # It had to wait for the first provisional response (§9.1).
        elif status != 100:
            _ringing(edge, call, client, response, now)


def _ringing(edge: Edge, call: Call, client: Client, response: Response, now: int) -> None:
    tag, dialog = response.to_tag, call.prototype
    if tag:
        key = (call.prototype.call_id, call.prototype.caller.tag, tag)
        if key not in edge.dialogs:
            if len(call.early) >= MAX_FORKS:
                edge.count("bound")
                return
            call.early.append(key)
            edge.keep(_dialog(edge, client, call.prototype, response))
        dialog = edge.dialogs[key]
    edge.store_in(call.id, call.prototype.call_id, client.hop.host, client.hop.port)
    if media.objects(edge, dialog, dialog.callee, response, now):
        sending.stop(edge, call, media.CAUSE, media.FINAL, now)
    else:
        relay.pass_back(edge, client, response, now)


def _answered(edge: Edge, call: Call | None, client: Client, response: Response, now: int) -> None:
    prototype, tag = client.dialog, response.to_tag
    if prototype is None:
        return
    if not tag or not (len(response.all("via")) > 1 or any(name == "via" for name, _ in client.restore)):
        raise SipParseError("a 2xx without To tag, or without the caller's Via")
    dialog = edge.dialogs.get((prototype.call_id, prototype.caller.tag, tag))
    if dialog is not None and dialog.state == "ending" and tag not in client.answered:
        raise SipParseError("a 2xx with the To tag of an answer that is being hung up")
    expires_at = accept(response, client.session, now)
    if tag not in client.answered:
        late = _is_late(client, call)
        if dialog is None:
            dialog = _dialog(edge, client, prototype, response)
        else:
            _aim_callee(edge, dialog.callee, client, response)
        dialog.expires_at = expires_at or (now + INBOUND_LONGEST if dialog.inbound else 0)
        _confirm(edge, client, dialog, late, now)
        if late:
            end(edge, dialog, "late", now, caller_too=False)
    elif dialog is not None and dialog.state == "ending":
        acknowledge(edge, dialog, now)
    if dialog is None or dialog.state != "confirmed":
        return
    edge.store_in(dialog.id, dialog.call_id, client.hop.host, client.hop.port)
    if media.objects(edge, dialog, dialog.callee, response, now):
        _hang_up(edge, call, dialog, media.CAUSE, media.FINAL, now)
    elif call is not None and call.final is not None:
        _hang_up(edge, call, dialog, call.cancelled, call.final, now)
    else:
        relay.pass_back(edge, client, response, now)
    if call is not None:
        leave(edge, call, answered=True)


def _hang_up(edge: Edge, call: Call | None, dialog: Dialog, cause: str, final: tuple[int, str], now: int) -> None:
    """End what was answered. The caller is told by his final answer, and by BYE if he may have had that before."""
    if call is not None:
        refuse(edge, call.server, *final, now)
    end(edge, dialog, cause, now, caller_too=call is None)


def _unread(edge: Edge, client: Client, response: Response, now: int) -> None:
    """Acknowledge and hang up a 2xx that made no dialog, so that the far side has no call either."""
    prototype, to = client.dialog, response.first("to") or b""
    if prototype is None:
        return
    target = b"sip:" + host_port_bytes(client.hop.host, client.hop.port)
    callee = Leg("", "", to, to, target, (), -1, client.hop.host, client.hop.port, client.hop.listener)
    dialog = _of(prototype, callee)
    dialog.state = "confirmed"
    if UNREAD in client.answered:
        acknowledge(edge, dialog, now)
        return
    client.answered += (UNREAD,)
    end(edge, dialog, "error", now, caller_too=False)


def _is_late(client: Client, call: Call | None) -> bool:
    """Whether nobody waits for another 2xx of this client."""
    waited_for = call is not None or (client.server is not None and client.server.state == "ist.accepted")
    return not waited_for or len(client.answered) >= MAX_FORKS


def _confirm(edge: Edge, client: Client, dialog: Dialog, late: bool, now: int) -> None:
    """A first 2xx; what happened in its early dialog (CSeq, targets) still holds."""
    dialog.state = "confirmed"
    client.answered += (dialog.callee.tag,)
    prototype = client.dialog
    if prototype is not None and prototype.inbound:
        prototype.digits = ""  # The first answer takes the inbound leg over.
    edge.keep(dialog)
    probing.begin(edge, now)
    record = msgspec.msgpack.encode(dialog)
    edge.note(Answered(at=now, id=dialog.id, leg=dialog.callee.tag, dialog=record, late=late))


def _dialog(edge: Edge, client: Client, prototype: Dialog, response: Response) -> Dialog:
    """The dialog that a response with a To tag makes: the INVITE's record with the answering leg in it."""
    to, tag = response.first("to") or b"", response.to_tag or ""
    callee = Leg(
        party=prototype.callee.party or f"trunk:{prototype.trunk}",
        tag=tag,
        name=tagged(prototype.callee.name, tag) if prototype.own else to,
        seen=to,
        target=b"",
        routes=(),
        cseq=-1,
        host=client.hop.host,
        port=client.hop.port,
        listener=client.hop.listener,
        flow=client.hop.flow,
    )
    _aim_callee(edge, callee, client, response)
    return _of(prototype, callee)


def _of(prototype: Dialog, callee: Leg) -> Dialog:
    """The dialog with this callee."""
    return msgspec.structs.replace(prototype, caller=msgspec.structs.replace(prototype.caller), callee=callee)


def _aim_callee(edge: Edge, callee: Leg, client: Client, response: Response) -> None:
    """The callee's target and route set, as this response has them (§12.1.2, §13.2.2.4)."""
    target = contact_uri(response) or callee.target or b"sip:" + host_port_bytes(client.hop.host, client.hop.port)
    routes = _routes(edge, client, response)
    if (target, routes) != (callee.target, callee.routes):
        callee.target, callee.routes = target, routes
        edge.locate(callee)


def _routes(edge: Edge, client: Client, response: Response) -> tuple[bytes, ...]:
    """The callee's route set: what stands above our entries, reversed (§12.1.2); empty if ours were lost on the way.

    A carrier that sees nothing of the inside has no entry of ours.
    """
    values = response.all("record-route")
    if client.dialog is not None and own.hides(client.dialog, client.dialog.callee):
        return route_set(values[::-1])
    for index, value in enumerate(values):
        if value in client.ours or edge.named_by(value) is not None:
            return route_set(values[:index][::-1])
    return ()


def _failed(edge: Edge, call: Call, client: Client, response: Response, now: int) -> None:
    status = response.status
    edge.store_in(call.id, call.prototype.call_id, client.hop.host, client.hop.port)
    if call.cancelled and call.final is not None:
        finish(edge, call, *call.final, call.cancelled, now)
    elif call.cancelled:
        relay.pass_back(edge, client, response, now)
        close(edge, call, call.cancelled, status, now)
    elif status == 503:
        sending.fail(edge, call, status, now, read_seconds(response.first("retry-after") or b""))
    elif status < 400:
        redirects.take(edge, call, client, response, now)
    elif status in ASK_AGAIN and call.attempt is not None:
        _challenged(edge, call, client, response, now)
    else:
        relay.pass_back(edge, client, response, now)
        close(edge, call, "rejected", status, now)


def _challenged(edge: Edge, call: Call, client: Client, response: Response, now: int) -> None:
    relay.pass_back(edge, client, response, now)
    leave(edge, call)
    if call.attempt is not None:
        retry = Retry((call.attempt.call_id, call.prototype.caller.tag), call.attempt, response.status)
        edge.note(Challenged(at=now, id=call.id))
        edge.await_retry(retry, now + CALLER_RETRIES, now)
