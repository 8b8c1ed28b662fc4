"""The policies of a customer: what a careful operator would write, and one that permits nearly everything.

`policy.toml` has the fixed controls: a list of countries, opening hours, caps over what is usual, money, the longest
call. `open.toml` has the same parties and no such limits but on special kinds of number, so that it shows what
behaviour alone finds. The same two hold all customers of a run in one, for replays of many at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from ringfence.testing.simulate import directory
from ringfence.testing.simulate.customer import Customer
from ringfence.testing.simulate.days import holidays
from ringfence.testing.simulate.deck import price_of
from ringfence.testing.simulate.draws import mean_talk_s
from ringfence.testing.simulate.parameters import section

CURRENCY = {"US": "USD", "GB": "GBP", "DE": "EUR"}


class Places(NamedTuple):
    """Where the parties are: in files an ordinary network, live on loopback."""

    inside: str
    outside: str
    carrier_host: str
    carrier: str
    network: str
    pbx: str

    @classmethod
    def of(cls, owner: Customer) -> Places:
        """The customer's own network, the /23 that his PBX and phones are in."""
        network = f"{owner.pbx.rpartition('.')[0]}.0/23"
        return cls("127.0.0.1:5060", "127.0.0.1:5080", owner.carrier, owner.carrier, network, owner.pbx)


def policy_text(
    owner: Customer, first: date, last: date, *, everything: bool = False, places: Places | None = None
) -> str:
    """The policy of one customer as TOML; `everything` permits all countries at all hours."""
    at = places or Places.of(owner)
    return f"""\
[site]
home_country = "{owner.home}"
time_zone = "{owner.zone}"
holidays = [{_holidays(owner.home, first, last)}]

{_listens(at)}

{_party(owner, at, everything=everything)}
"""


def joint_policy_text(owners: Sequence[Customer], *, everything: bool = False) -> str:
    """One policy that holds all customers, each a tenant with a trunk and a source of his name; without holidays."""
    parties = [
        _party(owner, Places.of(owner), everything=everything, rates=f"{owner.name}/", tenant=True) for owner in owners
    ]
    site = f'[site]\nhome_country = "{owners[0].home}"\ntime_zone = "{owners[0].zone}"'
    return "\n\n".join([site, _listens(Places.of(owners[0])), *parties]) + "\n"


def _listens(at: Places) -> str:
    return f"""\
[listen.inside]
bind = "{at.inside}"

[listen.outside]
bind = "{at.outside}\""""


def _party(owner: Customer, at: Places, *, everything: bool, rates: str = "", tenant: bool = False) -> str:
    """Trunk and source of a customer, both of his name."""
    limits = f"permit = {_listed(directory.countries())}" if everything else _limits(owner)
    return f"""\
# {owner.name}, simulated: {len(owner.phones)} extensions, about {owner.out_per_day:.0f} outbound calls a working day.

[trunk.{owner.name}]
listen = "outside"
carrier_addresses = ["{at.carrier_host}"]
send_to = ["sip:{at.carrier}"]
billing = {{ rates = "{rates}rates.csv", currency = "{CURRENCY[owner.home]}" }}
{limits}

[source.{owner.name}]
zone = "internal"
listen = "inside"
addresses = ["{at.network}"]
directions = ["out", "in"]
deliver_to = "{at.pbx}"
trunks = ["{owner.name}"]
caller_ids = ["+{owner.dids[0]}-+{owner.dids[1]}"]
caller_id = "+{owner.dids[0]}"
caller_id_policy = "owned_or_forwarded\"""" + "".join(_optional(owner, tenant))


def _optional(owner: Customer, tenant: bool) -> Iterator[str]:
    """Lines that not every source has."""
    if owner.kind.outside:
        yield f'\nplan = {{ outside = ["{owner.kind.outside}"] }}'
    if tenant:
        yield f'\ntenant = "{owner.name}"\n\n[tenant.{owner.name}]'
        yield f'\nhome_country = "{owner.home}"\ntime_zone = "{owner.zone}"'


def _limits(owner: Customer) -> str:
    """Caps at 115 % of the usual peak and money at five times a usual day."""
    peak, day = usual_peak(owner), usual_spend(owner)
    block = max(4, math.ceil(peak * 1.15))
    rate = max(3, math.ceil(owner.out_per_day / 2000))
    hours = [f'\n[trunk.{owner.name}.hours]\ninternational = "{owner.kind.opening}"'] if owner.kind.opening else []
    lines = [
        f"permit = {_listed([owner.home, *owner.countries])}",
        f"concurrent = {{ expected = {math.ceil(peak * 0.7)}, alert = {max(3, math.ceil(peak))}, block = {block} }}",
        f"calls_per_second = {{ block = {rate}, burst = {rate * 3} }}",
        "max_price_per_min = 1.25",
        "",
        f"[trunk.{owner.name}.spend]",
        f"international = {{ per_day = {day * 5:.2f}, per_month = {day * 60:.2f} }}",
        "",
        f"[trunk.{owner.name}.max_call_s]",
        "domestic = 28800",
        "international = 14400",
        *hours,
    ]
    return "\n".join(lines)


def usual_peak(owner: Customer) -> float:
    """Outbound calls in progress at the peak of some weeks: the busiest hour's load, five deviations, and three."""
    week = section(f"week.{owner.kind.week}")
    busiest = max(week["hours"].values()) / sum(week["hours"].values()) * max(week["days"])
    load = owner.out_per_day * busiest * (owner.answered * mean_talk_s(owner.kind.talk) + 25) / 3600
    return float(load + 5 * math.sqrt(load) + 3)


def usual_spend(owner: Customer) -> float:
    """Money of a usual day's calls abroad, at least one unit."""
    weights = [(n + 1) ** -section("destinations")["zipf"] for n in range(len(owner.countries))]
    pairs = zip(weights, owner.countries, strict=True)
    price = sum(weight * float(price_of(country, owner.home)) for weight, country in pairs) / sum(weights)
    return float(
        max(1.0, owner.out_per_day * owner.abroad * owner.answered * mean_talk_s(owner.kind.talk_abroad) / 60 * price)
    )


def _listed(countries: list[str] | tuple[str, ...]) -> str:
    names = sorted(countries)
    rows = [", ".join(f'"{name}"' for name in names[n : n + 16]) for n in range(0, len(names), 16)]
    return f"[{rows[0]}]" if len(rows) == 1 else "[\n    " + ",\n    ".join(rows) + ",\n]"


def _holidays(home: str, first: date, last: date) -> str:
    days = {day for year in range(first.year, last.year + 1) for day in holidays(home, year)}
    return ", ".join(day.isoformat() for day in sorted(days) if first <= day <= last)
