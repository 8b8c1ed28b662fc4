"""The proxy without I/O and without a clock: datagrams and verdicts in, effects out.

    edge.receive(data, host, port, listener, now)      one datagram
    edge.decided(attempt_id, verdict, now)             the answer to an `Ask`
    edge.cut(attempt_id, leg, cause, now)              an order to end a call
    edge.tick(now)                                     at `due()` or later
    edge.effects()                                     what has to be done, in order

A datagram is asked in this order: who sends it (strangers get no answer and cost no parsing), does it parse, does a
transaction know it (RFC 3261 §17), is it inside a dialog, does it begin something. One broad border is here: a message
over which we stumble is dropped, counted and logged by the caller, and the others go on.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ringfence.edge import answers, inside, invites, late, registers, sending
from ringfence.edge.calls import refuse
from ringfence.edge.effects import Effect, Note
from ringfence.edge.ending import bye_is_over, end
from ringfence.edge.identity import dialled
from ringfence.edge.peers import plain_host
from ringfence.edge.relay import acknowledge
from ringfence.edge.state import (
    MAX_TRANSACTIONS,
    Call,
    Client,
    Edge,
    Origin,
    Orphan,
    Retry,
    Server,
    Target,
)
from ringfence.model.fact import Ended, Fact
from ringfence.model.settings import Policy
from ringfence.model.verdict import Verdict
from ringfence.numbers import DialPlan
from ringfence.sip.build import build_response
from ringfence.sip.dialog import Dialog
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes
from ringfence.sip.message import Request, Response, parse
from ringfence.sip.transaction import OVER, event_of
from ringfence.sip.via import Via

ALLOW = b"INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, NOTIFY, REGISTER"


class EdgeCore:
    """One proxy; `secret` signs what it gives away and has to be the same after a restart."""

    def __init__(self, policy: Policy, node: str, secret: bytes) -> None:
        self._edge = Edge(policy, secret, node)
        self._plans: dict[str, DialPlan] = {}

    # In.

    def receive(self, data: bytes, host: str, port: int, listener: str, now: int) -> None:
        """One datagram from an address."""
        edge, host = self._edge, plain_host(host)
        origin = self._origin(listener, host, port)
        if origin is None:
            edge.strangers.count(listener, host, data, now)
            return
        if not data.strip(b"\r\n\x00"):
            edge.count("keepalive")
            return
        try:
            message = parse(data)
            _check(message)
            if isinstance(message, Response):
                self._response(message, origin, now)
            else:
                self._request(message, origin, now)
        except SipParseError:
            edge.count("malformed")

    def decided(self, attempt_id: str, verdict: Verdict, now: int) -> None:
        """The answer to an Ask."""
        invites.decided(self._edge, attempt_id, verdict, now)

    def cut(self, attempt_id: str, leg: str, cause: str, now: int) -> bool:
        """End a call, or one leg of it; False where there is nothing that could be told as ended later."""
        edge = self._edge
        dialogs = [d for d in edge.dialogs_of(attempt_id) if d.state != "early" and leg in ("", d.callee.tag)]
        for dialog in dialogs:
            end(edge, dialog, cause, now)
        call = edge.calls.get(attempt_id) if not leg else None
        if call is not None and call.state != "over":
            sending.stop(edge, call, cause, (480, "Temporarily Unavailable"), now)
        orphan = edge.adopt_orphan(attempt_id) if not leg and not dialogs else None
        if orphan is not None:
            edge.note(Ended(at=now, id=attempt_id, cause=cause))
        return bool(dialogs) or call is not None or orphan is not None

    def overloaded(self, flag: bool) -> None:
        """Whether new calls are refused at the door from now on."""
        self._edge.overloaded = flag

    def use(self, policy: Policy) -> None:
        """Another policy between two messages."""
        self._plans.clear()
        self._edge.use(policy)

    def set_targets(self, trunk: str, targets: list[Target]) -> None:
        """Resolved addresses of a trunk's `send_to`, in order."""
        self._edge.fixed[trunk] = targets

    def restore(self, facts: list[Fact], now: int) -> None:
        """The calls of the time before a restart, by their facts in order."""
        late.restore(self._edge, facts, now)

    # Out.

    def effects(self) -> list[Effect]:
        """What has to be done; taken once."""
        out, self._edge.out = self._edge.out, []
        return out

    def due(self) -> int | None:
        """When `tick` is wanted."""
        agenda, flush = self._edge.agenda.due(), self._edge.strangers.until
        return min((at for at in (agenda, flush) if at), default=None)

    def status(self) -> dict[str, Any]:
        """Sizes of the tables and counts since start."""
        edge = self._edge
        return {
            "dialogs": len(edge.dialogs),
            "waiting": len(edge.calls),
            "transactions": len(edge.servers) + len(edge.clients),
            "orphans": len(edge.orphans),
            "overloaded": edge.overloaded,
            **edge.counters,
        }

    # Time.

    def tick(self, now: int) -> None:
        """Do what is due."""
        edge = self._edge
        if edge.strangers.until and edge.strangers.until <= now:
            self.flush(now)
        for owner in edge.agenda.expired(now):
            self._due(owner, now)

    def flush(self, now: int) -> None:
        """Tell of the strangers so far, though their ten seconds aren't over."""
        self._edge.out += [Note(fact) for fact in self._edge.strangers.flush(now)]

    def _due(self, owner: Any, now: int) -> None:
        edge = self._edge
        if isinstance(owner, Client):
            self._client_due(owner, now)
        elif isinstance(owner, Server):
            self._server_due(owner, now)
        elif isinstance(owner, Call):
            sending.waited(edge, owner, now)
        elif isinstance(owner, Dialog):
            end(edge, owner, "lost", now)
        elif isinstance(owner, Retry):
            edge.give_up(owner, now)
        elif isinstance(owner, Orphan):
            edge.adopt_orphan(owner.attempt.id)

    def _server_due(self, server: Server, now: int) -> None:
        edge = self._edge
        if server.fire(now) == "repeat" and server.last:
            edge.transmit(server.listener, server.last, server.host, server.port)
        if server.state == OVER:
            edge.forget(server)
        elif server.wake:
            edge.agenda.arm(now, server.wake, edge.servers, server.key)

    def _client_due(self, client: Client, now: int) -> None:
        edge = self._edge
        action = client.fire(now)
        if client.state == OVER:
            edge.clients.pop(client.key, None)
        elif client.wake:
            edge.agenda.arm(now, client.wake, edge.clients, client.key)
        if action == "repeat":
            edge.transmit(client.listener, client.last, client.host, client.port)
        elif action == "cancel":
            self._rang_out(client, now)
        elif action == "fail":
            self._silent(client, now)

    def _rang_out(self, client: Client, now: int) -> None:
        """The ring limit or timer C."""
        edge = self._edge
        call = edge.calls.get(client.call)
        if call is not None and call.client is client:
            call.cancelled, call.final, call.targets = call.cancelled or "no-answer", (408, "Request Timeout"), []
        sending.send_cancel(edge, client, now)

    def _silent(self, client: Client, now: int) -> None:
        """A client transaction gave up."""
        edge = self._edge
        if client.purpose == "ours" and client.dialog is not None:
            bye_is_over(edge, client.dialog, now)
        elif client.purpose == "inside":
            inside.gave_up(edge, client, now)
        elif client.purpose == "register" and client.server is not None:
            edge.respond(client.server, 504, "Server Time-out", now)
        elif client.purpose == "relay":
            call = edge.calls.get(client.call)
            if call is not None and call.client is client:
                sending.fail(edge, call, 408, now)

    # Messages.

    def _origin(self, listener: str, host: str, port: int) -> Origin | None:
        edge = self._edge
        party = edge.peers.find(listener, host)
        if party is not None:
            return Origin(listener, host, port, party)
        party = edge.former.find(listener, host) if edge.former is not None else None
        return Origin(listener, host, port, party, former=True) if party is not None else None

    def _response(self, response: Response, origin: Origin, now: int) -> None:
        edge = self._edge
        branch = response.top_via.branch or ""
        cancel = response.cseq[1] == "CANCEL"
        client = edge.clients.get(sending.cancel_key(branch) if cancel else branch)
        if client is None:
            id = edge.tokens.read_branch(branch)
            if id is not None:
                source = Target(origin.host, origin.port)
                late.take(edge, id, response, source, origin.listener, now)
            else:
                edge.count("stray")
            return
        action = edge.step(client, event_of(response.status), now)
        if "ack" in action:
            acknowledge(edge, client, response)
        if action == "cancel":
            sending.send_cancel(edge, client, now)
        if "pass" in action:
            self._pass(client, response, now)

    def _pass(self, client: Client, response: Response, now: int) -> None:
        edge = self._edge
        if client.purpose == "relay":
            answers.take(edge, client, response, now)
        elif client.purpose == "inside":
            inside.answered(edge, client, response, now)
        elif client.purpose == "register":
            registers.answered(edge, client, response, now)
        elif client.purpose == "ours" and response.status >= 200 and client.dialog is not None:
            bye_is_over(edge, client.dialog, now)

    def _request(self, request: Request, origin: Origin, now: int) -> None:
        edge = self._edge
        via = request.top_via
        method = "INVITE" if request.method == "ACK" else request.method
        key = f"{origin.host} {via.branch} {via.host}:{via.port} {method}"
        server = edge.servers.get(key)
        if request.method == "ACK":
            if server is None or not self._acked(server, now):
                inside.acknowledged(edge, request, origin, now)
            return
        if server is not None:
            if server.step("request", now) == "repeat" and server.last:
                edge.transmit(server.listener, server.last, server.host, server.port)
            return
        if len(edge.servers) >= MAX_TRANSACTIONS:
            edge.count("bound")
            return
        self._new(request, key, via, origin, now)

    def _acked(self, server: Server, now: int) -> bool:
        """Whether an ACK is that of a non-2xx final of ours."""
        edge, before = self._edge, server.state
        if before not in ("ist.completed", "ist.confirmed"):
            return False
        server.step("ack", now)
        if server.state != before and server.wake:
            edge.agenda.arm(now, server.wake, edge.servers, server.key)
        return True

    def _new(self, request: Request, key: str, via: Via, origin: Origin, now: int) -> None:
        edge, method = self._edge, request.method
        initial = not request.to_tag
        if method == "INVITE" and initial and edge.overloaded and not self._is_emergency(request, origin):
            self._turn_away(request, via, origin)
            return
        _stamp(request, via, origin)
        server = edge.serve(key, request, origin, via, now)
        if origin.former and initial and method != "CANCEL":
            edge.respond(server, 403, "Forbidden", now)
        elif method == "CANCEL":
            self._cancelled(request, key, server, now)
        elif not initial:
            inside.take(edge, request, server, origin, now)
        elif method == "INVITE":
            invites.begin(edge, request, server, origin, now)
        elif method == "REGISTER":
            registers.forward(edge, request, server, origin, now)
        elif method == "OPTIONS":
            edge.respond(server, 200, "OK", now, (("Allow", ALLOW), ("Accept", b"application/sdp")))
        elif method in ("REFER", "MESSAGE"):
            refuse(edge, server, 603, "Declined", now)
        else:
            edge.respond(server, 405, "Method Not Allowed", now, (("Allow", ALLOW),))

    def _cancelled(self, request: Request, key: str, server: Server, now: int) -> None:
        """CANCEL (§9.2): answered for itself, then the INVITE is given up."""
        edge = self._edge
        invite = edge.servers.get(f"{key.removesuffix(' CANCEL')} INVITE")
        if invite is None:
            edge.respond(server, 481, "Call/Transaction Does Not Exist", now)
            return
        edge.respond(server, 200, "OK", now)
        if invite.state != "ist.proceeding":
            return
        call = edge.calls.get(invite.call)
        client = edge.clients.get(invite.call)
        if call is not None and call.state != "over":
            sending.stop(edge, call, "cancelled", None, now)
        elif client is not None:
            sending.cancel(edge, client, now)

    # Overload.

    def _is_emergency(self, request: Request, origin: Origin) -> bool:
        """Whether a source dials an emergency number: the one question that is asked before overload."""
        if origin.party.kind != "source":
            return False
        name = origin.party.names[0]
        plan = self._plans.get(name)
        if plan is None:
            plan = self._plans[name] = DialPlan(self._edge.policy.sources[name].plan)
        return plan.is_emergency(dialled(request))

    def _turn_away(self, request: Request, via: Via, origin: Origin) -> None:
        """503 without Retry-After and without state: what repeats is answered the same."""
        edge = self._edge
        edge.count("overload")
        _stamp(request, via, origin)
        response = build_response(request, 503, "Service Unavailable", to_tag=edge.tokens.tag(request.call_id))
        port = origin.port if "rport" in via.params else via.port or 5060
        edge.transmit(origin.listener, response.to_bytes(), origin.host, port)


def _check(message: Request | Response) -> None:
    """Read what is needed before anything changes: a call that begins or is answered whole, the rest by its hop."""
    begins = not message.to_tag if isinstance(message, Request) else 100 < message.status < 300
    if begins and message.cseq[1] != "BYE":
        message.validate()
    else:
        message.validate_hop()


def _stamp(request: Request, via: Via, origin: Origin) -> None:
    """Write into the top Via where the request really came from (§18.2.1, RFC 3581 §4)."""
    asks_port = "rport" in via.params
    if via.host == origin.host and not asks_port:
        return
    params = {name: value for name, value in via.params.items() if name not in ("received", "rport")}
    params["received"] = host_port_bytes(origin.host, None).decode("ascii")
    if asks_port:
        params["rport"] = str(origin.port)
    request.replace_first("via", msgspec.structs.replace(via, params=params).to_bytes())
