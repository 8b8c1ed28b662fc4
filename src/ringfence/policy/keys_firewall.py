"""The keys of this machine's own firewall: voice, administrators, other services (docs/firewall.md)."""

from __future__ import annotations

from ringfence.model.firewall import Firewall
from ringfence.policy.kinds import Key, ListOf, Table
from ringfence.policy.leaves import choice, integer, text
from ringfence.policy.leaves_net import NETWORK, PORTS, RTP_PORTS

FIREWALL = Table(
    doc="The firewall of the machine that the guard runs on: `ringfence firewall apply` makes its rules from the policy"
    " (docs/firewall.md). Main file only.",
    keys=(
        Key(
            name="backend",
            kind=choice("nftables", "iptables"),
            doc="What keeps the rules. iptables, with ip6tables and ipset, is for machines that have others there.",
        ),
        Key(
            name="admins",
            kind=ListOf(NETWORK, least=1),
            doc="Where administrators sit: they reach each `[service]` that names nobody else, and are never banned.",
            default="none",
        ),
        Key(
            name="rtp_ports",
            kind=RTP_PORTS,
            doc="Where voice is received on this machine, such as the PBX's on the same machine: from "
            "the `media` of trunks and sources, or where their signalling comes from, alone.",
            default="no voice comes here, and nothing is said about its ports",
        ),
        Key(
            name="other_ports",
            kind=choice("leave", "drop"),
            doc="What comes to ports that nothing in the policy names: left to the other tables of the machine; or "
            "dropped, but for answers, ICMP and DHCP.",
        ),
        Key(
            name="confirm_s",
            kind=integer(10, 3600, "seconds"),
            doc="How long a change of the rules waits for `ringfence firewall confirm` before it is rolled back, "
            "seconds.",
        ),
        Key(
            name="state",
            kind=text("a path"),
            doc="The directory in which it is remembered what is in force; root's own, for what is in it is put in "
            "force again.",
        ),
    ),
    defaults=Firewall,
)
SERVICE = Table(
    doc="What else on this machine the firewall keeps, by name: SSH, web pages, the PBX's own ports. Needs "
    "`[firewall]`.",
    keys=(
        Key(
            name="ports",
            kind=ListOf(PORTS, least=1),
            doc="Its ports; who isn't in `from` doesn't reach them, over IPv4 or IPv6.",
            required=True,
        ),
        Key(
            name="from",
            kind=ListOf(NETWORK, least=1),
            doc='Who may reach them; `["0.0.0.0/0", "::/0"]` is everybody.',
            default="`firewall.admins`",
        ),
    ),
)
