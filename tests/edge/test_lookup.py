"""From names to addresses, against DNS records in a table."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.edge.lookup import MAX_ADDRESSES, DnsError, Found, Hosts, Service, Services, in_order, look_up
from ringfence.edge.targets import Name

SBC = "sbc.carrier.example"
SRV = f"_sip._udp.{SBC}"


class Zone:
    """Records by name; an exception is raised."""

    def __init__(self, **records: object) -> None:
        self.records = records
        self.asked: list[str] = []

    async def addresses(self, host: str, v6: bool) -> Hosts:
        found = self._ask(host)
        return Hosts(tuple(address for address in found if (":" in address) == v6), 300)

    async def services(self, name: str) -> Services:
        return Services(self._ask(name), 600)

    def _ask(self, name: str) -> tuple:
        self.asked.append(name)
        found = self.records.get(name, ())
        if isinstance(found, DnsError):
            raise found
        return found


def found(zone: Zone, name: Name, node: str = "n1") -> Found:
    return asyncio.run(look_up(zone, name, node))


TWO = (Service(20, 0, 5060, "b.example"), Service(10, 0, 5070, "a.example"))


@pytest.mark.parametrize(
    ("records", "name", "addresses", "ttl_s"),
    [
        ({SBC: ("192.0.2.1", "2001:db8::1")}, Name(SBC, 5080, False), (("192.0.2.1", 5080),), 300),
        ({SBC: ("192.0.2.1", "2001:db8::1")}, Name(SBC, 5080, True), (("2001:db8::1", 5080),), 300),
        ({SBC: ("192.0.2.1",)}, Name(SBC, 0, False), (("192.0.2.1", 5060),), 300),
        (
            {SRV: TWO, "a.example": ("192.0.2.2",), "b.example": ("192.0.2.3",), SBC: ("192.0.2.9",)},
            Name(SBC, 0, False),
            (("192.0.2.2", 5070), ("192.0.2.3", 5060)),
            300,
        ),
        ({SRV: TWO, "b.example": ("192.0.2.3",)}, Name(SBC, 0, False), (("192.0.2.3", 5060),), 300),
        (
            {SRV: TWO, "a.example": DnsError("late"), "b.example": ("192.0.2.3",)},
            Name(SBC, 0, False),
            (("192.0.2.3", 5060),),
            300,
        ),
        (
            {SRV: (*TWO, Service(30, 0, 0, "")), "a.example": ("192.0.2.2",)},
            Name(SBC, 0, False),
            (("192.0.2.2", 5070),),
            300,
        ),
    ],
)
def test_names_lead_to_addresses(records: dict, name: Name, addresses: tuple, ttl_s: int) -> None:
    assert found(Zone(**records), name) == Found(addresses, ttl_s)


def test_a_written_port_asks_for_no_services() -> None:
    zone = Zone(**{SRV: TWO, SBC: ("192.0.2.1",)})
    found(zone, Name(SBC, 5060, False))
    assert zone.asked == [SBC]


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ({}, f"{SBC} has no IPv4 address"),
        ({SBC: ("2001:db8::1",)}, f"{SBC} has no IPv4 address"),
        ({SRV: (Service(0, 0, 0, ""),), SBC: ("192.0.2.1",)}, "doesn't offer SIP over UDP"),
        ({SRV: DnsError("SERVFAIL"), SBC: ("192.0.2.1",)}, "SERVFAIL"),
        ({SBC: DnsError("timed out")}, "timed out"),
        ({SRV: TWO, "a.example": DnsError("late")}, "late"),
        ({SRV: TWO}, "a.example has no IPv4 address"),
    ],
)
def test_no_answer_says_why(records: dict, why: str) -> None:
    with pytest.raises(DnsError, match=why):
        found(Zone(**records), Name(SBC, 0, False))


def test_equal_addresses_keep_their_order_though_the_server_turns_it() -> None:
    turned = [
        found(Zone(**{SBC: order}), Name(SBC, 1, False))
        for order in itertools.permutations(("192.0.2.1", "192.0.2.2", "192.0.2.3"))
    ]
    assert len({answer.addresses for answer in turned}) == 1


def test_nodes_take_services_of_one_priority_by_weight() -> None:
    services = [Service(1, 300, 1, "a"), Service(1, 100, 1, "b")]
    first = Counter(in_order(services, f"node{n}")[0].host for n in range(2000))
    assert 1300 < first["a"] < 1700


def test_a_service_without_weight_is_seldom_first_but_it_is_there() -> None:
    services = [Service(1, 0, 1, "a"), Service(1, 100, 1, "b")]
    orders = Counter("".join(s.host for s in in_order(services, f"node{n}")) for n in range(2000))
    assert 0 < orders["ab"] < 100
    assert orders["ab"] + orders["ba"] == 2000


services = st.builds(Service, st.integers(0, 3), st.integers(0, 65535), st.just(5060), st.sampled_from("abcdef"))


@given(st.lists(services, max_size=8), st.text(max_size=3), st.randoms())
def test_the_order_holds_every_service_once_and_does_not_depend_on_theirs(
    records: list, node: str, other: object
) -> None:
    ordered = in_order(records, node)
    assert sorted(ordered) == sorted(records)
    assert [s.priority for s in ordered] == sorted(s.priority for s in records)
    other.shuffle(records)
    assert in_order(records, node) == ordered


def test_a_name_with_more_addresses_than_anybody_needs() -> None:
    many = tuple(f"192.0.2.{n}" for n in range(200))
    assert len(found(Zone(**{SBC: many}), Name(SBC, 1, False)).addresses) == MAX_ADDRESSES
    zone = Zone(**{SRV: tuple(Service(1, 1, port, SBC) for port in range(1, 99)), SBC: many})
    assert len(found(zone, Name(SBC, 0, False)).addresses) == MAX_ADDRESSES
