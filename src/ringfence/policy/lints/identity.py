"""Who may call: addresses, caller IDs, zones."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from ringfence.model.settings import Policy, Source
from ringfence.policy.lints.base import Found, Lint, Subject, originating

Network = IPv4Network | IPv6Network

BROADEST = {("carrier_addresses", 4): 24, ("addresses", 4): 16, ("vpn", 4): 0, ("vpn", 6): 0}
"""Shortest prefix that isn't remarked upon, by key and IP version; 48 where it isn't named."""
BROADEST_PUBLIC = {4: 24, 6: 48}
"""The same outside private ranges."""


def _networks(policy: Policy) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Dotted key of the holder, its key, its networks."""
    yield from ((f"trunk.{name}", "carrier_addresses", t.carrier_addresses) for name, t in policy.trunks.items())
    yield from ((f"source.{name}", "addresses", s.addresses) for name, s in policy.sources.items())
    yield from ((f"source.{name}", "networks", s.networks) for name, s in policy.sources.items())
    yield from ((f"trunk.{name}", "media", t.media) for name, t in policy.trunks.items())
    yield from ((f"source.{name}", "media", s.media) for name, s in policy.sources.items())
    yield "site", "vpn", policy.vpn


def _broad_addresses(subject: Subject) -> Iterator[Found]:
    for holder, key, cidrs in _networks(subject.policy):
        broad = [str(network) for network in map(ip_network, cidrs) if _is_broad(key, network)]
        if broad and key not in ("networks", "media"):  # Nobody is let in for being there alone.
            text = f"{'a remote user' if holder == 'site' else holder} is anybody in {', '.join(broad)}"
            yield Found(f"{holder}.{key}", text, "name the addresses that really send")


def _is_broad(key: str, network: Network) -> bool:
    least = BROADEST.get((key, network.version), 48)
    if network.is_global:
        least = max(least, BROADEST_PUBLIC[network.version])
    return network.prefixlen < least


def _broader_than_before(subject: Subject) -> Iterator[Found]:
    if subject.before is None:
        return
    before = {(holder, key): cidrs for holder, key, cidrs in _networks(subject.before)}
    for holder, key, cidrs in _networks(subject.policy):
        if before.get((holder, key)):
            new = [network for network in map(ip_network, cidrs) if not _inside(network, before[holder, key])]
            if new:
                who = "site.vpn" if holder == "site" else holder
                text = f"{who} takes in more than before: {', '.join(map(str, new))}"
                yield Found(f"{holder}.{key}", text, "check that the carrier or the owner announced it")


def _inside(network: Network, cidrs: tuple[str, ...]) -> bool:
    """Whether a network lies within the union of others."""
    same = [n for n in map(ip_network, cidrs) if n.version == network.version]
    return any(network.subnet_of(whole) for whole in collapse_addresses(same))  # type: ignore[type-var, arg-type]


def _both_sides(subject: Subject) -> Iterator[Found]:
    for source in subject.policy.sources.values():
        own = [ip_network(cidr) for cidr in source.addresses]
        for trunk in subject.policy.trunks.values():
            carrier = [ip_network(cidr) for cidr in trunk.carrier_addresses]
            both = [
                str(mine)
                for mine in own
                for theirs in carrier
                if mine.version == theirs.version and mine.overlaps(theirs)
            ]
            if both:
                text = f"source {source.name} and the carrier of trunk {trunk.name} are both {', '.join(both)}"
                hint = "name the PBX's own address in addresses and the carrier's in carrier_addresses"
                yield Found(f"source.{source.name}.addresses", text, hint)


def _any_caller_id(subject: Subject) -> Iterator[Found]:
    for source in originating(subject.policy):
        if source.caller_id_policy == "any":
            text = f"source {source.name} may show any caller ID"
            yield Found(f"source.{source.name}.caller_id_policy", text, 'write "owned" and list caller_ids')


def _no_caller_ids(subject: Subject) -> Iterator[Found]:
    for source in originating(subject.policy):
        if source.caller_id_policy in ("owned", "owned_or_forwarded") and not source.caller_ids:
            text = f"source {source.name} owns no caller ID, so every call of it is refused"
            yield Found(f"source.{source.name}.caller_ids", text, 'write caller_ids = ["+12125550100-+12125550199"]')


def _caller_id_not_own(subject: Subject) -> Iterator[Found]:
    for source in subject.policy.sources.values():
        if source.caller_id is not None and source.caller_ids and not _owns(source, source.caller_id):
            text = f"source {source.name} puts in +{source.caller_id}, which isn't among its caller_ids"
            yield Found(f"source.{source.name}.caller_id", text, "add it to caller_ids, or take one of those")


def _owns(source: Source, number: str) -> bool:
    return any(len(low) == len(number) and low <= number <= high for low, high in source.caller_ids)


def _no_emergency_caller_id(subject: Subject) -> Iterator[Found]:
    for source in originating(subject.policy):
        if source.caller_id is None:
            text = f"emergency calls of source {source.name} from a phone without an own number show none to call back"
            own = f", +{source.caller_ids[0][0]} for one" if source.caller_ids else ""
            yield Found(f"source.{source.name}.caller_id", text, f"write the site's main number as caller_id{own}")


def _vendor_originates(subject: Subject) -> Iterator[Found]:
    for source in originating(subject.policy):
        if source.zone == "vendor":
            text = f"source {source.name} is a vendor and may place calls"
            yield Found(f"source.{source.name}.directions", text, 'write directions = ["in"] unless it must call')


def _forwarded_unseen(subject: Subject) -> Iterator[Found]:
    for source in originating(subject.policy):
        if source.redirect is not None and source.caller_id_policy == "owned_or_forwarded":
            text = f"source {source.name} is redirected: its inbound calls aren't seen, so none is known as forwarded"
            yield Found(f"source.{source.name}.caller_id_policy", text, 'write "owned", or have its calls go through')


def _md5(subject: Subject) -> Iterator[Found]:
    for source in subject.policy.sources.values():
        if source.accounts and "MD5" in source.digest_algorithms:
            text = f"source {source.name} may prove its passwords by MD5"
            hint = 'write digest_algorithms = ["SHA-256"] once its phones and PBXs know it'
            yield Found(f"source.{source.name}.digest_algorithms", text, hint)


LINTS = (
    Lint(
        code="POL-301",
        slug="broad-addresses",
        why="Whoever can send from these addresses calls at your cost; a whole network has other customers in it.",
        find=_broad_addresses,
    ),
    Lint(
        code="POL-302",
        slug="broader-than-before",
        why="A range that grows without anybody having asked is how a door is opened quietly (A4).",
        find=_broader_than_before,
    ),
    Lint(
        code="POL-303",
        slug="any-caller-id",
        why="A caller ID that isn't checked is used for vishing, and hides who calls (A9).",
        find=_any_caller_id,
    ),
    Lint(
        code="POL-304",
        slug="no-caller-ids",
        why="The default policy passes owned caller IDs only.",
        find=_no_caller_ids,
    ),
    Lint(
        code="POL-305",
        slug="caller-id-not-own",
        why="The number put in is shown to the far side and to emergency services.",
        find=_caller_id_not_own,
    ),
    Lint(
        code="POL-306",
        slug="no-emergency-caller-id",
        why="An emergency centre that is cut off has to call back (C8).",
        find=_no_emergency_caller_id,
    ),
    Lint(
        code="POL-307",
        slug="vendor-originates",
        why="A vendor that needs inbound numbers doesn't need to place calls (A10).",
        find=_vendor_originates,
    ),
    Lint(
        code="POL-308",
        slug="md5-digest",
        why="Who overhears an answer by MD5 tries passwords on it at many billions a second (A6).",
        find=_md5,
    ),
    Lint(
        code="POL-309",
        slug="both-sides",
        why="Who sends from there is the PBX on one listener and the carrier on the other: one of them is mistyped.",
        find=_both_sides,
    ),
    Lint(
        code="POL-310",
        slug="forwarded-unseen",
        why="A forwarded call may show its caller only while that caller's inbound call is seen to be up (C10).",
        find=_forwarded_unseen,
    ),
)
