"""From where people are logged in to this machine, as the system's own record says: they showed who they are, and a
connection alone doesn't."""

from __future__ import annotations

import struct
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from ringfence.platforms.firewall.wanted import Address, Network

UTMP = Path("/run/utmp")
_RECORD = struct.Struct("=hxxi32s4s32s256shhiii16s20x")
"""`struct utmp` of Linux (utmp(5)): the same with all architectures that have glibc's compatible one."""
_USER_PROCESS = 7


def logged_in(utmp: Path = UTMP) -> frozenset[Address]:
    """Addresses of those who are; none where the system keeps no such record."""
    try:
        content = utmp.read_bytes()
    except OSError:
        return frozenset()
    whole = len(content) - len(content) % _RECORD.size
    records = (_RECORD.unpack_from(content, at) for at in range(0, whole, _RECORD.size))
    return frozenset(_address(each[-1]) for each in records if each[0] == _USER_PROCESS and any(each[-1]))


def _address(packed: bytes) -> Address:
    """IPv4 is in the first four bytes, or wrapped in IPv6."""
    if not any(packed[4:]):
        return ip_address(packed[:4])
    address = IPv6Address(packed)
    return address.ipv4_mapped or address


def anybody_in(network: Network, utmp: Path = UTMP) -> bool:
    """Whether somebody is logged in from there."""
    return any(address in network for address in logged_in(utmp))
