"""What a rule is, and what it is shown.

Two kinds. A `Rule` looks at one attempt and says at once what it found; it sees no meter. A `CapRule` turns the caps of
one entity into charges when the policy is loaded; the meters answer for all charges of an attempt together, and the
rule puts an answer over its level into words. Neither has state: the same case gives the same hits.

Whether a hit refuses is not the rule's affair: the engine knows the mode of the rule and of the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple, Protocol

import msgspec

from ringfence.model.attempt import Attempt, Destination
from ringfence.model.fact import Contained
from ringfence.model.meter import UNLIMITED, Charge, Scope
from ringfence.model.settings import Bounds, Caps, Policy, Source, Tenant, Trunk
from ringfence.model.time import Instant
from ringfence.model.verdict import Hit, Severity
from ringfence.rules.traits import Calls, Traits

Places = tuple[tuple[str, Bounds], ...]
"""Bounds, each with its place in the policy (`trunk.carrier`)."""


class Case(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An attempt of a known source on a trunk it may use, with all that a rule may look at."""

    policy: Policy
    attempt: Attempt
    source: Source
    trunk: Trunk
    tenant: Tenant | None
    destination: Destination
    contained: tuple[Contained, ...]
    """Containments in force that cover this attempt, narrowest first."""
    bounds: Places
    """Those of every party, the trunk first."""
    traits: Traits | None = None
    """What is unusual about it; None where no behaviour rule looks."""
    now: Instant


def bounds_of(trunk: Trunk, source: Source, tenant: Tenant | None) -> Places:
    """The bounds that hold for calls of a source on a trunk, with their places in the policy."""
    parties = (f"trunk.{trunk.name}", trunk.bounds), (f"source.{source.name}", source.bounds)
    return parties if tenant is None else (*parties, (f"tenant.{tenant.name}", tenant.bounds))


class Finding(NamedTuple):
    """What a rule found, before the engine says whether it is enforced."""

    severity: Severity
    text: str
    """In words with the numbers that led to it, fit for the operator."""
    where: str = ""
    """Dotted key of the policy that decides, empty where a default does that is in no file."""
    observed: str = ""
    limit: str = ""
    window_s: int = 0
    weight: int = 0

    def hit(self, rule: str, enforced: bool) -> Hit:
        """As it goes into the verdict."""
        return Hit(
            rule=rule,
            severity=self.severity,
            text=self.text,
            observed=self.observed,
            limit=self.limit,
            window_s=self.window_s,
            where=self.where,
            enforced=enforced,
            weight=self.weight,
        )


class Named(Protocol):
    """What every rule says of itself."""

    slug: ClassVar[str]
    status: ClassVar[int]
    """SIP status of a refusal: 603 for policy, 488 for media, 480 for caps."""
    public: ClassVar[str]
    """Reason phrase of a refusal: no more than a caller should know."""
    spoofable: ClassVar[bool]
    """Whether a caller can choose what the rule looks at, so that its hits say nothing of who he is."""


class Rule(Named, Protocol):
    """Looks at one attempt."""

    def find(self, case: Case) -> Iterator[Finding]:
        """Everything that is wrong with it; the first block finding gives the reason."""
        ...


class BehaviourRule(Rule, Protocol):
    """Weighs evidence by the traits of an attempt, if it is one of the calls that it looks at."""

    calls: ClassVar[Calls]


class Scoped(NamedTuple):
    """The caps of one entity, for all its calls or for one destination class."""

    scope: Scope
    name: str
    klass: str
    """Empty for all classes."""
    caps: Caps
    where: str
    """Dotted key that the keys of the caps are under, `trunk.carrier` or `trunk.carrier.class.international`."""


class Limit(NamedTuple):
    """One charge of every attempt that meets a `Scoped`; the amount of a money charge is filled in by the engine."""

    charge: Charge
    where: str
    """Dotted key of the level that refuses; empty where none does."""


class CapRule(Named, Protocol):
    """Turns caps into charges, and an answer of the meters into words."""

    def limits(self, scoped: Scoped) -> Iterator[Limit]:
        """The standard meters of the entity, limited or only counted."""
        ...

    def find(self, limit: Limit, observed: int, severity: Severity) -> Finding:
        """What to say where `observed` is over the limit ("block") or at the alert level ("alert")."""
        ...


WHO = {"trunk": "trunk", "source": "source", "tenant": "tenant", "caller": "extension"}
"""Scopes in the operator's words."""


def who(charge: Charge) -> str:
    """Whose meter it is, in words: `trunk carrier, international`."""
    meter = charge.meter
    return f"{WHO[meter.scope]} {meter.name}" + (f", {meter.klass}" if meter.klass else "")


def level(value: int | None) -> int:
    """A level of the policy as a limit."""
    return UNLIMITED if value is None else value


def money(micros: int) -> str:
    """An amount in units of the currency, exact, with two decimals at least."""
    units, rest = divmod(micros, 1_000_000)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{units}.{decimals}"
