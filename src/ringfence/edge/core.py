"""The proxy without I/O and without a clock: datagrams and verdicts in, effects out.

    edge.receive(data, host, port, listener, now)      one datagram
    edge.opened(flow, ...), edge.take(flow, data, now), edge.closed(flow, now)     a connection, and one message on it
    edge.unsent(key, now)                              a request of ours can't be sent
    edge.decided(attempt_id, verdict, now)             the answer to an `Ask`
    edge.cut(attempt_id, leg, cause, now)              an order to end a call
    edge.tick(now)                                     at `due()` or later
    edge.effects()                                     what has to be done, in order

A datagram is asked first who sends it: a stranger gets no answer and costs no parsing. In overload new calls are
refused at the door. One broad border is here: a message over which we stumble is counted, logged and, if it is a
request, answered with 500; the others go on.
"""

from __future__ import annotations

import logging
from typing import Any

from ringfence.edge import (
    accounts,
    arrivals,
    enrolment,
    flows,
    inside,
    invites,
    late,
    offences,
    passwords,
    probing,
    registrar,
    relay,
    sending,
    transfers,
    verifying,
)
from ringfence.edge.bindings import Binding
from ringfence.edge.door import Door, is_too_fast, turned_away
from ringfence.edge.effects import Effect, HangUp, Note
from ringfence.edge.ending import end
from ringfence.edge.enrolled import Enrolment
from ringfence.edge.flows import Admitted, Expected
from ringfence.edge.guests import NOBODY, stranger
from ringfence.edge.peers import plain_host
from ringfence.edge.records import Account, Call, Client, Origin, Orphan, Retry, Round, Server
from ringfence.edge.referrals import Transfer
from ringfence.edge.secrets import Secrets
from ringfence.edge.shaken.material import Material
from ringfence.edge.state import MAX_ORIGINS, Edge
from ringfence.edge.strangers import kind_of
from ringfence.edge.targets import Address, Name
from ringfence.engine.bans import Bans
from ringfence.model.fact import Fact
from ringfence.model.settings import Policy
from ringfence.model.verdict import Verdict
from ringfence.sip.dialog import Dialog
from ringfence.sip.errors import SipParseError
from ringfence.sip.hop import NextHop
from ringfence.sip.message import Response
from ringfence.sip.parse import parse
from ringfence.sip.transaction import OVER

log = logging.getLogger("ringfence.edge")

_SILENT = (b"\r", b"\n", b"\x00", b"")
"""What a keep-alive begins with."""


class EdgeCore:
    """One proxy; `secret` signs what it gives away and has to be the same after a restart."""

    def __init__(
        self, policy: Policy, node: str, secret: bytes, secrets: Secrets | None = None, bans: Bans | None = None
    ) -> None:
        """`secrets`: of the accounts of digest sources; `bans`: the engine's, which are looked at here."""
        self._edge = Edge(policy, secret, node, secrets or Secrets())
        self._bans = Bans() if bans is None else bans
        self._door = Door()

    # In.

    def receive(self, data: bytes, host: str, port: int, listener: str, now: int) -> None:
        """One datagram from an address."""
        edge = self._edge
        origin = edge.origins.get((listener, host, port)) or self._origin(listener, host, port)
        if origin is not None:
            self._door.known += 1
            self._received(data, origin, now)
            return
        self._door.strangers += 1
        address = plain_host(host)
        if self._keeps_out(data, (listener, address, port), now):
            edge.count("banned")
        elif listener in edge.digest.entrances:
            self._knocked(data, stranger(listener, address, port), now)
        else:
            edge.strangers.count(listener, address, kind_of(data), now)

    def _keeps_out(self, data: bytes, place: tuple[str, str, int], now: int) -> bool:
        """Whether nothing is taken from there, whom the policy doesn't name."""
        return self._bans.covers(place[1], now) and offences.is_kept_out(self._edge, data, place)

    def _knocked(self, data: bytes, origin: Origin, now: int) -> None:
        """Something from an address that the policy doesn't name, at a listener that challenges."""
        if self._door.crowded and offences.is_kept_out(self._edge, data, origin[:3]):
            self._edge.count("crowded")
            self._edge.strangers.count(origin.listener, origin.host, kind_of(data), now)
            return
        found = accounts.arrived(self._edge, data, origin, now)
        if found is not None:
            self._received(data, found, now)

    def admits(self, listener: str, host: str, now: int) -> Admitted:
        """Whether a connection from this address may be opened, and by whom."""
        if self._bans.covers(plain_host(host), now):
            self._edge.count("banned")
            return ""
        return flows.admits(self._edge, listener, host, now)

    def banned(self, now: int) -> None:
        """Somebody more is banned: his connections are closed, but for those that he isn't kept out of."""
        edge = self._edge
        for flow, origin in edge.flows.items():
            if origin.guest and self._keeps_out(b"", origin[:3], now):
                edge.out.append(HangUp(flow))

    def shares(self, name: str) -> bool:
        """Whether an account's password was right at an address or in a network."""
        return self._edge.digest.guests.within(name)

    def is_proven(self, flow: int) -> bool:
        """Whether it is known who is at the far end of a connection."""
        return flows.is_proven(self._edge, flow)

    def expected(self, listener: str, host: str, port: int) -> Expected:
        """Whom a connection to this address is made to."""
        return flows.expected(self._edge, listener, host, port)

    def secured(self, now: int) -> list[NextHop]:
        """Where calls go over TLS, as far as it is known."""
        return flows.secured(self._edge, now)

    def opened(
        self, flow: int, listener: str, host: str, port: int, *, dialled: bool, domains: tuple[str, ...] = ()
    ) -> bool:
        """A connection with this number is open, by us (`dialled`) or to us; False where it has to be closed.

        `domains` is what the certificate at its far end is of, where one was asked for.
        """
        return flows.opened(self._edge, flow, listener, host, port, dialled=dialled, domains=domains)

    def take(self, flow: int, data: bytes, now: int) -> None:
        """One message on a connection."""
        origin = self._edge.flows.get(flow)
        if origin is not None and origin.guest:
            if self._keeps_out(data, origin[:3], now):
                self._edge.count("banned")
            else:
                self._knocked(data, origin, now)
        elif origin is not None:
            self._received(data, origin, now)

    def broken(self, flow: int, data: bytes, error: SipParseError, now: int) -> None:
        """A connection can't be followed any further; `data` is what the message begins with that can't be framed."""
        origin = self._edge.flows.get(flow)
        if origin is not None:
            self._edge.current = None
            arrivals.unreadable(self._edge, data, origin, error, now)

    def closed(self, flow: int, now: int) -> None:
        """A connection is gone."""
        flows.closed(self._edge, flow, now)

    def unsent(self, key: str, now: int) -> None:
        """The request of a client transaction can't be sent."""
        flows.unsent(self._edge, key, now)

    def _received(self, data: bytes, origin: Origin, now: int) -> None:
        edge = self._edge
        edge.raw, edge.current = data, None
        fast = origin.party is not NOBODY and is_too_fast(edge, data, origin, now)
        if fast and not data.startswith(b"INVITE "):
            return
        try:
            if (self._door.idle and not fast) or not turned_away(edge, self._door, data, origin, now, fast=fast):
                self._take(data, origin, now)
        except SipParseError as error:
            arrivals.unreadable(edge, data, origin, error, now)
        except Exception:
            edge.count("error")
            log.exception("a message from %s:%d could not be handled", origin.host, origin.port)
            arrivals.stumbled(edge, 500, "Server Internal Error", now)

    def _take(self, data: bytes, origin: Origin, now: int) -> None:
        if data[:1] in _SILENT and not data.strip(b"\r\n\x00"):
            self._edge.count("keepalive")
            return
        message = parse(data)
        if isinstance(message, Response):
            arrivals.response(self._edge, message, origin, now)
        else:
            arrivals.request(self._edge, message, origin, now)

    def _origin(self, listener: str, host: str, port: int) -> Origin | None:
        """Who this is; remembered, but for strangers."""
        edge, address = self._edge, plain_host(host)
        found = flows.who(edge, listener, address)
        if found is None:
            return None
        if len(edge.origins) >= MAX_ORIGINS:
            edge.origins.clear()
        origin = edge.origins[listener, host, port] = Origin(listener, address, port, *found)
        return origin

    def decided(self, attempt_id: str, verdict: Verdict, now: int) -> None:
        """The answer to an Ask."""
        if attempt_id in self._edge.referrals.transfers:
            inside.referred(self._edge, attempt_id, verdict, now)
        else:
            invites.decided(self._edge, attempt_id, verdict, now)

    def cut(self, attempt_id: str, leg: str, cause: str, now: int) -> bool:
        """End a call, or one leg of it; False where there is nothing that could be told as ended later."""
        edge = self._edge
        dialogs = [d for d in edge.dialogs_of(attempt_id) if d.state != "early" and leg in ("", d.callee.tag)]
        for dialog in dialogs:
            end(edge, dialog, cause, now)
        return bool(dialogs) if leg else self._cut_waiting(attempt_id, cause, now) or bool(dialogs)

    def _cut_waiting(self, attempt_id: str, cause: str, now: int) -> bool:
        """End an attempt that waits for its answer, for its caller, or for what comes after a restart."""
        edge = self._edge
        call = edge.calls.get(attempt_id)
        if call is not None:
            if call.state != "over":
                sending.stop(edge, call, cause, sending.CUT, now)
            return True
        orphan = edge.orphans.get(attempt_id)
        if orphan is not None:
            late.cut(edge, orphan, cause, now)
            return True
        retry = next((retry for retry in edge.retries.values() if retry.attempt.id == attempt_id), None)
        if retry is not None:
            edge.give_up(retry, now, cause)
        return transfers.cut(edge, attempt_id, now) or retry is not None

    def overloaded(self, flag: bool) -> None:
        """Whether the ledger is late, so that new calls are refused at the door from now on."""
        self._door.late = flag

    def waited(self, microseconds: int) -> None:
        """How long the datagram that is received next has waited to be read; new calls are refused over a bound."""
        self._door.waited(microseconds)

    def use(self, policy: Policy) -> None:
        """Another policy between two messages."""
        self._edge.use(policy)
        flows.reviewed(self._edge)

    def trust(self, secrets: Secrets, now: int) -> None:
        """Other secrets of accounts, after another policy too: what was proved before by an account that has another
        one, or is no account any more, holds no longer but for calls in progress."""
        registrar.trust(self._edge, secrets, now)
        registrar.revoke(self._edge, self._edge.digest.moved(), now)
        enrolment.review(self._edge, now)

    def equip(self, material: Material) -> None:
        """Other authorities of those who sign calls, another key to sign with."""
        self._edge.signers.trust(material.roots)
        self._edge.signing = material.signing

    def fetched(self, url: str, pem: bytes, why: str, now: int) -> None:
        """What was found at the place of a `Fetch`; `why` it couldn't be had."""
        verifying.fetched(self._edge, url, pem, why, now)

    def names(self) -> list[Name]:
        """What has to be looked up: host names of `send_to` and `deliver_to`."""
        return self._edge.targets.names()

    def resolved(self, name: Name, addresses: tuple[Address, ...]) -> None:
        """The addresses of such a name, in order."""
        self._edge.targets.resolved(name, addresses)
        enrolment.resolved(self._edge)

    def unusable(self) -> list[str]:
        """Words about addresses of names that aren't used, since they aren't the party's."""
        return self._edge.targets.unusable()

    def restore(self, facts: list[Fact], now: int) -> None:
        """The contacts and calls of the time before a restart, by their facts in order."""
        registrar.restore(self._edge, facts, now)
        late.restore(self._edge, facts, now)
        enrolment.review(self._edge, now)

    # Out.

    def effects(self) -> list[Effect]:
        """What has to be done; taken once."""
        out, self._edge.out = self._edge.out, []
        return out

    def due(self) -> int | None:
        """When `tick` is wanted."""
        agenda, flush = self._edge.agenda.due(), self._edge.strangers.until
        if not flush:
            return agenda
        return flush if agenda is None else min(agenda, flush)

    def status(self) -> dict[str, Any]:
        """Sizes of the tables and counts since start."""
        edge = self._edge
        return {
            "dialogs": len(edge.dialogs),
            "waiting": len(edge.calls),
            "transactions": len(edge.servers) + len(edge.clients),
            "connections": len(edge.flows),
            "guests": len(edge.digest.guests),
            "registered": len(edge.digest.bindings),
            "orphans": len(edge.orphans),
            "challenged": len(edge.retries),
            "overloaded": self._door.closed,
            **edge.counters,
        }

    def registered(self, now: int) -> list[dict[str, Any]]:
        """Contacts of accounts, by account."""
        found = sorted(self._edge.digest.bindings, key=lambda binding: binding.key)
        return [registrar.shown(binding, now) for binding in found]

    def enrolments(self, now: int) -> list[dict[str, Any]]:
        """Our own registrations at carriers, by trunk."""
        return [enrolment.shown(one, now) for _, one in sorted(self._edge.enrolments.items())]

    # Time.

    def tick(self, now: int) -> None:
        """Do what is due."""
        edge = self._edge
        edge.current = None
        if edge.strangers.until and edge.strangers.until <= now:
            self.flush(now)
        for owner in edge.agenda.expired(now):
            try:
                self._due(owner, now)
            except Exception:
                edge.count("error")
                log.exception("a timer could not be handled")

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
            (verifying.conclude if owner.state == "checking" else sending.waited)(edge, owner, now)
        elif isinstance(owner, Dialog):
            end(edge, owner, "lost", now)
        elif isinstance(owner, Enrolment):
            enrolment.due(edge, owner, now)
        elif isinstance(owner, Binding):
            registrar.expired(edge, owner, now)
        elif isinstance(owner, Account):
            passwords.due(edge, owner, now)
        elif isinstance(owner, Retry):
            edge.give_up(owner, now)
        elif isinstance(owner, Orphan):
            late.gave_up(edge, owner, now)
        elif isinstance(owner, Transfer):
            transfers.due(edge, owner, now)
        elif isinstance(owner, Round):
            probing.due(edge, owner, now)

    def _server_due(self, server: Server, now: int) -> None:
        edge = self._edge
        if server.fire(now) == "repeat" and server.last:
            edge.transmit(server.hop, server.last)
        if server.state == OVER:
            edge.forget(server)
        elif server.wake:
            edge.agenda.arm(server, server.wake, edge.servers, server.key)

    def _client_due(self, client: Client, now: int) -> None:
        edge = self._edge
        action = client.fire(now)
        edge.settle(client)
        if action == "repeat":
            edge.put(client)
        elif action == "cancel":
            self._rang_out(client, now)
        elif action == "fail":
            flows.gave_up(edge, client, flows.TIMEOUT, now)

    def _rang_out(self, client: Client, now: int) -> None:
        """The ring limit or timer C."""
        edge = self._edge
        call = edge.calls.get(client.call)
        if call is not None and call.client is client:
            call.cancelled, call.final, call.targets = call.cancelled or "no-answer", (408, "Request Timeout"), []
        relay.send_cancel(edge, client, now)
