"""From a document without mistakes to the settings that rules, engine and edge read."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ringfence.model.settings import (
    ANYWHERE,
    PRIVATE,
    AddressException,
    Admit,
    Asterisk,
    Bans,
    Behaviour,
    Bounds,
    CallWindows,
    Caps,
    Containment,
    Digest,
    Feed,
    Ledger,
    Levels,
    Listen,
    PermitException,
    Policy,
    Register,
    Requests,
    Shaken,
    Source,
    Spend,
    Tenant,
    TransportException,
    Trunk,
)
from ringfence.model.time import SECOND, Instant
from ringfence.numbers.settings import PlanSettings
from ringfence.policy import files
from ringfence.policy.build_firewall import firewall_of
from ringfence.policy.document import Document, Entry
from ringfence.policy.keys_limits import CLASSES, TOTAL
from ringfence.policy.tariffs import Tariffs
from ringfence.sip.hop import DEFAULT_PORT, Transport
from ringfence.sip.uri import parse_uri

Values = dict[str, Any]


def build(document: Document, tariffs: Tariffs) -> Policy:
    """The policy, as yet without a version."""
    site = document.single["site"].values
    listens = {name: _listen(name, entry) for name, entry in document.named["listen"].items()}
    tenants = {name: _tenant(name, entry.values, site) for name, entry in document.named["tenant"].items()}
    return Policy(
        version="",
        home_country=site["home_country"],
        time_zone=site["time_zone"],
        firewall=firewall_of(document),
        holidays=frozenset(day.isoformat() for day in site.get("holidays", ())),
        listens=listens,
        trunks={name: _trunk(name, entry, site, tariffs) for name, entry in document.named["trunk"].items()},
        sources={
            name: _source(name, entry, site, tenants, listens) for name, entry in document.named["source"].items()
        },
        risks=next(iter(tariffs.risks), None),
        tenants=tenants,
        asterisks={name: _asterisk(name, entry) for name, entry in document.named["asterisk"].items()},
        feeds={name: _feed(name, entry) for name, entry in document.named["feed"].items()},
        exceptions=tuple(_exception(entry.values, site["time_zone"]) for entry in document.listed["exception"]),
        address_exceptions=tuple(
            _address_exception(entry.values, site["time_zone"]) for entry in document.listed["address_exception"]
        ),
        transport_exceptions=tuple(
            TransportException(**_until(entry.values, site["time_zone"]))
            for entry in document.listed["transport_exception"]
        ),
        rule_modes={slug: entry.values["mode"] for slug, entry in document.named["rules"].items()},
        **_optional(document, site),
    )


def _optional(document: Document, site: Values) -> Values:
    """Keys of single sections, where they are given."""
    values = _only(site, "max_calls", "vpn")
    if "behaviour" in document.single:
        values["behaviour"] = Behaviour(**document.single["behaviour"].values)
    if "containment" in document.single:
        values["containment"] = Containment(**document.single["containment"].values)
    if "digest" in document.single:
        values["digest"] = Digest(**document.single["digest"].values)
    if "bans" in document.single:
        values["bans"] = Bans(**document.single["bans"].values)
    if "requests" in document.single:
        values["requests"] = _requests(document.single["requests"].values)
    if "shaken" in document.single:
        values["shaken"] = _shaken(document.single["shaken"])
    if "ledger" in document.single:
        values["ledger"] = Ledger(**document.single["ledger"].values)
    if "admit" in document.single:
        values["admit"] = _admit(document.single["admit"].values)
    if "control" in document.single:
        values.update(_renamed(document.single["control"].values, socket="control"))
    return values


def _requests(values: Values) -> Requests:
    usual = Requests()
    paces: Values = {
        name: msgspec.structs.replace(getattr(usual, name), **values[name])
        for name in ("stranger", "account", "party")
        if name in values
    }
    return Requests(**{**values, **paces})


def _shaken(entry: Entry) -> Shaken:
    own = _only(entry.values, "x5u_hosts", "fresh_s", "wait_ms", "cache_h", "verstat", "x5u")
    return Shaken(**own, **_paths(entry, "trust", "x5u_ca", "key", "certificate"))


def _listen(name: str, entry: Entry) -> Listen:
    values = entry.values
    host, port = values["bind"]
    transport = values.get("transport", "udp")
    port = DEFAULT_PORT[transport] if port is None else port
    advertised, advertised_port = values.get("advertise", (host, None))
    return Listen(
        name=name,
        host=host,
        port=port,
        advertise_host=advertised,
        advertise_port=port if advertised_port is None else advertised_port,
        transport=transport,
        **_only(values, "digest", "connections", "idle_s"),
        **_paths(entry, "certificate", "key", "client_ca", "client_crl"),
    )


def _asterisk(name: str, entry: Entry) -> Asterisk:
    values = entry.values
    host, port = values["manager"]
    return Asterisk(
        name=name,
        host=host,
        port=port or (5039 if values.get("tls") else 5038),
        **{"secret": f"state/asterisk-{name}.secret", **_only(values, "secret")},
        **_only(values, "user", "tls", "tls_name", "source", "trunks", "announcements"),
        **_paths(entry, "ca"),
    )


def _feed(name: str, entry: Entry) -> Feed:
    return Feed(**{"name": name, **entry.values, **_paths(entry, "key", "ca")})


def _admit(values: Values) -> Admit:
    """The doors that are asked for."""
    ports = {"http": 8573, "fastagi": 4573}
    return Admit(**{door: (host, port or ports[door]) for door, (host, port) in values.items()})


def _paths(entry: Entry, *keys: str) -> Values:
    """Files, which are named relative to the file of the policy that names them."""
    return {key: files.beside(entry.at(key).path, entry.values[key]) for key in keys if key in entry.values}


def _trunk(name: str, entry: Entry, site: Values, tariffs: Tariffs) -> Trunk:
    values = entry.values
    billing = values.get("billing", "flat")
    return Trunk(
        name=name,
        bounds=_bounds(values, site["home_country"]),
        unlisted=frozenset(values.get("unlisted", ())),
        deck=tariffs.decks.get(name),
        block_lists=tariffs.block_lists.get(name, ()),
        **({} if billing == "flat" else _only(billing, "currency")),
        **_only(
            values,
            *("listen", "carrier_addresses", "send_to", "dial_format", "tech_prefix", "from_format", "risk_alert"),
            *("risk_block", "max_price_per_min", "shared_cost_ceiling", "when_down", "ring_limit_s"),
            *("tls_peer", "tls_name", "transfers", "srtp", "media", "identity", "sign"),
        ),
        pass_headers=frozenset(name.lower() for name in values.get("pass_headers", ())),
        register=_register(values),
        **_timer(values),
        **_paths(entry, "ca", "crl"),
    )


def _register(values: Values) -> Register | None:
    if "register" not in values:
        return None
    own = {"domain": parse_uri(values["send_to"][0].encode()).host, **values["register"]}
    return Register(**{"realm": own["domain"], **own})


def _source(name: str, entry: Entry, site: Values, tenants: dict[str, Tenant], listens: dict[str, Listen]) -> Source:
    values = entry.values
    tenant = tenants.get(values.get("tenant", ""))
    home = values.get("home_country") or (tenant.home_country if tenant else site["home_country"])
    accounts = _accounts(values.get("accounts", ()))
    return Source(
        name=name,
        plan=PlanSettings(home=home, **values.get("plan", {})),
        directions=frozenset(values.get("directions", ("out",))),
        bounds=_bounds(values, home),
        per_caller=_caps(values.get("per_caller", {})),
        dids=_all_numbers(values.get("dids", ())) | frozenset().union(*accounts.values()),
        deliver_to=_deliver_to(values, listens[values["listen"]].transport) if "listen" in values else None,
        accounts=accounts,
        networks=_reach(values, site) if accounts else (),
        addresses=values.get("addresses", ANYWHERE if "tls_peer" in values else ()),
        **_only(values, "zone", "listen", "trunks", "caller_ids", "caller_id_policy", "transfers"),
        **_only(values, "caller_id", "tenant", "mode", "auth", "digest_algorithms", "registrations", "redirect"),
        **_only(values, "tls_peer", "tls_name", "media"),
        **_paths(entry, "ca", "crl"),
    )


def _reach(values: Values, site: Values) -> tuple[str, ...]:
    """Where accounts may send from."""
    found: tuple[str, ...] = {"networks": site.get("vpn", PRIVATE), **values}["networks"]
    return found


def _accounts(given: Any) -> dict[str, frozenset[str]]:
    """Account to its inbound numbers, of a list of names or a table."""
    if isinstance(given, dict):
        return {account: _all_numbers(ranges) for account, ranges in given.items()}
    return dict.fromkeys(given, frozenset())


def _tenant(name: str, values: Values, site: Values) -> Tenant:
    own = {"home_country": site["home_country"], "time_zone": site["time_zone"], **values}
    home = own["home_country"]
    return Tenant(name=name, home_country=home, time_zone=own["time_zone"], bounds=_bounds(values, home))


def _bounds(values: Values, home: str) -> Bounds:
    permit = values.get("permit")
    return Bounds(
        caps=_caps(values),
        class_caps=_class_caps(values),
        permit=frozenset((home,)) if permit == "home" else None if permit is None else frozenset(permit),
        special=frozenset(values.get("special", ())),
        hours=_by_class(values.get("hours", {})),
        max_call_s=_by_class(values.get("max_call_s", {})),
    )


def _by_class(value: Any) -> Any:
    """A table by class as it is; a plain value for every class."""
    return value if isinstance(value, dict) else dict.fromkeys(CLASSES, value)


def _caps(values: Values, spend: Spend | None = None) -> Caps:
    return Caps(
        calls=CallWindows(
            per_minute=values.get("calls_per_minute", Levels()),
            per_hour=values.get("calls_per_hour", Levels()),
            per_day=values.get("calls_per_day", Levels()),
        ),
        spend=spend or values.get("spend", {}).get(TOTAL, Spend()),
        **_only(values, "concurrent", "calls_per_second"),
    )


def _class_caps(values: Values) -> Any:
    counts, spend = values.get("class", {}), values.get("spend", {})
    return {
        klass: _caps(counts.get(klass, {}), spend.get(klass, Spend()))
        for klass in CLASSES
        if klass in counts or klass in spend
    }


def _exception(values: Values, time_zone: str) -> PermitException:
    return PermitException(
        what=values["what"],
        owner=values["owner"],
        why=values["why"],
        until=instant(values["until"], time_zone),
        **_only(values, "source", "trunk"),
    )


def _address_exception(values: Values, time_zone: str) -> AddressException:
    return AddressException(**_until(values, time_zone))


def _until(values: Values, time_zone: str) -> Values:
    return {**values, "until": instant(values["until"], time_zone)}


def instant(moment: date | datetime, time_zone: str) -> Instant:
    """The first instant at which something ends: after the whole of a day, or at a moment (local without offset)."""
    zone = ZoneInfo(time_zone)
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=zone) + timedelta(days=1)
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return int(moment.timestamp()) * SECOND


def _all_numbers(ranges: tuple[tuple[str, str], ...]) -> frozenset[str]:
    return frozenset(str(number) for first, last in ranges for number in range(int(first), int(last) + 1))


def _deliver_to(values: Values, transport: Transport) -> str | None:
    if "deliver_to" not in values:
        return None
    host, port = values["deliver_to"]
    port = port or DEFAULT_PORT[transport]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _timer(values: Values) -> Values:
    """`off` is 0 to the edge."""
    return {"session_timer_s": values["session_timer_s"] or 0} if "session_timer_s" in values else {}


def _renamed(values: Values, **names: str) -> Values:
    return {names[key]: value for key, value in values.items()}


def _only(values: Values, *keys: str) -> Values:
    return {key: values[key] for key in keys if key in values}
