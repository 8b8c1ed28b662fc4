"""More money than there should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.model.meter import Charge, MeterKey
from ringfence.model.verdict import Severity
from ringfence.rules import words
from ringfence.rules.base import Finding, Limit, Scoped, level, money, who
from ringfence.rules.caps import holder_of, meter_of

KEYS = {86_400: "per_day", 2_592_000: "per_month"}
"""Length of a window in seconds -> its key in the policy."""


@dataclass(frozen=True, slots=True)
class Spend:
    """More money in 24 hours or 30 days than a trunk, source, tenant, extension or destination class may spend.

    *Why it matters*

    Money is the one limit that holds whatever way fraud takes. Each class of destination has its own purse, so that
    fraud abroad can't stop the calls at home. Calls in progress count with what they have reserved: every increment is
    reserved before it begins, so the cap is never overshot, and a call is cut when the next one isn't to be had.

    *Before*

        [trunk.carrier]
        permit = ["US", "LV"]
        billing = { rates = "rates.csv" }

        call 01137167000000 3 times: allow

    *After*

        # Each call reserves 0.55: the connection and a minute. Calls at home have a purse of their own.
        [trunk.carrier]
        permit = ["US", "LV"]
        billing = { rates = "rates.csv" }
        spend = { international = { per_day = 1.50, per_month = 20 } }

        call 01137167000000 2 times: allow
        call 01137167000000: spend
        call 12125550123: allow

    *References*

    Controls D4, D7.
    """

    slug: ClassVar[str] = "spend"
    status: ClassVar[int] = 480
    public: ClassVar[str] = "Limit Reached"
    spoofable: ClassVar[bool] = False

    def limits(self, scoped: Scoped) -> Iterator[Limit]:
        """One charge for each window, limited or only counted; the engine fills the amount in."""
        spend = scoped.caps.spend
        for window_s, most in zip(KEYS, (spend.per_day, spend.per_month), strict=True):
            meter = meter_of(scoped, "money", window_s)
            yield Limit(Charge(meter, amount=0, limit=level(most)), _key(meter) if most is not None else "")

    def find(self, limit: Limit, observed: int, severity: Severity) -> Finding:
        """`20.40 in 24 hours on trunk carrier, international; at most 20.00`."""
        charge, meter = limit.charge, limit.charge.meter
        spent, most = money(observed), money(charge.limit)
        text = f"{spent} in {words.span(meter.window_s)} on {who(charge)}; at most {most}"
        return Finding(severity, text, _key(meter), spent, most, meter.window_s)


def _key(meter: MeterKey) -> str:
    """`trunk.carrier.spend.international.per_day`; money for all classes is `total`."""
    return f"{holder_of(meter)}.spend.{meter.klass or 'total'}.{KEYS[meter.window_s]}"
