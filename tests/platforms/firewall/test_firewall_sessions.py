"""Who is logged in, from the record that sshd writes."""

import struct
from ipaddress import ip_address, ip_network
from pathlib import Path

from ringfence.platforms.firewall.sessions import anybody_in, logged_in

LOGGED_IN, GONE = 7, 8


def record(kind: int, address: str) -> bytes:
    """As utmp(5) lays it out."""
    packed = ip_address(address).packed.ljust(16, b"\0") if address else bytes(16)
    return (
        struct.pack("hi32s4s32s256shhiii", kind, 4711, b"pts/0", b"ts/0", b"ann", b"", 0, 0, 0, 0, 0)
        + packed
        + bytes(20)
    )


def test_who_is_logged_in_from_where(tmp_path: Path) -> None:
    utmp = tmp_path / "utmp"
    rows = [(LOGGED_IN, "203.0.113.9"), (GONE, "203.0.113.8"), (LOGGED_IN, ""), (LOGGED_IN, "2001:db8::9")]
    utmp.write_bytes(b"".join(record(*row) for row in (*rows, (LOGGED_IN, "::ffff:203.0.113.7"))) + b"half")
    assert logged_in(utmp) == {ip_address(each) for each in ("203.0.113.9", "2001:db8::9", "203.0.113.7")}
    assert anybody_in(ip_network("2001:db8::/64"), utmp)
    assert not anybody_in(ip_network("203.0.113.8"), utmp)
    assert logged_in(tmp_path / "nowhere") == frozenset()
