"""The tables of the edge and the few primitives that everything else is made of: transmit, respond, send, arm.

The core is one object without I/O; its parts (`arrivals`, `invites`, `sending`, `answers`, `inside`, `ending`,
`registers`, `late`) are functions over the `Edge` here. Every table has a bound: by what the policy allows at once
(dialogs, calls without answer), by MAX_ constants (transactions, challenged attempts), or by another table of which
it holds at most one entry each.
"""

from __future__ import annotations

from collections.abc import Iterable

from ringfence.edge.digest import Digest
from ringfence.edge.effects import Effect, Message, Note, Send, Told
from ringfence.edge.enrolled import Enrolment
from ringfence.edge.peers import Party, Peers
from ringfence.edge.records import Account, Call, Client, Origin, Orphan, Retry, Ride, Round, Server, Target
from ringfence.edge.referrals import Referrals
from ringfence.edge.scanners import Scanners
from ringfence.edge.secrets import Secrets
from ringfence.edge.shaken.sign import Signing
from ringfence.edge.shaken.signers import Signers
from ringfence.edge.strangers import StrangerTable
from ringfence.edge.targets import Targets
from ringfence.edge.throttle import Rates
from ringfence.edge.tokens import Tokens
from ringfence.model.fact import Ended
from ringfence.model.settings import Listen, Policy
from ringfence.numbers import DialPlan
from ringfence.sip.address import cut_address
from ringfence.sip.build import reply
from ringfence.sip.dialog import Dialog, Leg, next_hop
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes
from ringfence.sip.hop import DEFAULT_PORT, NextHop
from ringfence.sip.timers import Agenda
from ringfence.sip.transaction import OVER, event_of
from ringfence.sip.uri import parse_uri
from ringfence.sip.via import Via

MAX_TRANSACTIONS = 200_000
"""Server transactions at once, lingering ones included (about 1 kB each)."""
MAX_OVER = 20_000
"""Legs that are remembered after their end."""
MAX_ORIGINS = 4_096
"""Addresses with port whose party is remembered; all are found out again when there are more."""
MAX_RETRIES = 20_000
"""Challenged attempts whose caller may ask again."""

_UNHEARD = ("ict.calling", "nict.trying")
"""Client states in which nothing shows that the request arrived."""
_SAID = ("ict.accepted", "nict.completed")
"""Client states in which the request is never needed again."""

DialogKey = tuple[str, str, str]


class Edge:
    """All tables of the edge, and what it puts out."""

    def __init__(self, policy: Policy, secret: bytes, node: str, secrets: Secrets) -> None:
        self.tokens = Tokens(secret, node)
        self.agenda = Agenda()
        self.out: list[Effect] = []
        self.raw = b""
        """The datagram that is worked on."""
        self.current: Server | None = None
        """The server transaction that it began."""
        self.servers: dict[str, Server] = {}
        self.clients: dict[str, Client] = {}
        self.calls: dict[str, Call] = {}
        self.merges: dict[tuple[str, str, int], str] = {}
        """(Call-ID, From tag, CSeq) of INVITEs that begin a call to the key of their server transaction."""
        self.dialogs: dict[DialogKey, Dialog] = {}
        self.by_attempt: dict[str, list[DialogKey]] = {}
        """Keys of the dialogs of an attempt."""
        self.retries: dict[tuple[str, str], Retry] = {}
        """By (Call-ID, From tag)."""
        self.referrals = Referrals()
        self.orphans: dict[str, Orphan] = {}
        self.orphan_ids: dict[tuple[str, str], str] = {}
        """(Call-ID, From tag) of orphans to their attempt."""
        self.rang: dict[str, Dialog] = {}
        """Inbound calls that rang when the process before this one ended; at most as many as the engine remembers."""
        self.rounds = {"": Round()}
        """The one round of asking which calls are up, where the agenda finds it."""
        self.over: dict[tuple[str, str], None] = {}
        """Legs that came to their end lately, by attempt and To tag."""
        self.early: dict[str, int] = {}
        """INVITEs without final answer by party, and by party and account."""
        self.inbound: dict[tuple[str, str], list[str]] = {}
        """(source, last digits of the caller) of live inbound calls to the numbers they came to."""
        self.accounts: dict[tuple[str, str], Account] = {}
        """(source, user) of what registers through us."""
        self.enrolments: dict[str, Enrolment] = {}
        """Our own registrations at carriers, by trunk."""
        self.counters: dict[str, int] = {}
        self.riders: dict[Ride, dict[str, None]] = {}
        """Requests that were sent over a connection and not heard of yet: by its number where it was asked for by that,
        else by (listener, host, port); keys of clients."""
        self.unacknowledged: dict[Ride, dict[str, None]] = {}
        """Final answers that were sent over a connection and wait for their ACK; keys of servers."""
        self.origins: dict[tuple[str, str, int], Origin] = {}
        """Who is known at (listener, host as the socket gives it, port), so that it is found out once."""
        self.flows: dict[int, Origin] = {}
        """Who is at the far end of each connection."""
        self.aliases: dict[tuple[str, str, int], int] = {}
        """Addresses (listener, host, port) that a connection to us stands for (RFC 5923); each of a proven party."""
        self.guilty: dict[tuple[str, str, int], None] = {}
        """Places of accounts from which passwords of others were guessed."""
        self.strangers = StrangerTable(policy.ledger.stranger_rows_per_10s)
        self.former: Peers | None = None
        self.targets = Targets()
        self.digest = Digest(secret, secrets)
        self.signers = Signers()
        self.signing: Signing | None = None
        """What our own signatures are made with."""
        self.use(policy)

    def use(self, policy: Policy) -> None:
        """Another policy; those known to the one before may still speak inside their calls."""
        self.origins.clear()
        self.former = getattr(self, "peers", None)
        self.policy = policy
        self.peers = Peers(policy)
        self.hosts = {
            name: host_port_bytes(listen.advertise_host, listen.advertise_port)
            for name, listen in policy.listens.items()
        }
        self.uri_hosts = {name: self.hosts[name] + _transport(listen) for name, listen in policy.listens.items()}
        """The same with the transport parameter that our URIs need (§19.1.1)."""
        self.vias = {name: self._via(listen) for name, listen in policy.listens.items()}
        self.ports = {name: DEFAULT_PORT[listen.transport] for name, listen in policy.listens.items()}
        self.streams = {name for name, listen in policy.listens.items() if listen.transport != "udp"}
        """Listeners that speak over connections."""
        self.keep_messages = policy.ledger.messages
        self.targets.use(policy)
        self.digest.use(policy)
        self.scanners = Scanners(policy.bans)
        self.rates = Rates(policy.requests)
        self._plans: dict[str, DialPlan] = {}

    def count(self, name: str) -> None:
        """One more of these, for the metrics."""
        self.counters[name] = self.counters.get(name, 0) + 1

    def is_emergency(self, source: str, dialled: str) -> bool:
        """Whether this is an emergency number where the source is (C8): asked before overload and every bound."""
        if len(dialled) > 9 and dialled.isascii() and dialled.lstrip("+").isdigit():
            return False  # No emergency number is so long; the usual case costs nothing.
        plan = self._plans.get(source)
        if plan is None:
            plan = self._plans[source] = DialPlan(self.policy.sources[source].plan)
        return plan.is_emergency(dialled)

    # --- putting out --------------------------------------------------------------------------------------------

    def transmit(self, hop: NextHop, data: bytes, key: str = "") -> None:
        """Put bytes on the wire; `key` is that of a client transaction."""
        if hop.reliable:
            hop = self.live(hop)
        self.out.append(Send(hop, data, key))

    def note(self, fact: Told) -> None:
        """Tell engine and ledger."""
        self.out.append(Note(fact))

    def store_in(self, id: str, call_id: str, host: str, port: int) -> None:
        """The datagram that is worked on, for the message store."""
        if self.keep_messages:
            self.out.append(Message(id, call_id, f"in {host}:{port}", self.raw))

    def store_out(self, id: str, call_id: str, data: bytes, host: str, port: int) -> None:
        """A message of our making, for the message store."""
        if self.keep_messages:
            self.out.append(Message(id, call_id, f"out {host}:{port}", data))

    def via(self, listener: str, branch: str) -> bytes:
        """Our Via."""
        return self.vias[listener] + branch.encode("ascii")

    def _via(self, listen: Listen) -> bytes:
        """All of it before the branch. It asks over UDP for answers to where it came from (RFC 3581), over TLS to have
        its connection used for requests to us too (RFC 5923)."""
        asks = {"udp": b";rport", "tcp": b"", "tls": b";alias"}[listen.transport]
        protocol = listen.transport.upper().encode("ascii")
        return b"SIP/2.0/%b %b%b;branch=" % (protocol, self.hosts[listen.name], asks)

    def record_routes(self, id: str, inner: str, outer: str) -> tuple[bytes, ...]:
        """Our Record-Route values, topmost first: one for each side where the listeners differ (RFC 5658)."""
        user = self.tokens.cookie(id).encode("ascii")
        listeners = (outer,) if inner == outer else (outer, inner)
        return tuple([b"<sip:%b@%b;lr>" % (user, self.uri_hosts[listener]) for listener in listeners])

    def named_by(self, route: bytes) -> str | None:
        """The attempt that a Route or Record-Route value of ours names; None where it isn't ours."""
        if b"rf-" not in route:
            return None
        try:
            return self.tokens.read_cookie(parse_uri(cut_address(route)[1]).user)
        except SipParseError:
            return None

    def is_secure(self, listener: str) -> bool:
        """Whether it speaks TLS."""
        return self.policy.listens[listener].transport == "tls"

    # --- next hops ----------------------------------------------------------------------------------------------

    def hop_to(self, listener: str, host: str, port: int) -> NextHop:
        """To an address."""
        return NextHop(listener, host, port, 0, listener in self.streams)

    def hop_of(self, leg: Leg) -> NextHop:
        """To a leg."""
        return NextHop(leg.listener, leg.host, leg.port, leg.flow, leg.listener in self.streams)

    def live(self, hop: NextHop) -> NextHop:
        """With its connection if that is open, else with one that stands for its address."""
        return hop if hop.flow in self.flows else hop._replace(flow=self.aliases.get(hop[:3], 0))

    def hop_back(self, origin: Origin, via: Via) -> NextHop:
        """Where responses to a request with this top Via go (§18.2.2, RFC 3581)."""
        symmetric = ("rport" in via.params or origin.guest) and not origin.flow
        port = origin.port if symmetric else via.port or self.ports[origin.listener]
        return NextHop(origin.listener, origin.host, port, origin.flow, origin.flow != 0)

    def hop_from(self, origin: Origin) -> NextHop:
        """Where requests to whoever sent a message go, as far as that message tells."""
        return NextHop(origin.listener, origin.host, self.port_of(origin), origin.flow, origin.flow != 0)

    def port_of(self, origin: Origin) -> int:
        """Where an origin can be written to; the port that a connection to us comes from says nothing."""
        return self.ports[origin.listener] if origin.flow and not origin.dialled else origin.port

    # --- transactions -------------------------------------------------------------------------------------------

    def serve(self, server: Server) -> None:
        """Begin a server transaction."""
        self.servers[server.key] = self.current = server

    def reply(self, server: Server, status: int, data: bytes, now: int) -> bool:
        """Send a response through its transaction; False where it comes too late."""
        if server.step(event_of(status), now) != "send":
            return False
        self.transmit(server.hop, data)
        if status >= 200:
            server.head = None
        if server.state == OVER:
            self.forget(server)
            return True
        # A 2xx is repeated by the callee, never by us (RFC 6026 §7.1).
        server.last = data if server.state != "ist.accepted" else b""
        if server.wake:
            self.agenda.arm(server, server.wake, self.servers, server.key)
        if server.state == "ist.completed" and server.hop.reliable:
            self._await_ack(server)
        return True

    def say_again(self, server: Server) -> None:
        """A final answer was lost with its connection: once more, over another one (§18.2.2)."""
        if server.state != "ist.completed" or server.again:
            return
        server.again, server.hop = True, server.hop._replace(flow=0)
        self.transmit(server.hop, server.last)
        self._await_ack(server)

    def _await_ack(self, server: Server) -> None:
        hop = self.live(server.hop)
        server.ride = hop.flow or hop[:3]
        self.unacknowledged.setdefault(server.ride, {})[server.key] = None

    def respond(
        self, server: Server, status: int, reason: str, now: int, extra: Iterable[tuple[str, bytes]] = ()
    ) -> None:
        """A response of our own."""
        if server.head is not None:
            tag = "" if status == 100 else self.tokens.tag(server.key)
            self.reply(server, status, reply(server.head, status, reason, tag, extra), now)

    def send(self, client: Client, data: bytes) -> None:
        """Begin a client transaction."""
        client.last = data
        self.clients[client.key] = client
        self.put(client)
        self.agenda.arm(client, client.wake, self.clients, client.key)

    def put(self, client: Client) -> None:
        """Its request on the wire, for the first time or again."""
        hop = client.hop
        if hop.reliable:
            hop = client.hop = self.live(hop)
            self.riders.setdefault(hop.flow or hop[:3], {})[client.key] = None
        self.transmit(hop, client.last, client.key)

    def step(self, client: Client, event: str, now: int) -> str:
        """Take a client's event and keep its timer and its place in the table right."""
        action = client.step(event, now)
        self.settle(client)
        if client.state in _SAID:
            client.last = b""
        return action

    def settle(self, client: Client) -> None:
        """Keep it in its tables as its state asks for."""
        if client.state == OVER:
            self.clients.pop(client.key, None)
        elif client.wake:
            self.agenda.arm(client, client.wake, self.clients, client.key)
        if client.hop.reliable and client.state not in _UNHEARD:
            ride = client.hop.flow or client.hop[:3]
            _get_off(self.riders, ride, client.key)

    def forget(self, server: Server) -> None:
        """A server transaction is over."""
        self.servers.pop(server.key, None)
        if server.ride is not None:
            _get_off(self.unacknowledged, server.ride, server.key)
        if server.merge is not None and self.merges.get(server.merge) == server.key:
            del self.merges[server.merge]

    # --- attempts -----------------------------------------------------------------------------------------------

    def await_retry(self, retry: Retry, until: int, now: int) -> None:
        """The caller may ask again; an older attempt of his, or the oldest of too many, waits no longer."""
        if retry.key in self.retries:
            self.give_up(self.retries[retry.key], now)
        elif len(self.retries) >= MAX_RETRIES:
            self.give_up(next(iter(self.retries.values())), now)
        self.retries[retry.key] = retry
        self.agenda.arm(retry, until, self.retries, retry.key)

    def give_up(self, retry: Retry, now: int, cause: str = "challenged") -> None:
        """The caller didn't ask again after a challenge: its attempt is over."""
        self.retries.pop(retry.key, None)
        self.note(Ended(at=now, id=retry.attempt.id, cause=cause, status=retry.status))

    def adopt_orphan(self, id: str) -> Orphan | None:
        """An orphan is found again: it is one no longer."""
        orphan = self.orphans.pop(id, None)
        if orphan is not None:
            self.orphan_ids.pop(orphan.key, None)
        return orphan

    # --- dialogs ------------------------------------------------------------------------------------------------

    def keep(self, dialog: Dialog) -> None:
        """Remember a dialog."""
        key = dialog.key
        if key not in self.dialogs:
            self.by_attempt.setdefault(dialog.id, []).append(key)
        self.dialogs[key] = dialog
        if dialog.expires_at:
            self.agenda.arm(dialog, dialog.expires_at, self.dialogs, key)

    def drop(self, dialog: Dialog) -> None:
        """Forget a dialog."""
        if self.dialogs.pop(dialog.key, None) is None:
            return
        if not self.dialogs:
            self.rounds[""].wake = 0
        keys = self.by_attempt[dialog.id]
        keys.remove(dialog.key)
        if not keys:
            del self.by_attempt[dialog.id]
        if dialog.state != "early":
            self.forget_inbound(dialog)

    def dialogs_of(self, id: str) -> list[Dialog]:
        """The dialogs of an attempt."""
        return [self.dialogs[key] for key in self.by_attempt.get(id, ())]

    def is_over(self, id: str, tag: str) -> None:
        """A leg has come to its end: its answer, if it is repeated, begins nothing."""
        if len(self.over) >= MAX_OVER:
            self.over = dict.fromkeys(list(self.over)[MAX_OVER // 2 :])
        self.over[id, tag] = None

    def forgotten(self, id: str) -> bool:
        """Whether nothing is known any more of an attempt."""
        return not (id in self.by_attempt or id in self.calls or id in self.orphans)

    def remember_inbound(self, dialog: Dialog) -> None:
        """An inbound call is live, so that the source may show its caller on a call that it forwards (C10)."""
        if dialog.inbound and dialog.digits:
            source = dialog.callee.party.partition(":")[2]
            self.inbound.setdefault((source, dialog.digits), []).append(dialog.dialled)

    def forget_inbound(self, dialog: Dialog) -> None:
        """An inbound call is no longer live."""
        key = (dialog.callee.party.partition(":")[2], dialog.digits)
        numbers = self.inbound.get(key)
        if not dialog.inbound or not numbers or dialog.dialled not in numbers:
            return
        numbers.remove(dialog.dialled)
        if not numbers:
            del self.inbound[key]

    def locate(self, leg: Leg) -> None:
        """Set where a leg is written to: its next hop if that is an address of its party, else where it writes from."""
        uri = next_hop(leg)
        if uri is None or not uri.host or (leg.listener, leg.host, leg.port) in self.digest.guests:
            return
        if uri.host == leg.host:
            leg.port = uri.port or self.ports[leg.listener]
            return
        party = self.peers.find(leg.listener, uri.host)
        if party is not None and is_party(party, leg.party):
            leg.host, leg.port, leg.flow = uri.host, uri.port or self.ports[leg.listener], 0

    def party_at(self, listener: str, host: str) -> Party | None:
        """Who is at an address: as the policy says, or since a password was right there."""
        return self.peers.find(listener, host) or self.digest.guests.party_at(listener, host)


def _get_off(table: dict[Ride, dict[str, None]], ride: Ride, key: str) -> None:
    """What was sent over a connection has arrived, or needn't."""
    riders = table.get(ride)
    if riders is not None and riders.pop(key, 0) is None and not riders:
        del table[ride]


def _transport(listen: Listen) -> bytes:
    """UDP is what a URI without it means."""
    return b"" if listen.transport == "udp" else b";transport=" + listen.transport.encode("ascii")


def is_party(party: Party, label: str) -> bool:
    """Whether this is the party, or one of the names, that a leg remembers."""
    if party.label == label:
        return True
    kind, _, names = label.partition(":")
    return party.kind == kind and not set(party.names).isdisjoint(names.split(","))


__all__ = ["MAX_TRANSACTIONS", "Edge", "Target", "is_party"]
