"""REGISTER of a PBX toward its carrier (A1, RFC 3261 §10).

It passes with its Contact rewritten to us, so that the carrier's calls come in here; where the PBX really is stands in
a signed parameter of that Contact, and needs no table. 401 and 407 go back to the PBX, which holds the secret. What
the registrar says of our Contact (expires) is said to the PBX of its own.
"""

from __future__ import annotations

from ringfence.edge import passwords
from ringfence.edge.records import Client, Origin, Server, Target
from ringfence.edge.relay import pass_back
from ringfence.edge.rewrite import Outgoing
from ringfence.edge.state import Edge
from ringfence.model.settings import Source, Trunk
from ringfence.sip.address import cut_address, parse_address
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes, text, wire
from ringfence.sip.message import Request, Response
from ringfence.sip.uri import Uri, parse_uri


def forward(edge: Edge, request: Request, server: Server, origin: Origin, now: int) -> None:
    """A REGISTER from a source goes to the trunk of that registrar; from the carrier there is none."""
    source = edge.policy.sources.get(origin.party.names[0]) if origin.party.kind == "source" else None
    if source is None or not source.trunks:
        edge.respond(server, 403, "Forbidden", now)
        return
    trunk = _trunk(edge, source, request.uri.host)
    if trunk.identity == "own":  # Nothing of the inside passes; the guard registers there itself.
        edge.respond(server, 403, "Forbidden", now)
        return
    targets = edge.targets.of(trunk.name, now)
    if not targets or request.max_forwards == 0:
        status, reason = (503, "Service Unavailable") if not targets else (483, "Too Many Hops")
        edge.respond(server, status, reason, now)
        return
    target = targets[0]
    branch = edge.tokens.branch(edge.tokens.new_id(now), "reg")
    client = Client(branch, now, "REGISTER", edge.hop_to(trunk.listen, target.host, target.port))
    client.server, client.purpose = server, "register"
    client.register = passwords.registering(request, source.name, origin)
    out = Outgoing(request, _registrar(edge, request.uri, target))
    contacts = request.all("contact")
    if contacts and contacts != [b"*"]:
        out.put("contact", *[_own(edge, value, source.name, origin, trunk.listen) for value in contacts])
    edge.send(client, out.write(edge.via(client.hop.listener, branch)))


def is_for_carrier(edge: Edge, request: Request, origin: Origin) -> bool:
    """Whether the REGISTER of an account is meant for the carrier, not for us."""
    source = edge.policy.sources[origin.party.names[0]]
    return _named(edge, source, request.uri.host) is not None


def _trunk(edge: Edge, source: Source, registrar: str) -> Trunk:
    """The trunk that sends to this registrar, else the source's first."""
    return _named(edge, source, registrar) or edge.policy.trunks[source.trunks[0]]


def _named(edge: Edge, source: Source, registrar: str) -> Trunk | None:
    trunks = [edge.policy.trunks[name] for name in source.trunks]
    named = (t for t in trunks if any(parse_uri(uri.encode()).host == registrar for uri in t.send_to))
    return next(named, None)


def _registrar(edge: Edge, uri: Uri, target: Target) -> bytes:
    """The registrar as the PBX names it, or the carrier where the PBX was told that we are it."""
    if uri.host in {listen.advertise_host for listen in edge.policy.listens.values()}:
        return b"sip:" + (wire(target.domain) if target.domain else host_port_bytes(target.host, target.port))
    return uri.to_bytes()


def _own(edge: Edge, value: bytes, source: str, origin: Origin, listener: str) -> bytes:
    """`<sip:USER@us;rf=TOKEN>`, where the token holds the source, its address and its own Contact URI."""
    uri = parse_address(value).uri
    host = uri.host if edge.peers.find(origin.listener, uri.host) == origin.party else origin.host
    port = (uri.port or edge.ports[origin.listener]) if host == uri.host else edge.port_of(origin)
    token = edge.tokens.contact(f"{source} {host} {port} {text(cut_address(value)[1])}")
    ours = Uri(scheme="sip", user=uri.user or source, user_raw=uri.user_raw or source, host="x")
    user = ours.to_bytes().removeprefix(b"sip:").rpartition(b"@")[0]
    return b"<sip:%b@%b;rf=%b>%b" % (user, edge.uri_hosts[listener], wire(token), cut_address(value)[2])


def answered(edge: Edge, client: Client, response: Response, now: int) -> None:
    """The registrar's answer, with our contacts turned back into the PBX's."""
    if response.status == 100:
        return
    if client.register is not None and response.status >= 200:
        passwords.answered(edge, client.register, response, now)
    values = response.all("contact")
    if values:
        response.remove("contact")
        for value in values:
            response.append("contact", _theirs(edge, value))
    pass_back(edge, client, response, now)


def _theirs(edge: Edge, value: bytes) -> bytes:
    try:
        where = edge.tokens.read_contact(parse_address(value).uri.params.get("rf") or "")
    except SipParseError:
        return value
    if where is None:
        return value
    return b"<" + wire(where.split(" ", 3)[3]) + b">" + cut_address(value)[2]
