"""What names the inside, in a text that a carrier is to see which sees nothing of it: `own` leaves out what does.

Names are those of the policy (IPv4 addresses of sources, and of listeners that no trunk is reached by) and those that
stand in the call itself: the host of the PBX in From and Contact, the hops it came by, its Call-ID and the host in it.
"""

from __future__ import annotations

import re
from collections.abc import Set

from ringfence.edge.state import Edge
from ringfence.sip.address import cut_address
from ringfence.sip.dialog import Dialog
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import wire
from ringfence.sip.message import Message
from ringfence.sip.uri import parse_uri
from ringfence.sip.via import parse_via

_LONGER_BEFORE, _LONGER_AFTER = re.compile(rb"[a-z0-9.-]"), re.compile(rb"[a-z0-9-]")
_IPV4 = re.compile(rb"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9])")


def inside_of(dialog: Dialog, message: Message | None = None) -> frozenset[bytes]:
    """Names of the inside that stand in a call: of the party there, of the hops to it, and the Call-ID."""
    leg = dialog.callee if dialog.inbound else dialog.caller
    values = [value for value in (leg.seen, leg.target) if value]
    found = {_host(value) for value in values}
    if not dialog.inbound:
        found |= {wire(dialog.call_id), wire(dialog.call_id.rpartition("@")[2])}
        found |= {_sent_by(value) for value in (message.all("via") if message is not None else ())}
    return frozenset(name.lower() for name in found if name)


def _host(value: bytes) -> bytes:
    try:
        return wire(parse_uri(cut_address(value)[1]).host)
    except SipParseError:
        return b""


def _sent_by(value: bytes) -> bytes:
    try:
        return wire(parse_via(value).host)
    except SipParseError:
        return b""


def telling(edge: Edge, message: Message, names: Set[str], dialog: Dialog) -> list[str]:
    """Those of these headers that name the inside."""
    present = [name for name in names if message.has(name)]
    inside = inside_of(dialog, message) if present else frozenset()
    return [name for name in present if any(tells(edge, value, inside) for value in message.all(name))]


def tells(edge: Edge, value: bytes, inside: frozenset[bytes]) -> bool:
    """Whether a text names the inside: one of these names, or the address of a source or of a listener towards one."""
    lowered = value.lower()
    if any(_has_word(lowered, name) for name in inside):
        return True
    return any(edge.peers.is_inside(address.decode("ascii")) for address in _IPV4.findall(value))


def _has_word(value: bytes, name: bytes) -> bool:
    """Whether a name stands in a text, and not as a part of a longer one."""
    at = value.find(name)
    while at >= 0:
        after = value[at + len(name) : at + len(name) + 1]
        if not (at and _LONGER_BEFORE.match(value, at - 1)) and not _LONGER_AFTER.match(after):
            return True
        at = value.find(name, at + 1)
    return False
