"""The door in overload: new calls are refused with little work, so that there is time for those that are up (B5).

It closes when the ledger is late (the guard says so) or when datagrams wait too long to be read (the sockets say so);
for somebody who sends more than he may it is closed at once (B1). Where most of what waits is of strangers, refusing
calls would help nobody but them: then strangers aren't read first, and calls are refused only if that doesn't help.
Behind a closed door an INVITE that begins a call gets a 503 without state, made of its own lines; no Retry-After,
which would have a PBX take the whole trunk for dead. Emergency calls pass, and so does all that belongs to a call:
repetitions of an INVITE that was taken, and every other method.

An INVITE that was refused is remembered for a while, and refused again when it is repeated: its sender has had his
answer, and a call that began from the repetition would ring for nobody.
"""

from __future__ import annotations

import logging

from ringfence.edge.identity import dialled_uri
from ringfence.edge.keys import branch_of, key_of
from ringfence.edge.records import Origin
from ringfence.edge.state import Edge
from ringfence.edge.throttle import Standing, group_of
from ringfence.edge.tokens import MAGIC
from ringfence.sip.build import ReplyHead, reflect, reply
from ringfence.sip.errors import SipParseError
from ringfence.sip.uri import parse_uri
from ringfence.sip.via import parse_via

log = logging.getLogger("ringfence.edge")

CLOSES_AT = 100_000
"""How long a datagram may have waited, microseconds: well under the half second after which it is sent again."""
OPENS_AT = 20_000
PATIENCE = 500_000
"""The same where most datagrams are strangers': they are dropped unread first, which costs next to nothing."""
REMEMBER = 16_000_000
"""How long a refused INVITE is remembered at least, microseconds."""
MAX_REMEMBERED = 100_000
"""Refused INVITEs that are remembered; the older half is forgotten when there are more."""


class Door:
    """Whether new calls are refused, and which were."""

    __slots__ = ("_fresh", "_stale", "_turned", "behind", "crowded", "known", "late", "strangers")

    def __init__(self) -> None:
        self.late = False
        """The ledger is late."""
        self.behind = False
        """Datagrams wait too long."""
        self.crowded = False
        """They do, and those of strangers aren't read."""
        self.strangers = self.known = 0
        """Datagrams of late, each half as much each time that is looked how long they wait."""
        self._fresh: set[str] = set()
        self._stale: set[str] = set()
        self._turned = 0

    def waited(self, microseconds: int) -> None:
        """How long the datagram that is read next has waited."""
        crowd = self.strangers > self.known
        self.strangers, self.known = self.strangers >> 1, self.known >> 1
        self.crowded = microseconds > (OPENS_AT if self.crowded else CLOSES_AT)
        self.behind = microseconds > (OPENS_AT if self.behind else PATIENCE if crowd else CLOSES_AT)

    @property
    def closed(self) -> bool:
        """Whether new calls are refused."""
        return self.late or self.behind

    @property
    def idle(self) -> bool:
        """Whether nobody has to look."""
        return not (self.late or self.behind or self._fresh or self._stale)

    def remember(self, key: str, now: int) -> None:
        """An INVITE was refused."""
        self._turn(now)
        self._fresh.add(key)

    def remembers(self, key: str, now: int) -> bool:
        """Whether this INVITE was refused lately."""
        self._turn(now)
        return key in self._fresh or key in self._stale

    def _turn(self, now: int) -> None:
        if now - self._turned > REMEMBER or len(self._fresh) > MAX_REMEMBERED // 2:
            self._stale, self._fresh, self._turned = self._fresh, set(), now


def is_too_fast(edge: Edge, data: bytes, origin: Origin, now: int) -> bool:
    """Whether somebody known sends more than he may of this kind; the first of ten seconds is told."""
    standing: Standing = "account" if origin.guest else "party"
    if edge.rates.known(standing, origin.host, data, now):
        return False
    edge.count("too_fast")
    if edge.strangers.count(origin.listener, origin.host, "too-fast", now) == 1:
        who, group = ", ".join(origin.party.names), group_of(data)
        does = "refused, but for emergency calls" if group == "invite" else "dropped"
        log.warning(
            "%s (%s) sends more than requests.%s.%s: what is over is %s", who, origin.host, standing, group, does
        )
    return True


def turned_away(edge: Edge, door: Door, data: bytes, origin: Origin, now: int, *, fast: bool = False) -> bool:
    """Whether this datagram is an INVITE that was refused at the door; `fast`: its sender sends too many."""
    if not data.startswith(b"INVITE "):
        return False
    found = reflect(data)
    if found is None or found[0].tagged:
        return False
    try:
        return _look(edge, door, data, *found, origin, now, fast)
    except SipParseError:
        return False  # It is answered where it is read as a whole.


def _look(
    edge: Edge, door: Door, data: bytes, head: ReplyHead, top: bytes, origin: Origin, now: int, fast: bool
) -> bool:
    if not branch_of(top).startswith(MAGIC):
        return False
    key = key_of(top, origin.host, "INVITE", "", 0, None)
    if key in edge.servers:
        return False
    if not door.remembers(key, now):
        if not (door.closed or fast) or _is_emergency(edge, data, origin):
            return False
        door.remember(key, now)
        if door.closed:
            edge.count("overload")
    if not origin.party.names:
        return True  # Strangers aren't told.
    reason = (("Reason", b'SIP;cause=503;text="Overload"'),)
    refusal = reply(head, 503, "Service Unavailable", edge.tokens.tag(key), reason)
    edge.transmit(edge.hop_back(origin, parse_via(top)), refusal)
    return True


def _is_emergency(edge: Edge, data: bytes, origin: Origin) -> bool:
    if origin.party.kind != "source":
        return False
    dialled = dialled_uri(parse_uri(data[7 : data.index(b" ", 7)]))
    if not origin.guest:
        return edge.is_emergency(origin.party.names[0], dialled)
    entrance = edge.digest.entrances.get(origin.listener)
    return entrance is not None and any(edge.is_emergency(source, dialled) for source in entrance.sources)
