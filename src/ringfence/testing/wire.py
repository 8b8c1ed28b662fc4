"""SIP messages as a test writes and reads them: text, lenient, and on purpose not the guard's own parser.

A second reading of the same bytes is worth more to a test than the first one again. It takes what our own peers send
(no folding) and refuses nothing.
"""

from __future__ import annotations

import itertools
import re
import secrets
from dataclasses import dataclass, field, replace

Address = tuple[str, int]
"""Host without brackets, and port."""
Headers = tuple[tuple[str, str], ...]

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"

_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "k": "supported"}
_LISTS = frozenset({"via", "route", "record-route", "contact"})
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)(?![^<]*>)')
_HOSTPORT = re.compile(r"sips?:(?:[^@>;?]*@)?(\[[^\]]+\]|[^:;>?]+)(?::(\d+))?")
_SERIAL = itertools.count(1)


@dataclass(frozen=True)
class Sip:
    """One message; header names keep their spelling and are found in any."""

    start: str
    headers: Headers
    body: str = ""
    origin: Address = ("", 0)
    """Where it came from; of a message of our own nothing."""
    raw: bytes = field(default=b"", compare=False)

    @property
    def status(self) -> int:
        """Status code, 0 of a request."""
        return int(self.start.split(" ", 2)[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """Method of the request, or of the request that a response answers."""
        return self.cseq[1]

    @property
    def uri(self) -> str:
        """Request-URI."""
        return self.start.split(" ")[1]

    @property
    def user(self) -> str:
        """User part of the Request-URI, the number that was dialled or sent on."""
        return self.uri.partition(":")[2].partition("@")[0]

    @property
    def cseq(self) -> tuple[int, str]:
        number, method = self.value("CSeq").split()
        return int(number), method

    @property
    def call_id(self) -> str:
        return self.value("Call-ID")

    @property
    def to_tag(self) -> str:
        return tag_of(self.value("To"))

    def all(self, name: str) -> list[str]:
        """Values of a header in order; lists are taken apart."""
        key = name.lower()
        values = [value for spelled, value in self.headers if long_name(spelled) == key]
        return [part.strip() for value in values for part in _COMMA.split(value)] if key in _LISTS else values

    def value(self, name: str) -> str:
        """First value of a header, empty where there is none."""
        return next(iter(self.all(name)), "")

    def having(self, *headers: tuple[str, str]) -> Sip:
        """The message with these headers in place of those of the same name."""
        names = {long_name(name) for name, _ in headers}
        kept = tuple((name, value) for name, value in self.headers if long_name(name) not in names)
        return replace(self, headers=kept + headers)

    def to_bytes(self) -> bytes:
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers)]
        lines.append(f"Content-Length: {len(self.body.encode())}")
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()


def parse(data: bytes, origin: Address) -> Sip:
    """Read one datagram."""
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    fields = tuple((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
    kept = tuple((name, value) for name, value in fields if long_name(name) != "content-length")
    return Sip(start, kept, body, origin, data)


def long_name(name: str) -> str:
    """A header's name in lower case, compact forms written out."""
    return _COMPACT.get(name.lower(), name.lower())


def tag_of(value: str) -> str:
    """The tag of a From or To value."""
    match = re.search(r";\s*tag=([^;\s>]+)", value)
    return match[1] if match else ""


def uri_of(value: str) -> str:
    """The URI of a Contact, Route, From or To value."""
    match = re.search(r"<([^>]*)>", value)
    return match[1] if match else value.partition(";")[0].strip()


def address_of(uri: str) -> Address:
    """Where a request for a URI goes; names aren't resolved."""
    match = _HOSTPORT.match(uri)
    if match is None:
        raise ValueError(f"no SIP URI: {uri!r}")
    return match[1].strip("[]"), int(match[2] or 5060)


def host_port(address: Address) -> str:
    """`host:port`, IPv6 in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def new_branch() -> str:
    return f"z9hG4bK{secrets.token_hex(6)}{next(_SERIAL)}"


def new_tag() -> str:
    return f"{secrets.token_hex(4)}{next(_SERIAL)}"
