"""Session timers (RFC 4028): how a proxy learns that a call is dead though nobody said BYE.

A side that supports the extension refreshes the session by re-INVITE or UPDATE before it lapses. We ask for it where
nobody did, lower what is too long for us, and never go under 90 seconds or the request's Min-SE (§8.1). A call without
a timer (neither side supports it) is bounded by its longest duration only.
"""

from __future__ import annotations

import re

from ringfence.edge.rewrite import Outgoing
from ringfence.sip.errors import SipParseError
from ringfence.sip.message import Message, Request, Response
from ringfence.sip.timers import MS, PATIENCE

MIN_SE = 90
"""Smallest session interval (§5)."""
INBOUND_LONGEST = 86_400_000 * MS
"""How long an inbound call without session timer is kept: no rule bounds it, and its BYE may have been lost."""
_SECONDS = re.compile(rb"([0-9]{1,9})[ \t]*(?:;.*)?", re.DOTALL)


def seconds(message: Message, name: str) -> int:
    """Value of Session-Expires or Min-SE; 0 when absent. Raises SipParseError."""
    value = message.first(name)
    if value is None:
        return 0
    match = _SECONDS.fullmatch(value)
    if match is None:
        raise SipParseError(f"bad {name}")
    return int(match[1])


def supports_timer(message: Message) -> bool:
    """Whether its sender can refresh a session."""
    return any(value.lower() == b"timer" for value in message.all("supported"))


def too_small(request: Request) -> bool:
    """Whether the request has to be answered 422 (§8.1: only where its sender understands that).

    Raises SipParseError for a Min-SE that can't be read too, so that it is refused before it is judged.
    """
    seconds(request, "min-se")
    return 0 < seconds(request, "session-expires") < MIN_SE and supports_timer(request)


def offer(out: Outgoing, wanted_s: int) -> int:
    """Put in or lower Session-Expires in a request that we forward; gives `Client.session`."""
    request = out.request
    interval = given = seconds(request, "session-expires")
    if wanted_s:
        floor = max(MIN_SE, seconds(request, "min-se"))
        interval = max(floor, min(given or wanted_s, wanted_s))
    if interval != given:
        rest = (request.first("session-expires") or b"").partition(b";")
        out.put("session-expires", b"%d" % interval + rest[1] + rest[2])
    return interval if supports_timer(request) else -interval


def accept(response: Response, asked: int, now: int) -> int:
    """From a 2xx that we forward: when the session lapses, 0 = never. The response may get its header (§8.2)."""
    interval = seconds(response, "session-expires")
    if not interval:
        if asked <= 0:
            return 0
        interval = asked
        response.set("session-expires", b"%d;refresher=uac" % interval)
        response.append("require", b"timer")
    # Whoever refreshes says BYE itself before the end (§10); only then do we.
    return now + interval * 1_000_000 + PATIENCE
