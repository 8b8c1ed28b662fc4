"""How many requests of one address are taken, by kind, before they are read (B1).

Token buckets, asked with the first bytes of a message. What ends or confirms something (ACK, BYE, CANCEL, PRACK, an
answer) is limited for strangers only: a call that isn't hung up costs money. Of strangers all together are bounded
too. Each table has a bound: who fills that of strangers with forged addresses gets others forgotten, which gives them a
full bucket again, and is held by the bucket of all.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Literal

from ringfence.model.settings import Pace, Rate, Requests
from ringfence.model.time import SECOND

MAX_BUCKETS = 8_192
"""Of strangers, of accounts, of parties."""
Group = Literal["", "register", "invite", "options", "other"]
Standing = Literal["stranger", "account", "party"]
_GROUPS: dict[bytes, Group] = {b"REGI": "register", b"INVI": "invite", b"OPTI": "options"}
_FREE = frozenset((b"ACK ", b"BYE ", b"CANC", b"PRAC", b"SIP/"))
_SILENT = (b"\r", b"\n", b"\x00", b"")


def group_of(data: bytes) -> Group:
    """The kind that a message is counted as; empty for what is never limited of whom we know."""
    head = data[:4]
    if head in _FREE or head[:1] in _SILENT:
        return ""
    return _GROUPS.get(head, "other")


class Bucket:
    """A token bucket."""

    __slots__ = ("_at", "_burst", "_level", "_per_s")

    def __init__(self, per_s: int, burst: int) -> None:
        self._per_s, self._burst = per_s, burst
        self._level: float = burst
        self._at = 0

    def take(self, now: int) -> bool:
        """One token, if there is one."""
        self._level = min(self._burst, self._level + (now - self._at) * self._per_s / SECOND)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Rates:
    """Of one policy."""

    __slots__ = ("_all", "_buckets", "_paces")

    def __init__(self, requests: Requests) -> None:
        self._all = Bucket(requests.strangers_per_second, requests.strangers_per_second)
        self._paces: dict[Standing, dict[str, Rate | None]] = {
            "stranger": _by_group(requests.stranger),
            "account": _by_group(requests.account),
            "party": _by_group(requests.party),
        }
        self._buckets: dict[Standing, dict[tuple[str, str], Bucket]] = {name: {} for name in self._paces}

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    def stranger(self, host: str, data: bytes, now: int) -> bool:
        """Whether one more message of somebody unknown is read."""
        return self._take("stranger", _key(host), group_of(data) or "other", now) and self._all.take(now)

    def known(self, standing: Standing, host: str, data: bytes, now: int) -> bool:
        """Whether one more of somebody known is taken."""
        group = group_of(data)
        return not group or self._take(standing, host, group, now)

    def _take(self, standing: Standing, key: str, group: Group, now: int) -> bool:
        rate = self._paces[standing][group]
        if rate is None:
            return True
        buckets = self._buckets[standing]
        bucket = buckets.pop((key, group), None)
        if bucket is None:
            if len(buckets) >= MAX_BUCKETS:
                del buckets[next(iter(buckets))]
            bucket = Bucket(rate.per_second, rate.burst)
        buckets[key, group] = bucket  # The latest stands last.
        return bucket.take(now)


def _by_group(pace: Pace) -> dict[str, Rate | None]:
    return {"register": pace.register, "invite": pace.invite, "options": pace.options, "other": pace.other}


def _key(host: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: one customer has all of it."""
    if ":" not in host:
        return host
    address = ip_address(host)
    return f"{int(address) >> 64:x}" if isinstance(address, IPv6Address) else host
