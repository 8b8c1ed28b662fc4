"""What a change of the firewall costs in packets, and a ban in time, beside other ways; run it as root.

Two network namespaces and a cable between them. Numbered datagrams of two senders who are allowed and of two who aren't
cross over IPv4 and IPv6 while some hundred rules are put in force again and again; what is lost of the first and comes
through of the others is counted. A ban is put into a set that holds many already. It asserts nothing.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterator

from ringfence.model.firewall import Ports
from ringfence.platforms.firewall.wanted import Admitted, Door, Wanted
from ringfence.platforms.iptables.live import Iptables
from ringfence.platforms.nftables.bans import Bans
from ringfence.platforms.nftables.live import Nftables
from ringfence.platforms.nftables.render import CHAINS, TABLE
from ringfence.testing.netns import (
    GUARD4,
    GUARD6,
    PBX4,
    PBX6,
    STRANGER4,
    STRANGER6,
    Cable,
    Stream,
    arrived,
    command,
    datagrams,
    inside,
    laid,
)

HOUR_US = 3600 * 1_000_000
PORT = 5060
Change = Callable[[int], None]


def wants(rules: int, swap: int) -> Wanted:
    """Some hundred services, one of which changes, and a listener on each kind of address."""
    pbx = (Admitted("source pbx", (f"{PBX4}/32", f"{PBX6}/128")),)
    listeners = tuple(
        Door(name=f"listen.{host}", host=host, ports=(Ports("udp", PORT, PORT),), admitted=pbx)
        for host in (GUARD4, GUARD6)
    )
    services = tuple(
        Door(
            name=f"service.s{n}",
            host="",
            ports=(Ports("udp", 30_000 + n, 30_000 + n),),
            admitted=(Admitted("admins", (f"192.0.2.{swap % 2}/32",)),),
        )
        for n in range(rules)
    )
    return Wanted(never_banned=(), listeners=listeners, services=services, other_ports="leave")


def ways(rules: int) -> Iterator[tuple[str, Change]]:
    """Ways to put rules in force, by what they are called."""
    backend = Nftables()
    texts = [backend.render(wants(rules, swap)) for swap in (0, 1)]
    remake = f"add table inet {TABLE}\ndelete table inet {TABLE}\n"

    def in_two_steps(swap: int) -> None:
        backend.put(backend.back_to(""))
        backend.put(texts[swap % 2])

    def after_a_flush(swap: int) -> None:
        command("nft flush ruleset")
        backend.put(texts[swap % 2])

    yield "chains flushed and filled in one transaction (ours)", lambda swap: backend.put(texts[swap % 2])
    yield "table deleted and made in one transaction", lambda swap: backend.put(remake + texts[swap % 2])
    yield f"{' and '.join(CHAINS)} flushed, then filled", in_two_steps
    yield "nft flush ruleset, then filled", after_a_flush
    yield "chains filled by iptables-restore and ip6tables-restore (ours)", in_iptables(rules)


def in_iptables(rules: int) -> Change:
    """The same rules by iptables; those of nftables are taken away first."""
    nftables, iptables = Nftables(), Iptables()
    texts = [iptables.render(wants(rules, swap)) for swap in (0, 1)]

    def change(swap: int) -> None:
        if nftables.listing():
            nftables.put(nftables.back_to(""))
        iptables.put(texts[swap % 2])

    return change


def crossing(cable: Cable, change: Change, swaps: int) -> tuple[int, int, int, int]:
    """Changes made; packets of who is allowed, lost of them; of who isn't, come through."""
    with datagrams(cable.guard, GUARD4, PORT) as four, datagrams(cable.guard, GUARD6, PORT) as six:
        with inside(cable.guard):
            change(0)
        streams = [Stream(cable, source, PORT, 2500) for source in (PBX4, PBX6, STRANGER4, STRANGER6)]
        with streams[0], streams[1], streams[2], streams[3]:
            for swap in range(swaps):
                with inside(cable.guard):
                    change(swap)
        came = {**arrived(four), **arrived(six)}
    sent = sum(stream.sent for stream in streams[:2])
    lost = sent - sum(len(came.get(stream.source, ())) for stream in streams[:2])
    return sent, lost, sum(s.sent for s in streams[2:]), sum(len(came.get(s.source, ())) for s in streams[2:])


def bans(cable: Cable, filled: int, times: int) -> None:
    """One ban more in a set of many: by our socket, by a process of nft."""
    with inside(cable.guard):
        Nftables().put(Nftables().render(wants(1, 0)))
        ours = Bans()
        ours.fill(((f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", HOUR_US) for n in range(filled)), now=0)
        hosts = [f"172.16.{n >> 8}.{n & 255}" for n in range(times)]
        told("netlink socket (ours)", [took(lambda h=host: ours.ban(h, HOUR_US, now=0)) for host in hosts])  # type: ignore[misc]
        told("nft add element", [took(lambda h=host: by_nft(h)) for host in hosts[: times // 10]])  # type: ignore[misc]
        ours.close()


def by_nft(host: str) -> None:
    """Ban a host as a script would."""
    command("nft -f -", given=f"add element inet {TABLE} banned4 {{ 192.168.{host.partition('.16.')[2]} timeout 1h }}")


def took(what: Callable[[], None]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    what()
    return (time.perf_counter() - start) * 1000


def told(name: str, took_ms: list[float]) -> None:
    """Print the middle and the worst but for one in a hundred."""
    took_ms.sort()
    print(f"| {name} | {statistics.median(took_ms):.3f} | {took_ms[len(took_ms) * 99 // 100]:.3f} |")


def main() -> None:
    """Both parts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--rules", type=int, default=300)
    parser.add_argument("--filled", type=int, default=50_000)
    parser.add_argument("--bans", type=int, default=2_000)
    given = parser.parse_args()
    print(f"{command('nft --version').strip()}, Linux {platform.release()}, Python {platform.python_version()}\n")
    print(f"{given.swaps} changes of {2 * given.rules} rules\n\n| | allowed | lost | not allowed | came through |")
    print("|---|---|---|---|---|")
    with laid() as cable:
        for name, change in ways(given.rules):
            sent, lost, others, through = crossing(cable, change, given.swaps)
            print(f"| {name} | {sent:,} | {lost:,} | {others:,} | {through:,} |", flush=True)
    print(f"\none ban onto {given.filled:,}, ms\n\n| | half of them | 99 of 100 |\n|---|---|---|")
    with laid() as cable:
        bans(cable, given.filled, given.bans)


if __name__ == "__main__":
    main()
