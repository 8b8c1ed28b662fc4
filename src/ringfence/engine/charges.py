"""Which meters an attempt is charged on, worked out once per policy.

For every trunk, source and tenant: calls in progress, calls in windows and money, for all its calls and for the class
of this one; for the extension the same for all its calls. Standard meters are charged whether a cap is set or not, so
that a cap written tomorrow starts filled. Everything but the amount of money is the same for each attempt of a source
on a trunk to a class, so it is built once and shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from ringfence.model.attempt import DestinationClass
from ringfence.model.meter import UNLIMITED, Charge, Scope
from ringfence.model.settings import Bounds, Caps, Policy, Source, Trunk
from ringfence.rules import CAP_RULES
from ringfence.rules.base import Scoped

NO_CAPS = Caps()
CACHED = 16_384
"""Combinations of entity, class and price that are kept ready."""
TOGETHER = 4096
"""The same with the extension."""


class Dues(NamedTuple):
    """The charges of an attempt, and per charge the rule and the key of the policy that it comes from."""

    charges: tuple[Charge, ...] = ()
    rules: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    """What the meters show from here on is a hit."""

    @classmethod
    def of(cls, rows: Iterable[tuple[Charge, str, str]]) -> Dues:
        """Those of charges with their rules and keys."""
        found = list(rows)
        charges, rules, where = zip(*found, strict=True) if found else ((), (), ())
        return cls(charges, rules, where, tuple(charge.level for charge in charges))

    def and_(self, more: Dues) -> Dues:
        """Both."""
        return Dues(
            self.charges + more.charges,
            self.rules + more.rules,
            self.where + more.where,
            self.levels + more.levels,
        )


class Charges:
    """The charges of one policy; `money` is what a call reserves at first, None where calls are free."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.of = lru_cache(TOGETHER)(self._together)
        """(source, trunk, class, caller's meter name, money) -> the charges of trunk, source, tenant and extension."""
        self.money = lru_cache(TOGETHER)(self._money)
        """The same -> those of its charges that are money."""
        self._of_all = lru_cache(CACHED)(self._of)
        self._of_each = lru_cache(CACHED)(self._of_caller)

    def _together(self, source: str, trunk: str, klass: DestinationClass, caller: str, money: int | None) -> Dues:
        wide, narrow = self._of_all(source, trunk, klass, money), self._of_each(source, caller, money)
        return wide.and_(narrow)

    def _money(self, source: str, trunk: str, klass: DestinationClass, caller: str, money: int) -> tuple[Charge, ...]:
        dues = self.of(source, trunk, klass, caller, money)
        return tuple(charge for charge in dues.charges if charge.meter.quantity == "money")

    def _of(self, source: str, trunk: str, klass: DestinationClass, money: int | None) -> Dues:
        party, way = self._policy.sources[source], self._policy.trunks[trunk]
        return self._dues(self._scoped(party, way, klass), party, money)

    def _of_caller(self, source: str, name: str, money: int | None) -> Dues:
        party = self._policy.sources[source]
        return self._dues([Scoped("caller", name, "", party.per_caller, f"source.{source}.per_caller")], party, money)

    def _scoped(self, source: Source, trunk: Trunk, klass: DestinationClass) -> Iterator[Scoped]:
        yield from _both("trunk", trunk.name, klass, trunk.bounds)
        yield from _both("source", source.name, klass, source.bounds)
        if source.tenant is not None:
            yield from _both("tenant", source.tenant, klass, self._policy.tenants[source.tenant].bounds)

    def _dues(self, all_scoped: Iterable[Scoped], source: Source, money: int | None) -> Dues:
        return Dues.of(row for scoped in all_scoped for row in self._rows(scoped, source, money))

    def _rows(self, scoped: Scoped, source: Source, money: int | None) -> Iterator[tuple[Charge, str, str]]:
        for rule in CAP_RULES:
            mode = self._policy.rule_modes.get(rule.slug, "enforce")
            changes: dict[str, Any] = {"enforced": mode == "enforce" and source.mode == "enforce"}
            if mode == "off":
                changes |= {"limit": UNLIMITED, "alert": UNLIMITED}
            for limit in rule.limits(scoped):
                if limit.charge.meter.quantity != "money":
                    yield msgspec.structs.replace(limit.charge, **changes), rule.slug, limit.where
                elif money is not None:
                    yield msgspec.structs.replace(limit.charge, amount=money, **changes), rule.slug, limit.where


def _both(scope: Scope, name: str, klass: DestinationClass, bounds: Bounds) -> Iterator[Scoped]:
    yield Scoped(scope, name, "", bounds.caps, f"{scope}.{name}")
    yield Scoped(scope, name, klass, bounds.class_caps.get(klass, NO_CAPS), f"{scope}.{name}.class.{klass}")
