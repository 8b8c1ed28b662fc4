"""Answering a carrier's challenges with a secret of ours (RFC 3261 §22.2, §22.3; RFC 7616 §3.4, RFC 8760 §2.4).

The secret is the hash of one user in one realm, so a challenge of another realm can't be answered and gets no answer:
whoever could make us answer his own would get something to try passwords on. Of the algorithms that are offered the
strongest is taken that the policy permits; whether a stronger one was taken out on the way a client can't know, which
is why the policy says what is good enough.
"""

from __future__ import annotations

from ringfence.edge.enrolled import Asked
from ringfence.edge.secrets import Secrets
from ringfence.edge.state import Edge
from ringfence.errors import RingfenceError
from ringfence.model.settings import Register
from ringfence.sip.digest import ALGORITHMS, authorize, read_challenges
from ringfence.sip.message import Response

ASKED_WITH = {401: "www-authenticate", 407: "proxy-authenticate"}
ANSWERED_WITH = {401: "Authorization", 407: "Proxy-Authorization"}


class Unanswerable(RingfenceError):
    """A challenge that can't be answered; the text says why and what to do."""


def asked_by(response: Response, settings: Register, secrets: Secrets) -> Asked:
    """The challenge of a 401 or 407 to answer; raises Unanswerable."""
    offered = read_challenges(response.all(ASKED_WITH[response.status]))
    ours = [one for one in offered if one.realm == settings.realm]
    if not ours:
        realms = ", ".join(sorted({repr(one.realm[:100]) for one in offered})) or "nothing that can be answered"
        raise Unanswerable(f"it asks for realm {realms}, and register.realm is {settings.realm!r}")
    permitted = [one for one in ours if one.algorithm in settings.digest_algorithms]
    if not permitted:
        named = " and ".join(one.algorithm for one in ours)
        raise Unanswerable(f"it wants {named}, and register.digest_algorithms doesn't permit that")
    hashes = secrets.of(settings.user, settings.realm)
    usable = [one for one in permitted if one.algorithm in hashes]
    if not usable:
        raise Unanswerable(f"there is no secret of {settings.user} for it: ringfence secret add {settings.user}")
    best = min(usable, key=lambda one: ALGORITHMS.index(one.algorithm))
    return Asked(best, ANSWERED_WITH[response.status], hashes[best.algorithm])


def answer_to(edge: Edge, asked: Asked, user: str, method: str, uri: str, count: int) -> tuple[str, bytes]:
    """The header that answers it, for the `count`th request of this nonce."""
    cnonce = edge.tokens.tag(f"cnonce {asked.challenge.nonce} {count} {method}")
    return asked.header, authorize(asked.challenge, user, asked.secret, method, uri, cnonce, count)
