"""How many requests of strangers are read at a listener that challenges: so many from one address, so many in all (B1).

Token buckets. What is over is counted as a stranger's and costs no parsing. The table has a bound: who fills it with
forged addresses gets others forgotten, which gives them a full bucket again, and is held by the bucket of all.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from ringfence.model.time import SECOND

EACH_PER_S, EACH_BURST = 10, 40
"""Of one address: an office whose phones all come back after a power failure is through in seconds."""
ALL_PER_S, ALL_BURST = 1000, 1000
MAX_ADDRESSES = 4_096


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


class Throttle:
    """Of one edge."""

    __slots__ = ("_all", "_each")

    def __init__(self) -> None:
        self._all = Bucket(ALL_PER_S, ALL_BURST)
        self._each: dict[str, Bucket] = {}

    def __len__(self) -> int:
        return len(self._each)

    def takes(self, host: str, now: int, kind: str = "") -> bool:
        """Whether one more request from this address is read; each kind of request is counted for itself."""
        key = f"{kind}{_key(host)}"
        bucket = self._each.pop(key, None)
        if bucket is None:
            if len(self._each) >= MAX_ADDRESSES:
                del self._each[next(iter(self._each))]
            bucket = Bucket(EACH_PER_S, EACH_BURST)
        self._each[key] = bucket  # The latest stands last.
        return bucket.take(now) and self._all.take(now)


def _key(host: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: one customer has all of it."""
    if ":" not in host:
        return host
    address = ip_address(host)
    return f"{int(address) >> 64:x}" if isinstance(address, IPv6Address) else host
