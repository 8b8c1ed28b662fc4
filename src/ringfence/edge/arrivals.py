"""A message that was read: which transaction, dialog or beginning it belongs to.

A request is asked in this order: does a transaction know it (a repetition, an ACK, a CANCEL; RFC 3261 §17.2.3), is it
inside a dialog, does it begin something. A response belongs to the client transaction with its branch, or to one from
before a restart.
"""

from __future__ import annotations

import logging
import re

from ringfence.edge import (
    accounts,
    answers,
    enrolment,
    flows,
    inside,
    invites,
    late,
    offences,
    passing,
    preconditions,
    probing,
    reasking,
    registers,
    registrar,
    relay,
    sending,
    unheard,
)
from ringfence.edge.calls import finish, refuse
from ringfence.edge.ending import bye_is_over
from ringfence.edge.guests import NOBODY
from ringfence.edge.keys import branch_of, key_of_cancelled, key_of_request
from ringfence.edge.records import Client, Origin, Server
from ringfence.edge.redirects import disarm
from ringfence.edge.state import MAX_TRANSACTIONS, Edge
from ringfence.sip.build import reflect, reply, reply_head
from ringfence.sip.errors import SipParseError
from ringfence.sip.message import Request, Response
from ringfence.sip.transaction import OVER, event_of
from ringfence.sip.via import Via, parse_via

ALLOW = b"INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, NOTIFY, REGISTER"
NOT_THERE = inside.NOT_THERE
log = logging.getLogger("ringfence.edge")

_BARE_RPORT = re.compile(rb";[ \t]*rport[ \t]*(?=;|$)", re.IGNORECASE)


# --- responses ------------------------------------------------------------------------------------------------------


def response(edge: Edge, response: Response, origin: Origin, now: int) -> None:
    """A response goes to the transaction of its branch."""
    branch, method = branch_of(response.first("via") or b""), response.cseq[1]
    client = edge.clients.get(relay.cancel_key(branch) if method == "CANCEL" else branch)
    if client is None or client.method != method:
        client = late.take(edge, branch, response, origin, now)
        if client is None:
            return
    if response.status >= 200:
        edge.current = client.server  # Whoever waits for it gets an answer, also where this one can't be read.
    asked = reasking.again(edge, client, response, now) if response.status in reasking.CHALLENGES else None
    action = edge.step(client, event_of(response.status), now)
    if action == "cancel":
        relay.send_cancel(edge, client, now)
        return
    if "ack" in action:
        relay.acknowledge(edge, client, response)
    if asked is not None:
        reasking.send(edge, *asked, now)
    elif "pass" in action:
        _pass(edge, client, response, now)


def _pass(edge: Edge, client: Client, response: Response, now: int) -> None:
    purpose = client.purpose
    if purpose == "begin":
        answers.take(edge, client, response, now)
    elif purpose == "inside":
        inside.answered(edge, client, response, now)
    elif purpose == "register":
        registers.answered(edge, client, response, now)
    elif purpose == "asking":
        probing.answered(edge, client, response, now)
    elif purpose == "enrol":
        enrolment.answered(edge, client, response, now)
    elif purpose == "passing":
        relay.pass_back(edge, client, disarm(response), now)
    elif purpose == "ours" and response.status >= 200 and client.dialog is not None:
        bye_is_over(edge, client.dialog, now)


# --- requests -------------------------------------------------------------------------------------------------------


def request(edge: Edge, request: Request, origin: Origin, now: int) -> None:
    """A request goes to its transaction, or begins one."""
    key = key_of_request(request, request.first("via") or b"", origin.host)
    server = edge.servers.get(key)
    if request.method == "ACK":
        if server is not None and _confirmed(edge, server, now):
            return
        if origin.guest and request.to_tag == accounts.tag(edge, request, origin):
            offences.heard(edge, request, origin, now)
        elif origin.party is NOBODY:
            edge.strangers.count(origin.listener, origin.host, "ACK", now)
        else:
            _acknowledged(edge, request, origin, now)
    elif server is not None:
        if origin.flow and server.hop.flow not in edge.flows:  # Its sender connected anew, to ask again.
            server.hop = server.hop._replace(flow=origin.flow)
        if server.step("request", now) == "repeat" and server.last:
            edge.transmit(server.hop, server.last)
    elif not origin.guest:
        _begin(edge, request, key, origin, now)
    else:
        _stamp(request, request.top_via, origin)
        proven = accounts.prove(edge, request, key, origin, now)
        if proven is not None:
            _begin(edge, request, key, proven, now)


def _confirmed(edge: Edge, server: Server, now: int) -> bool:
    """Whether an ACK is that of a non-2xx final of ours."""
    if server.state not in ("ist.completed", "ist.confirmed"):
        return False
    server.step("ack", now)
    if server.state == OVER:
        edge.forget(server)
    else:
        edge.agenda.arm(server, server.wake, edge.servers, server.key)
    return True


def _acknowledged(edge: Edge, request: Request, origin: Origin, now: int) -> None:
    unheard.recall(edge, request, origin, now)
    if not inside.acknowledged(edge, request, origin, now) and not passing.routed(edge, request, None, origin, now):
        edge.count("stray")


def _begin(edge: Edge, request: Request, key: str, origin: Origin, now: int) -> None:
    method, initial, via = request.method, request.to_tag is None, request.top_via
    if len(edge.servers) >= (MAX_TRANSACTIONS if initial else MAX_TRANSACTIONS * 5 // 4):
        edge.count("bound")
        return
    _stamp(request, via, origin)
    state = "ist.proceeding" if method == "INVITE" else "nist.trying"
    if origin.domains and "alias" in via.params:
        flows.alias(edge, origin, via.port)
    server = Server(key, state, now, edge.hop_back(origin, via), reply_head(request))
    edge.serve(server)
    if method == "CANCEL":
        _cancelled(edge, request, key, server, origin, now)
    elif not initial:
        unheard.recall(edge, request, origin, now)
        found = inside.take(edge, request, server, origin, now) or passing.routed(edge, request, server, origin, now)
        if not found:
            edge.respond(server, 481, NOT_THERE, now)
    elif origin.former:
        edge.respond(server, 403, "Forbidden", now)
    else:
        _begin_something(edge, request, server, origin, now)


def _begin_something(edge: Edge, request: Request, server: Server, origin: Origin, now: int) -> None:
    method, problem = request.method, preconditions.problem(edge, request, origin)
    if problem is not None:
        edge.respond(server, problem[0], problem[1], now, problem[2])
    elif method == "INVITE":
        invites.begin(edge, request, server, origin, now)
    elif method == "REGISTER":
        if origin.account and not registers.is_for_carrier(edge, request, origin):
            registrar.register(edge, request, server, origin, now)
        else:
            registers.forward(edge, request, server, origin, now)
    elif method == "OPTIONS":
        edge.respond(server, 200, "OK", now, (("Allow", ALLOW), ("Accept", b"application/sdp")))
    elif method in ("REFER", "MESSAGE"):
        refuse(edge, server, 603, "Declined", now)
    elif method in ("BYE", "UPDATE", "PRACK", "INFO", "NOTIFY"):
        edge.respond(server, 481, NOT_THERE, now)
    else:
        edge.respond(server, 405, "Method Not Allowed", now, (("Allow", ALLOW),))


def _cancelled(edge: Edge, request: Request, key: str, server: Server, origin: Origin, now: int) -> None:
    """CANCEL (§9.2): answered for itself, then the INVITE is given up."""
    invite = edge.servers.get(key_of_cancelled(key))
    if invite is None:
        known = late.cancelled(edge, request, origin, now)
        edge.respond(server, 200 if known else 481, "OK" if known else NOT_THERE, now)
        return
    edge.respond(server, 200, "OK", now)
    if invite.state != "ist.proceeding":
        return
    call, client = edge.calls.get(invite.call), edge.clients.get(invite.call)
    if call is not None and call.state != "over":
        relay.explain(edge, call.client, request)
        sending.stop(edge, call, "cancelled", None, now)
    elif client is not None:
        relay.explain(edge, client, request)
        relay.cancel(edge, client, now)


def _stamp(request: Request, via: Via, origin: Origin) -> None:
    """Write into the top Via where the request really came from (§18.2.1, RFC 3581 §4)."""
    if via.host == origin.host and "rport" not in via.params:
        return
    value = request.first("via") or b""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    if "received" not in via.params and via.params.get("rport", "no") is None:
        value = _BARE_RPORT.sub(b";rport=%d" % origin.port, value, count=1) + b";received=" + host.encode("ascii")
    else:
        params = {name: given for name, given in via.params.items() if name not in ("received", "rport")}
        params |= {"received": host} | ({"rport": str(origin.port)} if "rport" in via.params else {})
        value = Via(via.transport, via.host, via.port, params).to_bytes()
    request.replace_first("via", value)


# --- what can't be taken --------------------------------------------------------------------------------------------


def _noted(edge: Edge, origin: Origin, error: SipParseError, now: int) -> None:
    """Count what somebody we know sends and nobody can read, and tell the first of ten seconds with its reason."""
    edge.count("malformed")
    if origin.party.names and edge.strangers.count(origin.listener, origin.host, "malformed", now) == 1:
        who = ", ".join(origin.party.names)
        log.warning("a message from %s (%s:%d) can't be read: %s", who, origin.host, origin.port, error.reason)


def unreadable(edge: Edge, data: bytes, origin: Origin, error: SipParseError, now: int) -> None:
    """Answer what can't be read: by its transaction where it got so far, else without state.

    Nothing to strangers, to an ACK or a response, or to what has no Via.
    """
    _noted(edge, origin, error, now)
    offences.unreadable(edge, origin, error.reason, now)
    if edge.current is not None:
        stumbled(edge, error.status, error.reason, now)
        return
    if data.startswith(b"ACK ") or data[:4].upper() == b"SIP/" or not origin.party.names:
        return
    found = reflect(data)
    if found is None:
        return
    head, top = found
    try:
        via = parse_via(top)
    except SipParseError:
        return
    edge.transmit(edge.hop_back(origin, via), reply(head, error.status, error.reason, edge.tokens.tag(top.hex())))


def stumbled(edge: Edge, status: int, reason: str, now: int) -> None:
    """A request over which, or over whose answer, we stumbled gets its answer all the same, and its call an end."""
    server = edge.current
    if server is None or server.head is None:
        return
    if edge.raw[:4].upper() == b"SIP/":
        status, reason = 502, "Bad Gateway"
    call = edge.calls.get(server.call)
    if call is not None and call.server is server:
        finish(edge, call, status, reason, "error", now)
    else:
        edge.respond(server, status, reason, now)
