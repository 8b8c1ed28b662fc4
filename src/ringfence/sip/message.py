"""SIP messages: `parse(data) -> Request | Response`, lazily read fields, edits that leave other lines alone."""

from __future__ import annotations

from typing import Self

from ringfence.sip.address import Address
from ringfence.sip.uri import Uri
from ringfence.sip.via import Via


class Message:
    """A request or a response. Edit only your own `copy()`. Header names are str in any case or compact form."""

    body: bytes

    @property
    def start_line(self) -> bytes:
        raise NotImplementedError

    @property
    def call_id(self) -> str:
        raise NotImplementedError

    @property
    def cseq(self) -> tuple[int, str]:
        raise NotImplementedError

    @property
    def from_(self) -> Address:
        raise NotImplementedError

    @property
    def to(self) -> Address:
        raise NotImplementedError

    @property
    def from_tag(self) -> str | None:
        raise NotImplementedError

    @property
    def to_tag(self) -> str | None:
        raise NotImplementedError

    @property
    def top_via(self) -> Via:
        raise NotImplementedError

    @property
    def vias(self) -> list[Via]:
        raise NotImplementedError

    @property
    def max_forwards(self) -> int | None:
        raise NotImplementedError

    @property
    def contacts(self) -> list[Address]:
        """Empty for `Contact: *`."""
        raise NotImplementedError

    @property
    def routes(self) -> list[Address]:
        raise NotImplementedError

    @property
    def record_routes(self) -> list[Address]:
        raise NotImplementedError

    def first(self, name: str) -> bytes | None:
        """First value; of a list header the first element."""
        raise NotImplementedError

    def all(self, name: str) -> list[bytes]:
        raise NotImplementedError

    def has(self, name: str) -> bool:
        raise NotImplementedError

    def tokens(self, name: str) -> frozenset[str]:
        """Lower case, but methods (Allow) as spelled."""
        raise NotImplementedError

    def headers(self) -> list[tuple[str, bytes]]:
        """(lower-case long name, value) of each line in order."""
        raise NotImplementedError

    def copy(self) -> Self:
        raise NotImplementedError

    def prepend(self, name: str, value: bytes) -> None:
        raise NotImplementedError

    def append(self, name: str, value: bytes) -> None:
        raise NotImplementedError

    def set(self, name: str, value: bytes) -> None:
        raise NotImplementedError

    def remove(self, name: str) -> None:
        raise NotImplementedError

    def pop_first(self, name: str) -> bytes | None:
        raise NotImplementedError

    def replace_first(self, name: str, value: bytes) -> None:
        raise NotImplementedError

    def set_body(self, body: bytes, content_type: bytes | None = None) -> None:
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        raise NotImplementedError

    def validate(self) -> None:
        """Read every structural header now; raises SipParseError."""
        raise NotImplementedError


class Request(Message):
    method: str

    @property
    def uri_raw(self) -> bytes:
        raise NotImplementedError

    @property
    def uri(self) -> Uri:
        raise NotImplementedError

    def set_uri(self, raw: bytes) -> None:
        raise NotImplementedError

    def with_uri(self, raw: bytes) -> Self:
        """A copy with another Request-URI."""
        raise NotImplementedError


class Response(Message):
    status: int
    reason: str


def parse(data: bytes) -> Request | Response:
    """Read one whole message (a datagram or a frame); raises SipParseError."""
    raise NotImplementedError
