"""What the core wants done: the values that `EdgeCore.effects()` gives, in order."""

import msgspec

from ringfence.model.attempt import Attempt
from ringfence.model.fact import (
    Answered,
    Arrived,
    AuthFailed,
    Bound,
    Challenged,
    DialogChanged,
    Ended,
    Enrolled,
    MediaElsewhere,
    MediaMismatch,
    Offended,
    Registered,
    Strangers,
    Unbound,
)
from ringfence.sip.hop import NextHop

Told = (
    Answered
    | Arrived
    | AuthFailed
    | Bound
    | Challenged
    | DialogChanged
    | Ended
    | Enrolled
    | Offended
    | MediaElsewhere
    | MediaMismatch
    | Registered
    | Strangers
    | Unbound
)
"""What the edge tells of."""


class Send(msgspec.Struct, frozen=True, gc=False):
    """Put these bytes on the wire."""

    hop: NextHop
    data: bytes
    key: str = ""
    """The client transaction that has to know (`EdgeCore.unsent`) where a connection can't be made or is lost."""


class HangUp(msgspec.Struct, frozen=True, gc=False):
    """Close a connection: who is at its far end isn't known any more."""

    flow: int


class Fetch(msgspec.Struct, frozen=True, gc=False):
    """Get the certificate at a URL, and say so with `fetched`, whatever comes of it."""

    url: str


class Ask(msgspec.Struct, frozen=True, gc=False):
    """Decide this attempt and say so with `decided`."""

    attempt: Attempt
    edge: bytes
    """For `Decided.edge`: the caller's leg, so that a late answer after a crash finds its way."""
    emergency: bool = False
    """An emergency number where the source is, found without engine and ledger: it passes also while they are down."""


class Note(msgspec.Struct, frozen=True, gc=False):
    """Something happened that the engine and the ledger have to know."""

    fact: Told


class Message(msgspec.Struct, frozen=True, gc=False):
    """A SIP message of a call, for the message store."""

    attempt_id: str
    call_id: str
    direction: str
    """`in host:port` or `out host:port`."""
    data: bytes


Effect = Send | HangUp | Fetch | Ask | Note | Message
