"""One TCP connection, in TLS or not: bytes in, whole messages out, and how long we are patient with the far end.

A keep-alive (CRLF CRLF, RFC 5626 §3.5.1) is answered here with CRLF and goes no further. A stream that can't be
followed is given up: what comes after a message of unknown length could be anything. What the far end doesn't read may
pile up to a bound.

A connection that the far end has closed isn't used any more, not even one way: most who close are gone, and an answer
written after them is lost without a word, while one to a new connection arrives (RFC 3261 §18.2.2).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from typing import Protocol

from ringfence.edge.effects import Send
from ringfence.edge.flows import Expected
from ringfence.sip.domains import Certificate
from ringfence.sip.errors import SipParseError
from ringfence.sip.framing import PING, PONG, Framer

log = logging.getLogger("ringfence.streams")

MAX_UNREAD = 1 << 20
"""Bytes that may wait for the far end to read them."""
MAX_WAITING = 1_000
"""Messages that may wait for a connection to open."""
MESSAGE_WITHIN_S = 10.0
"""How long one message may take from its first byte to its last."""
UNACKNOWLEDGED_MS = 16_000
"""How long what we sent may stay unacknowledged before the connection is given up (TCP_USER_TIMEOUT, Linux)."""
KEEPALIVE = {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 15, socket.TCP_KEEPCNT: 4}
PING_EVERY_S = 95.0
"""How long a connection of ours may be silent before we ask whether it is still there (RFC 5626 §4.4.1: 95 to 120)."""
PONG_WITHIN_S = 10.0
"""How long the answer may take of somebody who has answered before (§4.4.1)."""


class House(Protocol):
    """Who takes what comes in."""

    def made(self, connection: Connection) -> None:
        """It is open."""

    def received(self, connection: Connection, messages: Sequence[bytes]) -> None:
        """Whole messages, in order."""

    def broken(self, connection: Connection, rest: bytes, error: SipParseError) -> None:
        """It can't be followed from here on."""

    def gone(self, connection: Connection, error: BaseException | None) -> None:
        """It is closed."""


class Connection(asyncio.Protocol):
    """A connection from its beginning, when it may not be open yet, to its end."""

    def __init__(self, house: House, flow: int, listener: str, host: str, port: int, dialled: bool) -> None:
        self.flow = flow
        self.listener = listener
        self.host = host
        self.port = port
        self.dialled = dialled
        """Whether we opened it."""
        self.expected: Expected | None = None
        """Whom we wanted to connect to."""
        self.waiting: list[Send] = []
        """What is sent once it is open."""
        self.was_open = False
        self.closing = False
        self._house = house
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._reader: asyncio.BaseTransport | None = None
        self._clock = asyncio.get_running_loop().time
        self._heard = self._since = self._clock()
        """When something came in last; when it began."""
        self._began = 0.0
        """When the message began that isn't whole; 0 for none."""
        self._pinged = 0.0
        """When we asked whether it is there and weren't answered yet; 0 for no question."""
        self._answers_pings = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream is wanted")
        self._transport, self._reader = transport, _reader(transport)
        self.was_open = True
        _tune(transport.get_extra_info("socket"))
        self._heard = self._clock()
        self._house.made(self)

    def data_received(self, data: bytes) -> None:
        frames = self._framer.feed(data)
        self._is_heard(whole=bool(frames))
        messages = [frame for frame in frames if frame is not PING]
        for _ in range(len(frames) - len(messages)):
            self.write(PONG)
        if messages:
            self._house.received(self, messages)
        error = self._framer.error
        if error is not None and not self.closing:
            self._house.broken(self, self._framer.rest, error)
            self.close()

    def _is_heard(self, *, whole: bool) -> None:
        """Something came in, a whole message or ping among it or not."""
        now, partial = self._clock(), self._framer.partial > 0
        if not partial:
            self._began = 0.0
        elif whole or not self._began:
            self._began = now
        if self._pinged and not whole and not partial:
            self._answers_pings = True
        self._heard, self._pinged = now, 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        # asyncio's transport holds a method of its own, so that only the garbage collector would free it: it seldom
        # runs here (server/garbage.py).
        vars(self._reader).pop("_read_ready_cb", None)
        self._transport = self._reader = None
        self.closing = True
        self._house.gone(self, exc)

    # What we do.

    @property
    def open(self) -> bool:
        """Whether it can be written to."""
        return self._transport is not None and not self.closing

    @property
    def certificate(self) -> Certificate | None:
        """That of the far end; None where there is none, or none was asked for."""
        found: Certificate | None = self._transport.get_extra_info("peercert") if self._transport is not None else None
        return found or None

    @property
    def age_s(self) -> float:
        """How long there has been something of it."""
        return self._clock() - self._since

    @property
    def silent_s(self) -> float:
        """How long nothing came in."""
        return self._clock() - self._heard

    def write(self, data: bytes) -> bool:
        """Send bytes; False where it takes no more."""
        transport = self._transport
        if transport is None or self.closing or transport.is_closing():
            return False
        transport.write(data)
        return transport.get_write_buffer_size() <= MAX_UNREAD

    def close(self) -> None:
        """Send what is to be sent, then close."""
        self.closing = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.closing = True
        if self._transport is not None:
            self._transport.abort()

    def look(self, idle_s: float) -> str:
        """Why it has to be closed by now, empty where it doesn't; asks whether it is there where it is silent."""
        now = self._clock()
        if self._began and now - self._began > MESSAGE_WITHIN_S:
            return "a message took too long"
        if now - self._heard > idle_s:
            return f"silent for {idle_s:g} s"
        if self._pinged and self._answers_pings and now - self._pinged > PONG_WITHIN_S:
            return "keep-alive unanswered"
        if self.dialled and not self._pinged and now - self._heard > PING_EVERY_S:
            self._pinged = now
            self.write(PING)
        return ""


def _reader(transport: asyncio.BaseTransport) -> asyncio.BaseTransport:
    """The transport that reads the socket: under TLS it is another one."""
    secured = getattr(transport, "_ssl_protocol", None)
    found: asyncio.BaseTransport | None = getattr(secured, "_transport", None)
    return found or transport


def _tune(opened: socket.socket) -> None:
    """Have the kernel send at once (messages are whole), and notice a far end that is gone."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        opened.setsockopt(socket.IPPROTO_TCP, option, value)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
