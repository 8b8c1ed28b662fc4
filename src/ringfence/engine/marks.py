"""By what calls abroad are told apart: country, area, block, price class, network."""

from __future__ import annotations

from ringfence.model.attempt import Destination
from ringfence.numbers import calling_code
from ringfence.rules.currencies import BOUNDS_MICROS

ABROAD = ("international", "special")
"""Classes of destination that money is lost to: abroad, of a special kind, or unlisted abroad."""
TIERS = tuple(f"p:{number}" for number in range(len(BOUNDS_MICROS) + 1))
"""Under which price classes are remembered, the cheapest first."""


def is_foreign(destination: Destination) -> bool:
    """Whether a destination is one that money is lost to."""
    return destination.klass in ABROAD


def price_of(destination: Destination) -> int:
    """Micro-units per minute; -1 where it isn't known."""
    return destination.price.price_micros_per_min if destination.price is not None else -1


def area_of(digits: str) -> str:
    """Calling code and the next three digits."""
    return digits[: len(calling_code(digits)) + 3]


def block_of(digits: str) -> str:
    """The thousand numbers around one."""
    return digits[:-3]


def network_of(peer: str) -> str:
    """The network of a transport address: 24 bits of an IPv4 address, 48 of an IPv6 one."""
    if peer.startswith("["):
        return ":".join(peer[1:].partition("]")[0].split(":")[:3])
    return peer.rpartition(":")[0].rpartition(".")[0]


def marks(digits: str, region: str, tier: int, *, narrow: bool) -> list[str]:
    """What is seen in a call abroad; `narrow` with number and block. A tier of -1: its price isn't known."""
    found = [f"c:{region}", f"a:{area_of(digits)}"]
    if tier >= 0:
        found.append(TIERS[tier])
    if narrow:
        found += [f"n:{digits}", f"b:{block_of(digits)}"]
    return found
