"""What a request outside calls has to be before anybody looks at what it wants (RFC 3261 §16.3, §8.2.2).

A call to a scheme that we don't know isn't refused here but judged: it is no number, and that is told. Inside a call
nothing is refused for what it requires: a BYE that doesn't get through costs money. Nor is an emergency call of a
source (C8): whoever waits for help can't be asked to try again otherwise.

So many headers that an answer, which repeats some of them, might not be readable are nobody's honest request: a call
whose answer isn't read would be up, and nobody would know.
"""

from __future__ import annotations

from ringfence.edge.identity import dialled
from ringfence.edge.records import Origin
from ringfence.edge.state import Edge
from ringfence.sip.headers import MAX_FORWARDED
from ringfence.sip.message import Request

Problem = tuple[int, str, tuple[tuple[str, bytes], ...]]
"""Status, reason phrase, further headers."""
SCHEMES = ("sip", "sips", "tel")


def problem(edge: Edge, request: Request, origin: Origin) -> Problem | None:
    """Why this request is refused whatever it wants; raises SipParseError for a call to what can't be read."""
    method = request.method
    if request.header_lines > MAX_FORWARDED:
        return 513, "Message Too Large", ()
    required = request.all("proxy-require") + (request.all("require") if method == "OPTIONS" else [])
    if required and not (method == "INVITE" and _is_emergency(edge, request, origin)):
        return 420, "Bad Extension", (("Unsupported", b", ".join(required)),)
    if method != "INVITE" and request.uri.scheme not in SCHEMES:
        return 416, "Unsupported URI Scheme", ()
    return None


def _is_emergency(edge: Edge, request: Request, origin: Origin) -> bool:
    return origin.party.kind == "source" and edge.is_emergency(origin.party.names[0], dialled(request))
