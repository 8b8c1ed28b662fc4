"""Who gets in by a policy, and who is never banned."""

import msgspec
import pytest

from ringfence.model.settings import Policy
from ringfence.platforms.firewall.wanted import Wanted, wanted
from ringfence.policy import load

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[digest]
realm = "phones.example.net"
[listen.wide]
bind = "0.0.0.0:5060"
advertise = "203.0.113.5"
digest = true
[listen.narrow]
bind = "10.20.0.5:5060"
[listen.six]
bind = "[2001:db8::5]:5070"
transport = "tcp"
[trunk.carrier]
listen = "narrow"
carrier_addresses = ["198.51.100.0/28"]
send_to = ["sip:198.51.100.1"]
media = ["198.51.100.128/25"]
[trunk.six]
listen = "six"
carrier_addresses = ["2001:db8:51::/64"]
send_to = ["sip:[2001:db8:51::1];transport=tcp"]
[source.pbx]
zone = "internal"
listen = "narrow"
addresses = ["10.20.0.10"]
trunks = ["carrier"]
[source.home]
zone = "remote"
listen = "narrow"
addresses = ["10.8.0.7"]
trunks = ["carrier"]
[source.phones]
zone = "internal"
listen = "wide"
auth = "digest"
accounts = ["1001"]
networks = ["10.30.0.0/16"]
trunks = ["carrier"]
[bans]
allow = ["192.0.2.99"]
[firewall]
admins = ["192.0.2.0/28"]
rtp_ports = "10000-20000"
other_ports = "OTHER"
[service.ssh]
ports = ["22/tcp"]
[service.web]
ports = ["80/tcp", "443/tcp"]
from = ["0.0.0.0/0", "::/0"]
[service.backup]
ports = ["22/tcp", "873/tcp"]
from = ["10.40.0.1"]
"""
ADMITTED = [
    ("10.20.0.10", "udp", 5060, "10.20.0.5", True),
    ("198.51.100.15", "udp", 5060, "10.20.0.5", True),
    ("198.51.100.16", "udp", 5060, "10.20.0.5", False),
    ("10.30.1.2", "udp", 5060, "10.20.0.5", False),  # Of the listener at all addresses, which doesn't get this.
    ("10.30.1.2", "udp", 5060, "203.0.113.5", True),
    ("10.20.0.10", "udp", 5060, "203.0.113.5", False),
    ("2001:db8:51::7", "tcp", 5070, "2001:db8::5", True),
    ("2001:db8:52::7", "tcp", 5070, "2001:db8::5", False),
    ("192.0.2.5", "tcp", 22, "10.20.0.5", True),
    ("10.40.0.1", "tcp", 22, "10.20.0.5", True),  # Two services with one port: either list is enough.
    ("192.0.2.5", "tcp", 873, "10.20.0.5", False),
    ("2001:db8::99", "tcp", 22, "2001:db8::5", False),
    ("203.0.113.200", "tcp", 443, "10.20.0.5", True),
    ("2001:db8::99", "tcp", 80, "2001:db8::5", True),
    ("198.51.100.200", "udp", 15_000, "10.20.0.5", True),
    ("198.51.100.1", "udp", 15_000, "10.20.0.5", False),  # Its voice comes from elsewhere.
    ("2001:db8:51::7", "udp", 20_000, "2001:db8::5", True),
    ("10.30.1.2", "udp", 10_000, "10.20.0.5", True),
    ("203.0.113.200", "udp", 10_000, "10.20.0.5", False),
]
UNNAMED = [("203.0.113.200", "tcp", 5060, "10.20.0.5"), ("203.0.113.200", "udp", 20_001, "10.20.0.5")]


@pytest.fixture(params=["leave", "drop"])
def policy(request: pytest.FixtureRequest, tmp_path) -> Policy:
    (tmp_path / "policy.toml").write_text(POLICY.replace("OTHER", request.param))
    return load(str(tmp_path / "policy.toml"))


@pytest.fixture
def wants(policy: Policy) -> Wanted:
    assert policy.firewall is not None
    return wanted(policy, policy.firewall)


@pytest.mark.parametrize(("source", "protocol", "port", "to", "expected"), ADMITTED)
def test_who_gets_in(wants: Wanted, source: str, protocol: str, port: int, to: str, expected: bool) -> None:
    assert wants.admits(source, protocol, port, to) is expected


@pytest.mark.parametrize(("source", "protocol", "port", "to"), UNNAMED)
def test_other_ports_are_left_or_dropped(wants: Wanted, source: str, protocol: str, port: int, to: str) -> None:
    assert wants.admits(source, protocol, port, to) is (wants.other_ports == "leave")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.1", True),  # A carrier, and where its voice comes from.
        ("198.51.100.129", True),
        ("10.20.0.10", True),
        ("10.8.0.7", True),
        ("10.20.0.5", True),  # This machine, and how others see it.
        ("203.0.113.5", True),
        ("192.0.2.7", True),  # An administrator.
        ("192.0.2.99", True),
        ("2001:db8:51::9", True),
        ("10.30.0.1", False),  # An account could be there, and anybody who tries its password.
        ("192.0.2.98", False),
        ("203.0.113.66", False),
        ("2001:db8:66::9", False),
    ],
)
def test_who_is_never_banned(wants: Wanted, address: str, expected: bool) -> None:
    assert wants.is_never_banned(address) is expected


def test_a_source_known_by_its_certificate_alone_does_not_make_everybody_unbannable(policy: Policy) -> None:
    assert policy.firewall is not None
    anywhere = msgspec.structs.replace(policy.sources["pbx"], addresses=("0.0.0.0/0", "::/0"))
    changed = msgspec.structs.replace(policy, sources={"pbx": anywhere})
    assert not wanted(changed, policy.firewall).is_never_banned("203.0.113.66")
