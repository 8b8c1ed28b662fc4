"""What the edge remembers, and the few primitives that everything else is made of: transmit, respond, arm.

Theory. The core is one object without I/O; its parts (`invites`, `inside`, `ending`, `registers`, `late`) are functions
over the `Edge` here. Objects point one way only, from what lives shorter to what lives longer, so that reference
counting frees everything at once and the garbage collector may stay off:

    Client (our request)  →  Server (the request that it serves)
    Client                →  Dialog (the call, or the prototype of one that isn't answered yet)
    Call (an INVITE that waits for its final answer)  →  Server, Client

What has to be found the other way is found by key: a server transaction knows its call by id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from ringfence.edge.effects import Effect, Message, Note, Send
from ringfence.edge.peers import Party, Peers
from ringfence.edge.strangers import StrangerTable
from ringfence.edge.tokens import Tokens
from ringfence.model.attempt import Attempt
from ringfence.model.fact import Answered, Challenged, DialogChanged, Ended
from ringfence.model.settings import Policy
from ringfence.model.verdict import Verdict
from ringfence.sip.address import cut_address
from ringfence.sip.build import build_response
from ringfence.sip.dialog import Dialog, Leg, next_hop
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes
from ringfence.sip.message import Request, Response
from ringfence.sip.timers import Agenda, Table
from ringfence.sip.transaction import OVER, Transaction, event_of
from ringfence.sip.uri import parse_uri
from ringfence.sip.via import Via

MAX_TRANSACTIONS = 200_000
"""Server transactions at once, lingering ones included (about 0.5 kB each)."""
MAX_DOWN = 1_000
"""Targets that are remembered as not answering."""
MAX_EARLY_PER_PEER = 2_000
"""INVITEs without final answer from one party."""


class Target(NamedTuple):
    """Where a trunk's requests go."""

    host: str
    port: int
    domain: str = ""
    """Host part of the Request-URI; empty: the address."""


class Origin(NamedTuple):
    """Where a message came from."""

    listener: str
    host: str
    port: int
    party: Party
    former: bool = False
    """Known only to the policy before this one: may end its calls, not begin any."""


class Server(Transaction):
    """A request that came in. Holds the request until its final response."""

    __slots__ = ("call", "merge", "request")

    def __init__(self, key: str, state: str, now: int, origin: Origin, request: Request | None, port: int) -> None:
        super().__init__(key, state, now, listener=origin.listener, host=origin.host, port=port)
        self.request = request
        self.call = ""
        """Key of the Call that answers an INVITE."""
        self.merge: tuple[str, str, int] | None = None
        """(Call-ID, From tag, CSeq): §8.2.2.2."""


class Client(Transaction):
    """A request that we sent, on behalf of a server transaction or (BYE, CANCEL) for ourselves."""

    __slots__ = ("call", "dialog", "method", "purpose", "restore", "server", "session", "side")

    def __init__(self, key: str, now: int, *, method: str, listener: str, host: str, port: int, limit: int = 0) -> None:
        state = "ict.calling" if method == "INVITE" else "nict.trying"
        super().__init__(key, state, now, listener=listener, host=host, port=port, limit=limit)
        self.method = method
        self.purpose = "relay"
        """relay: begins a call; inside: in a dialog; register; ours: a BYE of ours; quiet: a CANCEL of ours."""
        self.side = "c"
        """Inside a dialog: `c` if the caller sent it, else `s`."""
        self.server: Server | None = None
        self.call = ""
        self.dialog: Dialog | None = None
        """The dialog it is in; for an initial INVITE the prototype of the dialogs it makes."""
        self.restore: tuple[tuple[str, bytes], ...] = ()
        """Headers that responses get back on their way to the sender, since they were changed in the request."""
        self.session = 0
        """Session-Expires of the request, seconds; negative where its sender doesn't know session timers."""


class Call:
    """An INVITE without final answer yet: an attempt, an inbound call or a re-INVITE."""

    __slots__ = (
        "attempt",
        "cancelled",
        "client",
        "early",
        "final",
        "id",
        "kind",
        "party",
        "prototype",
        "request",
        "server",
        "state",
        "targets",
        "tries",
        "trunk",
        "verdict",
        "wake",
        "worst",
    )

    def __init__(self, id: str, kind: str, server: Server, request: Request, prototype: Dialog, party: str) -> None:
        self.id = id
        self.kind = kind
        """out: asks for a verdict; in: from the carrier; re: inside a dialog."""
        self.server = server
        self.request: Request = request
        self.prototype = prototype
        self.party = party
        self.attempt: Attempt | None = None
        self.verdict: Verdict | None = None
        self.client: Client | None = None
        self.state = "asked"
        """asked, delayed, sent, over."""
        self.cancelled = ""
        """Why it is to end before an answer: `cancelled`, `no-answer` or the cause of a cut."""
        self.final: tuple[int, str] | None = None
        """What the caller is told instead of the 487 that our own CANCEL brings."""
        self.trunk = ""
        self.targets: list[Target] = []
        self.tries = 0
        self.worst = 0
        """Status of the last target that failed."""
        self.early: list[tuple[str, str, str]] = []
        """Keys of its early dialogs."""
        self.wake = 0


class Retry:
    """An attempt that the carrier challenged: the next INVITE of its dialog is the same attempt."""

    __slots__ = ("attempt", "key", "status", "wake")

    def __init__(self, key: tuple[str, str], attempt: Attempt, status: int) -> None:
        self.key = key
        self.attempt = attempt
        self.status = status
        self.wake = 0


class Orphan(msgspec.Struct, gc=False, array_like=True):
    """An attempt that was let through before a restart; its answer may still come."""

    prototype: Dialog
    attempt: Attempt
    verdict: Verdict
    until: int
    wake: int = 0


class Edge:
    """All tables of the edge, and what it puts out."""

    def __init__(self, policy: Policy, secret: bytes, node: str) -> None:
        self.tokens = Tokens(secret, node)
        self.agenda = Agenda()
        self.out: list[Effect] = []
        self.servers: dict[str, Server] = {}
        self.clients: dict[str, Client] = {}
        self.calls: dict[str, Call] = {}
        self.merges: dict[tuple[str, str, int], str] = {}
        """(Call-ID, From tag, CSeq) of initial INVITEs to the key of their server transaction."""
        self.dialogs: dict[tuple[str, str, str], Dialog] = {}
        self.by_attempt: dict[str, list[tuple[str, str, str]]] = {}
        """Keys of the dialogs of an attempt."""
        self.retries: dict[tuple[str, str], Retry] = {}
        self.orphans: dict[str, Orphan] = {}
        self.orphan_ids: dict[tuple[str, str], str] = {}
        """(Call-ID, From tag) of orphans to their attempt."""
        self.early: dict[str, int] = {}
        """INVITEs without final answer by party."""
        self.fixed: dict[str, list[Target]] = {}
        """Resolved targets by trunk, where a resolver gave them."""
        self.down: dict[tuple[str, int], int] = {}
        """Targets that didn't answer, and until when others are tried first."""
        self.inbound: dict[tuple[str, str], list[str]] = {}
        """(source, last digits of the caller) of live inbound calls to the numbers they came to."""
        self.counters: dict[str, int] = {}
        self.overloaded = False
        self.refused: set[int] = set()
        """Digests of the INVITEs that overload refused in the running second."""
        self.refused_until = 0
        self.strangers = StrangerTable(policy.ledger.stranger_rows_per_10s)
        self.former: Peers | None = None
        self.use(policy)

    def use(self, policy: Policy) -> None:
        """Another policy; those known to the one before may still speak inside their calls."""
        self.former = getattr(self, "peers", None)
        self.policy = policy
        self.peers = Peers(policy)
        self.hosts = {
            name: host_port_bytes(listen.advertise_host, listen.advertise_port)
            for name, listen in policy.listens.items()
        }
        self.keep_messages = policy.ledger.messages

    def count(self, name: str) -> None:
        """One more of these, for the metrics."""
        self.counters[name] = self.counters.get(name, 0) + 1

    # --- sending ------------------------------------------------------------------------------------------------

    def transmit(self, listener: str, data: bytes, host: str, port: int) -> None:
        """Put bytes on the wire."""
        self.out.append(Send(listener, data, host, port))

    def note(self, fact: Answered | Challenged | DialogChanged | Ended) -> None:
        """Tell engine and ledger."""
        self.out.append(Note(fact))

    def store(self, id: str, call_id: str, direction: str, data: bytes) -> None:
        """A message for the message store."""
        if self.keep_messages:
            self.out.append(Message(id, call_id, direction, data))

    def via(self, listener: str, branch: str) -> bytes:
        """Our Via; rport asks the next hop for symmetric answers (RFC 3581)."""
        return b"SIP/2.0/UDP %s;rport;branch=%s" % (self.hosts[listener], branch.encode("ascii"))

    def record_routes(self, id: str, inner: str, outer: str) -> list[bytes]:
        """Our Record-Route entries, topmost first: one for each side where the listeners differ (RFC 5658)."""
        user = self.tokens.cookie(id).encode("ascii")
        listeners = [outer] if inner == outer else [outer, inner]
        return [b"<sip:%s@%s;lr>" % (user, self.hosts[listener]) for listener in listeners]

    def is_ours(self, route: bytes) -> bool:
        """Whether a Route or Record-Route value is one of our entries."""
        return self.named_by(route) is not None

    def named_by(self, route: bytes) -> str | None:
        """The attempt that a Route value of ours names."""
        if b"rf-" not in route:
            return None
        try:
            return self.tokens.read_cookie(parse_uri(cut_address(route)[1]).user)
        except SipParseError:
            return None

    # --- transactions -------------------------------------------------------------------------------------------

    def arm(
        self, owner: Transaction | Call | Retry | Dialog | Orphan, at: int, table: Table, key: object, now: int
    ) -> None:
        """Wake an owner at an instant."""
        owner.wake = at
        self.agenda.arm(now, at, table, key)

    def serve(self, key: str, request: Request, origin: Origin, via: Via, now: int) -> Server:
        """A new server transaction; responses go where §18.2.2 and RFC 3581 say."""
        port = origin.port if "rport" in via.params else via.port or 5060
        state = "ist.proceeding" if request.method == "INVITE" else "nist.trying"
        server = Server(key, state, now, origin, request, port)
        self.servers[key] = server
        return server

    def reply(self, server: Server, status: int, data: bytes, now: int) -> bool:
        """Send a response through its transaction; False where it comes too late."""
        wake = server.wake
        if server.step(event_of(status), now) != "send":
            return False
        server.last = data
        self.transmit(server.listener, data, server.host, server.port)
        if status >= 200:
            server.request = None
            if server.state == "ist.accepted":
                server.last = b""  # a 2xx is repeated by the callee, never by us (RFC 6026 §7.1)
        if server.wake and server.wake != wake:
            self.agenda.arm(now, server.wake, self.servers, server.key)
        return True

    def respond(
        self, server: Server, status: int, reason: str, now: int, extra: Iterable[tuple[str, bytes]] = ()
    ) -> None:
        """A response of our own."""
        request = server.request
        if request is None:
            return
        tag = None if status == 100 else self.tokens.tag(server.key)
        response = build_response(request, status, reason, to_tag=tag, extra=extra)
        self.reply(server, status, response.to_bytes(), now)

    def send(self, client: Client, data: bytes, now: int) -> None:
        """Begin a client transaction."""
        client.last = data
        self.clients[client.key] = client
        self.transmit(client.listener, data, client.host, client.port)
        self.agenda.arm(now, client.wake, self.clients, client.key)

    def step(self, client: Client, event: str, now: int) -> str:
        """Take a client's event and keep its timer and its place in the table right."""
        wake = client.wake
        action = client.step(event, now)
        if client.state == OVER:
            self.clients.pop(client.key, None)
        elif client.wake and client.wake != wake:
            self.agenda.arm(now, client.wake, self.clients, client.key)
        return action

    def forget(self, server: Server) -> None:
        """A server transaction is over."""
        self.servers.pop(server.key, None)
        if server.merge is not None and self.merges.get(server.merge) == server.key:
            del self.merges[server.merge]

    def give_up(self, retry: Retry, now: int) -> None:
        """The caller didn't ask again after a challenge: its attempt is over."""
        self.retries.pop(retry.key, None)
        self.note(Ended(at=now, id=retry.attempt.id, cause="challenged", status=retry.status))

    def adopt_orphan(self, id: str) -> Orphan | None:
        """An orphan is found again: it is one no longer."""
        orphan = self.orphans.pop(id, None)
        if orphan is not None:
            self.orphan_ids.pop((orphan.prototype.call_id, orphan.prototype.caller.tag), None)
        return orphan

    # --- dialogs ------------------------------------------------------------------------------------------------

    def keep(self, dialog: Dialog) -> None:
        """Remember a dialog."""
        if dialog.key not in self.dialogs:
            self.by_attempt.setdefault(dialog.id, []).append(dialog.key)
        self.dialogs[dialog.key] = dialog

    def drop(self, dialog: Dialog) -> None:
        """Forget a dialog."""
        if self.dialogs.pop(dialog.key, None) is None:
            return
        keys = self.by_attempt[dialog.id]
        keys.remove(dialog.key)
        if not keys:
            del self.by_attempt[dialog.id]
        if dialog.state != "early":
            self.forget_inbound(dialog)

    def dialogs_of(self, id: str) -> list[Dialog]:
        """The dialogs of an attempt."""
        return [self.dialogs[key] for key in self.by_attempt.get(id, ())]

    def forget_inbound(self, dialog: Dialog) -> None:
        """An inbound call is no longer live."""
        key = (dialog.callee.party.partition(":")[2], dialog.digits)
        numbers = self.inbound.get(key)
        if not dialog.inbound or not numbers or dialog.dialled not in numbers:
            return
        numbers.remove(dialog.dialled)
        if not numbers:
            del self.inbound[key]

    # --- peers --------------------------------------------------------------------------------------------------

    def targets(self, trunk: str, now: int) -> list[Target]:
        """Addresses of a trunk in order of preference, those that lately didn't answer last."""
        targets = self.fixed.get(trunk)
        if targets is None:
            targets = literal_targets(self.policy.trunks[trunk].send_to)
        return sorted(targets, key=lambda target: self.down.get((target.host, target.port), 0) > now)

    def mark_down(self, host: str, port: int, until: int, now: int) -> None:
        """A target failed: others come first for a while."""
        if len(self.down) >= MAX_DOWN:
            self.down = {target: end for target, end in self.down.items() if end > now}
        if len(self.down) < MAX_DOWN:
            self.down[host, port] = until

    def locate(self, leg: Leg) -> None:
        """Set where a leg is written to: its next hop if that is an address of its party, else where it writes from."""
        uri = next_hop(leg)
        if uri is None or not uri.host or uri.host == leg.host:
            if uri is not None and uri.host == leg.host:
                leg.port = uri.port or 5060
            return
        party = self.peers.find(leg.listener, uri.host)
        if party is not None and is_party(party, leg.party):
            leg.host, leg.port = uri.host, uri.port or 5060


def is_party(party: Party, label: str) -> bool:
    """Whether this is the party, or one of the names, that a leg remembers."""
    kind, _, names = label.partition(":")
    return party.kind == kind and not set(party.names).isdisjoint(names.split(","))


def literal_targets(uris: Sequence[str]) -> list[Target]:
    """Targets that need no resolver: those whose host is an address."""
    targets = []
    for text in uris:
        uri = parse_uri(text.encode())
        if uri.host.replace(".", "").isdigit() or ":" in uri.host:
            targets.append(Target(uri.host, uri.port or 5060))
    return targets


def status_of(response: Response) -> str:
    """The transaction event that a response is."""
    return event_of(response.status)
