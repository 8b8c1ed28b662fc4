"""The control socket: one JSON object a line in, one a line out, for the owner of the process alone.

A request is `{"do": "status", ...arguments}`; the answer is `{"ok": true, "result": ...}` or `{"ok": false, "error":
"..."}` with what happened and what to do. The socket has mode 0600, and each peer's user id is checked as well
(SO_PEERCRED), so that neither a loose umask nor a copied path opens it.
"""

import asyncio
import contextlib
import inspect
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ringfence.errors import RingfenceError

MAX_LINE = 65_536
"""Longest request, bytes."""

Handler = Callable[[dict[str, Any]], Any]
"""What it returns may be awaitable: other connections are served meanwhile."""


class ControlError(RingfenceError):
    """A command can't be carried out; the text says why and what to do."""


class ControlServer:
    """Answers commands by name; handlers return what JSON can hold, or raise ControlError."""

    def __init__(self, path: Path, handlers: dict[str, Handler]) -> None:
        self.path = path
        self._handlers = handlers
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Listen. Raises ControlError where another process answers at the path, or no socket can be made there."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _remove_stale(self.path)
            self._server = await self._opened()
        except OSError as error:
            raise ControlError(
                f"control socket {self.path}: {error.strerror or error}; choose another `socket` under [control]"
            ) from error

    async def _opened(self) -> asyncio.Server:
        old = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(self._connected, str(self.path), limit=MAX_LINE)
        finally:
            os.umask(old)

    async def stop(self) -> None:
        """Stop listening and take the socket away."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        open_now = dict(self._connections)
        for writer, task in open_now.items():
            writer.close()
            task.cancel()
        await asyncio.gather(*open_now.values(), return_exceptions=True)
        self.path.unlink(missing_ok=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="control")
        self._connections[writer] = task
        task.add_done_callback(lambda _: self._connections.pop(writer, None))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not _same_user(writer):
                return
            while line := await reader.readline():
                writer.write(await self.answer(line) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # The peer left, or sent a line over MAX_LINE: nothing of ours depends on it.
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def answer(self, line: bytes) -> bytes:
        """The answer to one request line."""
        try:
            request = msgspec.json.decode(line, type=dict[str, Any])
            name = request.pop("do", None)
            handler = self._handlers.get(name) if isinstance(name, str) else None
            if handler is None:
                raise ControlError(f"unknown command {name!r}; known: {', '.join(sorted(self._handlers))}")
            result = handler(request)
            found = await result if inspect.isawaitable(result) else result
            return msgspec.json.encode({"ok": True, "result": found})
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return msgspec.json.encode({"ok": False, "error": f"not a JSON object: {error}"})
        except RingfenceError as error:
            return msgspec.json.encode({"ok": False, "error": str(error)})


def ask(path: Path, do: str, timeout_s: float = 10.0, **arguments: Any) -> Any:
    """Send one command to a running guard and return its result; raises ControlError with what to do."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(msgspec.json.encode({"do": do, **arguments}) + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise ControlError(
            f"no guard answers at {path}; start it with `ringfence serve`, or name its --control"
        ) from error
    except PermissionError as error:
        raise ControlError(f"{path} belongs to another user; run this as the user of the guard") from error
    except (ConnectionResetError, BrokenPipeError):
        line = b""
    except OSError as error:
        raise ControlError(f"the guard at {path} does not answer: {error}") from error
    if not line:
        raise ControlError(f"the guard at {path} hung up: it is stopping, or you aren't its user")
    answer = msgspec.json.decode(line)
    if not answer["ok"]:
        raise ControlError(answer["error"])
    return answer["result"]


def _same_user(writer: asyncio.StreamWriter) -> bool:
    peer: socket.socket = writer.get_extra_info("socket")
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return uid in (0, os.getuid())


def _remove_stale(path: Path) -> None:
    """A socket left by a killed guard is removed; one that answers, or a file that is no socket, is left alone."""
    if not path.exists():
        return
    if not path.is_socket():
        raise ControlError(f"{path} exists and is no socket; remove it or choose another `socket` under [control]")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise ControlError(f"another guard answers at {path}; stop it or choose another `socket` under [control]")
