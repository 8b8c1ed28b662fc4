"""Netlink as bytes. That the kernel takes it so is tried on a real one (tests/e2e/test_e2e_kernel_bans.py)."""

import errno
import struct
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.platforms.firewall.bans import widened
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.nftables import netlink
from ringfence.platforms.nftables.bans import element


@pytest.mark.parametrize(
    ("given_as", "banned", "kept_in"),
    [
        ("203.0.113.9", "203.0.113.9/32", "banned4"),
        ("203.0.113.9/24", "203.0.113.0/24", "banned4_net"),
        ("2001:db8::9", "2001:db8::/64", "banned6"),
        ("2001:db8::/64", "2001:db8::/64", "banned6"),
        ("2001:db8::/72", "2001:db8::/64", "banned6"),
        ("2001:db8::/63", "2001:db8::/63", "banned6_net"),
    ],
)
def test_what_is_banned_for_an_address(given_as: str, banned: str, kept_in: str) -> None:
    assert str(widened(given_as)) == banned
    assert element(widened(given_as)).set == kept_in


def test_what_is_no_address_says_so() -> None:
    with pytest.raises(FirewallError, match="no address"):
        widened("sip.example")


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def connection(source: str, to: str) -> bytes:
    """As the kernel lists it: header, the answer's direction after the first one, an id."""
    version = ip_address(source).version
    ends = [ip_address(end).packed for end in (source, to)]
    kinds = (1, 2) if version == 4 else (3, 4)

    def way(one: bytes, other: bytes) -> bytes:
        return attribute(0x8001, attribute(kinds[0], one) + attribute(kinds[1], other)) + attribute(0x8002, b"\x11" * 5)

    ways = attribute(0x8001, way(*ends)) + attribute(0x8002, way(*reversed(ends)))
    return (
        struct.pack("=BBH", netlink.FAMILY[version], 0, 0) + ways + attribute(12, b"\0\0\0\7") + attribute(3, b"abcd")
    )


@pytest.mark.parametrize(("source", "to"), [("203.0.113.9", "10.0.0.5"), ("2001:db8::9", "2001:db8::5")])
def test_a_connection_is_known_by_its_first_direction(source: str, to: str) -> None:
    version = ip_address(source).version
    listed = connection(source, to)
    assert netlink.ends(version, listed) == (ip_address(source).packed, ip_address(to).packed)
    request = netlink.forgotten(version, listed, 7)
    assert [kind for kind, _, _ in netlink.attributes(request[20:])] == [1, 12]
    assert struct.unpack_from("=I", request)[0] == len(request)


def answer(kind: int, sequence: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, sequence, 0) + body + b"\0" * (-len(body) % 4)


def test_what_the_kernel_says() -> None:
    listed = answer(0x0A0C, 7, b"12345")
    refused = answer(2, 8, struct.pack("=i", -errno.EPERM) + b"rest")
    fine = answer(2, 9, struct.pack("=i", 0))
    end = answer(3, 7, struct.pack("=i", 0))
    found = list(netlink.told(listed + refused + fine + end))
    assert [(said.sequence, said.error, said.done) for said in found] == [
        (7, 0, False), (8, errno.EPERM, False), (9, 0, False), (7, 0, True),
    ]  # fmt: skip
    assert found[0].body == b"12345"


@given(st.binary(max_size=200))
def test_anything_can_be_read(data: bytes) -> None:
    list(netlink.told(data))
    list(netlink.attributes(data))
    netlink.ends(4, data)
    netlink.ends(6, data)


def test_a_network_at_the_end_of_all_addresses_has_no_end() -> None:
    """There is no address after it that could be written down."""
    table = "t"
    wide = netlink.added(table, [(element(ip_network("255.255.0.0/16")), 1000)], 1)
    narrow = netlink.added(table, [(element(ip_network("255.254.0.0/16")), 1000)], 1)
    assert len(narrow) > len(wide)
