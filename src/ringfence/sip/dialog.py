"""A dialog as a proxy sees it: two legs, each of which can be written to (RFC 3261 §12, §16.6, §16.12).

Theory. A plain proxy forwards by what a request says. We also have to end calls ourselves and survive a restart, so the
dialog is a record of both legs; and since it is there, requests inside the dialog are sent by the record and not by
what they say: Request-URI, Route and next hop come from the leg. A PBX that is broken or broken into can't steer a
re-INVITE to another number, and a strict router's mangled Request-URI (§16.4) repairs itself.

    caller ── routes of the caller leg ── we ── routes of the callee leg ── callee

The route set towards the caller is the INVITE's Record-Route as it reached us: its first entry is nearest to us. The
route set towards the callee is what stands above our own entries in the response's Record-Route, reversed (§12.1.2).
`cseq` is the last CSeq number seen *from* a leg; a request of ours to the other leg takes the next one.

Everything here is plain data (msgspec encodes it as it is) without cycles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from ringfence.sip.address import cut_address
from ringfence.sip.build import build_request
from ringfence.sip.errors import SipParseError
from ringfence.sip.message import Message, Request
from ringfence.sip.uri import Uri, parse_uri

MAX_ROUTES = 16
"""Entries of a route set that are kept; a longer one is refused."""


class Leg(msgspec.Struct, gc=False, array_like=True):
    """One side of a dialog, and all that is needed to write to it."""

    party: str
    """Who it is: `source:NAME` or `trunk:NAME`."""
    tag: str
    name: bytes
    """Its From or To value as the *other* side knows it, without tag where none was given yet."""
    seen: bytes
    """Its From or To value as it knows itself; differs from `name` where the caller ID was rewritten."""
    target: bytes
    """Remote target: the URI of its Contact."""
    routes: tuple[bytes, ...]
    """Route values from us to it, nearest first."""
    cseq: int
    """Last CSeq number seen from it; -1 before the first."""
    host: str
    """Address its messages come from."""
    port: int
    listener: str
    flow: int = 0
    """The connection it spoke on last, 0 for none: while that is open it is written to there."""


class Dialog(msgspec.Struct, gc=False, array_like=True):
    """A call between two legs."""

    id: str
    """The attempt it belongs to."""
    call_id: str
    caller: Leg
    callee: Leg
    state: str = "early"
    """early, confirmed, ending."""
    acked: bool = False
    invite_cseq: int = 0
    """CSeq number of the INVITE that made it, which an ACK of ours has to name."""
    inbound: bool = False
    """From the carrier to a source: no money of ours."""
    trunk: str = ""
    expires_at: int = 0
    """Instant at which the session lapses unless refreshed (RFC 4028); 0 = no session timer."""
    dialled: str = ""
    """What was dialled; what an inbound call came to."""
    digits: str = ""
    """The last digits of an inbound caller."""
    cause: str = ""
    """Why it is being ended by us."""
    waiting: int = 0
    """How many of our BYEs are unanswered."""
    skip: int = 0
    """CSeq numbers that a request of ours leaves out, since a record from before a restart may be behind."""
    wake: int = 0
    armed: int = 0
    shift: int = 0
    """By how much CSeq numbers toward the callee are higher than the caller's: requests that we asked again for him."""
    invites: tuple[int, int] = (0, 0)
    """Number of the caller's last INVITE that was shifted, and the callee's number of it."""
    srtp: Literal["", "required", "offered", "forbidden"] = ""
    """What its trunk asked of media when it began; empty: nothing."""
    unoffered: bool = False
    """Whether nobody has offered media yet, where its trunk asks that of the first offer."""
    secured: tuple[str, ...] = ()
    """Kinds of media that somebody answered with SRTP, where its trunk asks that they stay so."""
    own: str = ""
    """Call-ID toward the carrier where that sees nothing of the inside (`edge/own.py`); empty: both sides have one."""
    base: int = 0
    """What `shift` begins with."""

    def to_callee(self, number: int) -> int:
        """The number that a request of the caller, or the INVITE that an ACK of his names, has toward the callee."""
        asked, sent = self.invites
        return sent if sent and number == asked else number + self.shift

    def to_caller(self, number: int) -> int:
        """The number that the caller gave to a request which has this one toward the callee."""
        asked, sent = self.invites
        return asked if sent and number == sent else max(0, number - self.shift)

    def learn(self, number: int) -> None:
        """What the callee's answer to the INVITE that made it says of numbers, where the record may not tell of it."""
        if number != self.to_callee(self.invite_cseq):
            self.shift = max(self.shift, number - self.invite_cseq)
            self.invites = self.invite_cseq, number

    @property
    def key(self) -> tuple[str, str, str]:
        """(Call-ID, caller's tag, callee's tag)."""
        return self.call_id, self.caller.tag, self.callee.tag

    def call_id_to(self, leg: Leg) -> str:
        """The Call-ID that a leg knows it by."""
        return self.own if self.own and leg is self.callee else self.call_id

    def other(self, leg: Leg) -> Leg:
        """The leg across."""
        return self.callee if leg is self.caller else self.caller


def contact_uri(message: Message) -> bytes:
    """The URI of its Contact as spelled; empty without one. Raises SipParseError."""
    value = message.first("contact")
    if value is None or value == b"*":
        return b""
    return cut_address(value)[1]


def route_set(values: Sequence[bytes]) -> tuple[bytes, ...]:
    """Route values, all of them readable, so that a request of ours can be aimed by them. Raises SipParseError."""
    if len(values) > MAX_ROUTES:
        raise SipParseError("too many Record-Route entries")
    for value in values:
        parse_uri(cut_address(value)[1])
    return tuple(values)


def aim(leg: Leg) -> tuple[bytes, tuple[bytes, ...]]:
    """Request-URI and Route values of a request to this leg (§12.2.1.1; a strict router comes first, §16.6 step 6)."""
    if not leg.routes or is_loose(leg.routes[0]):
        return leg.target, leg.routes
    return cut_address(leg.routes[0])[1], (*leg.routes[1:], b"<" + leg.target + b">")


def is_loose(route: bytes) -> bool:
    """Whether a Route value has the lr parameter."""
    return b";lr" in route.lower() and "lr" in parse_uri(cut_address(route)[1]).params


def next_hop(leg: Leg) -> Uri | None:
    """The URI that decides where a request to this leg goes; None where it can't be read."""
    raw = cut_address(leg.routes[0])[1] if leg.routes else leg.target
    try:
        return parse_uri(raw)
    except SipParseError:
        return None


def own_request(dialog: Dialog, leg: Leg, method: str, via: bytes, extra: Sequence[tuple[str, bytes]] = ()) -> Request:
    """A request of ours to one leg as if the other had sent it; CSeq goes on from the other's, and the record keeps it.

    An ACK takes the CSeq number of the INVITE and doesn't count (§13.2.2.4).
    """
    across = dialog.other(leg)
    if method == "ACK":
        number = dialog.invite_cseq
    else:
        number = across.cseq = max(across.cseq, 0) + 1 + dialog.skip
    if dialog.shift and leg is dialog.callee:
        number = dialog.to_callee(number)
    return _request(dialog, leg, method, number, via, extra)


def question(dialog: Dialog, leg: Leg, via: bytes) -> Request:
    """OPTIONS to one leg with a CSeq number of the other that is used up: to who has the dialog it changes nothing."""
    number = max(dialog.other(leg).cseq, 0)
    if dialog.base and leg is dialog.callee:
        number = dialog.to_callee(number)
    return _request(dialog, leg, "OPTIONS", number, via, ())


def _request(
    dialog: Dialog, leg: Leg, method: str, number: int, via: bytes, extra: Sequence[tuple[str, bytes]]
) -> Request:
    across = dialog.other(leg)
    uri, routes = aim(leg)
    headers = [("Via", via)]
    headers += [("Route", route) for route in routes]
    headers += [
        ("Max-Forwards", b"70"),
        ("From", across.name),
        ("To", leg.seen),
        ("Call-ID", dialog.call_id_to(leg).encode("utf-8", "surrogateescape")),
        ("CSeq", b"%d %s" % (number, method.encode("ascii"))),
    ]
    return build_request(method, uri, [*headers, *extra])
