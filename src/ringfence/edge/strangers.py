"""What unknown addresses send: counted by address and method for ten seconds, and never answered (A1). Beside it what
known ones send that can't be read.

The table has a bound; what comes beyond it is summed under the empty address, so that a flood from forged addresses
costs one row. Methods that nobody knows are counted as `other`: a stranger doesn't get to write our keys.
"""

from __future__ import annotations

from ringfence.model.fact import Strangers

PERIOD = 10_000_000
"""Microseconds that one row sums."""
CONNECTION = "connection"
"""A kind beside those of datagrams: it was closed before anything was read."""
_METHODS = frozenset(
    b"INVITE ACK BYE CANCEL OPTIONS REGISTER PRACK UPDATE INFO SUBSCRIBE NOTIFY REFER MESSAGE PUBLISH".split()
)


def kind_of(data: bytes) -> str:
    """What a datagram is: method, `response`, `keepalive`, `other` or `malformed`, by the first bytes only."""
    head = data[:64].split(b" ", 1)[0]
    if head in _METHODS:
        return head.decode("ascii")
    if head == b"SIP/2.0":
        return "response"
    if not data.strip(b"\r\n\x00"):
        return "keepalive"
    return "other" if head.isalpha() and b" SIP/2.0\r\n" in data[:2048] else "malformed"


class StrangerTable:
    """Counts until `flush`."""

    __slots__ = ("_counts", "_limit", "until")

    def __init__(self, limit: int) -> None:
        self._counts: dict[tuple[str, str], dict[str, int]] = {}
        self._limit = limit
        self.until = 0
        """When the running period ends; 0 while nothing is counted."""

    def count(self, listener: str, host: str, kind: str, now: int) -> int:
        """One more of a kind; how many those of its address and kind in the running period are with it."""
        if not self.until:
            self.until = now + PERIOD
        key = (listener, host)
        counts = self._counts.get(key)
        if counts is None:
            if len(self._counts) >= self._limit:
                key = (listener, "")
            counts = self._counts.setdefault(key, {})
        counts[kind] = counts.get(kind, 0) + 1
        return counts[kind]

    def flush(self, now: int) -> list[Strangers]:
        """One fact a row, and an empty table."""
        facts = [
            Strangers(at=now, listener=listener, address=host, requests=counts)
            for (listener, host), counts in self._counts.items()
        ]
        self._counts, self.until = {}, 0
        return facts
