"""From where the administrator is connected who types a command: what a change must not shut out."""

from __future__ import annotations

import os
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

from ringfence.platforms.firewall.wanted import Wanted

MAX_ANCESTORS = 64


class Connection(NamedTuple):
    """An SSH connection to this machine."""

    source: str
    """Address of the administrator as this machine sees it."""
    host: str
    port: int


def connections(process: int | None = None, proc: Path = Path("/proc")) -> tuple[Connection, ...]:
    """Connections that a process was started over, itself or any of its ancestors.

    `sudo` takes SSH_CONNECTION out of the environment, so the ancestors' are read, which root may.
    """
    found: dict[Connection, None] = {}
    current = os.getpid() if process is None else process
    for _ in range(MAX_ANCESTORS):
        if current <= 1:
            break
        for connection in _of(proc / str(current) / "environ"):
            found[connection] = None
        current = _parent(proc / str(current) / "stat")
    return tuple(found)


def shut_out(wanted: Wanted, connected: tuple[Connection, ...]) -> tuple[Connection, ...]:
    """Those of the connections that could not be made again."""
    return tuple(c for c in connected if not wanted.admits(c.source, "tcp", c.port, c.host))


def _of(environment: Path) -> list[Connection]:
    try:
        variables = environment.read_bytes().split(b"\0")
    except OSError:
        return []  # Of somebody else, or gone: what it would say can't be known.
    values = (each.partition(b"=")[2] for each in variables if each.startswith(b"SSH_CONNECTION="))
    parsed = (parse(value.decode("ascii", "replace")) for value in values)
    return [connection for connection in parsed if connection is not None]


def parse(value: str) -> Connection | None:
    """`203.0.113.9 51234 10.20.0.5 22`, as sshd writes it; None for anything else."""
    words = value.split(" ")
    try:
        source, _, host, port = words
        return Connection(_plain(source), _plain(host), int(port))
    except ValueError:
        return None


def _plain(host: str) -> str:
    """Without a zone, IPv4 out of its IPv6 wrapping; ValueError for what is no address."""
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _parent(stat: Path) -> int:
    """The parent of a process; 0 where it isn't known. The name, in brackets, may have anything in it."""
    try:
        return int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
