"""The two doors at which a dial plan asks: `/v1/admit` over HTTP, and FastAGI.

Both take a question, wait for the verdict (and for its commit), and answer in one line. A question is bounded in size
and time, and so is the number of those who ask; what is wrong with one is told in its answer and in the log. Whoever
hangs up before the verdict is there leaves a call that Asterisk's own events end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

import h11
import msgspec

import ringfence
from ringfence.errors import RingfenceError
from ringfence.model.settings import Admit
from ringfence.platforms.asterisk.hook import HookError, Reply, agi_values

log = logging.getLogger("ringfence.admit")

PATH = "/v1/admit"
MAX_REQUEST = 16_384
"""Head and body each, bytes."""
MAX_AGI_LINES = 100
ASKED_WITHIN_S = 10.0
"""How long a connection may take to ask, and be idle."""
MAX_CONNECTIONS = 1_000

Decide = Callable[[Mapping[str, str]], Awaitable[Reply]]
"""Answers a question by its values. Raises HookError."""


class AdmitError(RingfenceError):
    """The doors can't be opened; the text says why and what to do."""


class Doors:
    """Both, as the policy has them."""

    def __init__(self, settings: Admit, decide: Decide) -> None:
        self.settings = settings
        self.counters = {"asked": 0, "not_answered": 0}
        self._decide = decide
        self._servers: list[asyncio.Server] = []
        self._talking: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def open(self) -> None:
        """Listen. Raises AdmitError."""
        for where, talk in ((self.settings.http, self._http), (self.settings.fastagi, self._agi)):
            if where is not None:
                try:
                    server = await asyncio.start_server(self._connected(talk), *where, limit=MAX_REQUEST)
                except OSError as error:
                    await self.close()
                    text = f"admit: {where[0]}:{where[1]}: {error.strerror or error}; take another address or port"
                    raise AdmitError(text) from error
                self._servers.append(server)

    async def close(self) -> None:
        """Answer nobody any more."""
        for server in self._servers:
            server.close()
        tasks = list(self._talking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    def addresses(self) -> list[str]:
        """Where it listens."""
        return ["{}:{}".format(*socket.getsockname()[:2]) for server in self._servers for socket in server.sockets]

    def _connected(
        self, talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(self._talking) >= MAX_CONNECTIONS:
                self.counters["not_answered"] += 1
                writer.transport.abort()
                return
            task = asyncio.get_running_loop().create_task(_served(talk, reader, writer), name="admit")
            self._talking[task] = writer
            task.add_done_callback(lambda done: self._talking.pop(done, None))

        return connected

    async def _answer(self, values: Mapping[str, str]) -> Reply:
        self.counters["asked"] += 1
        try:
            return await self._decide(values)
        except HookError as error:
            self.counters["not_answered"] += 1
            log.warning("a question of asterisk.%s isn't answered: %s", values.get("pbx", "")[:64], error)
            raise

    # HTTP.

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_REQUEST)
        try:
            while True:
                request, body = await asyncio.wait_for(_request(connection, reader), ASKED_WITHIN_S)
                if request is None:
                    return
                status, kind, text = await self._respond(request, body)
                _send(connection, writer, status, kind, text)
                await writer.drain()
                if connection.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                    return
                connection.start_next_cycle()
        except h11.RemoteProtocolError as error:
            if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                _send(connection, writer, error.error_status_hint, "text/plain", f"{error}\n")

    async def _respond(self, request: h11.Request, body: bytes) -> tuple[int, str, str]:
        headers = dict(request.headers)
        as_json = b"application/json" in headers.get(b"accept", b"")
        target = urlsplit(request.target.decode("ascii", "replace"))
        try:
            if target.path != PATH:
                raise HookError(404, f"here is {PATH} and nothing else")
            values = _values(request.method, target.query, headers.get(b"content-type", b""), body)
            reply = await self._answer(values)
        except HookError as error:
            text = msgspec.json.encode({"error": str(error)}).decode() if as_json else f"error {error}\n"
            return error.status, "application/json" if as_json else "text/plain", text
        if as_json:
            return 200, "application/json", msgspec.json.encode(reply).decode()
        return 200, "text/plain", reply.line()

    # FastAGI.

    async def _agi(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines: list[str] = []
        async with asyncio.timeout(ASKED_WITHIN_S):
            while (line := (await reader.readline()).decode("utf-8", "replace").rstrip("\r\n")) and len(
                lines
            ) < MAX_AGI_LINES:
                lines.append(line)
        try:
            reply = await self._answer(agi_values(lines))
        except HookError:
            return  # The variable stays empty, and the dial plan does what it does without an answer.
        writer.write(f'SET VARIABLE RINGFENCE "{reply.line().strip()}"\n'.encode())
        await writer.drain()
        async with asyncio.timeout(ASKED_WITHIN_S):
            await reader.readline()


async def _served(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        await talk(reader, writer)
    except (ConnectionError, TimeoutError, ValueError):
        pass  # Who asked left, was too slow or sent a line without end: nobody is there to be told.
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request | None, bytes]:
    """The next request with its body; None where there is no more. Raises h11.RemoteProtocolError."""
    request, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(MAX_REQUEST))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_REQUEST:
                raise h11.RemoteProtocolError("the body is too long", error_status_hint=413)
        elif isinstance(event, h11.EndOfMessage):
            return request, body
        else:
            return None, b""


def _values(method: bytes, query: str, kind: bytes, body: bytes) -> dict[str, str]:
    """The values of a question: in the query, in a form, or in a JSON object. Raises HookError."""
    if method not in (b"GET", b"POST"):
        raise HookError(405, "ask with GET or POST")
    values = dict(parse_qsl(query, keep_blank_values=True))
    if method == b"POST" and kind.startswith(b"application/json"):
        try:
            return values | msgspec.json.decode(body, type=dict[str, str])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise HookError(400, f"the body isn't a JSON object of texts: {error}") from None
    if method == b"POST":
        values |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return values


def _send(connection: h11.Connection, writer: asyncio.StreamWriter, status: int, kind: str, text: str) -> None:
    data = text.encode()
    headers = [
        ("Content-Type", f"{kind}; charset=utf-8"),
        ("Content-Length", str(len(data))),
        ("Cache-Control", "no-store"),
        ("Server", f"ringfence/{ringfence.__version__}"),
    ]
    for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=data), h11.EndOfMessage()):
        writer.write(connection.send(event) or b"")
