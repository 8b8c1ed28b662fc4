"""What no single value shows: references to what isn't there, settings that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from itertools import pairwise

from ringfence.policy.check_accounts import inbound_numbers, wrong_accounts
from ringfence.policy.check_addresses import wrong_addresses
from ringfence.policy.check_asterisk import wrong_asterisks
from ringfence.policy.check_failover import weaker_failovers
from ringfence.policy.check_feeds import wrong_feeds
from ringfence.policy.check_firewall import wrong_firewall
from ringfence.policy.check_shaken import wrong_signatures
from ringfence.policy.check_tls import wrong_transports
from ringfence.policy.document import Document, Entry
from ringfence.policy.errors import PolicyError
from ringfence.policy.keys import RULE_SLUGS
from ringfence.policy.kinds import unknown_key, unknown_name
from ringfence.policy.tree import Node
from ringfence.sip.hop import DEFAULT_PORT

MAX_DIDS = 10_000


def contradictions(document: Document) -> Iterator[PolicyError]:
    """Every mistake between the tables of a policy; values that could not be read are passed over."""
    yield from _required(document)
    yield from _references(document)
    yield from _rules(document)
    for entry in document.named["listen"].values():
        yield from _listen(entry)
    yield from _same_socket(document)
    for entry in document.named["trunk"].values():
        yield from _trunk(entry)
    for entry in document.named["source"].values():
        yield from _source(entry)
    yield from wrong_addresses(document)
    yield from wrong_transports(document)
    yield from weaker_failovers(document)
    yield from wrong_accounts(document)
    yield from wrong_signatures(document)
    yield from wrong_asterisks(document)
    yield from wrong_firewall(document)
    yield from wrong_feeds(document)
    yield from _inbound(document)


def _required(document: Document) -> Iterator[PolicyError]:
    if "site" not in document.single:
        hint = "write [site] with home_country and time_zone"
        yield PolicyError(document.path, 1, "site", "the section is missing", hint)
    for section, why in (
        ("listen", "calls can't come in"),
        ("trunk", "calls can't go out"),
        ("source", "nobody may call"),
    ):
        if not document.named[section] and not (section == "listen" and document.named["asterisk"]):
            yield PolicyError(document.path, 1, section, f"there is none: {why}", f"write [{section}.NAME]")


def _references(document: Document) -> Iterator[PolicyError]:
    named = document.named
    for entry in [*named["trunk"].values(), *named["source"].values()]:
        yield from _reference(entry, "listen", document)
    for entry in named["source"].values():
        yield from _reference(entry, "tenant", document)
    for entry in [*named["source"].values(), *named["profile"].values()]:
        yield from _trunk_references(entry, document)
    for entry in (entry for listed in document.listed.values() for entry in listed):
        yield from _reference(entry, "source", document)
        yield from _reference(entry, "trunk", document)


def _reference(entry: Entry, key: str, document: Document) -> Iterator[PolicyError]:
    name = entry.values.get(key)
    if name is not None and name not in document.named[key]:
        yield unknown_name(entry.at(key), key, name, document.named[key])


def _trunk_references(entry: Entry, document: Document) -> Iterator[PolicyError]:
    for index, name in enumerate(entry.values.get("trunks", ())):
        if name not in document.named["trunk"]:
            yield unknown_name(entry.at("trunks").value[index], "trunk", name, document.named["trunk"])


def _rules(document: Document) -> Iterator[PolicyError]:
    for slug, entry in document.named["rules"].items():
        if slug not in RULE_SLUGS:
            yield unknown_key(entry.node, slug, RULE_SLUGS)


def _listen(entry: Entry) -> Iterator[PolicyError]:
    host, _ = entry.values.get("bind", ("", None))
    if host in ("0.0.0.0", "::") and "advertise" not in entry.node.value:
        hint = "write advertise with the address the other side sends to"
        yield entry.at("bind").error(f"{host} is every address of this machine, so advertise is needed", hint)
    advertised, _ = entry.values.get("advertise", ("", None))
    if advertised in ("0.0.0.0", "::"):
        yield entry.at("advertise").error("nobody can send to the address of all addresses", "write one address")


def _same_socket(document: Document) -> Iterator[PolicyError]:
    seen: dict[tuple[str, int, bool], str] = {}
    for name, entry in document.named["listen"].items():
        if "bind" not in entry.values:
            continue
        host, port = entry.values["bind"]
        transport = entry.values.get("transport", "udp")
        socket = (host, DEFAULT_PORT[transport] if port is None else port, transport == "udp")
        if socket in seen and socket[1]:
            yield entry.at("bind").error(f"is the socket of listen.{seen[socket]} as well", "take another port")
        seen.setdefault(socket, name)


def _trunk(entry: Entry) -> Iterator[PolicyError]:
    values = entry.values
    alert, block = values.get("risk_alert"), values.get("risk_block")
    if alert is not None and block is not None and alert > block:
        text = f"is {alert}, over risk_block = {block}: the alert would never come before the refusal"
        yield entry.at("risk_alert").error(text, f"write a number up to {block}")
    if values.get("billing") == "flat" or "billing" not in entry.node.value:
        for key in ("spend", "max_price_per_min", "shared_cost_ceiling"):
            if key in entry.node.value:
                hint = 'write billing = { rates = "FILE.csv" }'
                yield entry.at(key).error("can't be kept without rates: the price of a call isn't known", hint)


def _source(entry: Entry) -> Iterator[PolicyError]:
    values = entry.values
    if values.get("caller_id_policy") == "substitute" and "caller_id" not in entry.node.value:
        yield entry.at("caller_id_policy").error("needs a caller_id to put in", 'write caller_id = "+12125550100"')
    if "redirect" in entry.node.value:
        yield from _redirected(entry)
    lengths = values.get("plan", {}).get("ext_len", (1, 1))
    if len(lengths) != 2 or lengths[0] > lengths[1]:
        yield entry.at("plan").value["ext_len"].error("must be two numbers, shortest first", "write [3, 4]")
    inbound = "in" in values.get("directions", ())
    addresses = values.get("addresses", ())
    known = bool(addresses) or "tls_peer" in values
    if inbound and known and "deliver_to" not in entry.node.value and not _is_one_host(addresses):
        hint = 'write deliver_to = "192.0.2.10:5060"'
        yield entry.at("directions").error("inbound calls need deliver_to: its addresses are more than one", hint)
    if not inbound:
        for key in ("dids", "deliver_to"):
            if key in entry.node.value:
                yield entry.at(key).error(
                    "only matters to inbound calls, and directions has none", 'write directions = ["in"]'
                )
    for (first, last), node in inbound_numbers(entry):
        if int(last) - int(first) >= MAX_DIDS:
            yield node.error(f"holds more than {MAX_DIDS:,} numbers", "write smaller ranges")


def _redirected(entry: Entry) -> Iterator[PolicyError]:
    """What can't be done for a source whose calls don't pass through the guard."""
    if "in" in entry.values.get("directions", ()):
        hint = 'write directions = ["out"]: the carrier sends its calls to the SBC'
        yield entry.at("directions").error("a source with redirect takes no calls through the guard", hint)
    if entry.values.get("caller_id_policy") == "substitute":
        text = "can't be done with redirect: the guard doesn't send the call, and can't change who it shows"
        yield entry.at("caller_id_policy").error(text, 'write "owned", and let the SBC put the number in')


def _is_one_host(addresses: tuple[str, ...]) -> bool:
    return len(addresses) == 1 and ip_network(addresses[0]).num_addresses == 1


def _inbound(document: Document) -> Iterator[PolicyError]:
    """Two sources must not take the same inbound numbers of a trunk."""
    takers: dict[str, list[tuple[int, int, str, Node]]] = {}
    for name, entry in document.named["source"].items():
        if "in" not in entry.values.get("directions", ()):
            continue
        everything = ("0", "9" * 15)
        for (first, last), node in inbound_numbers(entry) or [(everything, entry.at("dids"))]:
            for trunk in entry.values.get("trunks", ()):
                takers.setdefault(trunk, []).append((int(first), int(last), name, node))
    for trunk, ranges in takers.items():
        ranges.sort(key=lambda r: r[:3])
        for (_, end, owner, _), (start, _, name, node) in pairwise(ranges):
            if start <= end and owner != name:
                text = f"inbound numbers of trunk.{trunk} go to source.{owner} as well"
                yield node.error(text, "write dids for both, without overlap")
