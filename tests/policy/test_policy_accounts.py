"""Digest sources: what they are made into, and what contradicts itself about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringfence.model.settings import PRIVATE, Policy, Registrations
from ringfence.policy import PolicyErrors, load

BASE = """\
[site]
home_country = "US"
time_zone = "America/New_York"
{site}
[digest]
realm = "phones.example.net"
[listen.outside]
bind = "203.0.113.5:5060"
digest = true
[trunk.carrier]
listen = "outside"
carrier_addresses = ["198.51.100.0/28"]
send_to = ["sip:sbc.carrier.example"]
[source.phones]
auth = "digest"
zone = "{zone}"
listen = "outside"
trunks = ["carrier"]
{source}
"""


def loaded(folder: Path, source: str, zone: str = "internal", site: str = "") -> Policy:
    path = folder / "policy.toml"
    path.write_text(BASE.format(source=source, zone=zone, site=site))
    return load(str(path))


def said(folder: Path, source: str, zone: str = "internal", site: str = "") -> list[str]:
    with pytest.raises(PolicyErrors) as failed:
        loaded(folder, source, zone, site)
    return [f"{error.key}: {error.message}" for error in failed.value.errors]


def test_accounts_by_name(tmp_path: Path) -> None:
    source = loaded(tmp_path, 'accounts = ["branch"]\ndirections = ["in"]').sources["phones"]
    assert source.accounts == {"branch": frozenset()}
    assert source.networks == PRIVATE
    assert source.digest_algorithms == ("SHA-256",)
    assert source.registrations == Registrations(contacts=1, min_expires_s=60, max_expires_s=3600, called_as="contact")
    assert source.dids == frozenset()


def test_accounts_with_their_numbers(tmp_path: Path) -> None:
    text = 'directions = ["in"]\n[source.phones.accounts]\n1001 = ["+12125550100-+12125550101"]\n1002 = []'
    source = loaded(tmp_path, text).sources["phones"]
    assert source.accounts == {"1001": frozenset({"12125550100", "12125550101"}), "1002": frozenset()}
    assert source.dids == {"12125550100", "12125550101"}


def test_the_default_network_is_the_vpn(tmp_path: Path) -> None:
    policy = loaded(tmp_path, 'accounts = ["1"]', "remote", 'vpn = ["10.8.0.0/16"]')
    assert policy.sources["phones"].networks == ("10.8.0.0/16",)


def test_remote_accounts_from_anywhere_are_an_exception(tmp_path: Path) -> None:
    anywhere = 'accounts = ["1"]\nnetworks = ["0.0.0.0/0"]\n'
    (wrong,) = said(tmp_path, anywhere, "remote")
    assert wrong.startswith("source.phones.networks[1]: 0.0.0.0/0 isn't in site.vpn")
    until = '[[address_exception]]\nsource="phones"\naddresses=["0.0.0.0/0"]\nowner="noc"\nwhy="t 9"\nuntil=2027-01-31'
    assert loaded(tmp_path, anywhere + until, "remote").address_exceptions
    assert loaded(tmp_path, anywhere, "vendor").sources["phones"].networks == ("0.0.0.0/0",)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('accounts = ["1", "1"]', "source.phones.accounts[2]: account 1 is one of this source as well"),
        ('accounts = ["1"]\ndigest_algorithms = ["MD5", "MD5"]', "source.phones.digest_algorithms: names one twice"),
        (
            'accounts = ["1"]\nregistrations = { min_expires_s = 120, max_expires_s = 60 }',
            "source.phones.registrations: min_expires_s is 120, over max_expires_s = 60",
        ),
        (
            'accounts = ["1", "2"]\ndirections = ["in"]',
            "source.phones.accounts: whose is an inbound call? Several accounts need numbers",
        ),
        (
            'accounts = ["1"]\ndirections = ["in"]\ndeliver_to = "192.0.2.1"',
            "source.phones.deliver_to: a digest source has none: inbound calls go to the registered contact",
        ),
        (
            '[source.phones.accounts]\n1 = ["+12125550100"]',
            "source.phones.accounts: only matter to inbound calls, and directions has none",
        ),
        (
            'directions = ["in"]\n[source.phones.accounts]\n1 = ["+12125550100-+12125550110"]\n2 = ["+12125550110"]',
            "source.phones.accounts.2: +12125550110 rings elsewhere in this source as well",
        ),
        (
            'directions = ["in"]\ndids = ["+12125550100"]\n[source.phones.accounts]\n1 = ["+12125550101"]',
            "source.phones.dids: its accounts have numbers of their own",
        ),
        (
            '[source.phones.accounts]\n"a:b" = []\n',
            'source.phones.accounts.a:b: must be an account: letters, digits and . _ + - (at most 64), not "a:b"',
        ),
    ],
)
def test_contradictions(tmp_path: Path, source: str, says: str) -> None:
    assert says in said(tmp_path, source)


def test_an_account_belongs_to_one_source(tmp_path: Path) -> None:
    other = '[source.others]\nzone="internal"\nauth="digest"\nlisten="outside"\ntrunks=["carrier"]\naccounts=["1"]'
    found = said(tmp_path, 'accounts = ["1"]\n' + other)
    assert found == ["source.others.accounts[1]: account 1 is one of source.phones as well"]


def test_two_sources_may_not_take_the_same_numbers(tmp_path: Path) -> None:
    other = (
        '[source.others]\nzone="internal"\nauth="digest"\nlisten="outside"\ntrunks=["carrier"]\ndirections=["in"]\n'
        '[source.others.accounts]\n2 = ["+12125550100"]'
    )
    mine = 'directions = ["in"]\n[source.phones.accounts]\n1 = ["+12125550100"]\n'
    (found,) = said(tmp_path, mine + other)
    assert found == "source.phones.accounts.1: inbound numbers of trunk.carrier go to source.others as well"
