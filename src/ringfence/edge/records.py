"""What the edge remembers of a transaction, of an INVITE that waits, of an attempt from before, of an account.

Objects point one way only, from what lives shorter to what lives longer, so that reference counting frees everything at
once and the garbage collector may stay off:

    Client (our request)  →  Server (the request that it serves)
    Client                →  Dialog (the call, or the prototype of one that isn't answered yet)
    Call (an INVITE that waits for its final answer)  →  Server, Client

What has to be found the other way is found by key: a server transaction knows its call by id.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from ringfence.edge.peers import Party
from ringfence.edge.shaken.verify import Asked, Verification
from ringfence.model.attempt import Attempt
from ringfence.model.verdict import Verdict
from ringfence.sip.build import ReplyHead
from ringfence.sip.dialog import Dialog
from ringfence.sip.hop import NextHop
from ringfence.sip.message import Request
from ringfence.sip.passport import Passport
from ringfence.sip.transaction import Transaction

SKIP = 1_000
"""CSeq numbers that a restored dialog leaves out: the record doesn't tell of requests that refreshed nothing."""

Verified = Literal["address", "certificate"]


class Target(NamedTuple):
    """Where a party's requests go."""

    host: str
    port: int
    domain: str = ""
    """Host, and port where one is written, that the Request-URI names; empty: the address."""


class Contact(NamedTuple):
    """A registered contact, as a call is sent to it."""

    hop: NextHop
    uri: bytes
    """The Request-URI."""
    routes: tuple[bytes, ...]


class Origin(NamedTuple):
    """Where a message came from."""

    listener: str
    host: str
    port: int
    party: Party
    former: bool = False
    """Known only to the policy before this one: may end its calls, not begin any."""
    flow: int = 0
    """The connection it came on; 0 over UDP."""
    guest: bool = False
    """Not known by the address: has to prove who it is with whatever begins something."""
    account: str = ""
    """Whose password this request proved."""
    dialled: bool = False
    """Whether that connection was opened by us: then `port` is one that the far end listens on."""
    domains: tuple[str, ...] = ()
    """What the certificate at its far end is of; none without TLS, or where none was asked for."""
    verified: Verified = "address"
    """What says that it is this party."""


Ride = int | tuple[str, str, int]
"""A connection: its number, or the (listener, host, port) that one is made to."""


class Server(Transaction):
    """A request that came in; of the request itself only what its answers repeat is kept, until the final one."""

    __slots__ = ("again", "call", "head", "merge", "ride")

    def __init__(self, key: str, state: str, now: int, hop: NextHop, head: ReplyHead | None) -> None:
        super().__init__(key, state, now, hop)
        self.head = head
        self.call = ""
        """Of an INVITE: the key of the Call that answers it, or of the Client that it was forwarded by."""
        self.merge: tuple[str, str, int] | None = None
        """(Call-ID, From tag, CSeq): §8.2.2.2."""
        self.ride: Ride | None = None
        """The connection that took an answer which waits for its ACK."""
        self.again = False
        """Whether that was lost, and the answer sent once more."""


class Client(Transaction):
    """A request that we sent, on behalf of a server transaction or (BYE, CANCEL) for ourselves."""

    __slots__ = (
        "again", "answered", "answers", "call", "contact", "dialog", "method", "ours", "purpose", "reasons", "register",
        "restore", "server", "session", "side",
    )  # fmt: skip

    def __init__(self, key: str, now: int, method: str, hop: NextHop, limit: int = 0) -> None:
        super().__init__(key, "ict.calling" if method == "INVITE" else "nict.trying", now, hop, limit)
        self.method = method
        self.purpose = "begin"
        """begin: an INVITE that begins a call; inside: in a dialog; register; enrol: a REGISTER of ours; ours: a BYE of
        ours; asking: whether a call is still up; quiet: a CANCEL of ours."""
        self.side = "c"
        """Inside a dialog: `c` if the caller sent it, or would have (a BYE of ours), else `s`."""
        self.server: Server | None = None
        self.call = ""
        self.dialog: Dialog | None = None
        """The dialog it is in; for an INVITE that begins a call the prototype of the dialogs it makes."""
        self.restore: tuple[tuple[str, bytes], ...] = ()
        """Headers that responses get back on their way to the sender, since they were changed in the request."""
        self.session = 0
        """Session-Expires of the request, seconds; negative where its sender doesn't know session timers."""
        self.contact = b""
        """Contact URI of a request that refreshes the target."""
        self.ours: tuple[bytes, ...] = ()
        """Our Record-Route values in it."""
        self.register: Registering | None = None
        self.answered: tuple[str, ...] = ()
        """To tags of its 2xx: one that comes again is a repetition, also when its call is over already."""
        self.answers = 0
        """Challenges that it answers, with those of requests that it stands for."""
        self.reasons: tuple[bytes, ...] = ()
        """What its CANCEL says of why, as the caller's did."""
        self.again = False
        """Whether it was sent a second time, since its connection was lost."""


class Check(msgspec.Struct):
    """Who signed for the caller of an inbound call."""

    trunk: str
    passports: list[Passport]
    asked: Asked
    problem: str = ""
    """Why a signature can't be read."""
    found: Verification | None = None
    """The outcome, once it is known."""


class Call:
    """An INVITE that begins a call and has no final answer yet: an attempt, or an inbound call."""

    __slots__ = (
        "armed", "attempt", "cancelled", "check", "client", "early", "final", "id", "inbound", "party", "prototype",
        "request", "server", "state", "targets", "tries", "trunk", "verdict", "wake", "worst",
    )  # fmt: skip

    def __init__(self, id: str, server: Server, request: Request | None, prototype: Dialog, party: str) -> None:
        self.id = id
        self.server = server
        self.request = request
        """None after a restart: then it can't be sent anywhere else."""
        self.prototype = prototype
        self.party = party
        self.inbound = prototype.inbound
        self.attempt: Attempt | None = None
        self.verdict: Verdict | None = None
        self.client: Client | None = None
        self.state = "new"
        """new, checking, asked, delayed, sent, over."""
        self.check: Check | None = None
        """Of an inbound call whose caller is verified."""
        self.cancelled = ""
        """Why it is to end before an answer: `cancelled`, `no-answer` or the cause of a cut."""
        self.final: tuple[int, str] | None = None
        """What the caller is told instead of the 487 that our own CANCEL brings."""
        self.trunk = ""
        """Outbound: the trunk that is asked; inbound: the source that is called."""
        self.targets: list[Target] | list[Contact] = []
        self.tries = 0
        self.worst = 0
        """Status of the last target that failed."""
        self.early: list[tuple[str, str, str]] = []
        """Keys of its early dialogs."""
        self.wake = self.armed = 0


class Retry:
    """An attempt that the carrier challenged: the next INVITE of its dialog is the same attempt."""

    __slots__ = ("armed", "attempt", "key", "status", "wake")

    def __init__(self, key: tuple[str, str], attempt: Attempt, status: int) -> None:
        self.key = key
        self.attempt = attempt
        self.status = status
        self.wake = self.armed = 0


class Orphan(msgspec.Struct, gc=False):
    """An attempt that was let through before a restart; its answer may still come."""

    prototype: Dialog
    attempt: Attempt
    verdict: Verdict
    cause: str = ""
    """Why it is to end, where that was ordered."""
    wake: int = 0
    armed: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """(Call-ID, From tag)."""
        return self.prototype.call_id, self.prototype.caller.tag

    @property
    def far_key(self) -> tuple[str, str]:
        """The same as the carrier knows it."""
        return self.prototype.call_id_to(self.prototype.callee), self.prototype.caller.tag


class Round:
    """Asking about the calls that are up."""

    __slots__ = ("armed", "began", "left", "wake")

    def __init__(self) -> None:
        self.left: list[tuple[str, str, str]] = []
        """Keys of the dialogs still to be asked about."""
        self.began = 0
        self.wake = self.armed = 0


class Registering(NamedTuple):
    """A REGISTER on its way."""

    source: str
    account: str
    peer: str
    """Transport address."""
    agent: str
    nonces: frozenset[str]
    """Of the credentials in it."""
    leaves: bool
    """Whether it takes contacts away."""


class Account:
    """One account of a source."""

    __slots__ = ("armed", "challenged", "failed", "last", "told", "untold", "wake")

    def __init__(self) -> None:
        self.challenged: frozenset[str] = frozenset()
        """Nonces of the challenge that was passed back last and isn't answered well yet."""
        self.failed = False
        """Whether a password was wrong since it registered."""
        self.told: tuple[str, str] = ("", "")
        """Address and user agent of the registration that was told last."""
        self.untold = 0
        """Wrong passwords that were counted and not told yet."""
        self.last: Registering | None = None
        """The latest of them."""
        self.wake = self.armed = 0
