"""Names are kept fresh: what is told, what is logged, how long until the next question."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from ringfence.edge.lookup import DnsError, Hosts, Service, Services
from ringfence.edge.resolve import AGAIN_S, LONGEST_S, SHORTEST_S, Resolver
from ringfence.edge.system_dns import SystemDns
from ringfence.edge.targets import Address, Name

SBC, PBX = Name("sbc.example", 5060, False), Name("pbx.example", 5060, False)


class Edge:
    """Remembers what it is told."""

    def __init__(self, *names: Name) -> None:
        self.wanted = list(names)
        self.told: list[tuple[str, list[str]]] = []
        self.complaints: list[str] = []

    def names(self) -> list[Name]:
        return self.wanted

    def resolved(self, name: Name, addresses: tuple[Address, ...]) -> None:
        self.told.append((name.host, [host for host, _ in addresses]))

    def unusable(self) -> list[str]:
        return self.complaints


class Site:
    """A resolver with DNS that says what a test wants, and sleeps that end when it wants."""

    def __init__(self, edge: Edge, node: str = "n1") -> None:
        self.edge = edge
        self.answers: dict[str, Hosts | DnsError] = {}
        self.asked: list[str] = []
        self.slept: list[float] = []
        self.sleeping: list[asyncio.Event] = []
        self.resolver = Resolver(edge, lambda: self, node, self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sleeping.append(asyncio.Event())
        await self.sleeping[-1].wait()

    async def addresses(self, host: str, v6: bool) -> Hosts:
        self.asked.append(host)
        answer = self.answers.get(host)
        if answer is None:
            await asyncio.Event().wait()  # DNS stays silent.
        if isinstance(answer, DnsError):
            raise answer
        return answer

    async def services(self, name: str) -> Services:
        raise NotImplementedError

    async def again(self) -> None:
        """The next round of questions, answered."""
        rounds = len(self.slept)
        waking, self.sleeping = self.sleeping, []
        for event in waking:
            event.set()
        while len(self.slept) < rounds + len(waking):
            await asyncio.sleep(0)


def play(edge: Edge, script: Callable[[Site], Awaitable[None]]) -> Site:
    async def run() -> Site:
        site = Site(edge)
        try:
            await script(site)
        finally:
            await site.resolver.close()
        return site

    return asyncio.run(run())


def at(*addresses: str, ttl_s: int = 300) -> Hosts:
    return Hosts(addresses, ttl_s)


@pytest.mark.parametrize(
    ("ttl_s", "slept_s"), [(0, SHORTEST_S), (29, SHORTEST_S), (31, 31), (3599, 3599), (86_400, LONGEST_S)]
)
def test_an_answer_is_used_as_long_as_it_holds_within_bounds(ttl_s: int, slept_s: int) -> None:
    async def script(site: Site) -> None:
        site.answers["sbc.example"] = at("192.0.2.1", ttl_s=ttl_s)
        site.resolver.follow()
        assert await site.resolver.settle(5)

    site = play(Edge(SBC), script)
    assert (site.edge.told, site.slept) == ([("sbc.example", ["192.0.2.1"])], [slept_s])


def test_the_edge_is_told_of_changes_only() -> None:
    async def script(site: Site) -> None:
        site.answers["sbc.example"] = at("192.0.2.1")
        site.resolver.follow()
        await site.resolver.settle(5)
        await site.again()
        site.answers["sbc.example"] = at("192.0.2.2")
        await site.again()

    site = play(Edge(SBC), script)
    assert site.edge.told == [("sbc.example", ["192.0.2.1"]), ("sbc.example", ["192.0.2.2"])]
    assert len(site.asked) == 3


def test_the_last_answer_stays_while_dns_fails_and_the_log_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    async def script(site: Site) -> None:
        site.answers["sbc.example"] = at("192.0.2.1")
        site.resolver.follow()
        await site.resolver.settle(5)
        site.answers["sbc.example"] = DnsError("SERVFAIL")
        await site.again()
        await site.again()
        assert site.resolver.status() == [
            {"name": "sbc.example:5060", "addresses": ["192.0.2.1:5060"], "error": "SERVFAIL"}
        ]
        site.answers["sbc.example"] = at("192.0.2.1")
        await site.again()
        assert site.resolver.status()[0]["error"] == ""

    site = play(Edge(SBC), script)
    assert len(site.edge.told) == 1
    assert site.slept == [300, AGAIN_S, AGAIN_S, 300]
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert told == [
        "sbc.example can't be looked up, its last answer stays in use: 192.0.2.1 (asked again every 30 s): SERVFAIL",
        "sbc.example can be looked up again",
    ]


def test_a_name_that_never_had_an_address_says_that_calls_fail(caplog: pytest.LogCaptureFixture) -> None:
    async def script(site: Site) -> None:
        site.answers["sbc.example"] = at()
        site.resolver.follow()
        assert await site.resolver.settle(5)

    assert play(Edge(SBC), script).edge.told == []
    assert "calls there fail until it can (asked again every 30 s): sbc.example has no IPv4 address" in caplog.text


def test_start_waits_for_a_silent_dns_only_so_long_and_takes_its_answer_later(caplog: pytest.LogCaptureFixture) -> None:
    async def script(site: Site) -> None:
        site.answers["pbx.example"] = at("192.0.2.9")
        site.resolver.follow()
        assert not await site.resolver.settle(0)

    site = play(Edge(SBC, PBX), script)
    assert site.edge.told == [("pbx.example", ["192.0.2.9"])]
    assert "no answer for sbc.example yet" in caplog.text


def test_after_a_reload_new_names_are_asked_for_and_old_ones_no_longer() -> None:
    async def script(site: Site) -> None:
        site.answers |= {"sbc.example": at("192.0.2.1"), "pbx.example": at("192.0.2.9")}
        site.resolver.follow()
        await site.resolver.settle(5)
        site.edge.wanted = [PBX]
        site.resolver.follow()
        await site.resolver.settle(5)
        site.resolver.follow()
        assert [row["name"] for row in site.resolver.status()] == ["pbx.example:5060"]

    assert play(Edge(SBC), script).asked == ["sbc.example", "pbx.example"]


def test_an_address_that_is_not_used_is_told_once_and_again_when_it_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def script(site: Site) -> None:
        for address in ("192.0.2.66", "192.0.2.67", "192.0.2.1", "192.0.2.66"):
            site.answers["sbc.example"] = at(address)
            site.edge.complaints = [] if address == "192.0.2.1" else ["66 isn't used"]
            await (site.again() if site.asked else started(site))

    async def started(site: Site) -> None:
        site.resolver.follow()
        await site.resolver.settle(5)

    # The names are told before the complaint is there: the resolver asks for it after each change.
    edge = Edge(SBC)
    play(edge, script)
    assert caplog.text.count("66 isn't used") == 2


def test_without_names_dns_is_not_even_made() -> None:
    def never() -> SystemDns:
        raise NotImplementedError

    async def run() -> bool:
        resolver = Resolver(Edge(), never, "n1")
        resolver.follow()
        return await resolver.settle(0)

    assert asyncio.run(run())


# --- the system's DNS -----------------------------------------------------------------------------------------------

ZONE = [
    dns.rrset.from_text("sbc.example.", 120, "IN", "CNAME", "edge.sbc.example."),
    dns.rrset.from_text("edge.sbc.example.", 60, "IN", "A", "192.0.2.1"),
    dns.rrset.from_text("edge.sbc.example.", 60, "IN", "AAAA", "2001:db8::1"),
    dns.rrset.from_text("_sip._udp.sbc.example.", 90, "IN", "SRV", "10 5 5080 EDGE.sbc.example."),
    dns.rrset.from_text("_sip._udp.out.example.", 90, "IN", "SRV", "20 0 5060 ."),
]
OFFERED, OUT = Service(10, 5, 5080, "edge.sbc.example"), Service(20, 0, 5060, "")


class Server(asyncio.DatagramProtocol):
    """A name server: says what is in the zone, that there is nothing, or (broken.example) that it can't tell."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        name, kind = query.question[0].name, query.question[0].rdtype
        if name.to_text().endswith("broken.example."):
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif not any(rows.name == name for rows in ZONE):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        answer.answer = [rows for rows in ZONE if rows.name == name and rows.rdtype in (kind, 5)]
        if answer.answer and answer.answer[0].rdtype == 5:
            answer.answer += [
                rows for rows in ZONE if rows.rdtype == kind and rows.name.to_text() == "edge.sbc.example."
            ]
        self.transport.sendto(answer.to_wire(), address)


def asked(hosts: Path, question: Callable[[SystemDns], Awaitable[object]]) -> object:
    """What a question gets from a server on loopback."""

    async def run() -> object:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, ("127.0.0.1", 0))

        def resolver() -> dns.asyncresolver.Resolver:
            made = dns.asyncresolver.Resolver(configure=False)
            made.nameservers, made.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
            return made

        try:
            return await question(SystemDns(resolver, hosts))
        finally:
            transport.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (lambda dns: dns.addresses("sbc.example", False), Hosts(("192.0.2.1",), 60)),
        (lambda dns: dns.addresses("sbc.example", True), Hosts(("2001:db8::1",), 60)),
        (lambda dns: dns.addresses("none.example", False), Hosts((), 60)),
        (lambda dns: dns.addresses("PBX.local", False), Hosts(("192.0.2.7", "192.0.2.8"), 60)),
        (lambda dns: dns.addresses("pbx.local", True), Hosts(("2001:db8::7",), 60)),
        (lambda dns: dns.services("_sip._udp.sbc.example"), Services((OFFERED,), 90)),
        (lambda dns: dns.services("_sip._udp.out.example"), Services((OUT,), 90)),
        (lambda dns: dns.services("_sip._udp.none.example"), Services((), 60)),
        (lambda dns: dns.services("_sip._udp.pbx.local"), Services((), 60)),
    ],
)  # fmt: skip
def test_dns_on_the_wire(tmp_path: Path, question: Callable[[SystemDns], Awaitable[object]], answer: object) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.7 pbx pbx.local # ours\n192.0.2.8\tpbx.local\nrubbish pbx.local\n2001:db8::7 pbx.local\n")
    assert asked(hosts, question) == answer


def test_a_server_that_cannot_tell_is_an_error_with_the_name(tmp_path: Path) -> None:
    with pytest.raises(DnsError, match=r"A of broken\.example: .*SERVFAIL"):
        asked(tmp_path / "none", lambda dns: dns.addresses("broken.example", False))


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "a..example", ".".join(["a" * 60] * 5)])
def test_a_name_that_cannot_be_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(DnsError):
        asked(tmp_path / "none", lambda dns: dns.addresses(name, False))
