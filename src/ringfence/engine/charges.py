"""Which meters an attempt is charged on, worked out once per policy.

For every trunk, source and tenant: calls in progress, calls in windows and money, for all its calls and for the class
of this one; for the extension the same for all its calls. Standard meters are charged whether a cap is set or not, so
that a cap written tomorrow starts filled. Everything but the amount of money is the same for each attempt of a source
on a trunk to a class, so it is built once and shared.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from ringfence.model.attempt import DestinationClass
from ringfence.model.meter import UNLIMITED, Charge, Scope
from ringfence.model.settings import Bounds, Caps, Policy, Source, Trunk
from ringfence.rules import CAP_RULES
from ringfence.rules.base import CapRule, Limit, Scoped

NO_CAPS = Caps()
CACHED_CALLERS = 4096


class Due(NamedTuple):
    """One charge with what is needed to put its answer into words."""

    charge: Charge
    limit: Limit
    rule: CapRule


class Charges:
    """The charges of one policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.of = lru_cache(maxsize=None)(self._of)
        """(source, trunk, class) -> the charges of trunk, source and tenant."""
        self.of_caller = lru_cache(maxsize=CACHED_CALLERS)(self._of_caller)
        """(source, caller's meter name) -> the charges of the extension."""

    def _of(self, source: str, trunk: str, klass: DestinationClass) -> tuple[Due, ...]:
        party, way = self._policy.sources[source], self._policy.trunks[trunk]
        return tuple(due for scoped in self._scoped(party, way, klass) for due in self._due(scoped, party))

    def _of_caller(self, source: str, name: str) -> tuple[Due, ...]:
        party = self._policy.sources[source]
        scoped = Scoped("caller", name, "", party.per_caller, f"source.{source}.per_caller")
        return tuple(self._due(scoped, party))

    def _scoped(self, source: Source, trunk: Trunk, klass: DestinationClass) -> Iterator[Scoped]:
        yield from _both("trunk", trunk.name, klass, trunk.bounds)
        yield from _both("source", source.name, klass, source.bounds)
        if source.tenant is not None:
            yield from _both("tenant", source.tenant, klass, self._policy.tenants[source.tenant].bounds)

    def _due(self, scoped: Scoped, source: Source) -> Iterator[Due]:
        for rule in CAP_RULES:
            mode = self._policy.rule_modes.get(rule.slug, "enforce")
            enforced = mode == "enforce" and source.mode == "enforce"
            for limit in rule.limits(scoped):
                charge = limit.charge
                if mode == "off":
                    charge = msgspec.structs.replace(charge, limit=UNLIMITED, alert=UNLIMITED)
                yield Due(msgspec.structs.replace(charge, enforced=enforced), limit, rule)


def _both(scope: Scope, name: str, klass: DestinationClass, bounds: Bounds) -> Iterator[Scoped]:
    yield Scoped(scope, name, "", bounds.caps, f"{scope}.{name}")
    yield Scoped(scope, name, klass, bounds.class_caps.get(klass, NO_CAPS), f"{scope}.{name}.class.{klass}")
