"""A scripted SIP peer on TCP or TLS: it listens, connects where it has to, and can break a connection in any way.

It has the interface of `peer.Peer`: the address of a message is that of the connection's far end, so that an answer
sent to `origin` goes back over the connection that the request came on.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import time
from pathlib import Path
from typing import Self

from ringfence.testing.certificates import Pair
from ringfence.testing.peer import Peer, Unexpected
from ringfence.testing.wire import Address, Sip, host_port

_LENGTH = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*([0-9]+)")
TIMEOUT_S = 5.0


class Wire:
    """One connection of a peer, to be written to as a test likes."""

    def __init__(self, opened: socket.socket, far: Address) -> None:
        self.socket = opened
        self.far = far
        self.buffer = b""
        self.over = False
        """Whether the far end has closed it."""

    def write(self, data: bytes) -> None:
        """Send these bytes, all of them."""
        self.socket.sendall(data)

    def read(self) -> None:
        """Take what has come."""
        try:
            found = self.socket.recv(65_536)
            while isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                found += self.socket.recv(65_536)
        except (ConnectionError, ssl.SSLError):
            found = b""
        self.buffer += found
        self.over = self.over or not found

    def message(self) -> bytes | None:
        """The next whole message; CRLFs before it are dropped."""
        self.buffer = self.buffer.lstrip(b"\r\n")
        head, end, rest = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        match = _LENGTH.search(head)
        length = int(match[1]) if match is not None else 0
        if len(rest) < length:
            return None
        self.buffer = rest[length:]
        return head + end + rest[:length]

    def until_closed(self, timeout_s: float = TIMEOUT_S) -> bytes:
        """What still comes until the far end closes. Raises Unexpected where it doesn't."""
        until = time.monotonic() + timeout_s
        while not self.over:
            if not select.select([self.socket], [], [], max(0.0, until - time.monotonic()))[0]:
                raise Unexpected(f"{host_port(self.far)} hasn't closed its connection; it sent {self.buffer!r}")
            self.read()
        return self.buffer

    def close(self, *, reset: bool = False) -> None:
        """Close it; with `reset` so that the far end hears of it at once and nothing more arrives."""
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()


class StreamPeer(Peer):
    """A listening TCP socket and its connections."""

    protocol = "TCP"

    def __init__(self, host: str = "127.0.0.1", port: int = 0, name: str = "peer") -> None:
        self.name = name
        self.host = host
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, port))
        self.socket.listen(64)
        self.address: Address = self.socket.getsockname()[:2]
        self.transcript: list[str] = []
        self.wires: list[Wire] = []
        """Open connections, oldest first."""
        self._inbox: list[Sip] = []
        self._seen: set[bytes] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self.socket.close()

    def send(self, message: Sip, to: Address) -> None:
        """Send a message as it stands, over the connection to that address or a new one."""
        self.transcript.append(f"-> {host_port(to)} {message.start}")
        self.wire_to(to).write(message.to_bytes())

    def wire_to(self, to: Address) -> Wire:
        """The newest connection to an address, made if there is none."""
        self._receive(0.0, repeats=False)
        return next((one for one in reversed(self.wires) if one.far == to), None) or self.connect(to)

    def connect(self, to: Address) -> Wire:
        """A new connection."""
        opened = socket.socket(self.socket.family, socket.SOCK_STREAM)
        try:
            opened.settimeout(TIMEOUT_S)
            opened.bind((self.host, 0))
            opened.connect(to)
            return self._keep(self._secured(opened, server=False), to)
        except OSError:
            opened.close()
            raise

    def hang_up(self, *, reset: bool = False) -> None:
        """Close all connections."""
        while self.wires:
            self.wires.pop().close(reset=reset)

    def _secured(self, opened: socket.socket, *, server: bool) -> socket.socket:
        """The connection as it is spoken over; raises OSError where that can't be."""
        return opened

    def _keep(self, opened: socket.socket, far: Address) -> Wire:
        kept = Wire(opened, far)
        self.wires.append(kept)
        return kept

    def _receive(self, timeout_s: float, repeats: bool) -> bool:
        """Take what has come on any connection into the inbox; False where nothing happened."""
        ready = select.select([self.socket, *(one.socket for one in self.wires)], [], [], timeout_s)[0]
        if self.socket in ready:
            opened, far = self.socket.accept()
            opened.settimeout(TIMEOUT_S)
            try:
                self._keep(self._secured(opened, server=True), far[:2])
            except OSError as error:
                self.transcript.append(f"<- {host_port(far[:2])} {error}")
                opened.close()
        for one in [one for one in self.wires if one.socket in ready]:
            one.read()
            while (data := one.message()) is not None:
                self._take(data, one.far, repeats)
            if one.over:
                self.wires.remove(one)
                with contextlib.suppress(OSError):
                    one.close()
        return bool(ready)


class TlsPeer(StreamPeer):
    """The same over TLS; `tls_peer` makes a class with certificates."""

    protocol = "TLS"
    context: ssl.SSLContext
    """For connections to it."""
    own: ssl.SSLContext
    """For those that it makes."""

    def _secured(self, opened: socket.socket, *, server: bool) -> socket.socket:
        context = self.context if server else self.own
        return context.wrap_socket(opened, server_side=server)


def tls_peer(pair: Pair, ca: Path, *, shows: bool = True, asks: bool = True) -> type[TlsPeer]:
    """A kind of peer with a certificate, which trusts an authority.

    It shows its certificate where it connects (`shows`), and asks for one of who connects to it (`asks`). Names it
    doesn't look at.
    """

    class Kind(TlsPeer):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    for one in (Kind.context, Kind.own):
        one.load_verify_locations(ca)
        one.check_hostname = False
    Kind.context.load_cert_chain(*pair)
    if asks:
        Kind.context.verify_mode = ssl.CERT_REQUIRED
    if shows:
        Kind.own.load_cert_chain(*pair)
    return Kind
