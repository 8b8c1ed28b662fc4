"""What scanners call themselves, and what only looks like it."""

from __future__ import annotations

import pytest

from ringfence.edge.scanners import SCANNERS, Scanners
from ringfence.model.settings import Bans


def message(agent: str, name: str = "User-Agent") -> bytes:
    return f"OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9\r\n{name}: {agent}\r\n\r\n".encode()


@pytest.mark.parametrize("name", SCANNERS)
def test_each_name_is_found(name: str) -> None:
    assert Scanners(Bans()).named(message(f"{name}/1.8")) == f"{name}/1.8"
    assert Scanners(Bans()).named(message(name.upper(), "USER-AGENT ")) == name.upper()


@pytest.mark.parametrize(
    "agent",
    [
        "Asterisk PBX 22.0",
        "FPBX-16.0.40(20.5.0)",
        "Cisco-SIPGateway/IOS-12.x",
        "VaxSIPUserAgent/3.5",
        "Taiwar-Phone 1.0",
        "Smapper 2",
        "Zoiper v2.10",
        "eyeBeam release 3015c stamp 27107",
        "baresip v1.0.0",
        "SIPp",
    ],
)
def test_phones_are_none(agent: str) -> None:
    assert Scanners(Bans()).named(message(agent)) == ""


def test_only_the_header_is_looked_at() -> None:
    other = message("Phone").replace(b"sip:100@", b"sip:friendly-scanner@")
    assert Scanners(Bans()).named(other + b"User-Agent: friendly-scanner") == ""
    assert Scanners(Bans()).named(b"") == ""


def test_the_policy_adds_names() -> None:
    assert Scanners(Bans(agents=("vaxsipuseragent",))).named(message("VaxSIPUserAgent/3.5")) == "VaxSIPUserAgent/3.5"


def test_the_policy_may_not_want_names() -> None:
    for bans in (Bans(scanners=False), Bans(mode="off")):
        assert Scanners(bans).named(message("friendly-scanner")) == ""
