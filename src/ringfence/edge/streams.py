"""TCP listeners and connections of one process: accepted within limits, made where there is none, closed when idle.

A connection is asked about before anything is read from it: a stranger's is reset, and so is one more than its address
may have. A message to an address takes the connection that was opened to it, or waits for a new one; where none can be
made, those that waited are told as unsent. Each thing that goes wrong at an address is logged once, until it goes well.

Everything calls back in the event loop, never from within `transmit`.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ringfence.edge.bind import shown
from ringfence.edge.connection import MAX_WAITING, Connection
from ringfence.edge.effects import Send
from ringfence.model.settings import Listen
from ringfence.sip.errors import SipParseError

log = logging.getLogger("ringfence.streams")

CONNECT_WITHIN_S = 3.0
"""How long a connection may take to open: less than another target is waited for (`sending.FAILOVER`)."""
SPARE_S = 60.0
"""How long a connection must have been silent to be given up for a new one of the same address."""
SWEEP_EVERY_S = 1.0
ACCEPTS = 64
"""Connections accepted before others get their turn."""
BACKLOG = 1024
TIRED_S = 1.0
"""How long nothing is accepted after the system had no descriptor or memory for it."""

Address = tuple[str, str, int]
"""Listener, host, port."""


class House(Protocol):
    """Who knows the far ends and takes their messages: the guard."""

    def admits(self, listener: str, host: str) -> bool:
        """Whether a connection from this address may be opened."""

    def opened(self, flow: int, listener: str, host: str, port: int, *, dialled: bool) -> bool:
        """A connection is open; False where it has to be closed."""

    def streamed(self, flow: int, messages: Sequence[bytes]) -> None:
        """Messages that came on it."""

    def broken(self, flow: int, data: bytes, error: SipParseError) -> None:
        """It can't be followed, from `data` on."""

    def closed(self, flow: int) -> None:
        """It is gone."""

    def unsent(self, keys: Sequence[str]) -> None:
        """Requests that can't be sent."""


class StreamSocket:
    """A listening socket in the event loop, and what was counted at it."""

    def __init__(self, bound: socket.socket, listen: Listen) -> None:
        self.listen = listen
        self.port: int = bound.getsockname()[1]
        self.received = 0
        self.sent = 0
        self.lost = 0
        """Messages that couldn't be sent."""
        self.accepted = 0
        self.refused = 0
        """Connections of strangers, and those over the limit of their address."""
        self._socket = bound

    @property
    def shown(self) -> str:
        """`127.0.0.1:5060`."""
        return shown(self._socket)

    def begin(self, take: Callable[[socket.socket, str, int], None]) -> None:
        """Accept connections from now on, each handed on as (socket, host, port)."""
        self._socket.listen(BACKLOG)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._acceptable, take)

    def _acceptable(self, take: Callable[[socket.socket, str, int], None]) -> None:
        for _ in range(ACCEPTS):
            try:
                found, address = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._tired(error, take)
                return
            found.setblocking(False)
            take(found, address[0], address[1])

    def _tired(self, error: OSError, take: Callable[[socket.socket, str, int], None]) -> None:
        """There is no descriptor or no memory for another one: those that wait will wait a little longer."""
        log.error("listen.%s: no connection can be accepted: %s", self.listen.name, error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket.fileno())
        loop.call_later(TIRED_S, self._again, take)

    def _again(self, take: Callable[[socket.socket, str, int], None]) -> None:
        if self._socket.fileno() >= 0:
            self.begin(take)

    def counts(self) -> dict[str, int]:
        """Messages and connections since start."""
        return {
            "received": self.received,
            "sent": self.sent,
            "lost": self.lost,
            "accepted": self.accepted,
            "refused": self.refused,
        }

    def close(self) -> None:
        """Accept no more."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()


class Streams:
    """All connections. Made and used in one event loop."""

    def __init__(self, house: House, first_flow: int) -> None:
        """`first_flow`: a number greater than any that a process before this one may have given."""
        self._house = house
        self._numbers = itertools.count(first_flow)
        self._sockets: dict[str, StreamSocket] = {}
        self._connections: dict[int, Connection] = {}
        self._dialled: dict[Address, Connection] = {}
        self._counts: dict[tuple[str, str], int] = {}
        """Connections accepted from each address at each listener."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._troubles: dict[Address, str] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    def add(self, listening: StreamSocket) -> None:
        """Accept connections at a listener, and make them from there."""
        self._sockets[listening.listen.name] = listening
        listening.begin(lambda found, host, port: self._accept(listening, found, host, port))
        if self._sweeper is None:
            self._sweep()

    def use(self, listens: dict[str, Listen]) -> None:
        """Other limits, from now on."""
        for name, listening in self._sockets.items():
            listening.listen = listens[name]

    def status(self) -> dict[str, Any]:
        """How many there are, and what goes wrong where, for people."""
        return {
            "open": sum(connection.open for connection in self._connections.values()),
            "troubles": [
                {"listen": listener, "address": _shown(host, port), "error": why}
                for (listener, host, port), why in self._troubles.items()
            ],
        }

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
        if not self._house.admits(name, host) or not self._has_room(listening, host):
            listening.refused += 1
            _reset(found)
            return
        listening.accepted += 1
        self._counts[place] = self._counts.get(place, 0) + 1
        connection = Connection(self, next(self._numbers), name, host, port, dialled=False)
        self._connections[connection.flow] = connection
        self._run(asyncio.get_running_loop().connect_accepted_socket(lambda: connection, found), connection)

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

    def _dial(self, address: Address) -> Connection:
        connection = Connection(self, next(self._numbers), *address, dialled=True)
        self._connections[connection.flow] = self._dialled[address] = connection
        self._run(self._connect(connection), connection)
        return connection

    async def _connect(self, connection: Connection) -> None:
        listen = self._sockets[connection.listener].listen
        local = None if listen.host in ("0.0.0.0", "::") else (listen.host, 0)
        async with asyncio.timeout(CONNECT_WITHIN_S):
            await asyncio.get_running_loop().create_connection(
                lambda: connection, connection.host, connection.port, local_addr=local
            )

    # --- the life of one --------------------------------------------------------------------------------------------

    def made(self, connection: Connection) -> None:
        """It is open."""
        listener, host, port = connection.listener, connection.host, connection.port
        if not self._house.opened(connection.flow, listener, host, port, dialled=connection.dialled):
            self._drop(connection)
            return
        if self._troubles.pop((listener, host, port), None) is not None:
            log.warning("listen.%s: %s can be connected to again", listener, _shown(host, port))
        waiting, connection.waiting = connection.waiting, []
        for send in waiting:
            self._write(connection, send)

    def received(self, connection: Connection, messages: Sequence[bytes]) -> None:
        """Whole messages."""
        self._sockets[connection.listener].received += len(messages)
        self._house.streamed(connection.flow, messages)

    def broken(self, connection: Connection, rest: bytes, error: SipParseError) -> None:
        """It can't be followed."""
        log.info("listen.%s: a connection of %s is closed: %s", connection.listener, connection.host, error.reason)
        self._house.broken(connection.flow, rest, error)

    def gone(self, connection: Connection, error: BaseException | None) -> None:
        """It is closed, or could not be opened."""
        if self._connections.pop(connection.flow, None) is None:
            return
        address = (connection.listener, connection.host, connection.port)
        if self._dialled.get(address) is connection:
            del self._dialled[address]
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

    def _run(self, opening: Any, connection: Connection) -> None:
        """Have a connection opened."""
        task = asyncio.get_running_loop().create_task(opening, name=f"connection {connection.flow}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._tried(done, connection))

    def _tried(self, task: asyncio.Task[Any], connection: Connection) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            if connection.dialled:
                self._trouble(connection, error)
            self.gone(connection, error)

    def _trouble(self, connection: Connection, error: BaseException) -> None:
        address = (connection.listener, connection.host, connection.port)
        why = _why(error)
        if self._troubles.get(address) != why:
            self._troubles[address] = why
            log.error("listen.%s: no connection to %s: %s", address[0], _shown(*address[1:]), why)

    def _sweep(self) -> None:
        """Close those that are idle or stuck."""
        for connection in list(self._connections.values()):
            listening = self._sockets[connection.listener]
            why = connection.look(listening.listen.idle_s) if connection.open else ""
            if why:
                log.info("listen.%s: a connection of %s is closed: %s", connection.listener, connection.host, why)
                self._drop(connection)
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_EVERY_S, self._sweep)


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_WITHIN_S:g} s"
    if isinstance(error, OSError) and error.errno is not None:
        return _WORDS.get(error.errno, os.strerror(error.errno))
    return str(error) or type(error).__name__


_WORDS = {
    errno.ECONNREFUSED: "nothing listens there (connection refused)",
    errno.EADDRNOTAVAIL: "no local address or port is left to connect from",
}


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reset(found: socket.socket) -> None:
    """Close it so that nothing of it stays, neither here nor there."""
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    found.close()
