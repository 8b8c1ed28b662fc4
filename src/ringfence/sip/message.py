"""A SIP message: fields read when asked for, edits that leave other lines alone. `parse` makes one of bytes.

Theory. A message is its start line, its header lines in order of arrival, and its body. A line is kept as it came,
beside the long lower-case name of its header; everything else is read from the lines when asked for and remembered.
So an unknown header passes byte for byte, and a field that nobody asks for costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from typing import Any, Self, TypeVar

from ringfence.sip.address import Address, parse_address, split_values
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import WS, text, wire
from ringfence.sip.headers import COMPACT, LISTS, LONG, spelled
from ringfence.sip.uri import Uri, parse_uri
from ringfence.sip.values import read_call_id, read_cseq, read_max_forwards, read_tag
from ringfence.sip.via import Via, parse_via

_TAGS = {"from": "from tag", "to": "to tag"}
_REMEMBERED = frozenset({"call-id", "cseq", "from", "to", "via", "max-forwards"})

T = TypeVar("T")


class Message:
    """A request or a response. Edit only your own `copy()`. Header names are str in any case or compact form."""

    __slots__ = ("_cache", "_lines", "_names", "_start", "body")

    body: bytes

    def __init__(
        self, start: bytes, names: list[str], lines: list[bytes], body: bytes, cseq: tuple[int, str] | None = None
    ) -> None:
        """Long lower-case `names` of `lines`, one each; `cseq` where it is read already."""
        self._start = start
        self._names = names
        self._lines = lines
        self._cache: dict[str, Any] = {} if cseq is None else {"cseq": cseq}
        self.body = body

    # Fields, read when asked for.

    @property
    def start_line(self) -> bytes:
        """The first line, without CRLF."""
        return self._start

    @property
    def call_id(self) -> str:
        """Call-ID as spelled; case matters (§20.8)."""
        found: str | None = self._cache.get("call-id")
        return found if found is not None else self._cached("call-id", read_call_id)

    @property
    def cseq(self) -> tuple[int, str]:
        """(number under 2**31, method)."""
        found: tuple[int, str] | None = self._cache.get("cseq")
        return found if found is not None else self._cached("cseq", read_cseq)

    @property
    def from_(self) -> Address:
        """The From header."""
        return self._cached("from", parse_address)

    @property
    def to(self) -> Address:
        """The To header."""
        return self._cached("to", parse_address)

    @property
    def from_tag(self) -> str | None:
        """Tag of From, without reading its URI."""
        return self._tagged("from")

    @property
    def to_tag(self) -> str | None:
        """Tag of To, without reading its URI."""
        return self._tagged("to")

    @property
    def top_via(self) -> Via:
        """The newest hop."""
        return self._cached("via", parse_via)

    @property
    def vias(self) -> list[Via]:
        """All hops, newest first."""
        return [parse_via(value) for value in self.all("via")]

    @property
    def max_forwards(self) -> int | None:
        """0 to 255 (§20.22); None where a peer of RFC 2543 left it out."""
        return self._cached("max-forwards", read_max_forwards) if self.has("max-forwards") else None

    @property
    def contacts(self) -> list[Address]:
        """Empty for `Contact: *`."""
        values = self.all("contact")
        return [] if values == [b"*"] else [parse_address(value) for value in values]

    @property
    def routes(self) -> list[Address]:
        """The Route set still to go."""
        return [parse_address(value) for value in self.all("route")]

    @property
    def record_routes(self) -> list[Address]:
        """Proxies that stay in the dialog, newest first."""
        return [parse_address(value) for value in self.all("record-route")]

    # Headers by name.

    def first(self, name: str) -> bytes | None:
        """First value; of a list header the first element."""
        names = self._names
        if name not in names:
            long = _long(name)
            if long is name or long not in names:
                return None
            name = long
        value = self._lines[names.index(name)].partition(b":")[2].strip(WS)
        return split_values(value)[0] if b"," in value and name in LISTS else value

    def all(self, name: str) -> list[bytes]:
        """All values in order; comma lists are split."""
        names = self._names
        if name not in names:
            name = _long(name)
        if names.count(name) < 2:
            values = [_value(self._lines[names.index(name)])] if name in names else []
        else:
            values = [_value(line) for here, line in zip(names, self._lines, strict=True) if here == name]
        if name in LISTS and b"," in b"".join(values):
            return [element for value in values for element in split_values(value)]
        return values

    def has(self, name: str) -> bool:
        """Whether a header of this name is there, empty or not."""
        return name in self._names or _long(name) in self._names

    def tokens(self, name: str) -> frozenset[str]:
        """Lower case, but methods (Allow) as spelled."""
        found = [text(value) for value in self.all(name) if value]
        return frozenset(found) if name.lower() == "allow" else frozenset(token.lower() for token in found)

    @property
    def header_lines(self) -> int:
        """How many header lines there are, folds joined."""
        return len(self._lines)

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """(lower-case long name, whole line without CRLF) of each line in order."""
        return zip(self._names, self._lines, strict=True)

    def headers(self) -> list[tuple[str, bytes]]:
        """(lower-case long name, value) of each line in order."""
        return [(name, _value(line)) for name, line in zip(self._names, self._lines, strict=True)]

    def _required(self, name: str) -> bytes:
        """First value of a header by its long lower-case name."""
        try:
            line = self._lines[self._names.index(name)]
        except ValueError:
            raise SipParseError(f"no {text(spelled(name))}") from None
        value = line.partition(b":")[2].strip(WS)
        return split_values(value)[0] if b"," in value and name in LISTS else value

    def _cached(self, name: str, read: Callable[[bytes], T]) -> T:
        found: T | None = self._cache.get(name)
        if found is None:
            found = self._cache[name] = read(self._required(name))
        return found

    def _tagged(self, name: str) -> str | None:
        cache, key = self._cache, _TAGS[name]
        if key not in cache:
            cache[key] = read_tag(self._required(name))
        found: str | None = cache[key]
        return found

    def _forget(self, long: str) -> None:
        """A header was changed: what was read of it no longer holds."""
        if long in _REMEMBERED:
            self._cache.pop(long, None)
            self._cache.pop(_TAGS.get(long, ""), None)

    # Edits, on a copy.

    def copy(self) -> Self:
        """A message that can be edited without touching this one."""
        other = self.__class__.__new__(self.__class__)
        other._start = self._start
        other._names = self._names.copy()
        other._lines = self._lines.copy()
        other._cache = self._cache.copy()
        other.body = self.body
        return other

    def prepend(self, name: str, value: bytes) -> None:
        """A line before the first of this name, or as the first of all."""
        names = self._names
        long = name if name in names else _long(name)
        self._insert(names.index(long) if long in names else 0, long, value)

    def append(self, name: str, value: bytes) -> None:
        """A line after the last of this name, or as the last of all."""
        long = _long(name)
        at = len(self._names)
        if long in self._names:
            at -= self._names[::-1].index(long)
        self._insert(at, long, value)

    def set(self, name: str, value: bytes) -> None:
        """One line of this name with this value, where the first stood or as the last of all."""
        long = name if name in self._names else _long(name)
        if long not in self._names:
            self._insert(len(self._names), long, value)
            return
        at = self._names.index(long)
        if self._names.count(long) > 1:
            self.remove(long)
            self._insert(at, long, value)
        else:
            self._rewrite(at, value)

    def remove(self, name: str) -> None:
        """No line of this name."""
        long = name if name in self._names else _long(name)
        if long in self._names:
            kept = [(here, line) for here, line in zip(self._names, self._lines, strict=True) if here != long]
            self._names = [here for here, _ in kept]
            self._lines = [line for _, line in kept]
            self._forget(long)

    def keep_only(self, names: Set[str]) -> None:
        """No line but of these long lower-case names."""
        for name in set(self._names) - names:
            self.remove(name)

    def pop_first(self, name: str) -> bytes | None:
        """Take away the first value of a header and return it; None if there is none."""
        long = name if name in self._names else _long(name)
        if long not in self._names:
            return None
        at = self._names.index(long)
        values = self._values_at(at)
        if len(values) > 1:
            self._rewrite(at, b", ".join(values[1:]))
        else:
            del self._names[at], self._lines[at]
            self._forget(long)
        return values[0]

    def replace_first(self, name: str, value: bytes) -> None:
        """Put another first value in; raises SipParseError where there is none."""
        long = _long(name)
        self._required(long)
        at = self._names.index(long)
        self._rewrite(at, b", ".join([value, *self._values_at(at)[1:]]))

    def set_body(self, body: bytes, content_type: bytes | None = None) -> None:
        """Another body, with its length."""
        self.body = body
        if content_type is not None:
            self.set("content-type", content_type)
        self.set("content-length", b"%d" % len(body))

    def _values_at(self, at: int) -> list[bytes]:
        value = _value(self._lines[at])
        return split_values(value) if b"," in value and self._names[at] in LISTS else [value]

    def _insert(self, at: int, long: str, value: bytes) -> None:
        self._names.insert(at, long)
        self._lines.insert(at, _line(long, value))
        self._forget(long)

    def _rewrite(self, at: int, value: bytes) -> None:
        long = self._names[at]
        self._lines[at] = _line(long, value)
        self._forget(long)

    # The whole.

    def to_bytes(self) -> bytes:
        """The message on the wire; a missing Content-Length is added."""
        if "content-length" not in self._names:
            self.set("content-length", b"%d" % len(self.body))
        return b"\r\n".join((self._start, *self._lines, b"", self.body))

    def rewritten(
        self, start: bytes, first: list[bytes], without: Set[str], last: list[bytes], body: bytes | None = None
    ) -> bytes:
        """It on the wire with another start line, some lines before, some gone, some after, perhaps another body (then
        Content-Length has to be gone); unchanged itself."""
        kept = [line for name, line in zip(self._names, self._lines, strict=True) if name not in without]
        if body is None:
            body = self.body
        has_length = "content-length" in self._names and "content-length" not in without
        length = () if has_length else (b"Content-Length: %d" % len(body),)
        return b"\r\n".join((start, *first, *kept, *last, *length, b"", body))

    def validate(self) -> None:
        """Read every structural header now; raises SipParseError."""
        _ = (self.call_id, self.cseq, self.from_, self.to, self.from_tag, self.to_tag, self.max_forwards)
        _ = (self.vias, self.contacts, self.routes, self.record_routes)


class Request(Message):
    """A request; `method` as spelled, case matters (§7.1)."""

    __slots__ = ("method", "uri_raw")

    method: str
    uri_raw: bytes

    @property
    def uri(self) -> Uri:
        """The Request-URI."""
        found: Uri | None = self._cache.get("uri")
        if found is None:
            found = self._cache["uri"] = parse_uri(self.uri_raw, offset=len(self.method) + 1)
        return found

    def set_uri(self, raw: bytes) -> None:
        """Another Request-URI."""
        self.uri_raw = raw
        self._start = b"%b %b SIP/2.0" % (self.method.encode("ascii"), raw)
        self._cache.pop("uri", None)

    def with_uri(self, raw: bytes) -> Self:
        """A copy with another Request-URI."""
        other = self.copy()
        other.set_uri(raw)
        return other

    def copy(self) -> Self:
        """A request that can be edited without touching this one."""
        other = super().copy()
        other.method = self.method
        other.uri_raw = self.uri_raw
        return other

    def validate(self) -> None:
        """Read every structural header and the Request-URI now; raises SipParseError."""
        super().validate()
        _ = self.uri


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    status: int
    reason: str

    def set_reason(self, reason: str) -> None:
        """Another reason phrase."""
        self.reason = reason
        self._start = b"SIP/2.0 %d %b" % (self.status, wire(reason))

    def copy(self) -> Self:
        """A response that can be edited without touching this one."""
        other = super().copy()
        other.status = self.status
        other.reason = self.reason
        return other


def _long(name: str) -> str:
    if name in LONG:
        return name
    name = name.lower()
    return COMPACT.get(name, name)


def _value(line: bytes) -> bytes:
    return line.partition(b":")[2].strip(WS)


def _line(long: str, value: bytes) -> bytes:
    return spelled(long) + b": " + value
