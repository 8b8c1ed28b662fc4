"""Caps as charges, and answers of the meters in words."""

from __future__ import annotations

from typing import Any

import pytest

from ringfence.model import UNLIMITED, MeterKey
from ringfence.model.meter import Charge
from ringfence.model.settings import CallRate, CallWindows, Caps, Levels, Spend
from ringfence.rules import CAP_RULES
from ringfence.rules.base import Limit, Scoped
from ringfence.rules.calls_per_second import CallsPerSecond
from ringfence.rules.calls_per_window import CallsPerWindow
from ringfence.rules.concurrent_calls import ConcurrentCalls
from ringfence.rules.spend import Spend as SpendRule

ALL = Caps(
    concurrent=Levels(expected=10, alert=40, block=50, carrier_cap=60),
    calls_per_second=CallRate(alert=4, block=5, burst=10, pace_ms=300),
    calls=CallWindows(per_minute=Levels(alert=60, block=90), per_hour=Levels(block=600), per_day=Levels(alert=1000)),
    spend=Spend(per_day=20_000_000, per_month=200_000_000),
)
TRUNK = Scoped("trunk", "carrier", "", ALL, "trunk.carrier")
CLASS = Scoped("trunk", "carrier", "international", ALL, "trunk.carrier.class.international")
CALLER = Scoped("caller", "pbx/101", "", ALL, "source.pbx.per_caller")
TENANT = Scoped("tenant", "hotel", "", ALL, "tenant.hotel")


def limits(rule: Any, scoped: Scoped) -> list[tuple[str, int, int, int, str]]:
    """Quantity, window, block, alert and key of each charge."""
    found = list(rule.limits(scoped))
    for limit in found:
        assert limit.charge.meter[:2] == (scoped.scope, scoped.name) and limit.charge.meter.klass == scoped.klass
        assert limit.charge.enforced
        assert limit.charge.amount == (0 if limit.charge.meter.quantity == "money" else 1)  # money: the engine's
    return [
        (c.meter.quantity, c.meter.window_s, c.limit, c.alert, where)
        for c, where in ((limit.charge, limit.where) for limit in found)
    ]


def test_the_standard_meters_are_charged_without_any_cap() -> None:
    bare = Scoped("source", "pbx", "", Caps(), "source.pbx")
    assert [row for rule in CAP_RULES for row in limits(rule, bare)] == [
        ("calls", 0, UNLIMITED, UNLIMITED, ""),
        ("attempts", 60, UNLIMITED, UNLIMITED, ""),
        ("attempts", 3600, UNLIMITED, UNLIMITED, ""),
        ("attempts", 86_400, UNLIMITED, UNLIMITED, ""),
        ("money", 86_400, UNLIMITED, UNLIMITED, ""),
        ("money", 2_592_000, UNLIMITED, UNLIMITED, ""),
    ]


def test_every_level_becomes_the_limit_or_alert_of_its_meter() -> None:
    assert [row for rule in CAP_RULES for row in limits(rule, TRUNK)] == [
        ("calls", 0, 50, 40, "trunk.carrier.concurrent.block"),
        ("attempts", 60, 90, 60, "trunk.carrier.calls_per_minute.block"),
        ("attempts", 3600, 600, UNLIMITED, "trunk.carrier.calls_per_hour.block"),
        ("attempts", 86_400, UNLIMITED, 1000, ""),
        ("rate", 0, 5000, UNLIMITED, "trunk.carrier.calls_per_second.block"),
        ("attempts", 1, UNLIMITED, 4, ""),
        ("money", 86_400, 20_000_000, UNLIMITED, "trunk.carrier.spend.total.per_day"),
        ("money", 2_592_000, 200_000_000, UNLIMITED, "trunk.carrier.spend.total.per_month"),
    ]


@pytest.mark.parametrize("scoped", [TRUNK, CLASS, CALLER, TENANT], ids=lambda scoped: scoped.where)
def test_no_meter_is_charged_twice(scoped: Scoped) -> None:
    meters = [limit.charge.meter for rule in CAP_RULES for limit in rule.limits(scoped)]
    assert len(meters) == len(set(meters)) == 8


@pytest.mark.parametrize(
    ("scoped", "counts", "spend"),
    [
        (TRUNK, "trunk.carrier", "trunk.carrier.spend.total"),
        (CLASS, "trunk.carrier.class.international", "trunk.carrier.spend.international"),
        (CALLER, "source.pbx.per_caller", "source.pbx.per_caller.spend.total"),
        (TENANT, "tenant.hotel", "tenant.hotel.spend.total"),
    ],
)
def test_keys_are_those_of_the_file_in_limits_and_in_findings(scoped: Scoped, counts: str, spend: str) -> None:
    keys = {
        ConcurrentCalls(): [f"{counts}.concurrent"],
        CallsPerWindow(): [f"{counts}.calls_per_{window}" for window in ("minute", "hour", "day")],
        CallsPerSecond(): [f"{counts}.calls_per_second"] * 2,
        SpendRule(): [f"{spend}.per_day", f"{spend}.per_month"],
    }
    for rule, expected in keys.items():
        for limit, key in zip(rule.limits(scoped), expected, strict=True):  # type: ignore[attr-defined]
            level = "" if isinstance(rule, SpendRule) else ".block"
            assert limit.where in ("", f"{key}{level}")
            bare = Limit(limit.charge, limit.where)
            assert rule.find(bare, 10**9, "block").where == f"{key}{level}"  # type: ignore[attr-defined]
            if limit.charge.alert != UNLIMITED:
                assert rule.find(bare, 10**9, "alert").where == f"{key}.alert"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("block", "milli"), [(5, 5000), (0.5, 500), (0.29, 290), (0.57, 570), (0.001, 1), (100_000, 100_000_000), (1e-9, 1)]
)
def test_a_rate_is_a_bucket_in_thousandths_of_a_call(block: float, milli: int) -> None:
    rate = CallRate(block=block, burst=7, pace_ms=250)
    [limit] = CallsPerSecond().limits(Scoped("trunk", "t", "", Caps(calls_per_second=rate), "trunk.t"))
    charge = limit.charge
    assert charge == Charge(MeterKey("trunk", "t", "rate", "", 0), 1, milli, burst=7, pace_us=250_000)


@pytest.mark.parametrize(
    ("alert", "window_s", "level"),
    [(8, 1, 8), (2.5, 1, 3), (2, 1, 2), (1, 10, 10), (0.3, 10, 3), (0.2, 10, 2), (0.1, 100, 10), (0.001, 10_000, 10)],
)
def test_an_alert_on_a_rate_needs_two_calls_at_least(alert: float, window_s: int, level: int) -> None:
    caps = Caps(calls_per_second=CallRate(alert=alert))
    [limit] = CallsPerSecond().limits(Scoped("trunk", "t", "", caps, "trunk.t"))
    assert limit.charge == Charge(MeterKey("trunk", "t", "attempts", "", window_s), 1, alert=level)


SAID: list[tuple[Any, Scoped, int, int, str, str, tuple[str, str, int]]] = [
    (ConcurrentCalls(), TRUNK, 0, 51, "block", "51 calls in progress on trunk carrier; at most 50", ("51", "50", 0)),
    (ConcurrentCalls(), TRUNK, 0, 40, "alert", "40 calls in progress on trunk carrier; alert from 40", ("40", "40", 0)),
    (
        ConcurrentCalls(), CLASS, 0, 51, "block",
        "51 calls in progress on trunk carrier, international; at most 50", ("51", "50", 0),
    ),
    (
        ConcurrentCalls(), CALLER, 0, 51, "block",
        "51 calls in progress on extension pbx/101; at most 50", ("51", "50", 0),
    ),
    (CallsPerWindow(), TENANT, 0, 91, "block", "91 calls in a minute on tenant hotel; at most 90", ("91", "90", 60)),
    (
        CallsPerWindow(), TRUNK, 1, 601, "block",
        "601 calls in an hour on trunk carrier; at most 600", ("601", "600", 3600),
    ),
    (
        CallsPerWindow(), TRUNK, 2, 1000, "alert",
        "1000 calls in 24 hours on trunk carrier; alert from 1000", ("1000", "1000", 86_400),
    ),
    (
        CallsPerSecond(), TRUNK, 0, 800_001, "block",
        "faster than 5 calls a second on trunk carrier, 10 at once: it would have to wait 801 ms; at most 300 ms",
        ("801 ms", "300 ms", 0),
    ),
    (CallsPerSecond(), TRUNK, 1, 4, "alert", "4 calls in 1 s on trunk carrier; alert from 4", ("4", "4", 1)),
    (
        SpendRule(), CLASS, 0, 20_400_000, "block",
        "20.40 in 24 hours on trunk carrier, international; at most 20.00", ("20.40", "20.00", 86_400),
    ),
    (
        SpendRule(), TRUNK, 1, 200_000_001, "block",
        "200.000001 in 30 days on trunk carrier; at most 200.00", ("200.000001", "200.00", 2_592_000),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "scoped", "nth", "observed", "severity", "text", "shown"), SAID)
def test_what_is_said(
    rule: Any, scoped: Scoped, nth: int, observed: int, severity: Any, text: str, shown: tuple[str, str, int]
) -> None:
    limit = list(rule.limits(scoped))[nth]
    finding = rule.find(limit, observed, severity)
    assert (finding.severity, finding.text) == (severity, text)
    assert (finding.observed, finding.limit, finding.window_s) == shown
