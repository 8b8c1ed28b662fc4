"""Who proves a password, at listeners that challenge (A6, A9; RFC 3261 §22, RFC 7616, RFC 8760).

    arrived    whether a datagram from an address that the policy doesn't name is read at all
    prove      whose request it is that begins something, or None: then it is answered, or nobody's

A stranger is answered with a challenge, always the same, and kept in no table: he isn't told whether there is such an
account, whether the password was wrong, or whether the network isn't permitted. A failure, which is told to the engine,
is a wrong answer to a challenge of ours: the nonce is good for the address it was sent to alone, so whoever answers has
heard it there. A request without credentials, or with those of a nonce that isn't ours any more, is how digest begins.

An algorithm that the policy doesn't permit for the account's source proves nothing, however right the answer is.
"""

from __future__ import annotations

from ringfence.edge import offences, passwords
from ringfence.edge.guests import NOBODY
from ringfence.edge.identity import MAX_AGENT
from ringfence.edge.peers import Party
from ringfence.edge.records import Origin, Registering, Server
from ringfence.edge.state import Edge
from ringfence.edge.strangers import kind_of
from ringfence.model.settings import Source
from ringfence.sip.build import reply, reply_head
from ringfence.sip.digest import Challenge, Credentials, challenge, find_credentials, for_realm, proves
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes, text, wire
from ringfence.sip.message import Request
from ringfence.sip.uri import Uri, parse_uri

_READ = (b"INVITE ", b"REGISTER ", b"ACK ", b"BYE ", b"UPDATE ", b"INFO ", b"PRACK ")
"""What a stranger's datagram has to begin with to be read: something new, that he heard our answer to it, or part of a
call whose phone moved."""
_BEGIN = ("INVITE", "REGISTER")
_CREDENTIALS = ("proxy-authorization", "authorization")
_ASKED_WITH = {401: "www-authenticate", 407: "proxy-authenticate"}
_REASONS = {401: "Unauthorized", 407: "Proxy Authentication Required"}


def arrived(edge: Edge, data: bytes, origin: Origin, now: int) -> Origin | None:
    """Who sends this to a listener that challenges, whom the policy doesn't know by address; None for a stranger who
    isn't listened to."""
    known = edge.digest.guests.at((origin.listener, origin.host, origin.port))
    if known is not None:
        return origin._replace(party=known)
    near = edge.digest.is_near(origin.listener, origin.host)
    if not near or not edge.rates.stranger(origin.host, data, now):
        edge.strangers.count(origin.listener, origin.host, kind_of(data), now)
        return None
    if not data.startswith(_READ):
        edge.strangers.count(origin.listener, origin.host, kind_of(data), now)
        offences.knocked(edge, data, origin, now)
        return None
    return None if offences.is_silenced(edge, data, origin, now) else origin


def prove(edge: Edge, request: Request, key: str, origin: Origin, now: int) -> Origin | None:
    """Who sends this request, with his account where he had to prove it; None where nothing is to be done any more.

    `key` is that of its server transaction, which there isn't yet.
    """
    known, initial = origin.party is not NOBODY, request.to_tag is None
    if request.method == "CANCEL" or (known and not (initial and request.method in _BEGIN)):
        return origin if known else None
    expected = request.method in _BEGIN if initial else known or _of_a_call(edge, request)
    if not expected or origin.listener not in edge.digest.entrances:
        edge.strangers.count(origin.listener, origin.host, kind_of(edge.raw), now)
        return None
    return _proven(edge, request, key, origin, now)


def _of_a_call(edge: Edge, request: Request) -> bool:
    ids = request.call_id, request.from_tag or "", request.to_tag or ""
    return ids in edge.dialogs or (ids[0], ids[2], ids[1]) in edge.dialogs


def _proven(edge: Edge, request: Request, key: str, origin: Origin, now: int) -> Origin | None:
    digest = edge.digest
    given = _given(request, digest.realm)
    standing = "unknown"
    if given is not None:
        standing = digest.nonces.standing(given.nonce, origin.host, given.algorithm, now)
    if given is None or standing == "unknown":
        offences.asked(edge, request, origin, now)
        _challenge(edge, request, key, origin, now)
        return None
    source = digest.owners.get(given.user)
    right = _is_right(edge, request, given, source)
    if not right:
        offences.wrong_password(edge, request, origin, given.user, source.name if source is not None else "", now)
    if source is None or not right or not _is_near(edge, source, origin, now):
        _failed(edge, request, key, given, source, origin, now)
        return None
    if standing == "stale":
        edge.count("stale_nonce")
        _challenge(edge, request, key, origin, now, stale=True)
        return None
    if not digest.nonces.use(given.nonce, given.used, now):
        edge.count("replayed")
        _challenge(edge, request, key, origin, now, stale=True)
        return None
    if not _means(request.uri, given.uri):
        _answer(edge, request, key, origin, 400, "Digest URI Mismatch", (), now)
        return None
    return _welcome(edge, request, given, source, origin, now)


def _given(request: Request, realm: str) -> Credentials | None:
    """The credentials for us, where phones repeat old ones in the other header too those for a proxy; None also for
    what can't be read, which proves nothing."""
    try:
        found = (find_credentials(request.all(name), realm) for name in _CREDENTIALS)
        return next((given for given in found if given is not None), None)
    except SipParseError:
        return None


def _is_right(edge: Edge, request: Request, given: Credentials, source: Source | None) -> bool:
    """Whether the password is right; takes as long where there is no such account."""
    secret, known = edge.digest.secret_of(given.user, source, given.algorithm)
    return proves(secret, given, request.method) and known


def _is_near(edge: Edge, source: Source, origin: Origin, now: int) -> bool:
    """Whether it may be used there, and from there."""
    if source.listen != origin.listener:
        return False
    if edge.digest.admits(source, origin.host, now):
        return True
    edge.count("foreign_network")
    return False


def _means(uri: Uri, given: str) -> bool:
    """Whether a digest-uri is the Request-URI, as far as it says who is called (RFC 7616 §3.4.6)."""
    try:
        meant = parse_uri(wire(given))
    except SipParseError:
        return False
    return (meant.user, meant.user_params, meant.host, meant.opaque) == (
        uri.user,
        uri.user_params,
        uri.host,
        uri.opaque,
    )


# --- what comes of it -----------------------------------------------------------------------------------------------


def _welcome(edge: Edge, request: Request, given: Credentials, source: Source, origin: Origin, now: int) -> Origin:
    edge.digest.guests.add((origin.listener, origin.host, origin.port), given.user, source.name)
    passwords.right(edge, _who(request, given.user, source.name, origin), now)
    for name in _CREDENTIALS:
        _keep_others(request, name, edge.digest.realm)
    party = Party("source", (source.name,), f"source:{source.name}")
    proven = origin._replace(party=party, account=given.user)
    if request.to_tag is not None:
        _moved(edge, request, proven)
    return proven


def _keep_others(request: Request, name: str, realm: str) -> None:
    """Take our credentials out: they are nobody else's business."""
    values = request.all(name)
    if not values:
        return
    request.remove(name)
    for value in values:
        if not for_realm(value, realm):
            request.append(name, value)


def _moved(edge: Edge, request: Request, origin: Origin) -> None:
    """A phone goes on with its call from another address."""
    ids = request.call_id, request.from_tag or "", request.to_tag or ""
    dialog = edge.dialogs.get(ids)
    leg = dialog.caller if dialog is not None else None
    if dialog is None:
        dialog = edge.dialogs.get((ids[0], ids[2], ids[1]))
        leg = dialog.callee if dialog is not None else None
    if leg is not None and leg.party == origin.party.label:
        leg.host, leg.port, leg.flow, leg.listener = origin.host, origin.port, origin.flow, origin.listener


def _failed(
    edge: Edge, request: Request, key: str, given: Credentials, source: Source | None, origin: Origin, now: int
) -> None:
    if source is None:
        edge.count("unknown_account")
    else:
        passwords.wrong(edge, _who(request, given.user, source.name, origin), now)
    if origin.party is NOBODY or edge.rates.stranger(origin.host, edge.raw, now):
        _challenge(edge, request, key, origin, now)


def _who(request: Request, account: str, source: str, origin: Origin) -> Registering:
    peer = host_port_bytes(origin.host, origin.port).decode()
    agent = text(request.first("user-agent") or b"")[:MAX_AGENT]
    return Registering(source, account, peer, agent, frozenset(), False)


def _challenge(edge: Edge, request: Request, key: str, origin: Origin, now: int, *, stale: bool = False) -> None:
    digest, entrance = edge.digest, edge.digest.entrances[origin.listener]
    status = 401 if request.method == "REGISTER" else entrance.status
    nonce = digest.nonces.make(origin.host, entrance.offered, now)
    asked = [challenge(Challenge(digest.realm, nonce, algorithm, stale=stale)) for algorithm in entrance.offered]
    edge.count("challenges")
    _answer(
        edge, request, key, origin, status, _REASONS[status], tuple((_ASKED_WITH[status], one) for one in asked), now
    )


def tag(edge: Edge, request: Request, origin: Origin) -> str:
    """The To tag of an answer without state: who gives it back in an ACK has heard the answer, at that address."""
    return edge.tokens.tag(f"{origin.host} {request.from_tag} {request.call_id}")


def _answer(
    edge: Edge,
    request: Request,
    key: str,
    origin: Origin,
    status: int,
    reason: str,
    extra: tuple[tuple[str, bytes], ...],
    now: int,
) -> None:
    """A final response: to a stranger without state (RFC 3261 §8.2.7)."""
    head, hop = reply_head(request), edge.hop_back(origin, request.top_via)
    if origin.party is NOBODY:
        edge.transmit(hop, reply(head, status, reason, tag(edge, request, origin), extra))
        return
    server = Server(key, "ist.proceeding" if request.method == "INVITE" else "nist.trying", now, hop, head)
    edge.serve(server)
    edge.respond(server, status, reason, now, extra)
