"""The Asterisks of a policy around the guard: connections, events in, hang-ups out.

Each has its `Pbx` (what events mean) and its `Manager` (the connection). What an event leads to is done before the next
one is read; a hang-up is sent and not waited for. One that isn't answered well is told, and tried again with the next
login, since the call is still ordered to end then.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ringfence.edge.effects import Ask
from ringfence.engine.live import Live
from ringfence.errors import RingfenceError
from ringfence.model.settings import Asterisk, Policy
from ringfence.model.time import SECOND, Instant
from ringfence.model.verdict import Verdict
from ringfence.platforms.asterisk.ami import AmiError, Message
from ringfence.platforms.asterisk.dialplan import VERIFY
from ringfence.platforms.asterisk.effects import HangUp, Note, Tell
from ringfence.platforms.asterisk.hook import UNKNOWN_TRUNK, HookError, Question, Reply, is_key, question, reply_of
from ringfence.platforms.asterisk.live import Answer, Manager, Where
from ringfence.platforms.asterisk.pbx import CLEARED, Pbx
from ringfence.server.guard import Guard

log = logging.getLogger("ringfence.asterisk")

MAX_SECRET = 200
ANSWERED_WITHIN_S = 30.0
"""A list of all channels of a large PBX takes longer than another answer."""


class PbxError(RingfenceError):
    """An Asterisk can't be talked to; the text says why and what to do."""


class Link:
    """One Asterisk of the policy."""

    def __init__(self, settings: Asterisk, guard: Guard) -> None:
        """Raises PbxError where its secret or certificates can't be read."""
        self.settings = settings
        self._guard = guard
        policy = guard.engine.policy
        self.pbx = Pbx(settings, policy.sources[settings.source], policy.trunks, guard.engine.node)
        self.manager = Manager(where(settings), self._take, self._joined)
        self._task: asyncio.Task[None] | None = None
        self._sent: set[asyncio.Task[None]] = set()
        self.verified = 0
        """Questions by which an installation was tried."""
        self._token = 0
        self._waiting: dict[int, asyncio.Future[Verdict | None]] = {}

    def start(self) -> None:
        """Connect, and stay connected."""
        self._guard.outside.append(self.cut)
        self._task = asyncio.get_running_loop().create_task(self.manager.run(), name=f"asterisk {self.settings.name}")

    async def close(self) -> None:
        """Leave it."""
        self._guard.outside.remove(self.cut)
        tasks = [task for task in (self._task, *self._sent) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def use(self, policy: Policy) -> None:
        """Another policy, which has this Asterisk too."""
        self.pbx.use(self.settings, policy.sources[self.settings.source], policy.trunks)

    def restore(self, calls: Iterable[Live]) -> None:
        """The calls of the time before a restart, as far as they are its own."""
        for live in calls:
            if live.attempt.verified == "platform" and live.attempt.source == self.settings.source:
                self.pbx.restore(live.attempt, [leg.tag for leg in live.legs])

    def cut(self, attempt_id: str, leg: str, cause: str, now: int) -> bool:
        """An order to end a call; False where it isn't one of its own."""
        found = self.pbx.cut(attempt_id, leg, cause, now)
        self._settle()
        return found

    def tick(self, now: Instant) -> None:
        """Do what is due."""
        self.pbx.tick(now, self._guard.engine.policy.ledger.stranger_rows_per_10s)
        self._settle()

    def status(self) -> dict[str, Any]:
        """What it is like now."""
        return {
            "manager": self.manager.state,
            "logins": self.manager.logins,
            "verified": self.verified,
            **self.pbx.status(),
        }

    async def admit(self, asked: Question) -> Reply:
        """The answer to a question of its dial plan. Raises HookError."""
        if not is_key(asked.key, self.manager.where.secret):
            raise HookError(403, "the key is wrong: render the hook again")
        trunk = self.settings.trunks.get(asked.trunk)
        if trunk is None:
            log.warning("asterisk.%s.trunks has no %s: it is refused", self.settings.name, asked.trunk)
            return Reply("deny", UNKNOWN_TRUNK, 0, self._announcement(UNKNOWN_TRUNK))
        self.verified += asked.label == VERIFY
        self._token += 1
        token = self._token
        waiting = self._waiting[token] = asyncio.get_running_loop().create_future()
        try:
            self.pbx.admit(asked, trunk, token, self._guard.clock.now())
            self._settle()
            verdict = await waiting
        finally:
            del self._waiting[token]
        if verdict is None:
            return Reply("deny", "cancelled", 0)
        await asyncio.sleep(verdict.delay_us / SECOND)
        return reply_of(verdict, self._announcement(verdict.reason))

    def _announcement(self, reason: str) -> str:
        """What a caller hears who is refused for this."""
        found = self.settings.announcements
        return found.get(reason, found.get("default", ""))

    async def hang_up(self, extension: str) -> int:
        """End every call of an extension (control F5); how many channels. Raises PbxError."""
        pattern = "".join(c if c.isalnum() else f"\\{c}" for c in extension)
        try:
            channel = ("Channel", rf"/^(PJSIP|SIP|IAX2)\/{pattern}-[0-9a-f]+$/")
            answer = await self.manager.ask("Hangup", channel, ("Cause", str(CLEARED)))
        except AmiError as error:
            raise PbxError(f"asterisk.{self.settings.name}: {error}") from error
        return len(answer.events)

    # Events in.

    def _take(self, event: Message) -> None:
        self.pbx.take(event, self._guard.clock.now())
        self._settle()

    async def _joined(self, manager: Manager) -> None:
        self.pbx.joined()
        asked = [await manager.ask(action, timeout_s=ANSWERED_WITHIN_S) for action in ("CoreShowChannels", "Status")]
        for answer in asked:
            if not answer.ok:
                raise AmiError(f"it doesn't list its channels: {answer.response['message']}")
        self.pbx.found(
            [event for answer in asked for event in answer.events if event["uniqueid"]], self._guard.clock.now()
        )
        self._settle()

    # Effects out.

    def _settle(self) -> None:
        while effects := self.pbx.effects():
            for effect in effects:
                if isinstance(effect, Note):
                    self._guard.told(effect.fact)
                elif isinstance(effect, HangUp):
                    self._send(effect)
                elif isinstance(effect, Tell):
                    self._tell(effect)
                else:
                    self._guard.asked(Ask(effect.attempt, b"", effect.emergency), self._decided)
        self._guard.rest()

    def _tell(self, effect: Tell) -> None:
        waiting = self._waiting.get(effect.token)
        if waiting is not None and not waiting.done():
            waiting.set_result(effect.verdict)

    def _decided(self, attempt_id: str, verdict: Verdict, now: int) -> None:
        self.pbx.decided(attempt_id, verdict, now)
        self._settle()

    def _send(self, effect: HangUp) -> None:
        task = asyncio.get_running_loop().create_task(self._hung_up(effect), name="asterisk-hangup")
        self._sent.add(task)
        task.add_done_callback(self._sent.discard)

    async def _hung_up(self, effect: HangUp) -> None:
        try:
            answer: Answer | None = await self.manager.ask(
                "Hangup", ("Channel", effect.channel), ("Cause", str(effect.cause))
            )
        except AmiError as error:
            log.error("asterisk.%s: %s isn't hung up: %s", self.settings.name, effect.channel, error)
            return
        if answer is not None and not answer.ok and answer.response["message"] != "No such channel":
            log.error(
                "asterisk.%s: %s isn't hung up: %s; it needs write = call,reporting",
                self.settings.name,
                effect.channel,
                answer.response["message"],
            )


def where(settings: Asterisk) -> Where:
    """Whom to connect to, with the secret. Raises PbxError."""
    tls = None
    if settings.tls:
        try:
            tls = ssl.create_default_context(cafile=settings.ca)
        except (OSError, ssl.SSLError) as error:
            raise PbxError(f"asterisk.{settings.name}.ca: {settings.ca}: {error}") from error
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return Where(
        settings.host, settings.port, settings.user, read_secret(settings), tls, settings.tls_name or settings.host
    )


def read_secret(settings: Asterisk) -> str:
    """The first line of the file. Raises PbxError, also where others may read it."""
    path = Path(settings.secret)
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            line = file.readline(MAX_SECRET + 1).rstrip(b"\r\n")
    except OSError as error:
        hint = f"write the secret of {settings.user} (manager.conf) into it, mode 0600"
        raise PbxError(f"asterisk.{settings.name}.secret: {path}: {error.strerror}; {hint}") from error
    if mode & 0o077:
        raise PbxError(f"asterisk.{settings.name}.secret: {path}: others may read it: run `chmod 600 {path}`")
    if not line or len(line) > MAX_SECRET or not line.isascii():
        raise PbxError(f"asterisk.{settings.name}.secret: {path}: its first line isn't a secret of ASCII characters")
    return line.decode("ascii")


class Links:
    """All Asterisks of the policy in force."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._links: dict[str, Link] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @staticmethod
    def check(policy: Policy) -> None:
        """Raises PbxError where one can't be talked to for what is in its files."""
        for settings in policy.asterisks.values():
            where(settings)

    def follow(self, policy: Policy) -> None:
        """Be connected to those that the policy has, and to no other. Raises PbxError."""
        for name, link in list(self._links.items()):
            if policy.asterisks.get(name) != link.settings:
                self._leave(self._links.pop(name))
        for name, settings in policy.asterisks.items():
            if name in self._links:
                self._links[name].use(policy)
                continue
            link = self._links[name] = Link(settings, self._guard)
            link.restore(self._guard.engine.calls.values())
            link.start()

    def _leave(self, link: Link) -> None:
        task = asyncio.get_running_loop().create_task(link.close(), name="asterisk-close")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def chore(self, now: Instant) -> None:
        """A few times a second."""
        for link in self._links.values():
            link.tick(now)

    async def decide(self, values: Mapping[str, str]) -> Reply:
        """The answer to a question of a dial plan. Raises HookError."""
        asked = question(values)
        link = self._links.get(asked.pbx)
        if link is None:
            raise HookError(403, "there is no such Asterisk in the policy")
        return await link.admit(asked)

    def status(self) -> dict[str, Any]:
        """By name."""
        return {name: link.status() for name, link in self._links.items()}

    async def hang_up(self, extension: str, name: str) -> int:
        """End every call of an extension, at one of them or at all; how many channels. Raises PbxError."""
        if name and name not in self._links:
            raise PbxError(f"there is no asterisk.{name} in the policy")
        found = [link for each, link in self._links.items() if name in ("", each)]
        if not found:
            raise PbxError("the policy has no [asterisk.NAME]")
        return sum([await link.hang_up(extension) for link in found])

    async def close(self) -> None:
        """Leave all."""
        while self._links:
            await self._links.popitem()[1].close()
        await asyncio.gather(*self._closing, return_exceptions=True)
