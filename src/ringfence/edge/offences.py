"""What strangers do that phones don't, where it is sure that it was they (B4, B6).

Over UDP an address can be forged: whoever likes could have a phone banned by sending in its name. So what a datagram
says counts only if it proves by itself that its sender hears us: it answers a nonce that was made for its address, or
acknowledges an answer with the tag that is in it. What comes over a connection is its sender's. What else is in a
datagram is counted with the strangers, gets an answer as often as the throttle says, and can't have anybody banned.

An address at which accounts were right is shared by others. Its ban leaves out the places (address and port, or
connection) where they were, but for those from which passwords were guessed.
"""

from __future__ import annotations

import re
from contextlib import suppress

from ringfence.edge.guests import NOBODY, Place
from ringfence.edge.identity import MAX_AGENT, dialled, user_of
from ringfence.edge.records import Origin
from ringfence.edge.state import Edge
from ringfence.model.fact import Offence, Offended
from ringfence.sip.errors import SipParseError
from ringfence.sip.message import Request

MAX_GUILTY = 4_096
MAX_WHAT = 80
ANSWERED = 3
"""Datagrams with a scanner's name that are answered of one address in ten seconds."""
SCANNER = "scanner"
"""A kind of what strangers send, beside the methods."""
_FOR_HELP = re.compile(rb"INVITE (?:(?:sips?|tel):([0-9*#+]{2,9})[@;> ]|(urn:service:sos))")
_FOR_WHOM = re.compile(rb"[A-Z]{1,16} sips?:([^@;?> ]{1,64})@")


def tell(edge: Edge, origin: Origin, kind: Offence, what: str, now: int, source: str = "") -> None:
    """Something that only attackers do was done there."""
    users = edge.digest.users(origin.host)
    edge.note(Offended(at=now, address=origin.host, kind=kind, what=what[:MAX_WHAT], source=source, users=users))


def wrong_password(edge: Edge, request: Request, origin: Origin, account: str, source: str, now: int) -> None:
    """An answer to a challenge of ours was wrong."""
    if origin.party is not NOBODY:
        _guilty(edge, origin)
    tell(edge, origin, "password", account, now, source)
    _agent(edge, request, origin, now)


def _guilty(edge: Edge, origin: Origin) -> None:
    if len(edge.guilty) >= MAX_GUILTY:
        del edge.guilty[next(iter(edge.guilty))]
    edge.guilty[origin[:3]] = None


def _agent(edge: Edge, request: Request, origin: Origin, now: int) -> None:
    agent = edge.scanners.named(b"\r\nUser-Agent: " + (request.first("user-agent") or b""))
    if agent:
        tell(edge, origin, "agent", agent[:MAX_AGENT], now)


def heard(edge: Edge, request: Request, origin: Origin, now: int) -> None:
    """Somebody acknowledges that he was asked for a password: so it was he who sent that INVITE, over UDP too."""
    if not origin.flow:
        _asked(edge, request, origin, now)


def asked(edge: Edge, request: Request, origin: Origin, now: int) -> None:
    """Somebody asks for something without a password."""
    if origin.flow:
        _asked(edge, request, origin, now)


def _asked(edge: Edge, request: Request, origin: Origin, now: int) -> None:
    if origin.party is not NOBODY:
        return
    _agent(edge, request, origin, now)
    registers = request.method == "REGISTER"
    if not registers and edge.digest.users(origin.host):
        return  # A PBX behind an address that changes shows another caller with each call.
    name = user_of(request.first("to" if registers else "from"))
    if name and name not in edge.digest.owners:
        tell(edge, origin, "name", name, now)
    if not registers:
        with suppress(SipParseError):  # Nobody is dialled.
            tell(edge, origin, "number", dialled(request), now)


def knocked(edge: Edge, data: bytes, origin: Origin, now: int) -> None:
    """A stranger's message over a connection that isn't read: what its first line and its User-Agent say."""
    if not origin.flow:
        return
    agent = edge.scanners.named(data)
    if agent:
        tell(edge, origin, "agent", agent[:MAX_AGENT], now)
    found = _FOR_WHOM.match(data)
    if found is not None and (name := found[1].decode("ascii", "replace")) not in edge.digest.owners:
        tell(edge, origin, "name", name, now)


def is_kept_out(edge: Edge, data: bytes, place: Place) -> bool:
    """Whether nothing is taken from a place while its address is banned, or while strangers aren't read: from all but
    where a password was right, and from which none was guessed; an emergency call is challenged all the same (C8)."""
    if place in edge.digest.guests and place not in edge.guilty:
        return False
    return not _calls_for_help(edge, data, place[0])


def _calls_for_help(edge: Edge, data: bytes, listener: str) -> bool:
    found, entrance = _FOR_HELP.match(data), edge.digest.entrances.get(listener)
    if found is None or entrance is None:
        return False
    dialled = (found[1] or found[2]).decode("ascii")
    return any(edge.is_emergency(source, dialled) for source in entrance.sources)


def unreadable(edge: Edge, origin: Origin, reason: str, now: int) -> None:
    """A stranger's message can't be read."""
    if origin.party is NOBODY and origin.flow:
        tell(edge, origin, "malformed", reason, now)


def is_silenced(edge: Edge, data: bytes, origin: Origin, now: int) -> bool:
    """Whether a datagram that calls itself a scanner's gets no answer: a few in ten seconds do, so that who hears them
    can show that he does, and be banned; so does whoever answers one."""
    if origin.flow or data.startswith(b"ACK ") or not edge.scanners.named(data):
        return False
    if edge.policy.bans.mode != "enforce":
        return False
    many = edge.strangers.count(origin.listener, origin.host, SCANNER, now) > ANSWERED
    return many and b"uthorization:" not in data
