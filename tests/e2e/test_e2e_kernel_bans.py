"""Bans in a real kernel: who is dropped, who isn't, and for how long."""

import os
import socket
import time
from contextlib import suppress

import pytest

from ringfence.model.firewall import Ports
from ringfence.platforms.firewall.bans import widened
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.wanted import Admitted, Door, Wanted
from ringfence.platforms.nftables.conntrack import forget
from ringfence.server.firewall import BACKENDS, backend_of
from ringfence.testing.netns import (
    ADMIN4,
    CARRIER4,
    CARRIER6,
    FREE_PORT,
    GUARD4,
    PBX4,
    STRANGER4,
    STRANGER6,
    command,
    datagrams,
    inside,
    laid,
    passes,
)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="LEFT OUT: network namespaces need root"),
]

SECOND = 1_000_000
HOUR = 3600 * SECOND
NEVER = (Admitted("trunk.carrier", (CARRIER4, f"{CARRIER6}/128")),)
LEAVE = Wanted(never_banned=NEVER, listeners=(), services=(), other_ports="leave")
DROP = Wanted(never_banned=NEVER, listeners=(), services=(), other_ports="drop")


@pytest.fixture(params=[each.name for each in BACKENDS])
def backend(request):
    return backend_of(request.param)


@pytest.fixture
def nftables():
    return backend_of("nftables")


@pytest.fixture
def cable(request):
    firewall = request.getfixturevalue("backend" if "backend" in request.fixturenames else "nftables")
    with laid() as found, inside(found.guard):
        firewall.put(firewall.render(LEAVE))
        yield found


@pytest.fixture
def bans(cable, request):
    made = request.getfixturevalue("backend" if "backend" in request.fixturenames else "nftables").bans()
    yield made
    made.close()


def drops(cable, source: str) -> bool:
    return not passes(cable, source, 5060)


def test_a_banned_host_is_dropped_and_its_neighbour_isnt(cable, backend, bans):
    bans.ban(STRANGER4, HOUR, now=0)
    assert drops(cable, STRANGER4)
    assert not drops(cable, PBX4)
    assert not drops(cable, STRANGER6)
    assert bans.unban(STRANGER4)
    assert not drops(cable, STRANGER4)
    assert not bans.unban(STRANGER4)


def test_an_ipv6_host_is_banned_with_all_addresses_of_its_network(cable, backend, bans):
    bans.ban("2001:db8:66::abcd", HOUR, now=0)
    assert drops(cable, STRANGER6)
    assert not drops(cable, CARRIER6)
    assert bans.unban("2001:db8:66::1")
    assert not drops(cable, STRANGER6)


@pytest.mark.parametrize(("network", "source"), [("203.0.0.0/16", STRANGER4), ("2001:db8:66::/48", STRANGER6)])
def test_a_network_is_banned_as_a_whole(cable, backend, bans, network, source):
    bans.ban(network, HOUR, now=0)
    assert drops(cable, source)
    assert not drops(cable, PBX4)
    assert bans.unban(network)
    assert not drops(cable, source)


def test_who_is_never_banned_passes_a_ban_that_hits_him(cable, backend, bans):
    bans.ban("198.51.100.0/24", HOUR, now=0)
    bans.ban(CARRIER4, HOUR, now=0)
    bans.ban("2001:db8:51::/64", HOUR, now=0)
    assert not drops(cable, CARRIER4)
    assert not drops(cable, CARRIER6)


@pytest.mark.parametrize("name", [STRANGER4, "203.0.113.0/24", STRANGER6, "2001:db8:66::/48"])
def test_a_ban_ends_by_itself_and_the_last_end_holds(cable, backend, bans, name):
    """Also on kernels that would keep the first one."""
    source = STRANGER6 if ":" in name else STRANGER4
    bans.ban(name, HOUR, now=0)
    bans.ban(name, SECOND // 2, now=0)
    until = time.monotonic() + 30
    while drops(cable, source):
        assert time.monotonic() < until, "it never ends"
    bans.ban(name, SECOND // 100, now=0)
    bans.ban(name, HOUR, now=0)
    time.sleep(0.1)
    assert drops(cable, source)


def test_a_ban_ends_a_connection_that_is_established(cable, nftables, bans):
    nftables.put(nftables.render(DROP).replace('counter drop comment "other ports"', "tcp dport 5061 accept"))
    server = socket.create_server((GUARD4, 5061))
    with inside(cable.others):
        client = socket.socket()
    with server, client:
        client.bind((STRANGER4, 0))
        client.settimeout(5)
        client.connect((GUARD4, 5061))
        there, _ = server.accept()
        with there:
            there.settimeout(5)
            client.sendall(b"before")
            assert there.recv(100) == b"before"
            bans.ban(STRANGER4, HOUR, now=0)
            client.sendall(b"after")
            there.settimeout(0.5)
            with pytest.raises(TimeoutError):
                there.recv(100)


def test_bans_outlast_a_change_of_the_rules(cable, backend, bans):
    bans.ban(STRANGER4, HOUR, now=0)
    backend.put(backend.render(DROP))
    backend.put(backend.back_to(""))
    backend.put(backend.render(LEAVE))
    assert drops(cable, STRANGER4)


def answers_come(cable, source: str) -> bool:
    """Whether what this machine asks of an address is answered through a firewall that lets in nothing else."""
    with datagrams(cable.guard, GUARD4, FREE_PORT) as here, datagrams(cable.others, source, 5353) as there:
        here.sendto(b"?", (source, 5353))
        there.settimeout(5)
        _, asker = there.recvfrom(10)
        there.sendto(b"!", asker)
        here.settimeout(0.5)
        with suppress(TimeoutError):
            return here.recv(10) == b"!"
        return False


def connections() -> str:
    return command("conntrack -L")


def test_connections_of_who_is_banned_are_forgotten(cable, backend, bans):
    backend.put(backend.render(DROP))
    assert answers_come(cable, STRANGER4)
    assert answers_come(cable, ADMIN4)
    assert answers_come(cable, PBX4)
    assert forget([widened("203.0.0.0/16"), widened(PBX4), widened("2001:db8::/32")]) == 2
    left = connections()
    assert ADMIN4 in left
    assert STRANGER4 not in left
    assert PBX4 not in left


def test_what_cant_be_banned_says_why(cable, bans):
    bans.ban("203.0.113.0/24", HOUR, now=0)
    with pytest.raises(FirewallError, match="overlaps a network"):
        bans.ban("203.0.0.0/16", HOUR, now=0)
    with pytest.raises(FirewallError, match="ended before now"):
        bans.ban(STRANGER4, 5, now=5)
    command("nft flush ruleset")
    with pytest.raises(FirewallError, match="aren't in force"):
        bans.ban(STRANGER4, HOUR, now=0)
    assert not bans.unban(STRANGER4)


def test_a_full_set_says_so_and_takes_bans_again_once_there_is_room(cable, nftables, bans):
    command("nft delete table inet ringfence")
    nftables.put(nftables.render(LEAVE).replace("size 65536", "size 2"))
    for host in (1, 2):
        bans.ban(f"203.0.113.{host}", HOUR, now=0)
    with pytest.raises(FirewallError, match="is full"):
        bans.ban("203.0.113.3", HOUR, now=0)
    bans.ban("203.0.113.2", 2 * HOUR, now=0)
    assert bans.unban("203.0.113.1")
    bans.ban("203.0.113.3", HOUR, now=0)


def test_many_are_banned_at_once_and_the_last_end_of_each_holds(cable, backend, bans):
    hosts = [f"10.9.{n >> 8}.{n & 255}" for n in range(2000)]
    bans.fill(((host, SECOND // 100) for host in (*hosts, STRANGER4)), now=0)
    overlapping = [("203.0.0.0/16", HOUR), ("203.0.113.0/24", HOUR), ("2001:db8:66::/48", HOUR), (PBX4, -1)]
    bans.fill([*((host, HOUR) for host in (*hosts, STRANGER4)), *overlapping], now=0)
    assert drops(cable, STRANGER6)
    assert not drops(cable, PBX4)
    bans.unban("203.0.0.0/16")
    assert drops(cable, STRANGER4), "the host's own ban"


def test_a_listener_that_asks_for_passwords_keeps_bans_itself(cable, backend, bans):
    """There the edge tells phones from who shares their address, and hears who calls for help."""
    networks = (Admitted("source.phones", ("0.0.0.0/0",)),)
    door = Door(name="listen.a", host=GUARD4, ports=(Ports("udp", 5060, 5060),), admitted=networks, asks=True)
    wanted = Wanted(never_banned=NEVER, listeners=(door,), services=(), other_ports="leave")
    backend.put(backend.render(wanted))
    bans.ban(STRANGER4, HOUR, now=0)
    assert passes(cable, STRANGER4, 5060)
    assert not passes(cable, STRANGER4, 5061)


def test_a_table_that_was_made_anew_is_known_from_the_one_before(cable, nftables, bans):
    first = bans.table()
    nftables.put(nftables.render(DROP))
    assert bans.table() == first
    command("nft flush ruleset")
    assert bans.table() == 0
    nftables.put(nftables.render(DROP))
    assert bans.table() not in (0, first)
