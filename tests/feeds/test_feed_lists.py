"""What is on a list, and what of it no feed may ban."""

import json
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.feeds.lists import FeedError, apiban, obstacle, plain


def test_an_address_or_network_a_line() -> None:
    body = b"""# a comment
203.0.113.9
203.0.114.0/24 ; SBL4711
2001:db8::9 # why
203.0.115.7, seen 2026-12-01
203.0.113.9

nonsense
"""
    found = plain(body)
    assert list(map(str, found.networks)) == ["203.0.113.9/32", "203.0.114.0/24", "2001:db8::9/128", "203.0.115.7/32"]
    assert found.unreadable == 1


def test_a_web_page_is_no_list() -> None:
    with pytest.raises(FeedError, match="it isn't a list"):
        plain(b"<html>\n<body>\n203.0.113.9\n</body>\n")


def test_nothing_is_an_empty_list() -> None:
    assert plain(b"") == plain(b"# nobody\n") == ((), 0)


@given(st.binary(max_size=2000))
def test_any_bytes(body: bytes) -> None:
    for read in (plain, apiban):
        try:
            read(body)
        except FeedError as error:
            assert str(error)


def page(addresses: list[str], following: object) -> bytes:
    return json.dumps({"ipaddress": addresses, "ID": following}).encode()


def test_a_page_of_apiban() -> None:
    found, following = apiban(page(["203.0.113.9", "203.0.113.10"], "1629314234"))
    assert (list(map(str, found.networks)), following) == (["203.0.113.9/32", "203.0.113.10/32"], "1629314234")
    assert apiban(page(["no new bans"], "none")) == (((), 0), "")


@pytest.mark.parametrize(
    "body", [b"", b"[]", page(["rate limit exceeded"], "unauthorized"), page(["203.0.113.9"], "../../x"), b'{"ID": 1}']
)
def test_what_isnt_a_page_of_apiban(body: bytes) -> None:
    with pytest.raises(FeedError):
        apiban(body)


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("203.0.113.9", ""),
        ("203.0.0.0/16", ""),
        ("203.0.0.0/15", "wider than /16"),
        ("0.0.0.0/0", "wider than /16"),
        ("2001:db8::/32", ""),
        ("2001::/31", "wider than /32"),
        *[
            (each, "private or reserved")
            for each in ("10.1.2.3", "172.16.0.0/16", "192.168.0.0/16", "127.0.0.1", "169.254.1.1", "100.64.0.1")
        ],
        *[(each, "private or reserved") for each in ("224.0.0.1", "255.255.255.255", "::1", "fe80::1", "fd00::/32")],
    ],
)
def test_what_no_feed_may_ban(network: str, why: str) -> None:
    assert obstacle(ip_network(network)) == why
