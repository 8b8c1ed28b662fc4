"""A TCP socket that accepts connections, and what is counted at it."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable

from ringfence.edge.bind import shown
from ringfence.model.settings import Listen

log = logging.getLogger("ringfence.streams")

ACCEPTS = 64
"""Connections accepted before others get their turn."""
BACKLOG = 1024
TIRED_S = 1.0
"""How long nothing is accepted after the system had no descriptor or memory for it."""

Take = Callable[[socket.socket, str, int], None]
"""(connection, host, port)."""


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

    def begin(self, take: Take) -> None:
        """Accept connections from now on."""
        self._socket.listen(BACKLOG)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._acceptable, take)

    def _acceptable(self, take: Take) -> None:
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

    def _tired(self, error: OSError, take: Take) -> None:
        """There is no descriptor or no memory for another one: those that wait will wait a little longer."""
        log.error("listen.%s: no connection can be accepted: %s", self.listen.name, error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket.fileno())
        loop.call_later(TIRED_S, self._again, take)

    def _again(self, take: Take) -> None:
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


def reset(found: socket.socket) -> None:
    """Close a connection so that nothing of it stays, neither here nor there."""
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    found.close()
