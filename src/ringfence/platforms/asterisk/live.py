"""A connection to Asterisk's manager interface that is kept up.

    connect ─ banner ─ Challenge, Login ─ `joined` (asks what is up) ─ events to `take` until it is lost ─ back-off ─┐
       └───────────────────────────────────────────────────────────────────────────────────────────────────────────┘

What happens while we are away isn't told again, so whoever listens asks after each login for what there is
(`joined`). An action is answered by its ActionID, with a list of events where it has one, or not in time. A connection
that says nothing is asked with a Ping, since a peer that is gone without a word leaves TCP as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from ringfence.platforms.asterisk.ami import AmiError, Framer, Message, Pair, encode, login_key

log = logging.getLogger("ringfence.asterisk")

ANSWER_WITHIN_S = 5.0
CONNECT_WITHIN_S = 5.0
PING_EVERY_S = 15.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Between two attempts to connect; it doubles."""
MAX_ASKED = 1_000
"""Actions that wait for their answer."""
MAX_LISTED = 100_000
"""Events of one list."""
MAX_UNSENT = 1_048_576
"""Bytes that Asterisk hasn't taken yet; then the connection is given up."""


class Where(NamedTuple):
    """Whom to connect to, and as whom."""

    host: str
    port: int
    user: str
    secret: str
    tls: ssl.SSLContext | None = None
    tls_name: str = ""
    """The name that its certificate has to have."""


class Answer(NamedTuple):
    """What an action brought."""

    response: Message
    events: tuple[Message, ...] = ()

    @property
    def ok(self) -> bool:
        return self.response["response"] in ("Success", "Goodbye", "Follows")


class _Asked:
    """An action that waits for its answer."""

    __slots__ = ("done", "events", "response")

    def __init__(self, done: asyncio.Future[Answer]) -> None:
        self.done = done
        self.response: Message | None = None
        self.events: list[Message] = []

    def take(self, message: Message) -> None:
        """An answer, or an event of its list. Raises AmiError where the list has no end."""
        if message["response"]:
            self.response = message
            complete = message["eventlist"].lower() != "start"
        else:
            complete = message["eventlist"].lower() == "complete"
            if not complete:
                self.events.append(message)
        if len(self.events) > MAX_LISTED:
            raise AmiError(f"a list of more than {MAX_LISTED} events")
        if complete and self.response is not None and not self.done.done():
            self.done.set_result(Answer(self.response, tuple(self.events)))


class Manager:
    """One such connection; `run` keeps it up until it is cancelled."""

    def __init__(
        self,
        where: Where,
        take: Callable[[Message], None],
        joined: Callable[[Manager], Awaitable[None]],
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        """`take` is given each event, `joined` is awaited after each login, `lost` is called after each loss."""
        self.where = where
        self.state = "connecting"
        """connecting, up, or why it is down."""
        self.logins = 0
        self._take = take
        self._joined = joined
        self._lost = lost
        self._asked: dict[str, _Asked] = {}
        self._number = 0
        self._writer: asyncio.StreamWriter | None = None

    # Asking.

    @property
    def up(self) -> bool:
        return self.state == "up"

    async def ask(self, action: str, *pairs: Pair, timeout_s: float = ANSWER_WITHIN_S) -> Answer:
        """Carry out an action. Raises AmiError where it can't be said, or isn't answered in time."""
        writer = self._writer
        if writer is None or writer.is_closing():
            raise AmiError(f"{action}: not connected: {self.state}")
        if len(self._asked) >= MAX_ASKED or writer.transport.get_write_buffer_size() > MAX_UNSENT:
            raise AmiError(f"{action}: Asterisk doesn't keep up")
        self._number += 1
        name = f"ringfence-{self._number}"
        data = encode((("Action", action), ("ActionID", name), *pairs))
        asked = self._asked[name] = _Asked(asyncio.get_running_loop().create_future())
        try:
            writer.write(data)
            return await asyncio.wait_for(asked.done, timeout_s)
        except TimeoutError:
            raise AmiError(f"{action}: no answer within {timeout_s:g} s") from None
        finally:
            self._asked.pop(name, None)

    # The life of the connection.

    async def run(self) -> None:
        """Connect, and again when it is lost."""
        pause = FIRST_PAUSE_S
        while True:
            before = self.logins
            try:
                await self._connected()
                why = "Asterisk closed the connection"
            except (AmiError, OSError, ssl.SSLError, TimeoutError) as error:
                why = str(error) or type(error).__name__
            self._down(why)
            pause = FIRST_PAUSE_S if self.logins > before else min(2 * pause, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    def _down(self, why: str) -> None:
        was_up = self.up
        if self.state != why:
            log.warning("manager interface at %s:%d: %s", self.where.host, self.where.port, why)
        self.state = why
        if was_up:
            self._lost()

    async def _connected(self) -> None:
        where = self.where
        opening = asyncio.open_connection(
            where.host, where.port, ssl=where.tls, server_hostname=where.tls_name or where.host if where.tls else None
        )
        reader, self._writer = await asyncio.wait_for(opening, CONNECT_WITHIN_S)
        talking = asyncio.get_running_loop().create_task(self._talk(), name="asterisk")
        reading = asyncio.get_running_loop().create_task(self._read(reader), name="asterisk-read")
        try:
            await asyncio.wait((talking, reading), return_when=asyncio.FIRST_COMPLETED)
            for task in (reading, talking):
                if task.done():
                    task.result()
        finally:
            await self._hang_up(talking, reading)

    async def _hang_up(self, *tasks: asyncio.Task[None]) -> None:
        writer, self._writer = self._writer, None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for asked in self._asked.values():
            if not asked.done.done():
                asked.done.set_exception(AmiError("the connection was lost before the answer"))
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def _talk(self) -> None:
        """Log in, say so, and ask now and then whether it is still there."""
        await self._login()
        self.logins += 1
        self.state = "up"
        log.info("manager interface at %s:%d: logged in as %s", self.where.host, self.where.port, self.where.user)
        await self._joined(self)
        while True:
            await asyncio.sleep(PING_EVERY_S)
            await self.ask("Ping")

    async def _login(self) -> None:
        challenge = await self.ask("Challenge", ("AuthType", "MD5"))
        if not challenge.ok:
            raise AmiError(f"it gives no challenge: {challenge.response['message']}")
        key = login_key(challenge.response["challenge"], self.where.secret)
        login = await self.ask("Login", ("AuthType", "MD5"), ("Username", self.where.user), ("Key", key))
        if not login.ok:
            raise AmiError(
                f"it refuses {self.where.user} ({login.response['message']}): compare the secret with manager.conf"
            )

    async def _read(self, reader: asyncio.StreamReader) -> None:
        framer = Framer()
        while data := await reader.read(65_536):
            for message in framer.feed(data):
                self._message(message)

    def _message(self, message: Message) -> None:
        asked = self._asked.get(message["actionid"])
        if asked is not None and (message["response"] or asked.response is not None):
            asked.take(message)
        elif message.event:
            self._take(message)
