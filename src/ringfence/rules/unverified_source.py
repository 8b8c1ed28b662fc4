"""Calls from nobody we know, or from somebody who may not place them on this trunk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import ClassVar

from ringfence.model.attempt import Attempt
from ringfence.model.settings import Policy, Source
from ringfence.model.time import Instant
from ringfence.rules import words
from ringfence.rules.base import Finding


@dataclass(frozen=True, slots=True)
class UnverifiedSource:
    """Calls from a source that nothing verified, that may not originate, or that may not use this trunk.

    *Why it matters*

    A From header is free text: anybody who reaches the port can write anybody's name into it. Who calls is what was
    verified: the address, a digest, a certificate, the PBX's own word. A vendor that delivers inbound calls has no
    business placing any; only its emergency calls pass, since life comes first and they cost nothing. A source that
    may use one trunk may not reach another one's money. An address that is a source's by exception (a home office
    behind NAT) is nobody's once the exception has ended. This rule always refuses: without a source there is no plan,
    no permit and no cap to judge by, so its mode can't be changed.

    *Before*

        # The vendor brings inbound numbers and may call out too: who breaks in there calls at our cost.
        [source.pbx]
        directions = ["in", "out"]

        call 12125550123: allow

    *After*

        [source.pbx]
        directions = ["in"]

        call 12125550123: unverified-source
        call 911: allow

    *References*

    Controls A1, A9, A10, A12, C8. RFC 3261 §26.1.1 (anybody may write any From).
    """

    slug: ClassVar[str] = "unverified-source"
    status: ClassVar[int] = 603
    public: ClassVar[str] = "Declined"
    spoofable: ClassVar[bool] = True

    def find_unknown(self, policy: Policy, attempt: Attempt) -> Finding | None:
        """Why there is nobody to judge by, or None where source and trunk are known and belong together."""
        source = policy.sources.get(attempt.source or "")
        if source is None or attempt.verified == "none":
            return _stranger(attempt, source)
        if attempt.trunk not in source.trunks or attempt.trunk not in policy.trunks:
            text = f"source {source.name} may not use trunk {attempt.trunk or '(none)'}"
            return Finding("block", text, f"source.{source.name}.trunks", attempt.trunk, ", ".join(source.trunks))
        return None

    def find_confined(self, source: Source) -> Finding | None:
        """That it may only take calls; asked of calls that aren't to an emergency number (control C8 before A10)."""
        if "out" in source.directions:
            return None
        return Finding("block", f"source {source.name} may not place calls", f"source.{source.name}.directions")

    def find_ended(self, policy: Policy, attempt: Attempt, now: Instant) -> Finding | None:
        """That the address of a known source was its own as an exception, which has ended (control A12)."""
        if not policy.address_exceptions or attempt.verified not in ("address", "digest"):
            return None
        found = [
            (index, exception)
            for index, exception in enumerate(policy.address_exceptions, 1)
            if exception.source == attempt.source and _holds(exception.addresses, attempt.peer)
        ]
        if not found or any(now < exception.until for _, exception in found):
            return None
        index, last = max(found, key=lambda pair: pair[1].until)
        until = words.moment(last.until, policy.time_zone)
        text = f"{attempt.peer} was an address of source {last.source} until {until} ({last.owner}: {last.why})"
        return Finding("block", text, f"address_exception[{index}].until", attempt.peer)


def _holds(networks: tuple[str, ...], peer: str) -> bool:
    """Whether a transport address, `192.0.2.1:5060`, is in one of some networks."""
    try:
        address = ip_address(peer.rpartition(":")[0].strip("[]"))
    except ValueError:
        return False
    return any(address in network for network in _read(networks))


@lru_cache(maxsize=1024)
def _read(networks: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(network) for network in networks)


def _stranger(attempt: Attempt, source: Source | None) -> Finding:
    if attempt.source is None:
        return Finding("block", f"nothing verifies who calls from {attempt.peer}", observed=attempt.peer)
    if source is None:
        return Finding("block", f"source {attempt.source} isn't in the policy", observed=attempt.source)
    return Finding("block", f"nothing verifies that {attempt.peer} is source {source.name}", observed=attempt.peer)
