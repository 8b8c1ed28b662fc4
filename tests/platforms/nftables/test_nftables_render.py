"""The text that nftables gets; what it does is tried on a real kernel (tests/e2e/test_e2e_firewall.py)."""

import re

from ringfence.model.firewall import Ports
from ringfence.platforms.firewall.wanted import Admitted, Door, Wanted
from ringfence.platforms.nftables.render import CHAINS, SETS, back_to, has_rules, render


def door(host: str, *networks: str, ports: tuple[Ports, ...] = (Ports("udp", 5060, 5060),)) -> Door:
    return Door(name="listen.a", host=host, ports=ports, admitted=(Admitted("source.b", networks),))


def rules(*doors: Door, services: tuple[Door, ...] = ()) -> list[str]:
    text = render(Wanted(never_banned=(), listeners=doors, services=services, other_ports="leave"))
    found = re.findall(r"^add rule inet ringfence input (.*)$", text, re.MULTILINE)
    assert found[0] == 'iifname "lo" accept'
    return [rule.partition(" comment ")[0] for rule in found[1:]]


def test_a_listener_at_one_address() -> None:
    assert rules(door("10.0.0.5", "10.0.0.10/32", "10.1.0.0/16")) == [
        "ip daddr 10.0.0.5 udp dport 5060 ip saddr { 10.0.0.10, 10.1.0.0/16 } accept",
        "ip daddr 10.0.0.5 udp dport 5060 counter drop",
    ]


def test_networks_of_the_other_kind_dont_matter_to_it() -> None:
    assert rules(door("::", "10.0.0.10/32")) == ["meta nfproto ipv6 udp dport 5060 counter drop"]


def test_a_service_is_shut_for_the_kind_of_address_that_nobody_has() -> None:
    assert rules(services=(door("", "10.0.0.10/32"),)) == [
        "udp dport 5060 ip saddr 10.0.0.10 accept",
        "udp dport 5060 counter drop",
    ]


def test_services_that_share_a_port_let_in_before_any_of_them_drops() -> None:
    both = rules(services=(door("", "10.0.0.1/32"), door("", "10.0.0.2/32")))
    assert [rule.rpartition(" ")[2] for rule in both] == ["accept", "accept", "drop", "drop"]


def test_networks_and_ports_that_overlap_are_joined() -> None:
    """nftables refuses a set whose intervals overlap."""
    ports = (Ports("tcp", 90, 100), Ports("tcp", 80, 90), Ports("tcp", 101, 101), Ports("udp", 80, 80))
    assert rules(door("", "10.0.0.0/8", "10.1.0.0/16", "2001:db8::/33", "2001:db8:8000::/33", ports=ports)) == [
        "udp dport 80 ip saddr 10.0.0.0/8 accept",
        "tcp dport 80-101 ip saddr 10.0.0.0/8 accept",
        "udp dport 80 ip6 saddr 2001:db8::/32 accept",
        "tcp dport 80-101 ip6 saddr 2001:db8::/32 accept",
        "udp dport 80 counter drop",
        "tcp dport 80-101 counter drop",
    ]


def test_everywhere_is_no_network() -> None:
    assert rules(door("", "0.0.0.0/0", "10.0.0.0/8"))[0] == "udp dport 5060 meta nfproto ipv4 accept"


def test_nothing_is_ever_deleted() -> None:
    text = render(Wanted(never_banned=(), listeners=(), services=(), other_ports="drop"))
    assert {line.partition(" ")[0] for line in text.splitlines()} == {"add", "flush"}
    assert not re.search("flush (table|set|ruleset)", text)
    assert "delete" not in back_to("") + back_to(text)


def test_bans_are_looked_up_after_those_who_are_never_banned() -> None:
    never = (Admitted("trunk.c", ("198.51.100.0/28", "2001:db8::/48")),)
    text = render(Wanted(never_banned=never, listeners=(), services=(), other_ports="leave"))
    chain = re.findall(r"^add rule inet ringfence bans (.*)$", text, re.MULTILINE)
    assert [bool("accept" in rule) for rule in chain] == [True] * 3 + [False] * 4
    assert all(f"@{name}" in text for name in SETS)


EMPTY = "".join(f"\tchain {name} {{\n\t\t{what}\n\t}}\n" for name, what in CHAINS.items())
LISTED = "table inet ringfence {\n\tset banned4 {\n\t\ttype ipv4_addr\n\t\tsize 65536\n\t\tflags timeout\n\t}\n%s}\n"


def test_chains_without_rules_are_nothing() -> None:
    assert not has_rules("")
    assert not has_rules(LISTED % EMPTY)
    assert has_rules(LISTED % EMPTY.replace("accept;\n\t}", "accept;\n\t\tcounter drop\n\t}", 1))


def test_going_back_flushes_what_it_fills_and_what_wasnt_there() -> None:
    listing = LISTED % "\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tdrop\n\t}\n"
    text = back_to(listing)
    assert text.count(listing) == 2
    assert re.findall(r"^flush chain inet ringfence (\w+)$", text, re.MULTILINE) == ["bans", "input"]
    assert text.index("flush") < text.rindex(listing)
