"""What the administrator set about this machine's own firewall (controls A1 to A3, B6)."""

from typing import Literal, NamedTuple

import msgspec

OtherPorts = Literal["leave", "drop"]
BackendName = Literal["nftables", "iptables"]


class Ports(NamedTuple):
    """Ports of this machine, from `first` to `last`."""

    protocol: Literal["udp", "tcp"]
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first if self.first == self.last else f'{self.first}-{self.last}'}/{self.protocol}"


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Ports beside SIP and voice, and who may reach them."""

    name: str
    ports: tuple[Ports, ...]
    networks: tuple[str, ...]
    """In CIDR form."""


class Firewall(msgspec.Struct, frozen=True, kw_only=True):
    """How the firewall of the machine that the guard runs on is kept."""

    backend: BackendName = "nftables"
    admins: tuple[str, ...] = ()
    """Networks of administrators: they reach services that name nobody else, and are never banned."""
    rtp_ports: Ports | None = None
    """Where voice is received; None: not on this machine."""
    other_ports: OtherPorts = "leave"
    """What happens to what comes to a port that the policy doesn't name."""
    confirm_s: int = 120
    """How long a change waits for its confirmation before it is rolled back."""
    state: str = "/var/lib/ringfence-firewall"
    """Path of the directory in which what is in force is remembered."""
    services: dict[str, Service] = msgspec.field(default_factory=dict)
