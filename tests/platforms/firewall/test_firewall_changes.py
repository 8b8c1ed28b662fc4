"""What a change means in addresses."""

import pytest

from ringfence.model.firewall import Ports
from ringfence.platforms.firewall.changes import changes
from ringfence.platforms.firewall.wanted import Admitted, Door, Wanted

OLD = ("198.51.100.0/28", "2001:db8:51::/64")


def wants(*networks: str, who: str = "trunk carrier") -> Wanted:
    admitted = (Admitted(who, networks),) if networks else ()
    door = Door(name="listen.outside", host="10.0.0.5", ports=(Ports("udp", 5060, 5060),), admitted=admitted)
    return Wanted(never_banned=(), listeners=(door,), services=(), other_ports="leave")


@pytest.mark.parametrize(
    ("networks", "says", "broader"),
    [
        (OLD, None, False),
        (OLD[::-1], None, False),
        (("198.51.100.0/29", "198.51.100.8/29", "2001:db8:51::/64"), None, False),
        (("203.0.113.0/28", OLD[1]), "203.0.113.0/28 may come in now, and 198.51.100.0/28 no longer may", False),
        (("198.51.100.0/24", OLD[1]), "198.51.100.0/24 may come in now; MORE addresses", True),
        (("198.51.100.0/28", "203.0.113.7", OLD[1]), "203.0.113.7 may come in now; MORE addresses", True),
        ((OLD[0], "2001:db8:51::/48"), "2001:db8:51::/48 may come in now; MORE addresses", True),
        (("198.51.100.4/30", OLD[1]), "198.51.100.0/30, 198.51.100.8/29 no longer may", False),
        ((), "198.51.100.0/28, 2001:db8:51::/64 no longer may", False),
    ],
)
def test_whose_addresses_change(networks: tuple[str, ...], says: str | None, broader: bool) -> None:
    found = changes(wants(*OLD), wants(*networks))
    assert [one.broader for one in found] == ([] if says is None else [broader])
    assert all(str(one).startswith(f"listen.outside, trunk carrier: {says}") for one in found)


def test_who_is_new_isnt_broader_than_before() -> None:
    assert [one.broader for one in changes(wants(), wants(*OLD))] == [False]


def test_who_is_never_banned_is_told_too() -> None:
    before, after = (
        Wanted(never_banned=(Admitted("firewall.admins", nets),), listeners=(), services=(), other_ports="leave")
        for nets in (("192.0.2.0/28",), ("192.0.2.0/24",))
    )
    assert str(changes(before, after)[0]).startswith(
        "never banned, firewall.admins: 192.0.2.0/24 may come in now; MORE"
    )
