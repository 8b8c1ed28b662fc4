"""Calls that come faster than they should."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor
from typing import ClassVar

from ringfence.model.meter import Charge
from ringfence.model.settings import CallRate
from ringfence.model.verdict import Severity
from ringfence.rules import words
from ringfence.rules.base import Finding, Limit, Scoped, who
from ringfence.rules.caps import counts_of, meter_of

ALERT_WINDOWS_S = (1, 10, 100, 1000, 10_000)
"""An alert on a rate is counted in the shortest of these in which it is at least two calls: one call is no rate. None
of them is a window of calls-per-window, whose meters are charged apart."""


@dataclass(frozen=True, slots=True)
class CallsPerSecond:
    """Calls that come faster than a trunk, source, tenant, extension or class may place them.

    *Why it matters*

    People dial slowly, scripts don't. A stolen account shows first as a rate: dozens of calls in the time in which an
    office places one. The rate is a token bucket, exact at any moment: `burst` calls may come at once after a pause,
    then `block` each second. A call that is a little early may wait up to `pace_ms` instead of being refused, so that a
    dialler's jitter costs nobody a call.

    *Before*

        call 12125550123 3 times: allow

    *After*

        [trunk.carrier]
        calls_per_second = { alert = 1, block = 1, burst = 2, pace_ms = 300 }

        call 12125550123 2 times: allow
        call 12125550123: calls-per-second

    *References*

    Controls D2, D3. ITU-T I.371 (generic cell rate algorithm).
    """

    slug: ClassVar[str] = "calls-per-second"
    status: ClassVar[int] = 480
    public: ClassVar[str] = "Too Many Calls"
    spoofable: ClassVar[bool] = False

    def limits(self, scoped: Scoped) -> Iterator[Limit]:
        """A rate charge where a rate refuses, and a count where people are told."""
        rate = scoped.caps.calls_per_second
        if rate.block is not None:
            yield Limit(_bucket(scoped, rate, rate.block), f"{scoped.where}.calls_per_second.block")
        if rate.alert is not None:
            yield Limit(_count(scoped, rate.alert), "")

    def find(self, limit: Limit, observed: int, severity: Severity) -> Finding:
        """`faster than 5 calls a second on trunk carrier: it would have to wait 800 ms; at most 300 ms`."""
        charge, meter = limit.charge, limit.charge.meter
        where = f"{counts_of(meter)}.calls_per_second.{severity}"
        if meter.quantity == "attempts":
            text = f"{observed} calls in {words.span(meter.window_s)} on {who(charge)}; alert from {charge.alert}"
            return Finding(severity, text, where, str(observed), str(charge.alert), meter.window_s)
        wait, pace = f"{-(-observed // 1000)} ms", f"{charge.pace_us // 1000} ms"
        rate = f"{charge.limit / 1000:g} calls a second on {who(charge)}, {charge.burst} at once"
        text = f"faster than {rate}: it would have to wait {wait}; at most {pace}"
        return Finding(severity, text, where, wait, pace)


def _bucket(scoped: Scoped, rate: CallRate, block: float) -> Charge:
    milli = max(1, floor(round(block * 1000, 6)))
    meter = meter_of(scoped, "rate", 0)
    return Charge(meter, amount=1, limit=milli, burst=rate.burst, pace_us=rate.pace_ms * 1000)


def _count(scoped: Scoped, alert: float) -> Charge:
    window_s = next((w for w in ALERT_WINDOWS_S if alert * w >= 2), ALERT_WINDOWS_S[-1])
    return Charge(meter_of(scoped, "attempts", window_s), amount=1, alert=ceil(round(alert * window_s, 6)))
