"""What comes after a restart: calls restored from facts, and messages of transactions that are gone (F5).

Recovery gives back every answered dialog, in and out, and every attempt that was let through and neither answered nor
ended (an orphan: the caller's leg and the verdict). A response to an orphan's INVITE is known by the signature in its
branch, and repeats all that is needed to put both transactions up again (`revive`), so it takes its usual way. So does
a CANCEL of the caller, by his Call-ID and tag.

The rest passes without state, where it can't cost anything: responses inside known dialogs by the Via under ours (RFC
3261 §16.11), and ACK and BYE of calls that no record tells of, by their Route. A 2xx to an attempt that nobody
knows any more is a call that costs money without end: it is hung up.
"""

from __future__ import annotations

import msgspec

from ringfence.edge import media, probing, relay, sending
from ringfence.edge.calls import enter
from ringfence.edge.ending import acknowledge, end, over
from ringfence.edge.inside import CAUSES, CHALLENGED
from ringfence.edge.keys import key_of
from ringfence.edge.records import Call, Client, Origin, Orphan, Server, Target
from ringfence.edge.redirects import disarm
from ringfence.edge.rewrite import Outgoing, shown_from
from ringfence.edge.state import Edge, is_party
from ringfence.edge.tokens import is_inbound
from ringfence.model.fact import Answered, Decided, DialogChanged, Ended, Fact
from ringfence.model.time import SECOND
from ringfence.sip.address import cut_address
from ringfence.sip.build import ReplyHead, build_request
from ringfence.sip.dialog import Dialog, Leg, contact_uri, route_set
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes, wire
from ringfence.sip.hop import NextHop
from ringfence.sip.message import Request, Response
from ringfence.sip.timers import PATIENCE
from ringfence.sip.uri import Uri, parse_uri
from ringfence.sip.via import Via, parse_via

SKIP = 1_000
"""CSeq numbers that a restored dialog leaves out: the record doesn't tell of requests that refreshed nothing."""


# --- facts --------------------------------------------------------------------------------------------------------


def restore(edge: Edge, facts: list[Fact], now: int) -> None:
    """Take over the calls of the time before: those answered as dialogs, the others as orphans."""
    for fact in facts:
        if isinstance(fact, Decided):
            edge.adopt_orphan(fact.attempt.id)
            if fact.verdict.outcome == "allow" and fact.edge:
                _adopt(edge, fact, now)
        elif isinstance(fact, DialogChanged) and not fact.leg:
            _asked_again(edge, fact)
        elif isinstance(fact, Answered | DialogChanged) and fact.dialog:
            _restore_dialog(edge, fact)
        elif isinstance(fact, Ended):
            _forget(edge, fact)
    for dialog in list(edge.dialogs.values()):
        edge.digest.recall(dialog.caller)
        edge.digest.recall(dialog.callee)
        if dialog.cause:
            end(edge, dialog, dialog.cause, now, caller_too=False)
    if edge.dialogs:
        probing.begin(edge, now, probing.AFTER_START)


def _adopt(edge: Edge, fact: Decided, now: int) -> None:
    orphan = Orphan(msgspec.msgpack.decode(fact.edge, type=Dialog), fact.attempt, fact.verdict)
    orphan.prototype.trunk = fact.attempt.trunk
    edge.orphans[fact.attempt.id] = orphan
    edge.orphan_ids[orphan.key] = fact.attempt.id
    edge.digest.recall(orphan.prototype.caller)
    until = now + fact.verdict.ring_limit_s * SECOND + PATIENCE
    edge.agenda.arm(orphan, until, edge.orphans, fact.attempt.id)


def _asked_again(edge: Edge, fact: DialogChanged) -> None:
    """We answered a challenge to the INVITE of an attempt: the carrier numbers it otherwise than the caller."""
    orphan = edge.orphans.get(fact.id)
    if orphan is not None:
        orphan.prototype = msgspec.msgpack.decode(fact.dialog, type=Dialog)
        orphan.prototype.trunk = orphan.attempt.trunk


def _restore_dialog(edge: Edge, fact: Answered | DialogChanged) -> None:
    dialog = msgspec.msgpack.decode(fact.dialog, type=Dialog)
    late = isinstance(fact, Answered) and fact.late
    dialog.wake, dialog.armed, dialog.waiting, dialog.skip = 0, 0, 0, SKIP
    dialog.state, dialog.cause = "confirmed", "late" if late else ""
    if isinstance(fact, Answered):
        edge.remember_inbound(dialog)
    edge.keep(dialog)
    if not late:
        edge.adopt_orphan(dialog.id)


def _forget(edge: Edge, fact: Ended) -> None:
    for dialog in edge.dialogs_of(fact.id):
        if fact.leg in ("", dialog.callee.tag):
            edge.drop(dialog)
    if not fact.leg:
        edge.adopt_orphan(fact.id)


def gave_up(edge: Edge, orphan: Orphan, now: int) -> None:
    """No answer came to an orphan in all the time it may ring."""
    edge.adopt_orphan(orphan.attempt.id)
    edge.note(Ended(at=now, id=orphan.attempt.id, cause=orphan.cause or "lost"))


# --- INVITEs from before --------------------------------------------------------------------------------------------


def take(edge: Edge, branch: str, response: Response, origin: Origin, now: int) -> Client | None:
    """A response whose transaction is gone; gives that transaction where it can be put up again."""
    id = edge.tokens.read_branch(branch)
    if id is None:
        edge.count("stray")
        return None
    orphan = edge.orphans.get(id)
    vias = response.all("via")[1:]
    if orphan is not None and vias and _answers(orphan, response, origin):
        orphan.prototype.learn(response.cseq[0])
        call = _revive(edge, orphan, vias, branch, edge.hop_from(origin), now)
        return call.client
    _pass_on(edge, id, response, origin, now)
    return None


def _answers(orphan: Orphan, response: Response, origin: Origin) -> bool:
    """Whether it answers the orphan's INVITE; one of a trunk that was asked before its last one doesn't."""
    if response.cseq[1] != "INVITE" or orphan.attempt.trunk not in origin.party.names:
        return False
    return (response.call_id, response.from_tag) == orphan.key


def cancelled(edge: Edge, request: Request, origin: Origin, now: int) -> bool:
    """A caller hangs up on an attempt from before; False where there is none of his.

    The carrier may never have heard of it, so its final response isn't waited for longer than another target would be.
    """
    orphan = edge.orphans.get(edge.orphan_ids.get((request.call_id, request.from_tag or ""), ""))
    if orphan is None or not is_party(origin.party, orphan.prototype.caller.party):
        return False
    targets = edge.targets.of(orphan.attempt.trunk, now)
    if not targets:
        return False
    call = _revive(edge, orphan, request.all("via"), "", _hop(edge, orphan, targets[0]), now)
    sending.stop(edge, call, "cancelled", None, now)
    edge.agenda.arm(call, now + sending.FAILOVER, edge.calls, call.id)
    return True


def cut(edge: Edge, orphan: Orphan, cause: str, now: int) -> None:
    """End an attempt from before. Its final response ends it; where none comes, it is told as ended in a moment."""
    orphan.cause = orphan.cause or cause
    edge.agenda.arm(orphan, now + sending.FAILOVER, edge.orphans, orphan.attempt.id)
    targets = edge.targets.of(orphan.attempt.trunk, now)
    if targets:
        nobody = Server("", "ist.proceeding", now, NextHop("", "", 0), None)
        hop = _hop(edge, orphan, targets[0])
        relay.send_cancel(edge, _client(edge, orphan, _call(orphan, nobody), "", hop, now), now)


def _hop(edge: Edge, orphan: Orphan, target: Target) -> NextHop:
    return edge.hop_to(edge.policy.trunks[orphan.attempt.trunk].listen, target.host, target.port)


def _revive(edge: Edge, orphan: Orphan, vias: list[bytes], branch: str, hop: NextHop, now: int) -> Call:
    """The call as it was while its INVITE was out; `vias` are the caller's, and without a branch it is the first try's.

    Of the INVITE only that is known which its CANCEL and the ACK of a refusal repeat.
    """
    call = _call(orphan, _server(edge, orphan, vias, now))
    if orphan.cause:
        call.cancelled, call.final = orphan.cause, sending.CUT
    edge.servers[call.server.key] = call.server
    call.client = client = _client(edge, orphan, call, branch, hop, now)
    edge.clients[client.key] = client
    edge.step(client, "1xx", now)
    edge.adopt_orphan(call.id)
    enter(edge, call)
    return call


def _call(orphan: Orphan, server: Server) -> Call:
    call = Call(orphan.attempt.id, server, None, orphan.prototype, orphan.prototype.caller.party)
    call.attempt, call.verdict, call.trunk = orphan.attempt, orphan.verdict, orphan.attempt.trunk
    call.state, call.tries = "sent", 1
    return call


def _client(edge: Edge, orphan: Orphan, call: Call, branch: str, hop: NextHop, now: int) -> Client:
    prototype, verdict = orphan.prototype, orphan.verdict
    branch = branch or sending.branch_of(edge, call, prototype.invite_cseq)
    limit = now + verdict.ring_limit_s * SECOND
    client = Client(branch, now, "INVITE", hop, limit)
    client.server, client.call, client.dialog = call.server, call.id, prototype
    if verdict.send_caller is not None:
        client.restore = (("from", prototype.caller.seen),)
        prototype.caller.name = shown_from(prototype.caller.seen, orphan.attempt, verdict.send_caller)
    headers = [
        ("Via", edge.via(hop.listener, branch)),
        ("From", prototype.caller.name),
        ("To", prototype.callee.name),
        ("Call-ID", wire(prototype.call_id)),
        ("CSeq", b"%d INVITE" % prototype.to_callee(prototype.invite_cseq)),
    ]
    if prototype.shift:
        client.restore += (("cseq", b"%d INVITE" % prototype.invite_cseq),)
    uri = b"sip:" + wire(verdict.send_user) + b"@" + host_port_bytes(hop.host, hop.port)
    client.last = build_request("INVITE", uri, headers).to_bytes()
    return client


def _server(edge: Edge, orphan: Orphan, vias: list[bytes], now: int) -> Server:
    """The caller's transaction: where its answers go stands in his Via, as we wrote it there.

    The carrier repeats it; if it names somebody else, the caller's record holds.
    """
    prototype, via = orphan.prototype, parse_via(vias[0])
    caller = prototype.caller
    hop = _hop_by_via(edge, caller.listener, via)
    party = edge.peers.find(caller.listener, hop.host)
    if party is None or not is_party(party, caller.party):
        hop = edge.hop_of(caller)
    lines = [b"Via: " + value for value in vias]
    lines += [
        b"From: " + prototype.caller.seen,
        b"Call-ID: " + wire(prototype.call_id),
        b"CSeq: %d INVITE" % prototype.invite_cseq,
    ]
    head = ReplyHead(b"\r\n".join(lines) + b"\r\n", b"To: " + prototype.callee.name, False)
    key = key_of(vias[0], hop.host, "INVITE", prototype.call_id, prototype.invite_cseq, prototype.caller.tag)
    return Server(key, "ist.proceeding", now, hop, head)


# --- without state --------------------------------------------------------------------------------------------------


def _pass_on(edge: Edge, id: str, response: Response, origin: Origin, now: int) -> None:
    tags = (response.from_tag, response.to_tag)
    for dialog in edge.dialogs_of(id):
        for leg, side in ((dialog.caller, "c"), (dialog.callee, "s")):
            if tags == (leg.tag, dialog.other(leg).tag):
                _inside(edge, dialog, leg, side, response, now)
                return
    if is_inbound(id):
        _by_via(edge, response, _listener(edge, response, origin), origin)
    elif response.cseq[1] == "INVITE" and 200 <= response.status < 300 and response.to_tag:
        _hang_up(edge, id, response, origin, now)


def _inside(edge: Edge, dialog: Dialog, leg: Leg, side: str, response: Response, now: int) -> None:
    """A response to a request of this leg, by the record."""
    if media.objects(edge, dialog, dialog.other(leg), response, now):
        end(edge, dialog, media.CAUSE, now)
        return
    if dialog.caller.name != dialog.caller.seen:
        response.set(*(("from", leg.seen) if side == "c" else ("to", dialog.caller.name)))
    status, (number, method) = response.status, response.cseq
    if dialog.shift and side == "c":
        if method == "INVITE" and dialog.shift == SKIP and number - dialog.invite_cseq < SKIP:
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
    hop = _hop_by_via(edge, listener, response.top_via)
    party = edge.party_at(listener, hop.host)
    if party is not None and not (origin is not None and media.drops(edge, response, origin.party, party)):
        edge.transmit(hop, disarm(response).to_bytes())


def _hop_by_via(edge: Edge, listener: str, via: Via) -> NextHop:
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
    dialog = Dialog(id, response.call_id, caller, callee, state="confirmed", invite_cseq=number)
    edge.locate(callee)
    if (id, callee.tag) in edge.over:
        acknowledge(edge, dialog, now)
        return
    edge.keep(dialog)
    record = msgspec.msgpack.encode(dialog)
    edge.note(Answered(at=now, id=id, leg=callee.tag, dialog=record, late=True))
    end(edge, dialog, "late", now, caller_too=False)


def _way_back(edge: Edge, response: Response, origin: Origin) -> tuple[bytes, tuple[bytes, ...]]:
    """Target and route set of whoever answered; where they can't be read, the address that it answered from."""
    here = b"sip:" + host_port_bytes(origin.host, edge.port_of(origin))
    try:
        above = response.all("record-route")
        ours = next((i for i, value in enumerate(above) if edge.named_by(value) is not None), 0)
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
    data = out.write(edge.via(hop.listener, branch))
    client = Client(branch, now, request.method, hop)
    if server is None:
        edge.transmit(client.hop, data)
    else:
        client.server, client.purpose = server, "passing"
        edge.send(client, data)
    return True
