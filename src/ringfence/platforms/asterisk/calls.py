"""What is remembered of an Asterisk's channels and of the calls that they make."""

from __future__ import annotations

from typing import Literal

from ringfence.model.attempt import Attempt
from ringfence.model.time import Instant
from ringfence.model.verdict import Verdict
from ringfence.platforms.asterisk.names import endpoint_of

State = Literal["asked", "allowed", "refused", "over"]
MAX_CHANNELS = 20_000
"""Channels that are remembered; the oldest is forgotten first."""
MAX_DIALLED = 20_000
"""Channels whose calls to a trunk were judged, also after their end."""


class Leg:
    """A channel to a trunk that a call was sent out by."""

    __slots__ = ("answered", "channel", "left", "uid")

    def __init__(self, uid: str, channel: str) -> None:
        self.uid = uid
        self.channel = channel
        """Its name; empty after a restart of ours, until Asterisk was asked."""
        self.answered = False
        self.left = False
        """Whether the far end hung up."""


class Call:
    """One attempt: a number on a trunk, asked for by one channel."""

    __slots__ = ("attempt", "cause", "failed", "legs", "number", "session", "state", "tokens", "uid", "verdict", "wake")

    def __init__(self, attempt: Attempt, number: str) -> None:
        self.attempt = attempt
        self.number = number
        """Canonical, so that another way to dial it is the same number."""
        self.uid = attempt.call_id
        """Of the channel that dials."""
        self.session = 0
        """The connection that it was heard of last on."""
        self.state: State = "asked"
        self.verdict: Verdict | None = None
        self.tokens: list[int] = []
        """Questions of the hook that wait for it."""
        self.legs: dict[str, Leg] = {}
        self.cause = ""
        """Why it was ordered to end."""
        self.failed = ""
        """Why its last leg failed."""
        self.wake: Instant = 0
        """When it is given up unless the channel dials again."""

    @property
    def id(self) -> str:
        return self.attempt.id

    @property
    def answered(self) -> list[Leg]:
        return [leg for leg in self.legs.values() if leg.answered]


class Channel:
    """A channel, from the first that is heard of it until it hangs up."""

    __slots__ = ("calls", "endpoint", "exten", "forwarder", "inbound", "linked", "name", "session", "uid")

    def __init__(self, uid: str) -> None:
        self.uid = uid
        self.name = ""
        """Empty while only the hook told of it."""
        self.endpoint = ""
        """Whose it is; empty for one inside Asterisk."""
        self.linked = uid
        """The channel that all began with."""
        self.exten = ""
        """What it called first."""
        self.inbound = ""
        """The id of its inbound call, if it came in by a trunk."""
        self.forwarder = ""
        """Who transferred it."""
        self.session = 0
        """The connection that it was heard of last on."""
        self.calls: list[Call] = []


class Book:
    """The tables."""

    def __init__(self) -> None:
        self.session = 0
        """Connections so far."""
        self.channels: dict[str, Channel] = {}
        self.calls: dict[str, Call] = {}
        """By the attempt's id."""
        self.legs: dict[str, Call] = {}
        """By the uid of the channel to the trunk."""
        self.dialled: dict[str, None] = {}
        """Channels whose calls were judged, also after their end."""
        self.forgotten = 0

    def channel(self, uid: str, name: str = "", linked: str = "") -> Channel:
        """What is remembered of a channel, from now on at the latest."""
        channel = self.channels.get(uid)
        if channel is None:
            if len(self.channels) >= MAX_CHANNELS:
                self._forget(self.channels.pop(next(iter(self.channels))))
            channel = self.channels[uid] = Channel(uid)
        channel.session = self.session
        if name:
            channel.name, channel.endpoint = name, endpoint_of(name)
        channel.linked = linked or channel.linked
        return channel

    def _forget(self, channel: Channel) -> None:
        """There is no room for it; what the engine holds for its calls is ended by the engine's own time limits."""
        self.forgotten += 1
        for call in [call for call in channel.calls if call.state == "refused"]:
            self.drop(call)

    def name(self, uid: str) -> str:
        """The name of a channel; empty where it isn't known."""
        channel = self.channels.get(uid)
        return channel.name if channel is not None else ""

    def enter(self, call: Call, channel: Channel) -> None:
        """A call begins; it takes the place of an earlier one of the same id."""
        before = self.calls.get(call.id)
        if before is not None:
            self.drop(before)
        call.session = self.session
        channel.calls.append(call)
        self.calls[call.id] = call
        self.dialled[call.uid] = None
        if len(self.dialled) > MAX_DIALLED:
            del self.dialled[next(iter(self.dialled))]

    def attach(self, call: Call, leg: Leg) -> None:
        """A channel to the trunk for a call."""
        call.legs[leg.uid] = leg
        call.wake, call.failed, call.session = 0, "", self.session
        self.legs[leg.uid] = call

    def detach(self, call: Call, leg: Leg) -> None:
        """That channel is gone."""
        del call.legs[leg.uid], self.legs[leg.uid]

    def drop(self, call: Call) -> None:
        """A call is over."""
        call.state, call.wake = "over", 0
        self.calls.pop(call.id, None)
        for uid in call.legs:
            self.legs.pop(uid, None)
        channel = self.channels.get(call.uid)
        if channel is not None and call in channel.calls:
            channel.calls.remove(call)
