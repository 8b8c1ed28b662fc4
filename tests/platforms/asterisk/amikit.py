"""Recorded sessions, and a manager interface that says what the test says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from ringfence.platforms.asterisk.ami import Framer, Message, login_key

SESSIONS = Path(__file__).parent / "sessions"
BANNER = b"Asterisk Call Manager/11.0.0\r\n"
CHALLENGE, SECRET = "840415273", "secret"
Pairs = tuple[tuple[str, str], ...]


def recorded(name: str) -> bytes:
    """A recorded session as Asterisk 22 said it, with its banner."""
    data = (SESSIONS / f"{name}.txt").read_bytes().replace(b"\n", b"\r\n")
    return data if data.startswith(BANNER) else BANNER + data


def messages(name: str) -> list[Message]:
    """The messages of a recorded session."""
    return Framer().feed(recorded(name))


def said(*pairs: tuple[str, str]) -> bytes:
    """A message of Asterisk."""
    return "".join(f"{key}: {value}\r\n" for key, value in pairs).encode() + b"\r\n"


class Scripted:
    """An Asterisk that knows logins; `answers` gives what it says to another action, None: nothing."""

    def __init__(self, answers: Callable[[Message], bytes | None]) -> None:
        self.answers = answers
        self.actions: list[Message] = []
        self.banner = BANNER
        self.writers: list[asyncio.StreamWriter] = []
        self.logins = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.writers.append(writer)
        writer.write(self.banner)
        framer = Framer()
        framer.feed(BANNER)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(4096):
                for action in framer.feed(data):
                    self.actions.append(action)
                    writer.write(self._answer(action) or b"")
        writer.close()

    def _answer(self, action: Message) -> bytes | None:
        own = ("ActionID", action["actionid"])
        if action["action"] == "Challenge":
            return said(("Response", "Success"), own, ("Challenge", CHALLENGE))
        if action["action"] == "Login":
            well = action["key"] == login_key(CHALLENGE, SECRET)
            self.logins += well
            if not well:
                return said(("Response", "Error"), own, ("Message", "Authentication failed"))
            return said(("Response", "Success"), own, ("Message", "Authentication accepted"))
        return self.answers(action)

    def hang_up(self) -> None:
        """Close what is open."""
        while self.writers:
            self.writers.pop().close()


@contextlib.asynccontextmanager
async def scripted(answers: Callable[[Message], bytes | None]) -> AsyncIterator[tuple[Scripted, int]]:
    """Such an Asterisk, and its port."""
    asterisk = Scripted(answers)
    server = await asyncio.start_server(asterisk.talk, "127.0.0.1", 0)
    try:
        yield asterisk, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        asterisk.hang_up()
        await server.wait_closed()
