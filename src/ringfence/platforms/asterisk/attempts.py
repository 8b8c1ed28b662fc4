"""Who calls what: attempts out of what Asterisk says of its channels.

A channel's name is Asterisk's own word for who it is: the endpoint that it knew by a password or an address. A caller
ID or an account code is a label. Who dials for somebody else, because a call was transferred or forwarded, calls at
the expense of who did that (control C10).
"""

from __future__ import annotations

from typing import NamedTuple

from ringfence.engine.destinations import classify, digits_of, plan_of
from ringfence.model.attempt import Attempt, Naming
from ringfence.model.settings import Asterisk, Source, Trunk
from ringfence.model.time import Instant
from ringfence.platforms.asterisk.ami import Message
from ringfence.platforms.asterisk.calls import Book, Channel
from ringfence.platforms.asterisk.names import known
from ringfence.rules.callers import named


class Who(NamedTuple):
    """Who calls."""

    extension: str
    naming: Naming
    """What that name is."""
    forwarder: str | None = None


class Said(NamedTuple):
    """What is said of who calls, beside the channel's name."""

    caller: str
    """The caller ID that will be shown."""
    label: str
    """An account code, or what the dial plan calls him."""
    peer: str = ""
    user_agent: str = ""


def said_by(event: Message) -> Said:
    """What an event of a channel that dials says."""
    return Said(known(event["calleridnum"] or event["destconnectedlinenum"]), event["accountcode"])


class Attempts:
    """Of one Asterisk under one policy."""

    def __init__(self, settings: Asterisk, source: Source, trunks: dict[str, Trunk], node: str) -> None:
        self.settings = settings
        self.source = source
        self.trunks = trunks
        self._node = node
        self._number = 0

    def use(self, settings: Asterisk, source: Source, trunks: dict[str, Trunk]) -> None:
        """Another policy for what comes."""
        self.settings, self.source, self.trunks = settings, source, trunks

    def trunk_of(self, endpoint: str) -> str | None:
        """The trunk of the policy that Asterisk calls so."""
        return self.settings.trunks.get(endpoint)

    def new_id(self, now: Instant) -> str:
        """An id that was never given before, of an Asterisk's call."""
        self._number = max(self._number + 1, now)
        return f"{self._node}-{self._number:x}-{self.settings.name}"

    def plain(self, number: str, trunk: str) -> str:
        """The number without what the trunk wants before it."""
        found = self.trunks.get(trunk)
        return number.removeprefix(found.tech_prefix) if found is not None else number

    def canonical(self, number: str, trunk: str) -> str:
        """One spelling for all ways to dial the same number."""
        plain = self.plain(number, trunk)
        return self.digits(plain) or plain

    def digits(self, number: str) -> str:
        """E.164 digits; empty where it can't be read."""
        return digits_of(plan_of(self.source.plan).for_call(number)) if number else ""

    def is_emergency(self, attempt: Attempt) -> bool:
        """Whether the whole string is an emergency number where the source is."""
        return classify(plan_of(self.source.plan).for_call(attempt.dialled), self.source.plan.home) == "emergency"

    def who(self, book: Book, channel: Channel, said: Said) -> Who:
        """Who calls by this channel."""
        if channel.forwarder:
            return Who(channel.forwarder, "forwarder", channel.forwarder)
        first = book.channels.get(channel.linked, channel)
        for each in (channel, first):
            if each.endpoint and self.trunk_of(each.endpoint) is None:
                return Who(each.endpoint, "account")
        if first.inbound:
            return Who(first.exten, "forwarder", first.exten)
        if said.label:
            return Who(said.label, "label")
        return Who(*named(self.source, said.caller))

    def made(self, who: Who, channel: Channel, number: str, trunk: str, said: Said, own_id: str) -> Attempt:
        """The attempt that a channel makes by dialling."""
        return Attempt(
            id=own_id,
            call_id=channel.uid,
            listener="",
            peer=said.peer,
            source=self.source.name,
            verified="platform",
            caller=said.caller,
            extension=who.extension,
            extension_is=who.naming,
            dialled=self.plain(number, trunk),
            trunk=trunk,
            forwarded_by=who.forwarder,
            user_agent=said.user_agent,
        )
