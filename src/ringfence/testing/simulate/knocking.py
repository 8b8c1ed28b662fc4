"""Plays knocks: strangers on addresses of their own, a phone that registers through the guard, and its registrar.

a stranger      ──► guard          nothing comes back, and nothing reaches the carrier
phone at PBX    ──► guard ──► registrar at the carrier: 401, then by the password 401 or 200
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ringfence.testing import wire
from ringfence.testing.peer import Peer, alone, response_to
from ringfence.testing.simulate.knock import THROUGH_PBX, Knock
from ringfence.testing.wire import Address, Sip

NETWORK = "127.9.9"
"""Strangers' addresses on loopback begin so."""
LIFETIME_S = 300


@dataclass
class Knocked:
    """One knock and what became of it."""

    script: Knock
    answer: str = ""
    """What came back: `401 Unauthorized`; empty where nothing did."""
    status: int = 0
    passed: bool = False
    """Whether the guard sent it on to the carrier."""


class Strangers:
    """Sockets at addresses that no policy names, opened as they are needed. A context manager."""

    def __init__(self) -> None:
        self._peers: dict[int, Peer] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for peer in self._peers.values():
            peer.__exit__()

    def of(self, number: int) -> Peer:
        """The n-th of them."""
        if number not in self._peers:
            self._peers[number] = Peer(f"{NETWORK}.{number}", name=f"stranger{number}")
        return self._peers[number]

    def arrived(self) -> list[tuple[Peer, Sip]]:
        """What has come to any of them."""
        return [(peer, message) for peer in self._peers.values() for message in peer.arrived(0.0)]


class Knocking:
    """The knocks of one play."""

    def __init__(self, pbx: Peer, carrier: Peer, inside: Address, outside: Address, strangers: Strangers) -> None:
        self._pbx, self._carrier = pbx, carrier
        self._inside, self._outside = inside, outside
        self._strangers = strangers
        self._asked: dict[str, tuple[Knocked, Sip, Peer]] = {}
        """By Call-ID: what was sent last, and from where."""
        self.done: list[Knocked] = []
        """Those that were answered, or came to the carrier, since this was emptied."""

    def place(self, script: Knock) -> Knocked:
        """Send it."""
        inside = script.stranger == THROUGH_PBX
        peer = self._pbx if inside else self._strangers.of(script.stranger)
        host = wire.host_port(self._carrier.address if inside else self._outside)
        aor = f"sip:{script.account}@{host}"
        uri = f"sip:{host}" if script.method == "REGISTER" else f"sip:{script.dialled or script.account}@{host}"
        contact = f"<sip:{script.account}@{wire.host_port(peer.address)}>;expires={LIFETIME_S}"
        asking = alone(peer, script.method, uri, aor, ("Contact", contact), ("User-Agent", script.user_agent))
        knocked = Knocked(script)
        self._send(knocked, asking, peer)
        return knocked

    def _send(self, knocked: Knocked, asking: Sip, peer: Peer) -> None:
        self._asked[asking.call_id] = (knocked, asking, peer)
        peer.send(asking, self._inside if peer is self._pbx else self._outside)

    def poll(self) -> None:
        """Take what came to strangers."""
        for peer, message in self._strangers.arrived():
            self.take(peer, message)

    def take(self, peer: Peer, message: Sip) -> bool:
        """Whether a message is about a knock; then it is dealt with."""
        if message.call_id not in self._asked:
            return False
        knocked, asking, _ = self._asked[message.call_id]
        if not message.status:
            self._arrived(knocked, message)
        elif message.status in (401, 407) and knocked.script.password and not asking.value("Authorization"):
            self._send(knocked, _with_password(asking, message, knocked.script.password), peer)
        elif message.status >= 200:
            knocked.status, knocked.answer = message.status, message.start.partition(" ")[2]
            self.done.append(knocked)
        return True

    def _arrived(self, knocked: Knocked, request: Sip) -> None:
        """At the carrier, whose registrar knows the password."""
        knocked.passed = True
        if request.method != "REGISTER":
            self.done.append(knocked)
        elif 'response="right"' in request.value("Authorization"):
            contact = ("Contact", f"<{wire.uri_of(request.value('Contact'))}>;expires={LIFETIME_S}")
            self._carrier.send(response_to(request, 200, "OK", contact), request.origin)
        else:
            challenge = ("WWW-Authenticate", f'Digest realm="carrier", nonce="{wire.new_tag()}"')
            self._carrier.send(response_to(request, 401, "Unauthorized", challenge), request.origin)


def _with_password(asking: Sip, challenge: Sip, password: str) -> Sip:
    """The same request, with what was asked for."""
    found = re.search(r'nonce="([^"]*)"', challenge.value("WWW-Authenticate") or challenge.value("Proxy-Authenticate"))
    user = wire.uri_of(asking.value("From")).removeprefix("sip:").partition("@")[0]
    digest = f'Digest username="{user}", realm="carrier", nonce="{found[1] if found else ""}", response="{password}"'
    via = re.sub(r"branch=[^;]+", f"branch={wire.new_branch()}", asking.value("Via"))
    return asking.having(("Via", via), ("CSeq", f"2 {asking.method}"), ("Authorization", digest))
