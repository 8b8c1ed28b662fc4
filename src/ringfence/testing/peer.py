"""A scripted SIP peer: it does what the test says, in that order, and nothing by itself.

`Peer` is a UDP socket with an inbox; `stream_peer` has one for TCP. `Call` is a call it makes, `Leg` a call it was
offered; both keep what RFC 3261 §12 keeps of a dialog (tags, route set, remote target, CSeq), so that a test can also
send what is wrong on purpose: the message is built, changed with `having`, and sent from whichever peer. Repeats of a
message and 100s are skipped unless asked for.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass, field
from typing import Self

from ringfence.testing import wire
from ringfence.testing.wire import SDP, Address, Headers, Sip


class Unexpected(Exception):
    """A peer did not get what the script waits for; the text is its transcript."""


class Peer:
    """One UDP socket with a name for transcripts. A context manager: the socket is closed at the end."""

    protocol = "UDP"

    def __init__(self, host: str = "127.0.0.1", port: int = 0, name: str = "peer") -> None:
        self.name = name
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((host, port))
        self.address: Address = self.socket.getsockname()[:2]
        self.transcript: list[str] = []
        self._inbox: list[Sip] = []
        self._seen: set[bytes] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    @property
    def contact(self) -> str:
        transport = "" if self.protocol == "UDP" else f";transport={self.protocol.lower()}"
        return f"<sip:{self.name}@{wire.host_port(self.address)}{transport}>"

    def send(self, message: Sip, to: Address) -> None:
        """Send a message as it stands."""
        self.transcript.append(f"-> {wire.host_port(to)} {message.start}")
        self.socket.sendto(message.to_bytes(), to)

    def expect(
        self, *wanted: str | int, call_id: str = "", method: str = "", timeout_s: float = 5.0, repeats: bool = False
    ) -> Sip:
        """The next message that is one of these requests (method) or responses (status; 0: any final one).

        Others stay in the inbox for a later call. Raises Unexpected with the transcript after `timeout_s`.
        """
        until = time.monotonic() + timeout_s
        while True:
            for message in self._inbox:
                if _fits(message, wanted, call_id, method):
                    self._inbox.remove(message)
                    return message
            if not self._receive(max(0.0, until - time.monotonic()), repeats) and time.monotonic() >= until:
                script = "\n  ".join(self.transcript[-40:]) or "nothing at all"
                raise Unexpected(f"{self.name} waits for {wanted} {method} {call_id}; it had\n  {script}")

    def heard(self, for_s: float) -> list[Sip]:
        """Everything that is in the inbox or arrives in this time, repeats and 100s included."""
        until = time.monotonic() + for_s
        while (left := until - time.monotonic()) > 0:
            self._receive(left, repeats=True)
        inbox, self._inbox = self._inbox, []
        return inbox

    def arrived(self, timeout_s: float) -> list[Sip]:
        """What is in the inbox, or the first that arrives in this time; repeats and 100s are skipped."""
        while not self._inbox and self._receive(timeout_s, repeats=False):
            timeout_s = 0.0
        inbox, self._inbox = self._inbox, []
        return inbox

    def _receive(self, timeout_s: float, repeats: bool) -> bool:
        """Take one datagram into the inbox; False where none came."""
        if not select.select([self.socket], [], [], timeout_s)[0]:
            return False
        data, origin = self.socket.recvfrom(65535)
        self._take(data, origin[:2], repeats)
        return True

    def _take(self, data: bytes, origin: Address, repeats: bool) -> None:
        message = wire.parse(data, origin)
        self.transcript.append(f"<- {wire.host_port(message.origin)} {message.start}")
        if repeats or (data not in self._seen and message.status != 100):
            self._inbox.append(message)
        self._seen.add(data)


def _fits(message: Sip, wanted: tuple[str | int, ...], call_id: str, method: str) -> bool:
    if (call_id and message.call_id != call_id) or (method and message.method != method):
        return False
    if not message.status:
        return message.method in wanted
    return message.status in wanted or (0 in wanted and message.status >= 200)


@dataclass
class Dialog:
    """What one side keeps of a call; `request` builds the next request within it."""

    peer: Peer
    call_id: str
    local: str
    """Our From value with its tag."""
    remote: str
    """Their value, with a tag once answered."""
    target: str
    """Remote target: their Contact."""
    routes: tuple[str, ...] = ()
    cseq: int = 1

    def request(self, method: str, *headers: tuple[str, str], body: str = "", cseq: int | None = None) -> Sip:
        """A request within the dialog: the next CSeq, or the one given (as ACK and tests of wrong ones need)."""
        if cseq is None:
            self.cseq += 1
        fields = (
            _via(self.peer),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self.routes),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self.cseq if cseq is None else cseq} {method}"),
            ("Contact", self.peer.contact),
            *headers,
            *((("Content-Type", "application/sdp"),) if body else ()),
        )
        return Sip(f"{method} {self.target} SIP/2.0", fields, body)

    @property
    def next_hop(self) -> Address:
        return wire.address_of(wire.uri_of(self.routes[0]) if self.routes else self.target)

    def send(self, method: str, *headers: tuple[str, str], body: str = "") -> Sip:
        """Build a request within the dialog, send it to the next hop, and return it."""
        message = self.request(method, *headers, body=body)
        self.peer.send(message, self.next_hop)
        return message


@dataclass
class Call(Dialog):
    """A call that a peer makes."""

    via: Address = ("", 0)
    """The proxy it is sent through."""
    invite: Sip = field(default_factory=lambda: Sip("", ()))

    def again(self, *headers: tuple[str, str]) -> Sip:
        """Ask once more, as after a 401 or 407: the next CSeq, a new branch, the same Call-ID and From tag."""
        self.cseq += 1
        self.invite = self.invite.having(_via(self.peer), ("CSeq", f"{self.cseq} INVITE"), *headers)
        self.peer.send(self.invite, self.via)
        return self.invite

    def cancel(self) -> Sip:
        """CANCEL the INVITE (RFC 3261 §9.1: same Request-URI, top Via, To without tag, CSeq number)."""
        kept = tuple(
            h for h in self.invite.headers if h[0] in ("Via", "Max-Forwards", "From", "To", "Call-ID", "Route")
        )
        cancel = Sip(f"CANCEL {self.invite.uri} SIP/2.0", (*kept, ("CSeq", f"{self.invite.cseq[0]} CANCEL")))
        self.peer.send(cancel, self.via)
        return cancel

    def ack_refusal(self, response: Sip) -> None:
        """ACK a final response that isn't a 2xx: within the INVITE's transaction (§17.1.1.3)."""
        kept = tuple(h for h in self.invite.headers if h[0] in ("Via", "Max-Forwards", "From", "Call-ID", "Route"))
        fields = (*kept, ("To", response.value("To")), ("CSeq", f"{response.cseq[0]} ACK"))
        self.peer.send(Sip(f"ACK {self.invite.uri} SIP/2.0", fields), self.via)

    def confirm(self, response: Sip, body: str = "") -> Dialog:
        """ACK a 2xx and return the dialog it made; each forked 2xx makes one of its own (§13.2.2.4)."""
        dialog = self.dialog(response)
        self.peer.send(dialog.request("ACK", body=body, cseq=response.cseq[0]), dialog.next_hop)
        return dialog

    def dialog(self, response: Sip) -> Dialog:
        """The dialog that a response made, without ACK."""
        return Dialog(
            self.peer,
            self.call_id,
            self.local,
            response.value("To"),
            wire.uri_of(response.value("Contact")) or self.target,
            tuple(reversed(response.all("Record-Route"))),
            self.cseq,
        )


def call(
    peer: Peer, via: Address, number: str, caller: str, *headers: tuple[str, str], body: str = SDP, uri: str = ""
) -> Call:
    """Send an INVITE for a number through a proxy; `uri` is a Request-URI other than the number there."""
    host = wire.host_port(via)
    made = Call(
        peer,
        f"{wire.new_tag()}@{peer.name}",
        f"<sip:{caller}@{wire.host_port(peer.address)}>;tag={wire.new_tag()}",
        f"<sip:{number}@{host}>",
        uri or f"sip:{number}@{host}",
        via=via,
    )
    made.invite = made.request("INVITE", *headers, body=body, cseq=1)
    peer.send(made.invite, via)
    return made


def alone(peer: Peer, method: str, uri: str, aor: str, *headers: tuple[str, str], cseq: int = 1) -> Sip:
    """A request outside calls, as OPTIONS and REGISTER are; `aor` is From and To, without brackets."""
    fields = (
        _via(peer),
        ("Max-Forwards", "70"),
        ("From", f"<{aor}>;tag={wire.new_tag()}"),
        ("To", f"<{aor}>"),
        ("Call-ID", f"{wire.new_tag()}@{peer.name}"),
        ("CSeq", f"{cseq} {method}"),
        ("Contact", peer.contact),
    )
    return Sip(f"{method} {uri} SIP/2.0", fields).having(*headers)


@dataclass
class Leg(Dialog):
    """A call that a peer was offered."""

    invite: Sip = field(default_factory=lambda: Sip("", ()))

    def ring(self, status: int = 180, reason: str = "Ringing", *headers: tuple[str, str], body: str = "") -> None:
        self.peer.send(self._response(status, reason, *headers, body=body), self.invite.origin)

    def answer(self, *headers: tuple[str, str], body: str = SDP) -> Sip:
        response = self._response(200, "OK", *headers, body=body)
        self.peer.send(response, self.invite.origin)
        return response

    def refuse(self, status: int, reason: str = "No", *headers: tuple[str, str]) -> None:
        self.peer.send(self._response(status, reason, *headers), self.invite.origin)

    def _response(self, status: int, reason: str, *headers: tuple[str, str], body: str = "") -> Sip:
        contact = ("Contact", self.peer.contact)
        return response_to(self.invite, status, reason, contact, *headers, body=body, tag=wire.tag_of(self.local))


def leg(peer: Peer, invite: Sip) -> Leg:
    """The callee's side of an offered call, with a tag of its own: two legs of one INVITE are a fork."""
    return Leg(
        peer,
        invite.call_id,
        f"{invite.value('To')};tag={wire.new_tag()}",
        invite.value("From"),
        wire.uri_of(invite.value("Contact")),
        tuple(invite.all("Record-Route")),
        1000,
        invite=invite,
    )


def answer_ok(peer: Peer, request: Sip) -> None:
    """200 to a request within a dialog, or to a CANCEL."""
    peer.send(response_to(request, 200, "OK"), request.origin)


def response_to(
    request: Sip, status: int, reason: str, *headers: tuple[str, str], body: str = "", tag: str = ""
) -> Sip:
    """A response by RFC 3261 §8.2.6."""
    copied: Headers = tuple(h for h in request.headers if wire.long_name(h[0]) in _COPIED)
    if tag and not request.to_tag:
        copied = tuple((n, f"{v};tag={tag}" if wire.long_name(n) == "to" else v) for n, v in copied)
    routes: Headers = tuple(("Record-Route", route) for route in request.all("Record-Route"))
    kind: Headers = (("Content-Type", "application/sdp"),) if body else ()
    return Sip(f"SIP/2.0 {status} {reason}", (*copied, *routes, *headers, *kind), body)


_COPIED = frozenset({"via", "from", "to", "call-id", "cseq"})


def _via(peer: Peer) -> tuple[str, str]:
    return "Via", f"SIP/2.0/{peer.protocol} {wire.host_port(peer.address)};branch={wire.new_branch()};rport"
