"""Transports between the tables of a policy: what TLS needs (control A7)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from ringfence.policy.check_accounts import has_digest
from ringfence.policy.check_addresses import is_address, shares_addresses
from ringfence.policy.document import Document, Entry
from ringfence.policy.errors import PolicyError
from ringfence.policy.keys_tls import LISTEN_TLS, PARTY_TLS
from ringfence.policy.leaves_net import transport_of
from ringfence.policy.tree import Node
from ringfence.sip.uri import parse_uri

_CONNECTIONS = ("connections", "idle_s")


def wrong_transports(document: Document) -> Iterator[PolicyError]:
    """Every mistake about transports."""
    for entry in document.named["listen"].values():
        yield from _listen(entry)
    for section in ("trunk", "source"):
        for entry in document.named[section].values():
            listen = document.named["listen"].get(entry.values.get("listen", ""))
            if listen is not None:
                yield from _party(entry, listen, section)
    yield from _two_names(document)


def transport(entry: Entry) -> str:
    """What a listener speaks."""
    found: str = entry.values.get("transport", "udp")
    return found


def _listen(entry: Entry) -> Iterator[PolicyError]:
    written, spoken = entry.node.value, transport(entry)
    if spoken == "udp":
        for key in _CONNECTIONS:
            if key in written:
                yield entry.at(key).error("means nothing over UDP, which has no connections", "leave it out")
    if spoken == "tls":
        for key in ("certificate", "key"):
            if key not in written:
                yield entry.node.error(f'the key "{key}" is missing', "TLS needs a certificate and its private key")
        if "client_crl" in written and "client_ca" not in written:
            yield entry.at("client_crl").error("nobody is asked for a certificate", "write client_ca, or leave it out")
        return
    for key in (key.name for key in LISTEN_TLS):
        if key in written:
            yield entry.at(key).error(f"means nothing over {spoken.upper()}", 'write transport = "tls"')


def _party(entry: Entry, listen: Entry, section: str) -> Iterator[PolicyError]:
    written, spoken = entry.node.value, transport(listen)
    yield from _asked_for(entry, listen)
    if spoken != "tls":
        for key in (key.name for key in PARTY_TLS):
            if key in written:
                yield entry.at(key).error(f"means nothing over {spoken.upper()}, which {listen.node.key} speaks")
        return
    if has_digest(entry):
        for key in (key.name for key in PARTY_TLS):
            if key in written:
                yield entry.at(key).error("a digest source has none: it is known by its accounts", "take it out")
        return
    if "tls_peer" in written and "client_ca" not in listen.node.value:
        text = f"{listen.node.key} asks nobody for a certificate, so none can be compared"
        yield entry.at("tls_peer").error(text, f"write client_ca in [{listen.node.key}]")
    yield from _nameless(entry, section)


def _asked_for(entry: Entry, listen: Entry) -> Iterator[PolicyError]:
    """What a carrier's URI asks for is what its listener speaks: nothing else would be sent."""
    spoken = transport(listen)
    for index, uri in enumerate(entry.values.get("send_to", ())):
        asked = transport_of(parse_uri(uri.encode()))
        if asked not in ("", spoken):
            text = f"asks for {asked.upper()}, and {listen.node.key} speaks {spoken.upper()}"
            yield (
                entry.at("send_to").value[index].error(text, f"a trunk over {asked.upper()} needs a listen of its own")
            )


def _nameless(entry: Entry, section: str) -> Iterator[PolicyError]:
    """Where we connect to an address nothing says whose certificate is the right one."""
    if "tls_name" in entry.node.value or (section == "source" and "tls_peer" in entry.node.value):
        return
    for host, node in _sent_to(entry) if section == "trunk" else _delivered_to(entry):
        if is_address(host):
            text = f"{host} is an address, so nothing says which name its certificate has to have"
            yield node.error(text, 'write tls_name = "sbc.carrier.example", or the name instead of the address')


def _sent_to(entry: Entry) -> list[tuple[str, Node]]:
    found = entry.values.get("send_to", ())
    return [(parse_uri(uri.encode()).host, entry.at("send_to").value[index]) for index, uri in enumerate(found)]


def _delivered_to(entry: Entry) -> list[tuple[str, Node]]:
    """Where inbound calls go, if there are any; those of accounts go to who has registered."""
    if "in" not in entry.values.get("directions", ()) or has_digest(entry):
        return []
    if "deliver_to" in entry.values:
        return [(entry.values["deliver_to"][0], entry.at("deliver_to"))]
    return [
        (str(ip_network(cidr).network_address), entry.at("addresses")) for cidr in entry.values.get("addresses", ())
    ]


def _two_names(document: Document) -> Iterator[PolicyError]:
    """A connection is one address's, so what its certificate has to be must not depend on the trunk."""
    listens = document.named["listen"]
    over_tls = {name for name, listen in listens.items() if transport(listen) == "tls"}
    trunks = [entry for entry in document.named["trunk"].values() if entry.values.get("listen") in over_tls]
    for index, entry in enumerate(trunks):
        for other in trunks[:index]:
            expects = [tuple(map(each.values.get, ("tls_name", "ca", "crl"))) for each in (entry, other)]
            same_listen = entry.values.get("listen") == other.values.get("listen")
            if same_listen and expects[0] != expects[1] and shares_addresses(entry, other):
                text = f"shares addresses with {other.node.key} but expects another certificate of them"
                yield entry.node.error(text, "give both the same tls_name, ca and crl, or a listen each")
