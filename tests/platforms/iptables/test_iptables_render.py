"""The text that iptables gets; what it does is tried on a real kernel (tests/e2e/test_e2e_firewall.py)."""

from ringfence.model.firewall import Ports
from ringfence.platforms.firewall.wanted import Admitted, Door, Wanted
from ringfence.platforms.iptables.render import back_to, parts, render


def door(host: str, *networks: str, ports: tuple[Ports, ...] = (Ports("udp", 5060, 5060),), asks: bool = False) -> Door:
    return Door(name="listen.a", host=host, ports=ports, admitted=(Admitted("source b", networks),), asks=asks)


def rules(program: str, chain: str, *doors: Door, services: tuple[Door, ...] = ()) -> list[str]:
    wanted = Wanted(never_banned=(), listeners=doors, services=services, other_ports="leave")
    lines = parts(render(wanted))[program].splitlines()
    found = [line.removeprefix(f"-A {chain} ") for line in lines if line.startswith(f"-A {chain} ")]
    assert found[0] == "-i lo -j RETURN"
    return found[1:]


def test_a_listener_is_described_for_its_kind_of_address_alone() -> None:
    one = door("10.0.0.5", "10.0.0.10/32", "2001:db8::/32")
    comment = '-m comment --comment "listen.a'
    assert rules("iptables", "RINGFENCE", one) == [
        f'-s 10.0.0.10/32 -d 10.0.0.5/32 -p udp -m udp --dport 5060 {comment}" -j RETURN',
        f'-d 10.0.0.5/32 -p udp -m udp --dport 5060 {comment}: strangers" -j DROP',
    ]
    assert rules("ip6tables", "RINGFENCE", one) == []


def test_a_service_is_shut_for_the_kind_of_address_that_nobody_has() -> None:
    ports = (Ports("tcp", 8088, 8089),)
    assert len(rules("iptables", "RINGFENCE", services=(door("", "10.0.0.10/32", ports=ports),))) == 2
    [shut] = rules("ip6tables", "RINGFENCE", services=(door("", "10.0.0.10/32", ports=ports),))
    assert shut.startswith("-p tcp -m tcp --dport 8088:8089 ")
    assert shut.endswith("-j DROP")


def test_services_that_share_a_port_let_in_before_any_of_them_drops() -> None:
    both = rules("iptables", "RINGFENCE", services=(door("", "10.0.0.1/32"), door("", "10.0.0.2/32")))
    assert [rule.rpartition(" ")[2] for rule in both] == ["RETURN", "RETURN", "DROP", "DROP"]


def test_who_gets_in_is_left_to_the_rules_of_others() -> None:
    """ACCEPT would open what they keep shut."""
    text = render(Wanted(never_banned=(), listeners=(door("::", "::/0"),), services=(), other_ports="drop"))
    assert "ACCEPT" not in text


def test_a_listener_that_asks_for_passwords_is_left_out_of_bans_over_udp() -> None:
    tcp = (Ports("tcp", 5061, 5061),)
    bans = rules("iptables", "RINGFENCE-BANS", door("10.0.0.5", asks=True), door("10.0.0.5", ports=tcp, asks=True))
    assert bans == ["-p udp -m udp --dport 5060 -j RETURN", "-m set --match-set ringfence4 src -j DROP"]


def test_going_back_fills_our_chains_with_what_was_listed_and_nothing_else() -> None:
    listing = (
        "# ipset\n# iptables\n*filter\n:RINGFENCE - [0:0]\n-A RINGFENCE -s 10.0.0.1/32 -j DROP\n"
        "-A INPUT -s 10.0.0.9/32 -j ACCEPT\n-A INPUT -j RINGFENCE\nCOMMIT\n# ip6tables\n"
    )
    text = parts(back_to(listing))
    assert "-A RINGFENCE -s 10.0.0.1/32 -j DROP\n-I INPUT 1 -j RINGFENCE\nCOMMIT" in text["iptables"]
    assert "10.0.0.9" not in text["iptables"]
    assert "-A " not in text["ip6tables"]
    assert ":RINGFENCE - [0:0]\n-I INPUT 1" in text["ip6tables"]
