"""Connections as the core knows them, and what becomes of requests that can't be sent (RFC 3261 §16.9, §18.4).

Theory. A shell opens and closes connections and numbers them; no number comes twice, also not after a restart. Who is
at the far end is found out when it opens. A response goes back over the connection that its request came on while that
is open (§18.2.2), a request inside a dialog over the one that its receiver spoke on last; otherwise to an address, for
which the shell has a connection or makes one.

What was written to a connection that breaks may have arrived or not. A request of which nothing was heard since is sent
once more over another connection: whoever has it already knows it by its branch. One that can't be sent at all counts
as answered with 503 (§16.9), but for BYE, which is tried again until timer F: a call that isn't hung up costs money.
A final answer to an INVITE that isn't a 2xx is sent once more too while its ACK is waited for (a 2xx its callee
repeats), but not to who has to prove himself: a phone is reached by its own connection alone.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from ringfence.edge import enrolment, inside, sending
from ringfence.edge.effects import HangUp
from ringfence.edge.ending import bye_is_over
from ringfence.edge.guests import stranger
from ringfence.edge.peers import Party, plain_host
from ringfence.edge.records import Client, Origin, Ride, Verified
from ringfence.edge.state import Edge
from ringfence.edge.strangers import CONNECTION
from ringfence.sip.domains import is_of
from ringfence.sip.hop import NextHop

TIMEOUT, UNREACHABLE = 408, 503
Admitted = Literal["", "party", "guest"]


# --- who is there ---------------------------------------------------------------------------------------------------


class Expected(NamedTuple):
    """Whom a connection is made to."""

    party: str
    """For people: `trunk carrier`."""
    domains: tuple[str, ...]
    """Of one of which its certificate has to be."""
    ca: str | None
    """Path of the authorities that may have issued it, None for the system's."""
    crl: str | None = None
    """Path of what they revoked, None where nobody looks."""


def who(edge: Edge, listener: str, address: str) -> tuple[Party, bool] | None:
    """The party at an address, and whether only the policy before this one knows it; None for a stranger."""
    party = edge.peers.find(listener, address)
    if party is not None:
        return party, False
    former = edge.former.find(listener, address) if edge.former is not None else None
    return (former, True) if former is not None else None


def _proven(edge: Edge, listener: str, address: str, domains: tuple[str, ...]) -> tuple[Party, bool] | None:
    """The same of somebody whose certificate is of these domains."""
    party = edge.peers.proven(listener, address, domains)
    if party is not None:
        return party, False
    former = edge.former.proven(listener, address, domains) if edge.former is not None else None
    return (former, True) if former is not None else None


def expected(edge: Edge, listener: str, address: str, port: int) -> Expected:
    """Who should answer there."""
    found, policy = who(edge, listener, address), edge.policy
    if found is None:  # Accounts are where they registered from, and have no certificate to be told by.
        guest = edge.digest.guests.party_at(listener, address)
        return Expected(f"{guest.kind} {', '.join(guest.names)}" if guest is not None else "a stranger", (), None)
    party = found[0]
    known = policy.trunks if party.kind == "trunk" else policy.sources
    parties = [known[name] for name in party.names if name in known]
    domains: list[str] = []
    for one in parties:
        named = (
            (one.tls_name,) if one.tls_name is not None else edge.targets.hosts_at(party.kind, one.name, address, port)
        )
        domains += named or one.tls_peer
    ca, crl = (parties[0].ca, parties[0].crl) if parties else (None, None)
    return Expected(f"{party.kind} {', '.join(party.names)}", tuple(dict.fromkeys(domains)), ca, crl)


def admits(edge: Edge, listener: str, host: str, now: int) -> Admitted:
    """Whether a connection from there may be opened, by a party or by somebody who has to prove himself first.

    A stranger's is counted.
    """
    address = plain_host(host)
    found = who(edge, listener, address)
    if found is not None and (found[1] or edge.peers.is_named(listener, address)):
        return "party"
    if found is not None or (edge.digest.is_near(listener, address) and edge.rates.stranger(address, b"", now)):
        return "guest"
    edge.strangers.count(listener, address, CONNECTION, now)
    return ""


def is_proven(edge: Edge, flow: int) -> bool:
    """Whether somebody is at the far end whom we know, by now at least."""
    origin = edge.flows.get(flow)
    return origin is not None and (not origin.guest or origin[:3] in edge.digest.guests)


def opened(
    edge: Edge, flow: int, listener: str, host: str, port: int, *, dialled: bool, domains: tuple[str, ...]
) -> bool:
    """A connection is open; False where nobody we know, or challenge, is at its far end.

    Whoever we connected to has been told from others already.
    """
    address = plain_host(host)
    found = who(edge, listener, address) if dialled else _proven(edge, listener, address, domains)
    if found is not None:
        peers = edge.former if found[1] and edge.former is not None else edge.peers
        verified: Verified = "certificate" if domains and (dialled or peers.is_proven(found[0])) else "address"
        origin = Origin(listener, address, port, *found)._replace(verified=verified)
    elif edge.digest.is_near(listener, address):
        origin = stranger(listener, address, port)
    else:
        return False
    edge.flows[flow] = origin._replace(flow=flow, dialled=dialled, domains=domains)
    return True


def alias(edge: Edge, origin: Origin, port: int | None) -> None:
    """A request says that its connection may be used instead of one to its sender's `port` (RFC 5923 §5).

    It may where whom we would connect to there would have to have the same certificate: so nobody takes over the calls
    of somebody else at his address.
    """
    port = port or edge.ports[origin.listener]
    if is_of(origin.domains, expected(edge, origin.listener, origin.host, port).domains):
        edge.aliases[origin.listener, origin.host, port] = origin.flow


def reviewed(edge: Edge) -> None:
    """Another policy holds: who is at the far ends now; strangers are hung up on."""
    for flow, was in list(edge.flows.items()):
        if not opened(edge, flow, was.listener, was.host, was.port, dialled=was.dialled, domains=was.domains):
            edge.out.append(HangUp(flow))


def secured(edge: Edge, now: int) -> list[NextHop]:
    """Where the calls of trunks go over TLS, as far as it is known."""
    trunks = [trunk for trunk in edge.policy.trunks.values() if trunk.listen and edge.is_secure(trunk.listen)]
    hops = [edge.hop_to(one.listen, to.host, to.port) for one in trunks for to in edge.targets.of(one.name, now)]
    return list(dict.fromkeys(hops))


# --- what can't be sent ---------------------------------------------------------------------------------------------


def closed(edge: Edge, flow: int, now: int) -> None:
    """A connection is gone: what may have been lost with it is sent again."""
    origin = edge.flows.pop(flow, None)
    if origin is None:
        return
    edge.digest.guests.left((origin.listener, origin.host, origin.port))
    for alias in [alias for alias, its in edge.aliases.items() if its == flow]:
        del edge.aliases[alias]
    rides: tuple[Ride, ...] = (flow, (origin.listener, origin.host, origin.port)) if origin.dialled else (flow,)
    for key in [key for ride in rides for key in edge.riders.pop(ride, ())]:
        _try_again(edge, edge.clients.get(key), now)
    answers = [key for ride in rides for key in edge.unacknowledged.pop(ride, ())]
    for server in [edge.servers[key] for key in answers if not origin.guest]:
        edge.say_again(server)


def unsent(edge: Edge, key: str, now: int) -> None:
    """A request can't be sent: there is no connection, and none can be made."""
    client = edge.clients.get(key)
    if client is not None and client.hop.flow:
        _try_again(edge, client, now)
    elif client is not None:
        _lost(edge, client, now)


def _try_again(edge: Edge, client: Client | None, now: int) -> None:
    if client is None:
        return
    if client.again:
        _lost(edge, client, now)
        return
    client.again = True
    client.hop = client.hop._replace(flow=0)
    edge.put(client)


def _lost(edge: Edge, client: Client, now: int) -> None:
    if client.method == "BYE":
        client.lost(now)
        edge.settle(client)
    elif edge.step(client, "error", now) == "fail":
        gave_up(edge, client, UNREACHABLE, now)


def gave_up(edge: Edge, client: Client, status: int, now: int) -> None:
    """A client transaction came to nothing: no answer in its time (408), or it can't be sent (503)."""
    server, call = client.server, edge.calls.get(client.call)
    if client.purpose == "begin" and call is not None and call.client is client:
        sending.fail(edge, call, status, now)
    elif client.purpose == "ours" and client.dialog is not None:
        bye_is_over(edge, client.dialog, now)
    elif client.purpose == "enrol":
        enrolment.gave_up(edge, client, now)
    elif client.purpose == "inside":
        inside.gave_up(edge, client, status, now)
    elif client.purpose in ("register", "passing") and server is not None:
        inside.say_nobody(edge, server, client.method, status, now)
