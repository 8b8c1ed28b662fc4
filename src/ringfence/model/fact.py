"""What happened: the only thing that changes the engine's state, and what the ledger keeps, in order."""

from typing import Literal

import msgspec

from ringfence.model.attempt import Attempt
from ringfence.model.media import Media, Srtp
from ringfence.model.meter import Hold, Reading
from ringfence.model.time import Instant
from ringfence.model.verdict import Verdict

Entity = Literal["trunk", "source", "tenant", "caller", "region", "prefix", "address"]
"""What can be contained."""
NEW = "new"
"""Class of a containment of calls abroad to numbers that nobody at the source is used to."""
SLOW_S = 30
"""Seconds between calls of what is slowed down."""


Gone = Literal["unregistered", "expired", "replaced", "revoked"]
"""Why a contact is gone; revoked: the password was changed, or the policy no longer has the account."""


Offence = Literal["password", "name", "number", "agent", "malformed"]
"""password: a wrong one; name: something was asked for an account that isn't there; number: one was dialled without a
password; agent: it calls itself as a scanner does; malformed: a message that can't be read."""
OURSELVES = "ringfence"
"""Owner of what is done by itself."""


Enrolment = Literal["registered", "failing", "lost"]
"""registered; failing: it can't be registered again, and still holds; lost: the carrier doesn't know where we are."""


Verstat = Literal["", "passed", "failed", "none"]
"""What the signature of an inbound call says of its caller: that it is he, that it isn't, nothing. Empty: not asked."""


class _Fact(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="fact"):
    at: Instant
    """When it happened."""


class Attempted(_Fact, frozen=True, gc=False, kw_only=True, tag="attempted"):
    """A call is asked for. Not journaled by itself: `Decided` embeds the attempt."""

    attempt: Attempt


class Decided(_Fact, frozen=True, gc=False, kw_only=True, tag="decided"):
    """The verdict on an attempt, with all that is needed to decide it again, equal."""

    attempt: Attempt
    hold: Hold
    reading: Reading
    verdict: Verdict
    policy: str
    """Version (digest) of policy, decks and block lists."""
    numbers: str
    """Version of the number table."""
    edge: bytes = b""
    """The edge's record of the caller's leg (opaque here), so that a late answer after a crash still finds its way."""


class Challenged(_Fact, frozen=True, gc=False, kw_only=True, tag="challenged"):
    """The carrier answered 401/407: the caller will ask again; the hold is kept for a moment."""

    id: str


class Answered(_Fact, frozen=True, gc=False, kw_only=True, tag="answered"):
    """A 2xx: money runs. Every forked 2xx is one, with a leg of its own."""

    id: str
    """The attempt's id."""
    leg: str
    """To tag of the answering leg."""
    dialog: bytes = b""
    """The edge's two-leg dialog record (opaque here)."""
    late: bool = False
    """The attempt goes on elsewhere: this target was given up when it answered, and is hung up."""


class DialogChanged(_Fact, frozen=True, gc=False, kw_only=True, tag="dialog-changed"):
    """A target refresh moved a contact, an answer secured media, or we answered a challenge of the carrier, so that it
    numbers otherwise."""

    id: str
    leg: str
    """Empty while the call has no answer."""
    dialog: bytes


class MediaMismatch(_Fact, frozen=True, gc=False, kw_only=True, tag="media-mismatch"):
    """Media of a call that isn't protected as its trunk asks. A first offer that we send on is judged as an attempt."""

    id: str
    leg: str = ""
    """To tag of the callee; empty while there is none."""
    by: str
    """Who said so: `trunk:NAME` or `source:NAME`."""
    what: str
    """The message: `200 to INVITE`, `UPDATE`."""
    srtp: Srtp
    media: Media
    why: str
    ended: bool
    """Whether the call was ended for it, or wasn't begun; False where that is only observed."""


class MediaElsewhere(_Fact, frozen=True, gc=False, kw_only=True, tag="media-elsewhere"):
    """Media of a call is to be sent outside the ranges of who says so. A source's INVITE is judged as an attempt."""

    id: str
    leg: str = ""
    """To tag of the callee; empty while there is none."""
    by: str
    """Who said so: `trunk:NAME` or `source:NAME`."""
    what: str
    """The message: `200 to INVITE`, `UPDATE`."""
    media: Media
    why: str


class Extended(_Fact, frozen=True, gc=False, kw_only=True, tag="extended"):
    """The next increments of a live call's money were asked for before they began."""

    hold: Hold
    """id is `attempt#leg`."""
    reading: Reading


class Ended(_Fact, frozen=True, gc=False, kw_only=True, tag="ended"):
    """An attempt or one of its legs is over."""

    id: str
    leg: str = ""
    """Empty: the whole attempt (refused by the far side, cancelled, lost before an answer)."""
    cause: str
    """Slug: bye-caller, bye-callee, cancelled, rejected, no-answer, longest-call, money, operator, lost, ..."""
    status: int = 0
    """SIP status where one ended it."""
    why: str = ""
    """What led to it, where we ended it."""
    talked_s: int | None = None
    """How long it was up, where that is told or presumed, since its answer went past us (redirect)."""


class Contained(_Fact, frozen=True, gc=False, kw_only=True, tag="contained"):
    """A restriction with an owner, a reason, an end and an undo."""

    id: str
    entity: Entity
    name: str
    """Trunk, source or tenant; `source/extension`; region `LV`; prefix `+37120`; address or network."""
    klass: str = ""
    """Confined to a destination class, to calls `abroad` (international and special), or to those among them to `new`
    numbers; empty for all."""
    within: str = ""
    """Confined to the calls of one source; empty for everybody's."""
    action: Literal["refuse", "slow"] = "refuse"
    """slow: one call in SLOW_S."""
    cut: Literal["", "new", "all"] = ""
    """Covered calls in progress that are ended: none, those to numbers that were new, all."""
    incident: str = ""
    """The incident that it was made for; empty where somebody made it by hand."""
    owner: str
    why: str
    until: Instant


class Released(_Fact, frozen=True, gc=False, kw_only=True, tag="released"):
    """A containment or an acceptance was undone."""

    id: str
    owner: str


class Accepted(_Fact, frozen=True, gc=False, kw_only=True, tag="accepted"):
    """Somebody says that an incident is business: nothing is weighed against such calls until a day."""

    id: str
    incident: str
    source: str
    prefixes: tuple[str, ...]
    """E.164 digits that the accepted numbers begin with."""
    owner: str
    why: str
    until: Instant


class PolicyChanged(_Fact, frozen=True, gc=False, kw_only=True, tag="policy-changed"):
    """A policy is in force from here on, also at each start."""

    version: str
    by: str
    places: dict[str, str] = {}
    """Dotted key to `file:line`, so that a decision is explained by the lines it was made with."""


class Arrived(_Fact, frozen=True, gc=False, kw_only=True, tag="arrived"):
    """An inbound call came in. No money is in it: it is not judged, but call-backs, forwarding and dial-through are
    understood by it. Its `Answered` and `Ended` bear its id; one that ends unanswered was missed."""

    id: str
    source: str
    """Whose call it is."""
    trunk: str
    caller: str
    """E.164 digits where the number could be read, else as shown."""
    dialled: str
    """The source's number or extension that was called."""
    verstat: Verstat = ""
    attestation: str = ""
    """A, B or C, where it passed and says so."""
    origid: str = ""
    """Where it began, by the word of who signed it."""
    verstat_why: str = ""
    """Why it isn't passed."""
    dialog: bytes = b""
    """The carrier's leg, for the edge, so that a restart before the answer loses nothing of the call."""


class AuthFailed(_Fact, frozen=True, gc=False, kw_only=True, tag="auth-failed"):
    """A password of a known party was wrong. What follows within ten seconds for the same account is summed."""

    source: str
    account: str
    """The extension, or the user of the address of record."""
    peer: str
    """Transport address that the last one came from."""
    user_agent: str = ""
    count: int = 1


class Registered(_Fact, frozen=True, gc=False, kw_only=True, tag="registered"):
    """An account registered, or proved its password with a call: for the first time, after wrong passwords, or from
    elsewhere than before."""

    source: str
    account: str
    peer: str
    user_agent: str = ""


class Bound(_Fact, frozen=True, gc=False, kw_only=True, tag="bound"):
    """A contact of an account was registered with us, or moved. That it is registered again isn't told."""

    source: str
    account: str
    key: str
    """Which of the account's contacts: its instance id where it has one, else its URI."""
    contact: str
    """Its URI."""
    listener: str
    peer: str
    """Transport address that it registered from: calls go there."""
    path: tuple[str, ...] = ()
    """Route values of calls to it (RFC 3327)."""
    expires_s: int
    user_agent: str = ""
    call_id: str
    cseq: int


class Unbound(_Fact, frozen=True, gc=False, kw_only=True, tag="unbound"):
    """A contact of an account is gone."""

    source: str
    account: str
    key: str
    why: Gone


class Enrolled(_Fact, frozen=True, gc=False, kw_only=True, tag="enrolled"):
    """How our own registration at a carrier stands, where that changed."""

    trunk: str
    state: Enrolment
    why: str = ""
    """What the carrier said, where it isn't well."""
    foreign: tuple[str, ...] = ()
    """Contacts of somebody else that the carrier has under our name."""


class Strangers(_Fact, frozen=True, gc=False, kw_only=True, tag="strangers"):
    """What unknown addresses sent in ten seconds, and what known ones sent that can't be read or was too much.

    One row a source address, and one for all that fell off the bound.
    """

    listener: str
    address: str
    """Empty for the sum of those beyond the quota."""
    requests: dict[str, int]
    """Count by method; `malformed` for what did not parse, `too-fast` for what was over its rate."""


class Offended(_Fact, frozen=True, gc=False, kw_only=True, tag="offended"):
    """Somebody did what only attackers, or the mistaken, do. Not journaled: what comes of it is.

    Told only of addresses that weren't forged: over a connection, or by an answer to what we sent there (B6).
    """

    address: str
    kind: Offence
    what: str = ""
    """password: the account that was tried; name: the one that isn't there; number: what was dialled; agent: what it
    calls itself; malformed: what is wrong with the message."""
    source: str = ""
    """Whose account was tried; empty where it is nobody's."""
    users: int = 0
    """Accounts whose password was right at this address."""


class Banned(_Fact, frozen=True, gc=False, kw_only=True, tag="banned"):
    """Nothing is taken from an address for a while; a second one of the same name takes the place of the first."""

    name: str
    """An address, or a network in CIDR form."""
    until: Instant
    reason: str
    """Slug: password-guessing, distributed-guessing, extension-sweep, prefix-probing, scanner, malformed; by-hand;
    fail2ban and the name of its jail."""
    why: str
    evidence: int = 0
    """How many times it was seen to do what it is banned for."""
    owner: str
    """OURSELVES, or whoever ordered it."""


class Unbanned(_Fact, frozen=True, gc=False, kw_only=True, tag="unbanned"):
    """A ban was undone before its end."""

    name: str
    owner: str


class Allowed(_Fact, frozen=True, gc=False, kw_only=True, tag="allowed"):
    """An address is never banned from now on; a second one of the same name takes the place of the first."""

    name: str
    """An address, or a network in CIDR form."""
    until: Instant = 0
    """0: until it is undone."""
    why: str
    owner: str


class Disallowed(_Fact, frozen=True, gc=False, kw_only=True, tag="disallowed"):
    """An address can be banned like any other again."""

    name: str
    owner: str


class Tick(_Fact, frozen=True, gc=False, kw_only=True, tag="tick"):
    """Time passed. Not journaled."""


Fact = (
    Attempted
    | Decided
    | Challenged
    | Answered
    | DialogChanged
    | MediaElsewhere
    | MediaMismatch
    | Extended
    | Ended
    | Contained
    | Released
    | Accepted
    | Arrived
    | AuthFailed
    | Registered
    | Bound
    | Unbound
    | Enrolled
    | PolicyChanged
    | Strangers
    | Offended
    | Banned
    | Unbanned
    | Allowed
    | Disallowed
    | Tick
)
