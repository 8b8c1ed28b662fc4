"""Episodes: a PBX, two carriers and strangers who play calls through the edge, mostly right, and spoil what they say.

An episode is made while it is played, since what a party says next depends on what it heard. Every operation is noted,
so that the same run can be had again without the dice.
"""

from __future__ import annotations

import itertools
import re
from base64 import b64decode
from dataclasses import replace
from random import Random

import msgspec

from fuzzing.finding import Broken
from fuzzing.house import INSIDE, OUTSIDE, PARTIES, House, Operation
from fuzzing.mutate import spoilt
from ringfence.edge.effects import Send
from ringfence.model import SECOND
from ringfence.model.settings import Policy
from ringfence.testing import wire
from ringfence.testing.peer import SDP, Call, Dialog, Leg, Peer, call, leg, response_to
from ringfence.testing.wire import Address, Sip

NUMBERS = (
    "+12125550143", "+12125550143", "2125550143", "+442079460018", "011442079460018", "0115372041000", "911", "933",
    "+19005550100", "011882161234", "*72", "%2B12125550143", "+1212555%300143", "+12125550143;isub=1",
    "+12125550143;phone-context=+44", "5550143;phone-context=+1-212", "+1(212)555-0143", "anonymous",
    "+1212555014\u0663",
)  # fmt: skip
CALLERS = ("+12125550100", "+12125550101", "2125550102", "+442079460018", "anonymous", "101")
STATUSES = (100, 180, 180, 183, 183, 200, 200, 200, 202, 302, 401, 407, 422, 408, 486, 487, 500, 503, 600, 603, 699)
INSIDE_METHODS = (
    "BYE",
    "BYE",
    "INVITE",
    "UPDATE",
    "PRACK",
    "INFO",
    "REFER",
    "NOTIFY",
    "MESSAGE",
    "ACK",
    "OPTIONS",
    "X",
)
EXTRAS = (
    (), (), (), (("Supported", "timer, 100rel"),), (("Session-Expires", "1800"), ("Supported", "timer")),
    (("Session-Expires", "30"), ("k", "timer")), (("Require", "100rel"), ("RSeq", "1")), (("Min-SE", "4000"),),
    (("P-Asserted-Identity", "<sip:+12125550105@a>"),), (("Diversion", "<sip:+12125550106@a>"),),
    (("Record-Route", "<sip:127.0.2.1:5099;lr>"),), (("Route", "<sip:127.0.2.1;lr>"),), (("Max-Forwards", "0"),),
)  # fmt: skip
SDES = SDP.replace("RTP/AVP", "RTP/SAVP") + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7\r\n"
MEDIA = (SDES, SDES, SDES, SDES, "", SDES + "m=video 40002 RTP/AVP 96\r\n", SDP)
REFERRED = (
    "<sip:+12125550144@a>", "<sip:+442079460018@a;method=INVITE>", "sip:2125550144@a", "<tel:+12125550144>",
    "<sip:+5372041000@a>", "<sip:911@a>", "<sip:102@a>", "<http://a>", "<sip:+12125550144@a?X=y&body=z>", "<",
)  # fmt: skip
"""Where transfers lead, beside the other calls of an episode."""
FRAGMENTS = ("", "SIP/2.0 100 Trying\r\n", "SIP/2.0 200 OK\r\n", "SIP/2.0 486 Busy Here\r\n", "SIP/2.0 9")
"""What is said of the calls they lead to."""
_CSEQ = re.compile(r"\d+ \S+", re.ASCII)
DELAYS = (1_000, 100_000, 600_000, 4_100_000, 11_000_000, 33_000_000, 95 * SECOND, 200 * SECOND)


class Seat(Peer):
    """A party without a socket: what it sends is an operation of the episode."""

    def __init__(self, episode: Episode, name: str, address: Address, listener: Address) -> None:
        self.name, self.address, self.listener, self.episode = name, address, listener, episode
        self.transcript: list[str] = []

    def send(self, message: Sip, to: Address) -> None:
        """Whatever a message says of its next hop, it goes to the edge."""
        self.episode.say(self, message.to_bytes())


class Episode:
    """One run from an empty house to an empty house; raises what is found."""

    def __init__(self, random: Random, policy: Policy, corpus: list[bytes]) -> None:
        self.random = random
        self.house = House(policy)
        self.operations: list[Operation] = []
        self.corpus = corpus
        self.said: list[bytes] = list(corpus[-6:])
        self.spoil = random.choice((0.0, 0.1, 0.3, 0.6))
        self.pbx = Seat(self, "pbx", ("127.0.1.1", 5070), INSIDE)
        self.carriers = [
            Seat(self, "carrier", ("127.0.2.1", 5090), OUTSIDE),
            Seat(self, "spare", ("127.0.2.1", 5091), OUTSIDE),
            Seat(self, "second", ("127.0.2.2", 5090), OUTSIDE),
        ]
        self.heard: list[Send] = []
        self.calls: list[Call] = []
        self.legs: list[Leg] = []
        self.dialogs: list[Dialog] = []
        self.answers: list[tuple[Call, Sip]] = []
        self.requests: list[tuple[Seat, Sip]] = []

    def play(self) -> None:
        """All of it."""
        if self.random.random() < 0.4:
            self.do(("over", "tcp"))
        if self.random.random() < 0.4:
            self.do(("own",))
        if self.random.random() < 0.4:
            self.do(("srtp",))
        for _ in range(self.random.choice((5, 15, 40, 80))):
            self.random.choice(EVENTS)(self)
            self._hear()
        self.operations.append(("drained",))
        self.house.drained()

    def do(self, operation: Operation) -> None:
        """Carry an operation out, and note it."""
        self.operations.append(operation)
        self.house.do(operation)
        self.heard += self.house.sent

    def say(self, seat: Seat, data: bytes) -> None:
        """A datagram of a party, sometimes spoilt."""
        self.said.append(data)
        if self.random.random() < self.spoil:
            data = spoilt(self.random, data, self.said)
        self.do(("in", "inside" if seat.listener == INSIDE else "outside", *seat.address, data))

    def _hear(self) -> None:
        """The parties read what the edge sent them."""
        heard, self.heard = self.heard, []
        for send in heard:
            self.said.append(send.data)
            self._take(send)

    def _take(self, send: Send) -> None:
        message = wire.parse(send.data, INSIDE if send.hop.listener == "inside" else OUTSIDE)
        if _CSEQ.fullmatch(message.value("CSeq")) is None:
            return  # The answer to something that can't be read repeats it.
        seat = self.pbx
        if PARTIES[send.hop.listener, send.hop.host] != "pbx":
            seat = next(
                (one for one in self.carriers if one.address == (send.hop.host, send.hop.port)), self.carriers[0]
            )
        if message.status:
            made = next((one for one in self.calls if one.call_id == message.call_id), None)
            if made is not None and " INVITE" in message.value("CSeq"):
                self.answers.append((made, message))
        elif message.start.startswith("INVITE ") and not message.to_tag:
            self.legs.append(leg(seat, message))
        elif not message.start.startswith("ACK "):
            self.requests.append((seat, message))

    # What happens.

    def dials(self) -> None:
        """The PBX begins a call."""
        number, caller = self.random.choice(NUMBERS), self.random.choice(CALLERS)
        self.calls.append(call(self.pbx, INSIDE, number, caller, *self.random.choice(EXTRAS), body=self._media()))

    def carrier_calls(self) -> None:
        """The carrier offers a call to the PBX."""
        seat = self.random.choice(self.carriers)
        headers, body = self.random.choice(EXTRAS), self._media()
        self.calls.append(call(seat, OUTSIDE, "+12125550100", "+442079460018", *headers, body=body))

    def _media(self) -> str:
        """What somebody says of media: with SRTP mostly where that is required."""
        return self.random.choice(MEDIA if self.house.encrypted else MEDIA[-1:])

    def answers_invite(self) -> None:
        """A called party says something about its INVITE."""
        if self.legs:
            one = self.random.choice(self.legs)
            status = self.random.choice(STATUSES)
            body = self._media() if status in (183, 200) else ""
            contact = (
                "Contact",
                self.random.choice((one.peer.contact, "<sip:c@127.0.2.1:5099>", "<sip:x@host.example>")),
            )
            headers = (contact, *self.random.choice(EXTRAS))
            tag = wire.tag_of(one.local)
            answer = response_to(one.invite, status, "X", *headers, body=body, tag=tag if status > 100 else "")
            self.dialogs.append(one)
            one.peer.send(answer, one.invite.origin)

    def forks(self) -> None:
        """Another leg of the same INVITE."""
        if self.legs:
            first = self.random.choice(self.legs)
            self.legs.append(leg(first.peer, first.invite))

    def acknowledges(self) -> None:
        """The caller acknowledges what it got."""
        if self.answers:
            made, answer = self.random.choice(self.answers)
            if answer.status < 300:
                self.dialogs.append(made.dialog(answer))
                made.peer.send(self.dialogs[-1].request("ACK", cseq=answer.cseq[0]), INSIDE)
            else:
                made.ack_refusal(answer)

    def cancels(self) -> None:
        """The caller hangs up before the answer."""
        if self.calls:
            self.random.choice(self.calls).cancel()

    def asks_again(self) -> None:
        """The caller sends its INVITE again, with the next CSeq."""
        if self.calls:
            made = self.random.choice(self.calls)
            made.again(*self.random.choice(EXTRAS))

    def speaks_inside(self) -> None:
        """A request within a dialog, early or not."""
        if self.dialogs:
            one, method = self.random.choice((*self.dialogs, *self.legs)), self.random.choice(INSIDE_METHODS)
            body = self._media() if method in ("INVITE", "UPDATE", "PRACK", "ACK") else ""
            request = one.request(method, *self.random.choice(EXTRAS), body=body)
            if method == "NOTIFY":
                request = replace(request, body=self.random.choice(FRAGMENTS))
            one.peer.send(request, INSIDE)

    def transfers(self) -> None:
        """One side of a call asks the other to call somebody."""
        if self.dialogs:
            one = self.random.choice((*self.dialogs, *self.legs))
            headers = (("Refer-To", self._referred()), *self.random.choice(EXTRAS))
            one.peer.send(one.request("REFER", *headers), INSIDE)

    def _referred(self) -> str:
        """Where a transfer leads: a number, or the far end of another call."""
        if self.random.random() < 0.7:
            return self.random.choice(REFERRED)
        other = self.random.choice(self.dialogs)
        tags = f"to-tag%3D{wire.tag_of(other.remote)}%3Bfrom-tag%3D{wire.tag_of(other.local)}"
        return f"<sip:+12125550144@a?Replaces={other.call_id.replace('@', '%40')}%3B{tags}>"

    def answers_request(self) -> None:
        """A party answers another request."""
        if self.requests:
            seat, request = self.random.choice(self.requests)
            status = self.random.choice((200, 200, 200, 100, 202, 401, 481, 486, 500))
            seat.send(response_to(request, status, "X", ("Contact", seat.contact), tag="t"), request.origin)

    def repeats(self) -> None:
        """Somebody sends again what was said once, by whomever."""
        self._any_seat_says(self.random.choice(self.said[-40:]))

    def tortures(self) -> None:
        """A message of the corpus, spoilt."""
        self._any_seat_says(spoilt(self.random, self.random.choice(self.corpus), self.said))

    def _any_seat_says(self, data: bytes) -> None:
        seat = self.random.choice((self.pbx, *self.carriers))
        self.do(("in", "inside" if seat.listener == INSIDE else "outside", *seat.address, data))

    def stranger_speaks(self) -> None:
        """Somebody unknown says what he overheard, or anything; nobody is told anything."""
        listener, host = self.random.choice(STRANGERS)
        data = self.random.choice((self.random.choice(self.said), self.random.choice(self.corpus), b"", b"\r\n\r\n"))
        if self.random.random() < 0.5:
            data = spoilt(self.random, data, self.corpus)
        self.do(("in", listener, host, self.random.choice((5060, 5070, 5090, 1)), data))
        if self.house.sent:
            raise Broken("a stranger moved the edge to speak", data)

    def time_passes(self) -> None:
        """From a millisecond to minutes."""
        self.do(("wait", self.random.choice(DELAYS)))

    def breaks(self) -> None:
        """Connections break, an address can't be connected to for a while; over UDP nothing happens."""
        host = self.random.choice(("127.0.1.1", "127.0.2.1", "127.0.2.2"))
        self.do(self.random.choice((("lose", host), ("down", host, True), ("down", host, False))))

    def rare(self) -> None:
        """What an operator, a crash or a slow disk does."""
        operations = (
            ("hold",), ("commit",), ("commit",), ("cut", self.random.randrange(9)), ("late", True), ("late", False),
            ("waited", 200_000), ("waited", 0), ("reload",), ("restart",),
        )  # fmt: skip
        self.do(self.random.choice(operations))


EVENTS = (
    Episode.dials, Episode.dials, Episode.carrier_calls, *[Episode.answers_invite] * 4, Episode.forks,
    *[Episode.acknowledges] * 2, Episode.cancels, Episode.asks_again, *[Episode.speaks_inside] * 2,
    *[Episode.transfers] * 2,
    *[Episode.answers_request] * 2, Episode.repeats, Episode.tortures, Episode.stranger_speaks, Episode.time_passes,
    Episode.breaks, Episode.rare,
)  # fmt: skip
STRANGERS = (
    ("inside", "127.0.3.1"), ("outside", "127.0.3.1"), ("outside", "127.0.1.1"), ("inside", "127.0.2.1"),
    ("outside", "::1"), ("inside", "not-an-address"),
)  # fmt: skip


def steady_names(random: Random) -> None:
    """Have tags and branches follow from the seed too."""
    count = itertools.count(1)
    wire.new_branch = lambda: f"z9hG4bK{random.getrandbits(48):012x}{next(count)}"
    wire.new_tag = lambda: f"{random.getrandbits(32):08x}{next(count)}"


def replay(policy: Policy, operations: list[Operation]) -> None:
    """The same operations once more, without dice; raises what was found."""
    house = House(policy)
    for operation in operations:
        if operation[0] == "drained":
            house.drained()
        else:
            house.do(operation)


def operations(text: bytes) -> list[Operation]:
    """Operations out of a reproducer."""
    found: list[list[object]] = msgspec.json.decode(text)
    return [(*one[:-1], b64decode(str(one[-1]))) if one[0] == "in" else tuple(one) for one in found]
