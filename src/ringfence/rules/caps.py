"""What the rules on caps share: the key of a meter's caps in the policy, and a charge from a pair of levels."""

from __future__ import annotations

from ringfence.model.meter import Charge, MeterKey, Quantity
from ringfence.model.settings import Levels
from ringfence.rules.base import Limit, Scoped, level


def holder_of(meter: MeterKey) -> str:
    """Dotted key of the table whose caps a meter is under, all classes: `trunk.carrier`, `source.pbx.per_caller`."""
    if meter.scope == "caller":
        return f"source.{meter.name.partition('/')[0]}.per_caller"
    return f"{meter.scope}.{meter.name}"


def counts_of(meter: MeterKey) -> str:
    """The same for caps on calls, which a class has in a table of its own: `trunk.carrier.class.international`."""
    return f"{holder_of(meter)}.class.{meter.klass}" if meter.klass else holder_of(meter)


def meter_of(scoped: Scoped, quantity: Quantity, window_s: int) -> MeterKey:
    """The meter of an entity."""
    return MeterKey(scoped.scope, scoped.name, quantity, scoped.klass, window_s)


def counted(meter: MeterKey, levels: Levels, key: str) -> Limit:
    """One call on a meter under a pair of levels; without them it is only counted."""
    return Limit(
        Charge(
            meter,
            amount=1,
            limit=level(levels.block),
            alert=level(levels.alert),
        ),
        where=f"{key}.block" if levels.block is not None else "",
    )
