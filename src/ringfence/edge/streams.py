"""TCP and TLS connections of one process: accepted within limits, made where there is none, closed when idle.

A connection is asked about before anything is read from it: a stranger's is reset, and so is one more than its address
may have. A message to an address takes the connection that was opened to it, or waits for a new one; where none can be
made, those that waited are told as unsent.

Over TLS nothing is said to anybody before it is known whom a certificate is of: where we connect, the policy says who
has to be there (`expected`); who connects to us is looked up by address and, where certificates are asked for, by name.
Nothing falls back to less.

Everything calls back in the event loop, never from within `transmit`.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from ringfence.edge import tls
from ringfence.edge.connection import MAX_WAITING, Connection, log
from ringfence.edge.effects import Send
from ringfence.edge.flows import Admitted, Expected
from ringfence.edge.listening import StreamSocket, reset
from ringfence.edge.throttle import Bucket
from ringfence.edge.tls import Tls
from ringfence.edge.troubles import Place, Troubles
from ringfence.model.settings import Listen
from ringfence.model.time import SECOND
from ringfence.sip.domains import domains, is_of
from ringfence.sip.errors import SipParseError
from ringfence.sip.hop import NextHop

CONNECT_WITHIN_S = 3.0
"""How long a connection may take to open: less than another target is waited for (`sending.FAILOVER`)."""
HANDSHAKE_WITHIN_S = 5.0
"""How long the far end may take for the TLS handshake of a connection to us."""
SHUTDOWN_WITHIN_S = 2.0
"""How long it may take to say that it has closed TLS too."""
MAX_GUESTS, MAX_GUESTS_EACH = 500, 32
"""Connections of those who haven't proved yet who they are, by certificate or password; of one address."""
GUESTS_PER_S, GUESTS_BURST = 100, 200
"""How many of those are let in: a TLS handshake costs two milliseconds."""
PROVE_WITHIN_S = 30.0
"""How long they have to prove it."""
SPARE_S = 60.0
"""How long a connection must have been silent to be given up for a new one of the same address."""
SWEEP_EVERY_S = 1.0


class House(Protocol):
    """Who knows the far ends and takes their messages: the guard."""

    def admits(self, listener: str, host: str) -> Admitted:
        """Whether a connection from this address may be opened, and by whom."""

    def is_proven(self, flow: int) -> bool:
        """Whether it is known who is at its far end."""

    def expected(self, listener: str, host: str, port: int) -> Expected:
        """Whom a connection to this address is made to."""

    def opened(
        self, flow: int, listener: str, host: str, port: int, *, dialled: bool, domains: tuple[str, ...]
    ) -> bool:
        """A connection is open; False where it has to be closed."""

    def streamed(self, flow: int, messages: Sequence[bytes]) -> None:
        """Messages that came on it."""

    def broken(self, flow: int, data: bytes, error: SipParseError) -> None:
        """It can't be followed, from `data` on."""

    def closed(self, flow: int) -> None:
        """It is gone."""

    def unsent(self, keys: Sequence[str]) -> None:
        """Requests that can't be sent."""


class Streams:
    """All connections. Made and used in one event loop."""

    def __init__(self, house: House, first_flow: int, tls: Tls) -> None:
        """`first_flow`: a number greater than any that a process before this one may have given."""
        self._house = house
        self._tls = tls
        self._numbers = itertools.count(first_flow)
        self._sockets: dict[str, StreamSocket] = {}
        self._connections: dict[int, Connection] = {}
        self._dialled: dict[Place, Connection] = {}
        self._counts: dict[tuple[str, str], int] = {}
        """Connections accepted from each address at each listener."""
        self._guests: dict[int, str] = {}
        """Connections of those who haven't proved yet who they are, and their addresses."""
        self._doorway = Bucket(GUESTS_PER_S, GUESTS_BURST)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._troubles = Troubles()
        self.failed = 0
        """Connections that couldn't be opened, by us or to us, since start."""
        self._sweeper: asyncio.TimerHandle | None = None

    def add(self, listening: StreamSocket) -> None:
        """Accept connections at a listener, and make them from there."""
        self._sockets[listening.listen.name] = listening
        listening.begin(lambda found, host, port: self._accept(listening, found, host, port))
        if self._sweeper is None:
            self._sweep()

    @property
    def carry(self) -> bool:
        """Whether there are listeners."""
        return bool(self._sockets)

    def use(self, listens: dict[str, Listen], tls: Tls) -> None:
        """Other limits and certificates from now on; a connection to somebody told by another name is closed."""
        self._tls = tls
        for name, listening in self._sockets.items():
            listening.listen = listens[name]
        for connection in list(self._dialled.values()):
            if connection.expected != self._expected(connection):
                self._drop(connection)

    def status(self) -> dict[str, Any]:
        """How many there are, and what goes wrong where, for people."""
        opened = sum(connection.open for connection in self._connections.values())
        return {"open": opened, "failed": self.failed, "troubles": self._troubles.status()}

    async def close(self) -> None:
        """Close all connections."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._connections.values()):
            connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- accepting --------------------------------------------------------------------------------------------------

    def _accept(self, listening: StreamSocket, found: socket.socket, host: str, port: int) -> None:
        name, place = listening.listen.name, (listening.listen.name, host)
        admitted = self._house.admits(name, host)
        full = admitted == "guest" and not self._takes_guest(host)
        if not admitted or full or not self._has_room(listening, host):
            listening.refused += 1
            reset(found)
            return
        listening.accepted += 1
        self._counts[place] = self._counts.get(place, 0) + 1
        connection = Connection(self, next(self._numbers), name, host, port, dialled=False)
        self._connections[connection.flow] = connection
        if admitted == "guest":
            self._guests[connection.flow] = host
        self._run(self._let_in(connection, found), connection)

    async def _let_in(self, connection: Connection, found: socket.socket) -> None:
        context = self._tls.servers.get(connection.listener)
        options = _WITHIN if context is not None else {}
        await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, found, ssl=context, **options)

    def _takes_guest(self, host: str) -> bool:
        """Whether one more may come who has to prove himself."""
        own = sum(other == host for other in self._guests.values())
        if len(self._guests) >= MAX_GUESTS or own >= MAX_GUESTS_EACH:
            return False
        return self._doorway.take(round(asyncio.get_running_loop().time() * SECOND))

    def _has_room(self, listening: StreamSocket, host: str) -> bool:
        """Whether the address may have one more; the one that was silent for longest makes room."""
        name, most = listening.listen.name, listening.listen.connections
        if self._counts.get((name, host), 0) < most:
            return True
        known = self._connections.values()
        own = [one for one in known if one.listener == name and one.host == host and not one.dialled]
        stalest = max(own, key=lambda one: one.silent_s)
        if stalest.silent_s < SPARE_S:
            log.warning("listen.%s: %s has its %d connections, another one is refused", name, host, most)
            return False
        self._drop(stalest)
        return True

    # --- sending ----------------------------------------------------------------------------------------------------

    def transmit(self, send: Send) -> None:
        """Send a message over its connection, or one to its address."""
        hop = send.hop
        found = self._connections.get(hop.flow) if hop.flow else self._dialled.get(hop[:3])
        connection = found if found is not None or hop.flow else self._dial(hop[:3])
        if connection is None:
            self._unsent([send])
        elif connection.open:
            self._write(connection, send)
        elif connection.closing:  # Once it is told as closed, the request is sent again by whoever knows it.
            self._sockets[connection.listener].lost += 1
        elif len(connection.waiting) < MAX_WAITING:
            connection.waiting.append(send)
        else:
            self._unsent([send])

    def prepare(self, hops: Sequence[NextHop]) -> None:
        """Have connections there before they are needed, so that what is wrong is known before the first call."""
        for hop in hops:
            if hop[:3] not in self._dialled:
                self._dial(hop[:3])

    def hang_up(self, flow: int) -> None:
        """Close a connection."""
        connection = self._connections.get(flow)
        if connection is not None:
            asyncio.get_running_loop().call_soon(self._drop, connection)

    def _write(self, connection: Connection, send: Send) -> None:
        self._sockets[connection.listener].sent += 1
        if not connection.write(send.data):
            connection.closing = True
            asyncio.get_running_loop().call_soon(self._drop, connection)

    def _unsent(self, sends: Sequence[Send]) -> None:
        for send in sends:
            self._sockets[send.hop.listener].lost += 1
        keys = [send.key for send in sends if send.key]
        if keys:
            asyncio.get_running_loop().call_soon(self._house.unsent, keys)

    def _dial(self, place: Place) -> Connection:
        connection = Connection(self, next(self._numbers), *place, dialled=True)
        connection.expected = self._expected(connection)
        self._connections[connection.flow] = self._dialled[place] = connection
        self._run(self._connect(connection, connection.expected), connection)
        return connection

    async def _connect(self, connection: Connection, expected: Expected) -> None:
        listen = self._sockets[connection.listener].listen
        options: dict[str, Any] = {}
        if listen.transport == "tls":
            if not expected.domains:
                raise tls.TlsError("nothing in the policy says which name its certificate has to have")
            context = self._tls.clients[listen.name, expected.ca, expected.crl]
            options = {"ssl": context, "server_hostname": expected.domains[0], **_WITHIN}
        local = None if listen.host in ("0.0.0.0", "::") else (listen.host, 0)
        async with asyncio.timeout(CONNECT_WITHIN_S):
            await asyncio.get_running_loop().create_connection(
                lambda: connection, connection.host, connection.port, local_addr=local, **options
            )

    def _expected(self, connection: Connection) -> Expected:
        return self._house.expected(connection.listener, connection.host, connection.port)

    # --- the life of one --------------------------------------------------------------------------------------------

    def made(self, connection: Connection) -> None:
        """It is open."""
        certificate = connection.certificate
        names = domains(certificate) if certificate is not None else ()
        wrong = self._mistaken(connection, names)
        if wrong:
            self._trouble(connection, wrong)
            self._drop(connection)
            return
        if certificate is not None:
            _warn_of_end(connection, tls.says_end(tls.until_s(certificate), time.time_ns() / 1e9))
        waiting, connection.waiting = connection.waiting, []
        for send in waiting:
            self._write(connection, send)

    def _mistaken(self, connection: Connection, names: tuple[str, ...]) -> str:
        """Why it isn't who it should be; empty where it is."""
        expected, is_tls = connection.expected, self._sockets[connection.listener].listen.transport == "tls"
        if expected is not None and is_tls and not is_of(names, expected.domains):
            return f"its certificate is of {_listed(names)}, not of {_listed(expected.domains)}"
        listener, host, port = connection.listener, connection.host, connection.port
        if self._house.opened(connection.flow, listener, host, port, dialled=connection.dialled, domains=names):
            return ""
        return f"its certificate is of {_listed(names)}, which is no tls_peer of whoever has that address"

    def received(self, connection: Connection, messages: Sequence[bytes]) -> None:
        """Whole messages."""
        self._sockets[connection.listener].received += len(messages)
        self._troubles.over(_place(connection))
        self._house.streamed(connection.flow, messages)

    def broken(self, connection: Connection, rest: bytes, error: SipParseError) -> None:
        """It can't be followed."""
        log.info("listen.%s: a connection of %s is closed: %s", connection.listener, connection.host, error.reason)
        self._house.broken(connection.flow, rest, error)

    def gone(self, connection: Connection, error: BaseException | None) -> None:
        """It is closed, or could not be opened."""
        if self._connections.pop(connection.flow, None) is None:
            return
        if error is not None and ((connection.dialled and not connection.was_open) or tls.why(error)):
            self._trouble(connection, _why(error))
        self._guests.pop(connection.flow, None)
        place = _place(connection)
        if self._dialled.get(place) is connection:
            del self._dialled[place]
        if not connection.dialled:
            self._uncount(connection)
        waiting, connection.waiting = connection.waiting, []
        self._unsent(waiting)
        self._house.closed(connection.flow)

    def _uncount(self, connection: Connection) -> None:
        place = (connection.listener, connection.host)
        left = self._counts.get(place, 1) - 1
        if left:
            self._counts[place] = left
        else:
            self._counts.pop(place, None)

    def _drop(self, connection: Connection) -> None:
        """Close it at once."""
        connection.abort()
        self.gone(connection, None)

    def _run(self, opening: Coroutine[Any, Any, None], connection: Connection) -> None:
        """Have a connection opened."""
        task = asyncio.get_running_loop().create_task(opening, name=f"connection {connection.flow}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._tried(done, connection))

    def _tried(self, task: asyncio.Task[Any], connection: Connection) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.failed += 1
            self.gone(connection, error)
            _forget_frames(error)

    def _trouble(self, connection: Connection, why: str) -> None:
        expected = connection.expected or self._expected(connection)
        self._troubles.note(_place(connection), expected.party, why)

    def _sweep(self) -> None:
        """Close those that are idle or stuck."""
        for connection in list(self._connections.values()):
            listening = self._sockets[connection.listener]
            why = (connection.look(listening.listen.idle_s) or self._unproven(connection)) if connection.open else ""
            if why:
                log.info("listen.%s: a connection of %s is closed: %s", connection.listener, connection.host, why)
                self._drop(connection)
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_EVERY_S, self._sweep)

    def _unproven(self, connection: Connection) -> str:
        """Why a stranger's has to be closed."""
        if connection.flow not in self._guests:
            return ""
        if self._house.is_proven(connection.flow):
            del self._guests[connection.flow]
            return ""
        return "nobody proved who he is" if connection.age_s > PROVE_WITHIN_S else ""


_WITHIN = {"ssl_handshake_timeout": HANDSHAKE_WITHIN_S, "ssl_shutdown_timeout": SHUTDOWN_WITHIN_S}


def _place(connection: Connection) -> Place:
    """Where its troubles are told: those of connections to us by address alone."""
    return connection.listener, connection.host, connection.port if connection.dialled else 0


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names) or "nobody"


def _warn_of_end(connection: Connection, says: str) -> None:
    if says:
        log.warning("listen.%s: the certificate of %s %s", connection.listener, connection.host, says)


def _forget_frames(error: BaseException | None) -> None:
    """Let go of what an exception passed through: that holds the exception, with a quarter of a megabyte under TLS."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_WITHIN_S:g} s"
    said = tls.why(error)
    if said:
        return said
    if isinstance(error, OSError) and error.errno is not None:
        return _WORDS.get(error.errno, os.strerror(error.errno))
    return str(error) or type(error).__name__


_WORDS = {
    errno.ECONNREFUSED: "nothing listens there (connection refused)",
    errno.ECONNRESET: "it broke the connection off",
    errno.EADDRNOTAVAIL: "no local address or port is left to connect from",
}
