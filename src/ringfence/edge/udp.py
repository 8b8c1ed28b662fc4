"""UDP sockets: read in drains, written without waiting.

A datagram endpoint of asyncio makes one callback a datagram; here the reader takes all that wait, up to a bound, and
hands them on as one batch (measured: a third of the CPU), with the instant at which the kernel got the first of them:
how long it lay there is what overload means. Writes go straight to the kernel; where its buffer is full the datagram is
lost as on any full link, and counted: SIP repeats it.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import time
from collections.abc import Callable

from ringfence.edge.bind import shown

BATCH = 64
"""Datagrams read before others get their turn."""
BUFFER_BYTES = 8 * 1024 * 1024
MAX_DATAGRAM = 65_535
LATELY_NS = 10_000_000
"""A datagram in a socket that was empty so short a while ago can't have waited for long: the kernel isn't asked."""
SO_RCVBUFFORCE = 33
SIOCGSTAMPNS = 0x8907
"""Linux: when the datagram that was read last came in, by the wall; it is kept once somebody has asked."""
_STAMP = struct.Struct("@ll")

Batch = list[tuple[bytes, str, int]]
Deliver = Callable[[Batch, int], None]
"""(datagrams, when the first of them came in: nanoseconds of the wall clock, 0 where that isn't known or lately)."""


def _enlarge(bound: socket.socket) -> None:
    for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
        try:
            bound.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
            break
        except PermissionError:  # Only root goes over net.core.rmem_max.
            continue
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)


class UdpSocket:
    """One socket in the event loop."""

    def __init__(self, bound: socket.socket) -> None:
        _enlarge(bound)
        self._socket = bound
        self._deliver: Deliver = lambda batch, came_ns: None
        self.port: int = bound.getsockname()[1]
        self._emptied_ns = 0
        """When all was read; by the steady clock."""
        self.received = 0
        self.sent = 0
        self.lost = 0
        """Datagrams the kernel took no more."""

    @property
    def shown(self) -> str:
        """`127.0.0.1:5060`."""
        return shown(self._socket)

    def listen(self, deliver: Deliver) -> None:
        """Hand every batch to `deliver` from now on."""
        self._deliver = deliver
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def _readable(self) -> None:
        batch: Batch = []
        came_ns = 0
        recvfrom = self._socket.recvfrom
        lately = time.monotonic_ns() - self._emptied_ns < LATELY_NS
        try:
            data, address = recvfrom(MAX_DATAGRAM)
            batch.append((data, address[0], address[1]))
            if not lately:
                came_ns = self._came_ns()
            for _ in range(BATCH - 1):
                data, address = recvfrom(MAX_DATAGRAM)
                batch.append((data, address[0], address[1]))
        except BlockingIOError:
            self._emptied_ns = time.monotonic_ns()
        except OSError:  # An ICMP error of an earlier datagram is reported here; SIP's timers know what to do.
            self.lost += 1
        self.received += len(batch)
        if batch:
            self._deliver(batch, came_ns)

    def _came_ns(self) -> int:
        try:
            seconds, ns = _STAMP.unpack(fcntl.ioctl(self._socket, SIOCGSTAMPNS, bytes(_STAMP.size)))
        except OSError:  # The first datagram has no stamp: nobody had asked yet.
            return 0
        return int(seconds) * 1_000_000_000 + int(ns)

    def send(self, data: bytes, host: str, port: int) -> None:
        """Put a datagram on the wire, now or never."""
        try:
            self._socket.sendto(data, (host, port))
            self.sent += 1
        except (OSError, OverflowError):
            self.lost += 1

    def counts(self) -> dict[str, int]:
        """Datagrams since start."""
        return {"received": self.received, "sent": self.sent, "lost": self.lost}

    def close(self) -> None:
        """Stop reading."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
