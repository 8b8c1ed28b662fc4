"""DNS as the machine is set up: /etc/hosts first, then the servers of /etc/resolv.conf, by dnspython.

The system's own `getaddrinfo` knows neither SRV records nor how long an answer holds. Both files are read anew for each
question, so that a change of them needs no restart; a question comes once in 30 s and name at most.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.resolver

from ringfence.edge.lookup import DnsError, Hosts, Service, Services

WAIT_S = 4.0
"""For one answer, all servers and repetitions together."""
HELD_S = 60
"""How long what /etc/hosts says is held, and that a name doesn't exist."""


def by_the_system() -> dns.asyncresolver.Resolver:
    """Asks the servers of /etc/resolv.conf; raises dns.exception.DNSException where there is none."""
    return dns.asyncresolver.Resolver()


class SystemDns:
    """Answers of the hosts file and of the DNS servers."""

    def __init__(
        self,
        resolver: Callable[[], dns.asyncresolver.Resolver] = by_the_system,
        hosts: Path = Path("/etc/hosts"),
    ) -> None:
        self._resolver = resolver
        self._hosts = hosts

    async def addresses(self, host: str, v6: bool) -> Hosts:
        """A, or AAAA, of a host; raises DnsError."""
        written = tuple(address for address in self._written(host) if (":" in address) == v6)
        if written:
            return Hosts(written, HELD_S)
        records, ttl_s = await self._ask(host, "AAAA" if v6 else "A")
        return Hosts(tuple(record.address for record in records), ttl_s)

    async def services(self, name: str) -> Services:
        """SRV of `_service._protocol.host`; raises DnsError."""
        if self._written(name.split(".", 2)[-1]):
            return Services((), HELD_S)  # The hosts file has the last word, and no services.
        records, ttl_s = await self._ask(name, "SRV")
        found = [Service(r.priority, r.weight, r.port, r.target.to_text().rstrip(".").lower()) for r in records]
        return Services(tuple(found), ttl_s)

    async def _ask(self, name: str, kind: str) -> tuple[list[Any], int]:
        """Records, none where there are none, and how long that holds, seconds."""
        try:
            # Names with a dot are whole; one without is completed by `search`, as everywhere on the machine.
            answer = await self._resolver().resolve(
                name, kind, raise_on_no_answer=False, lifetime=WAIT_S, search="." not in name
            )
        except dns.resolver.NXDOMAIN:
            return [], HELD_S
        except (dns.exception.DNSException, OSError) as error:
            raise DnsError(f"{kind} of {name}: {error or type(error).__name__}") from error
        return list(answer.rrset or ()), answer.chaining_result.minimum_ttl

    def _written(self, host: str) -> list[str]:
        """Addresses that /etc/hosts has for a host."""
        try:
            lines = self._hosts.read_text(errors="replace").splitlines()
        except OSError:
            return []
        rows = [line.partition("#")[0].split() for line in lines]
        return [row[0] for row in rows if host.lower() in map(str.lower, row[1:]) and _is_address(row[0])]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
