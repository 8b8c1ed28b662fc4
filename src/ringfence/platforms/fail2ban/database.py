"""The bans that fail2ban has in force, from its SQLite database (versions 0.11 and later), which is only read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import msgspec

from ringfence.errors import RingfenceError
from ringfence.model.time import SECOND, Instant

DATABASE = Path("/var/lib/fail2ban/fail2ban.sqlite3")
FOR_GOOD_US = 366 * 86_400 * SECOND
"""What is left of a ban without an end."""
MAX_JAIL = 64
_QUERY = "SELECT ip, jail, timeofban, bantime, data FROM bips ORDER BY ip, jail"


class Fail2banError(RingfenceError):
    """Its database can't be read; the text says why and what to do."""


class Foreign(msgspec.Struct, frozen=True):
    """A ban of fail2ban's."""

    address: str
    """An address, or a network in CIDR form."""
    jail: str
    until: Instant
    failures: int
    """How many it was banned for; 0 where that isn't known."""


def bans(path: Path, jails: Iterable[str], now: Instant) -> tuple[list[Foreign], int]:
    """Those in force, of these jails or of all; how many entries aren't addresses. Raises Fail2banError."""
    wanted, rows = set(jails), _rows(path)
    of_them = [row for row in rows if not wanted or row[1] in wanted]
    found = [ban for row in of_them if (ban := _ban(*row, now=now)) is not None]
    return [ban for ban in found if ban.until > now], len(of_them) - len(found)


def _rows(path: Path) -> list[tuple[str, str, int, int, str | None]]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as database:
            return database.execute(_QUERY).fetchall()
    except sqlite3.Error as error:
        raise Fail2banError(
            f"{path}: {error}; it has to be the database of a fail2ban from 0.11 on, and be read as root "
            "(`fail2ban-client get dbfile` names it)"
        ) from error


def _ban(ip: str, jail: str, since_s: int, length_s: int, data: str | None, *, now: Instant) -> Foreign | None:
    """None where a jail bans something else than addresses."""
    network = _network(ip)
    if network is None:
        return None
    until = now + FOR_GOOD_US if length_s < 0 else (since_s + length_s) * SECOND
    name = str(network.network_address) if network.num_addresses == 1 else str(network)
    return Foreign(name, "".join(_printable(jail))[:MAX_JAIL], until, _failures(data))


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _printable(text: str) -> Iterator[str]:
    return (character if character.isprintable() else "?" for character in text)


def _failures(data: str | None) -> int:
    try:
        found = json.loads(data or "{}").get("failures", 0)
    except (ValueError, AttributeError):
        return 0
    return found if isinstance(found, int) and 0 <= found < 1 << 31 else 0
