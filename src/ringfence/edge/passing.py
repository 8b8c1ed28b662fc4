"""What passes without a transaction, after a restart, where it can't cost anything (F5).

Responses inside known dialogs go by the Via under ours (RFC 3261 §16.11), and so do those to inbound INVITEs; ACK and
BYE of calls that no record tells of go by their Route. A 2xx to an attempt that nobody knows any more is a call that
costs money without end: it is hung up.
"""

from __future__ import annotations

import msgspec

from ringfence.edge import media, own, probing
from ringfence.edge.ending import acknowledge, end, over
from ringfence.edge.inside import CAUSES, CHALLENGED
from ringfence.edge.peers import Party
from ringfence.edge.records import SKIP, Client, Origin, Server
from ringfence.edge.redirects import disarm
from ringfence.edge.rewrite import Outgoing
from ringfence.edge.session import INBOUND_LONGEST
from ringfence.edge.state import Edge
from ringfence.edge.tokens import is_inbound
from ringfence.model.fact import Answered, Ended
from ringfence.sip.address import cut_address
from ringfence.sip.dialog import Dialog, Leg, contact_uri, route_set
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes
from ringfence.sip.hop import NextHop
from ringfence.sip.message import Request, Response
from ringfence.sip.uri import Uri, parse_uri
from ringfence.sip.via import Via, parse_via


def response(edge: Edge, id: str, response: Response, origin: Origin, now: int) -> None:
    """A response to a request of ours, of attempt `id`, whose transaction is gone."""
    tags = (response.from_tag, response.to_tag)
    for dialog in edge.dialogs_of(id):
        for leg, side in ((dialog.caller, "c"), (dialog.callee, "s")):
            if tags == (leg.tag, dialog.other(leg).tag):
                _inside(edge, dialog, leg, side, response, now)
                return
    if is_inbound(id):
        _of_inbound(edge, id, response, origin, now)
    elif response.cseq[1] == "INVITE" and 200 <= response.status < 300 and response.to_tag:
        _hang_up(edge, id, response, origin, now)


def _of_inbound(edge: Edge, id: str, response: Response, origin: Origin, now: int) -> None:
    """The answer to an inbound INVITE. A 2xx makes the record of the call: of the carrier's leg as it was told when the
    call came in; where the carrier sees nothing of the inside as far as the answer tells, for nothing else would say
    where the carrier's next requests go."""
    listener = _listener(edge, response, origin)
    if listener is None:
        return
    hop = hop_by_via(edge, listener, parse_via(response.all("via")[1]))
    party, rang = edge.party_at(listener, hop.host), edge.rang.get(id)
    dialog = None
    if party is not None and own.is_own(edge, party.names):
        dialog = _as_answered(edge, id, response, origin, hop, party)
        own.hide_answer(edge, response, dialog, listener)
    elif rang is not None and (response.call_id, response.from_tag) == (rang.call_id, rang.caller.tag):
        dialog = _as_rang(edge, rang, response, origin)
        response.set("from", rang.caller.seen)
    if response.status >= 300 and response.cseq[1] == "INVITE" and edge.rang.pop(id, None) is not None:
        edge.note(Ended(at=now, id=id, cause="rejected", status=response.status))
    if dialog is not None and 200 <= response.status < 300 and response.cseq[1] == "INVITE" and dialog.callee.tag:
        _began(edge, dialog, now)
    _by_via(edge, response, listener, origin)


def _began(edge: Edge, dialog: Dialog, now: int) -> None:
    edge.rang.pop(dialog.id, None)
    if len(edge.dialogs) < edge.policy.max_calls:
        dialog.expires_at = now + INBOUND_LONGEST
        edge.keep(dialog)
        edge.remember_inbound(dialog)
        probing.begin(edge, now)
        record = msgspec.msgpack.encode(dialog)
        edge.note(Answered(at=now, id=dialog.id, leg=dialog.callee.tag, dialog=record))


def _as_rang(edge: Edge, rang: Dialog, response: Response, origin: Origin) -> Dialog:
    """The record of an inbound call that rang before a restart."""
    caller = msgspec.structs.replace(rang.caller, name=response.first("from") or rang.caller.name, flow=0)
    callee = _answering(edge, response, origin)
    return msgspec.structs.replace(rang, caller=caller, callee=callee, state="confirmed", skip=SKIP)


def _answering(edge: Edge, response: Response, origin: Origin) -> Leg:
    """The leg of whoever answers."""
    to, (target, routes) = response.first("to") or b"", _way_back(edge, response, origin)
    here = origin.host, edge.port_of(origin), origin.listener, origin.flow
    callee = Leg(origin.party.label, response.to_tag or "", to, to, target, routes, -1, *here)
    edge.locate(callee)
    return callee


def _as_answered(edge: Edge, id: str, response: Response, origin: Origin, hop: NextHop, party: Party) -> Dialog:
    """The record of an inbound call as far as its answer tells; of the carrier's Contact that is only the address."""
    name, number = response.first("from") or b"", response.cseq[0]
    callee = _answering(edge, response, origin)
    back = route_set(own.below_ours(edge, response))
    there = b"sip:" + host_port_bytes(hop.host, hop.port)
    caller = Leg(
        *(party.label, response.from_tag or "", name, name, there, back, number, hop.host, hop.port, hop.listener)
    )
    dialog = Dialog(id, response.call_id, caller, callee, "confirmed", invite_cseq=number, inbound=True)
    dialog.own, dialog.skip, dialog.srtp = dialog.call_id, SKIP, media.asked_of(edge, party.names) or ""
    return dialog


def _inside(edge: Edge, dialog: Dialog, leg: Leg, side: str, response: Response, now: int) -> None:
    """A response to a request of this leg, by the record."""
    if media.objects(edge, dialog, dialog.other(leg), response, now):
        end(edge, dialog, media.CAUSE, now)
        return
    if dialog.own and leg.listener:
        own.turn_back(edge, dialog, leg, response)
    elif dialog.caller.name != dialog.caller.seen:
        response.set(*(("from", leg.seen) if side == "c" else ("to", dialog.caller.name)))
    status, (number, method) = response.status, response.cseq
    if dialog.shift and side == "c":
        far = number - dialog.invite_cseq - dialog.base
        if method == "INVITE" and dialog.shift - dialog.base == SKIP and far < SKIP:
            dialog.learn(number)
        response.set("cseq", b"%d %b" % (dialog.to_caller(number), method.encode("ascii")))
    _by_via(edge, response, leg.listener)
    if method == "BYE" and status >= 200 and status not in CHALLENGED:
        over(edge, dialog, CAUSES[side], now)


def _by_via(edge: Edge, response: Response, listener: str | None, origin: Origin | None = None) -> None:
    """Forward by the Via under ours, to somebody we know (§18.2.2, RFC 3581); with an `origin` its media is judged."""
    response.pop_first("via")
    if listener is None or not response.has("via"):
        return
    hop = hop_by_via(edge, listener, response.top_via)
    party = edge.party_at(listener, hop.host)
    if party is not None and not (origin is not None and media.drops(edge, response, origin.party, party)):
        edge.transmit(hop, disarm(response).to_bytes())


def hop_by_via(edge: Edge, listener: str, via: Via) -> NextHop:
    """Where a Via that we stamped says that its answers go; the port of a connection that is gone means nothing."""
    rport = None if listener in edge.streams else via.rport
    return edge.hop_to(listener, via.received or via.host, rport or via.port or edge.ports[listener])


def _listener(edge: Edge, response: Response, origin: Origin) -> str | None:
    vias = response.all("via")
    if len(vias) < 2:
        return None
    via = parse_via(vias[1])
    return _facing(edge, via.received or via.host, origin)


def _facing(edge: Edge, host: str, origin: Origin) -> str | None:
    """The listener at which this address is on the other side of a call from `origin`."""
    for listener in edge.policy.listens:
        party = edge.party_at(listener, host)
        if party is not None and party.kind != origin.party.kind:
            return listener
    return None


def _hop_facing(edge: Edge, uri: Uri, origin: Origin) -> NextHop | None:
    """Where a request along a Route goes: to somebody we know on the other side, or to where he is registered."""
    registered = edge.digest.bindings.hop_of(uri) if origin.party.kind == "trunk" else None
    if registered is not None:
        return registered
    listener = _facing(edge, uri.host, origin)
    return edge.hop_to(listener, uri.host, uri.port or edge.ports[listener]) if listener is not None else None


def _hang_up(edge: Edge, id: str, response: Response, origin: Origin, now: int) -> None:
    """Acknowledge and end a call that nobody waits for."""
    if len(edge.dialogs) >= edge.policy.max_calls:
        return
    name, to, number = response.first("from") or b"", response.first("to") or b"", response.cseq[0]
    target, routes = _way_back(edge, response, origin)
    caller = Leg("", response.from_tag or "", name, name, b"", (), number, "", 0, "")
    callee = Leg(
        party=origin.party.label,
        tag=response.to_tag or "",
        name=to,
        seen=to,
        target=target,
        routes=routes,
        cseq=-1,
        host=origin.host,
        port=edge.port_of(origin),
        listener=origin.listener,
        flow=origin.flow,
    )
    dialog = Dialog(id, _inside_id(edge, id, response), caller, callee, state="confirmed", invite_cseq=number)
    dialog.own = response.call_id if dialog.call_id != response.call_id else ""
    edge.locate(callee)
    if (id, callee.tag) in edge.over:
        acknowledge(edge, dialog, now)
        return
    edge.keep(dialog)
    record = msgspec.msgpack.encode(dialog)
    edge.note(Answered(at=now, id=id, leg=callee.tag, dialog=record, late=True))
    end(edge, dialog, "late", now, caller_too=False)


def _inside_id(edge: Edge, id: str, response: Response) -> str:
    """The Call-ID inside, as far as anything is known of the attempt, so that its answers are told apart by one key."""
    orphan, call = edge.orphans.get(id), edge.calls.get(id)
    if orphan is not None:
        return orphan.prototype.call_id
    if call is not None:
        return call.prototype.call_id
    return next((dialog.call_id for dialog in edge.dialogs_of(id)), response.call_id)


def _way_back(edge: Edge, response: Response, origin: Origin) -> tuple[bytes, tuple[bytes, ...]]:
    """Target and route set of whoever answered; where they can't be read, the address that it answered from."""
    here = b"sip:" + host_port_bytes(origin.host, edge.port_of(origin))
    try:
        above = response.all("record-route")
        none = len(above) if edge.tokens.read_call_id(response.call_id) is not None else 0
        ours = next((i for i, value in enumerate(above) if edge.named_by(value) is not None), none)
        return contact_uri(response) or here, route_set(above[:ours][::-1])
    except SipParseError:
        return here, ()


def routed(edge: Edge, request: Request, server: Server | None, origin: Origin, now: int) -> bool:
    """An ACK or BYE inside a call that no record tells of, by its Route; False for anything else.

    No fact tells of an inbound call before its answer, and what was answered is told a moment later; an outbound one is
    told as ended where nothing was heard of it for long, or no answer to a CANCEL: if it is up all the same it can be
    ended.
    """
    if request.method not in ("ACK", "BYE"):
        return False
    routes = request.all("route")
    ids = [edge.named_by(route) for route in routes]
    id = next((id for id in ids if id is not None), None)
    if id is None or not (is_inbound(id) or edge.forgotten(id)):
        return False
    rest = [route for route, known in zip(routes, ids, strict=True) if known is None]
    uri = parse_uri(cut_address(rest[0])[1]) if rest else request.uri
    hop = _hop_facing(edge, uri, origin)
    if hop is None:
        return False
    if media.drops(edge, request, origin.party, edge.party_at(hop.listener, hop.host)):
        return True
    out = Outgoing(request, request.uri_raw)
    for route in rest:
        out.lead("route", route)
    branch = edge.tokens.branch(id, f"r{edge.tokens.number(now)}")
    client = Client(branch, now, request.method, hop)
    party = edge.party_at(hop.listener, hop.host)
    if party is not None and own.is_own(edge, party.names):
        client.restore = own.stateless(edge, out, id, hop, party)
    data = out.write(own.via(edge, client))
    if server is None:
        edge.transmit(client.hop, data)
    else:
        client.server, client.purpose = server, "passing"
        edge.send(client, data)
    return True
