"""A case for a rule, built from settings: a source `pbx` at home in the US on a trunk `carrier`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ringfence.engine.destinations import destination_of
from ringfence.model import SECOND, Attempt, Instant
from ringfence.model.settings import Bounds, PermitException, Policy, Source, Tenant, Trunk
from ringfence.numbers import PlanSettings, RateDeck, RiskTable
from ringfence.rules.base import Case, Finding, Rule, bounds_of

US, GB, LV = "12125550123", "+442079460000", "+37167000000"
NEW_YORK = "America/New_York"
DECK = RateDeck.from_csv(
    "prefix,name,connect_fee,price_per_min,first_increment_s,next_increment_s,valid_from\n"
    "1,US,0,0.01,6,6,\n1900,US premium,0,2.5,60,60,\n44,GB,0,0.02,60,60,\n44845,GB 0845,0.05,0.07,60,60,\n"
    "49180,DE 0180,0,0.14,60,60,\n371,LV,0.05,0.50,60,60,\n"
)


def at(local: str, zone: str = NEW_YORK) -> Instant:
    """An instant from wall clock time."""
    return int(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def make_case(
    dialled: str = US,
    *,
    now: Instant | None = None,
    trunk: dict[str, Any] | None = None,
    source: dict[str, Any] | None = None,
    tenant: dict[str, Any] | None = None,
    policy: dict[str, Any] | None = None,
    contained: tuple[Any, ...] = (),
    home: str = "US",
    **attempt: Any,
) -> Case:
    """The case of one attempt; keys of `bounds` may stand beside those of their holder."""
    moment = at("2026-11-27T12:00") if now is None else now
    way = Trunk(**_bounded({"name": "carrier", "listen": "out", "carrier_addresses": (), "send_to": ()}, trunk))
    own = {"name": "pbx", "zone": "internal", "listen": "in", "addresses": (), "trunks": ("carrier",)}
    party = Source(**_bounded({**own, "plan": PlanSettings(home=home), "tenant": "hotel" if tenant else None}, source))
    customer = {"name": "hotel", "home_country": home, "time_zone": NEW_YORK}
    renter = Tenant(**_bounded(customer, tenant)) if tenant is not None else None
    rules = Policy(
        **{
            "version": "v1",
            "home_country": home,
            "time_zone": NEW_YORK,
            "listens": {},
            "trunks": {"carrier": way},
            "sources": {"pbx": party},
            "tenants": {"hotel": renter} if renter else {},
            **(policy or {}),
        }
    )
    return Case(
        policy=rules,
        attempt=make_attempt(dialled=dialled, **attempt),
        source=party,
        trunk=way,
        tenant=renter,
        destination=destination_of(dialled, party, way, RiskTable(), moment),
        contained=contained,
        bounds=bounds_of(way, party, renter),
        now=moment,
    )


def make_attempt(**changes: Any) -> Attempt:
    fields: dict[str, Any] = {
        "id": "a1",
        "call_id": "c1",
        "listener": "in",
        "peer": "192.0.2.9:5060",
        "source": "pbx",
        "verified": "address",
        "caller": "+12125550100",
        "extension": "101",
        "dialled": US,
        "trunk": "carrier",
    }
    return Attempt(**{**fields, **changes})


def exception(what: str, **changes: Any) -> PermitException:
    fields: dict[str, Any] = {"what": what, "owner": "noc", "why": "ticket 4711", "until": at("2026-12-01T00:00")}
    return PermitException(**{**fields, **changes})


def permit(*what: str) -> dict[str, Any]:
    return {"permit": frozenset(what)}


def found(rule: Rule, case: Case) -> list[Finding]:
    return list(rule.find(case))


def told(rule: Rule, case: Case) -> list[tuple[str, str]]:
    """Severity and deciding key of each finding."""
    return [(finding.severity, finding.where) for finding in rule.find(case)]


def _bounded(own: dict[str, Any], given: dict[str, Any] | None) -> dict[str, Any]:
    given = given or {}
    names = Bounds.__struct_fields__
    bounds = Bounds(**{key: value for key, value in given.items() if key in names})
    return {**own, "bounds": bounds, **{key: value for key, value in given.items() if key not in names}}
