"""A socket to the kernel's netfilter, and what it takes to speak over it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.nftables import netlink
from ringfence.platforms.nftables.netlink import Told

WITHIN_S = 2.0
"""How long an answer may take: the kernel gives it before `send` returns."""
_NETFILTER, _SOL_NETLINK, _CAP_ACK = 12, 270, 10
_READ = 1 << 18


class Link:
    """Opened when it is needed. Not for several threads at once; methods raise FirewallError."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._sequence = 0

    def change(self, *messages: Callable[[int], bytes]) -> int:
        """Make a change as a whole, each message given its sequence number; the first error number, 0 for none."""
        numbers = [self._next() for _ in messages]
        begin, waiting, error = self._next(), set(numbers), 0
        made = [message(number) for message, number in zip(messages, numbers, strict=True)]
        for said in self._said(netlink.batch(made, begin)):
            if said.sequence == begin and said.error:
                return error or said.error
            if said.sequence in waiting:
                waiting.remove(said.sequence)
                error = error or said.error
            if not waiting:
                break
        return error

    def one(self, message: Callable[[int], bytes]) -> Told:
        """What is answered to a message that is no batch."""
        number = self._next()
        return next(said for said in self._said(message(number)) if said.sequence == number)

    def listed(self, request: Callable[[int], bytes]) -> Iterator[bytes]:
        """Everything that a request lists."""
        number = self._next()
        for said in self._said(request(number)):
            if said.sequence != number:
                continue
            if said.error:
                raise FirewallError(f"the kernel lists nothing: error {said.error}")
            if said.done:
                return
            yield said.body

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _said(self, data: bytes) -> Iterator[Told]:
        """What comes after something was said, for as long as somebody reads it."""
        try:
            there = self._open()
            there.send(data)
            while True:
                yield from netlink.told(there.recv(_READ))
        except OSError as error:
            self.close()
            raise FirewallError(f"the kernel's netfilter doesn't answer: {error}") from error

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
            self._socket.bind((0, 0))
            self._socket.settimeout(WITHIN_S)
            self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)  # Or a refusal brings back all that was said.
        return self._socket

    def _next(self) -> int:
        self._sequence = self._sequence % 0xFFFF_FFFF + 1
        return self._sequence
