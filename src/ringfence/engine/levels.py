"""What the meters show, beside the levels of the policy: for people who look, nothing is decided by it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ringfence.engine.meters import Meters
from ringfence.model.meter import MeterKey, Quantity, Scope
from ringfence.model.settings import Bounds, Caps, Levels, Policy
from ringfence.model.time import Instant

COUNTS = {60: "per_minute", 3600: "per_hour", 86_400: "per_day"}
SPENDS = {86_400: "per_day", 2_592_000: "per_month"}


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """One meter now."""

    scope: Scope
    name: str
    quantity: Quantity
    klass: str
    window_s: int
    value: int
    """Calls; micro-units of money."""
    expected: int | None = None
    alert: int | None = None
    block: int | None = None


def levels(policy: Policy, meters: Meters, now: Instant, *, callers: bool = False) -> Iterator[Level]:
    """Every meter that isn't empty or has a level; those of extensions only where asked for."""
    keys = {key: None for key in meters if callers or key.scope != "caller"}
    for key in sorted(keys.keys() | set(_limited(policy))):
        set_levels = _levels_of(policy, key)
        value = meters.read(key, now)
        if value or set_levels != Levels():
            yield Level(
                scope=key.scope,
                name=key.name,
                quantity=key.quantity,
                klass=key.klass,
                window_s=key.window_s,
                value=value,
                expected=set_levels.expected,
                alert=set_levels.alert,
                block=set_levels.block,
            )


def _limited(policy: Policy) -> Iterator[MeterKey]:
    """The meters of trunks, sources and tenants that the policy sets a level for."""
    for scope, name, bounds in _parties(policy):
        for klass, caps in _by_class(bounds).items():
            keys = [MeterKey(scope, name, "calls", klass, 0)]
            keys += [MeterKey(scope, name, "attempts", klass, window_s) for window_s in COUNTS]
            keys += [MeterKey(scope, name, "money", klass, window_s) for window_s in SPENDS]
            yield from (key for key in keys if _of_caps(caps, key) != Levels())


def _by_class(bounds: Bounds) -> dict[str, Caps]:
    found: dict[str, Caps] = {"": bounds.caps}
    for klass, caps in bounds.class_caps.items():
        found[klass] = caps
    return found


def _parties(policy: Policy) -> Iterator[tuple[Scope, str, Bounds]]:
    for trunk in policy.trunks.values():
        yield "trunk", trunk.name, trunk.bounds
    for source in policy.sources.values():
        yield "source", source.name, source.bounds
    for tenant in policy.tenants.values():
        yield "tenant", tenant.name, tenant.bounds


def _levels_of(policy: Policy, key: MeterKey) -> Levels:
    if key.scope == "caller":
        source = policy.sources.get(key.name.partition("/")[0])
        return _of_caps(source.per_caller, key) if source is not None and not key.klass else Levels()
    for scope, name, bounds in _parties(policy):
        if (scope, name) == (key.scope, key.name):
            return _of_caps(_by_class(bounds).get(key.klass, Caps()), key)
    return Levels()


def _of_caps(caps: Caps, key: MeterKey) -> Levels:
    if key.quantity == "calls":
        return caps.concurrent
    if key.quantity == "attempts":
        found: Levels = getattr(caps.calls, COUNTS.get(key.window_s, ""), Levels())
        return found
    return Levels(block=getattr(caps.spend, SPENDS.get(key.window_s, ""), None))
