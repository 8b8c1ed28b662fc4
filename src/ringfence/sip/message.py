"""SIP messages: `parse(data) -> Request | Response`, lazily read fields, edits that leave other lines alone.

Theory. A message is its start line, its header lines in order of arrival, and its body. A line is kept as it came,
beside the long lower-case name of its header; everything else is read from the lines when asked for and remembered.
So an unknown header passes byte for byte, and a field that nobody asks for costs nothing.

What is decided at once, because two readers could otherwise see two messages (each has a test):

- Caps on size, lines and line length before any line is looked at.
- The version is 2.0, and written in capitals whatever it came in (§7.1).
- Lines end in CRLF. A CR or LF elsewhere, or a NUL, is refused. A folded line is joined with one space (§7.3.1).
- Headers that may stand once do, the required ones are there, CSeq names the request's method.
- Content-Length over what came is refused, under it the rest is cut off; none on a datagram means all of it (§18.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from functools import lru_cache
from typing import Any, Self, TypeVar

from ringfence.sip.address import Address, cut_address, parse_address, split_values, tag_of
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import CACHED, TOKEN_CHARS, WS, parse_params, text
from ringfence.sip.headers import (
    COMPACT,
    LISTS,
    LONG,
    MAX_HEADERS,
    MAX_LINE,
    MAX_MESSAGE,
    REQUIRED,
    SINGLE,
    header_name,
    known_name,
    no_known_name,
    spelled,
)
from ringfence.sip.uri import Uri, parse_uri
from ringfence.sip.via import Via, parse_via

_REQUEST = re.compile(rb"([" + TOKEN_CHARS + rb"]{1,64}) ([!-~\x80-\xff]+) ([Ss][Ii][Pp]/[0-9]{1,3}\.[0-9]{1,3})")
_RESPONSE = re.compile(rb"([Ss][Ii][Pp]/[0-9]{1,3}\.[0-9]{1,3}) ([1-6][0-9][0-9])(?: ([^\r\n]*))?")
_CSEQ = re.compile(rb"([0-9]{1,10})[ \t]+([" + TOKEN_CHARS + rb"]{1,64})")
_CALL_ID = re.compile(rb"[!-~]+")
_PLAIN_TAG = re.compile(
    rb'(?:"[^"\\\x00-\x08\x0a-\x1f]*"[ \t]*|[^"<>,;:\\\x00-\x08\x0a-\x1f\x7f]*)<[^<>"\x00-\x20\x7f-\xff]+>'
    rb"(?:;tag=([" + TOKEN_CHARS + rb"]+))?"
)
"What nearly everyone sends, with a tag or without; all else takes the long way."
_MAX_DIGITS = 10
_FOLD = re.compile(rb"\r\n[ \t]+")
_MAX_CSEQ = 2**31

_TAGS = {"from": "from tag", "to": "to tag"}
_REMEMBERED = frozenset({"call-id", "cseq", "from", "to", "via", "max-forwards"})

T = TypeVar("T")


class Message:
    """A request or a response. Edit only your own `copy()`. Header names are str in any case or compact form."""

    __slots__ = ("_cache", "_lines", "_names", "_start", "body")

    body: bytes

    def __init__(self, start: bytes, names: list[str], lines: list[bytes], body: bytes) -> None:
        self._start = start
        self._names = names
        self._lines = lines
        self._cache: dict[str, Any] = {}
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
        return found if found is not None else self._cached("call-id", _call_id)

    @property
    def cseq(self) -> tuple[int, str]:
        """(number under 2**31, method)."""
        found: tuple[int, str] | None = self._cache.get("cseq")
        return found if found is not None else self._cached("cseq", _cseq)

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
        return self._cached("max-forwards", _max_forwards) if self.has("max-forwards") else None

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
            cache[key] = _tag(self._required(name))
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

    def rewritten(self, start: bytes, first: list[bytes], without: Set[str], last: list[bytes]) -> bytes:
        """It on the wire with another start line, some lines before, some gone, some after; unchanged itself."""
        kept = [line for name, line in zip(self._names, self._lines, strict=True) if name not in without]
        length = () if "content-length" in self._names else (b"Content-Length: %d" % len(self.body),)
        return b"\r\n".join((start, *first, *kept, *last, *length, b"", self.body))

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

    def copy(self) -> Self:
        """A response that can be edited without touching this one."""
        other = super().copy()
        other.status = self.status
        other.reason = self.reason
        return other


def parse(data: bytes) -> Request | Response:
    """Read one whole message (a datagram or a frame); raises SipParseError."""
    if len(data) > MAX_MESSAGE:
        raise SipParseError("message too large", status=513)
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")  # RFC 3261 §7.5
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        raise SipParseError("no empty line after the headers", offset=len(data))
    lines = _split(head)
    start = lines.pop(0)
    lines, names = _named(lines)
    _check_names(names)
    message = _start(start, names, lines, body)
    message.body = _cut_body(message, body)
    return message


def _split(head: bytes) -> list[bytes]:
    """Start line and header lines as they came, caps checked first."""
    lines = head.split(b"\r\n", MAX_HEADERS + 1)
    if len(lines) > MAX_HEADERS + 1:
        raise SipParseError("too many headers", status=513)
    joined = b"".join(lines)
    if b"\n" in joined or b"\r" in joined or b"\x00" in joined:
        raise SipParseError("CR, LF or NUL inside a line")
    if len(head) > MAX_LINE:
        _check_length(lines)
    return lines


def _check_length(lines: list[bytes]) -> None:
    if len(max(lines, key=len)) > MAX_LINE:
        raise SipParseError("line too long", status=513)


def unfold(head: bytes) -> bytes:
    """Header lines, each on one line: white space around the fold is one space (§7.3.1)."""
    *before, last = _FOLD.split(head)  # A pattern that begins with white space would cost the square of a run of it.
    return b" ".join([*(piece.rstrip(WS) for piece in before), last])


def _named(lines: list[bytes]) -> tuple[list[bytes], list[str]]:
    """The header lines, folds joined, and the long lower-case name of each."""
    names = [known_name(line.partition(b":")[0]) for line in lines]
    if None in names or not no_known_name(lines):  # A whole line that is a name has no colon.
        lines = _unfolded(lines)
        return lines, [_name(line) for line in lines]
    return lines, names  # type: ignore[return-value]


def _unfolded(lines: list[bytes]) -> list[bytes]:
    folds = [line[:1] in (b" ", b"\t") for line in lines]
    if True not in folds:
        return lines
    if folds[0]:
        raise SipParseError("folded start line")
    lines = unfold(b"\r\n".join(lines)).split(b"\r\n")
    _check_length(lines)
    return lines


def _name(line: bytes) -> str:
    colon = line.find(b":")
    if colon < 0:
        raise SipParseError("header without a colon")
    return header_name(line[:colon])


def _start(start: bytes, names: list[str], lines: list[bytes], body: bytes) -> Request | Response:
    if start[:4].upper() == b"SIP/":
        response = Response(b"SIP" + start[3:], names, lines, body)
        response.status, response.reason = _status(start)
        response._cache["cseq"] = _cseq(response._required("cseq"))
        return response
    match = _REQUEST.fullmatch(start)
    if match is None:
        raise SipParseError("bad start line")
    method, uri, version = match.groups()
    _check_version(version)
    request = Request(b"%b %b SIP/2.0" % (method, uri), names, lines, body)
    request.method = method.decode("ascii")
    request.uri_raw = uri
    cseq = request._cache["cseq"] = _cseq(request._required("cseq"))
    if cseq[1] != request.method:
        raise SipParseError("CSeq names another method")
    return request


@lru_cache(maxsize=CACHED)
def _status(start: bytes) -> tuple[int, str]:
    """Status and reason phrase of a response's start line."""
    match = _RESPONSE.fullmatch(start)
    if match is None:
        raise SipParseError("bad start line")
    version, status, reason = match.groups()
    _check_version(version)
    return int(status), text(reason or b"")


def _check_version(version: bytes) -> None:
    if version[4:] != b"2.0":
        raise SipParseError("SIP version not supported", status=505)


def _check_names(names: list[str]) -> None:
    """Required headers are there, single ones once."""
    unique = set(names)
    if not unique.issuperset(REQUIRED):
        missing = next(name for name in REQUIRED if name not in unique)
        raise SipParseError(f"no {text(spelled(missing))}")
    if len(unique) != len(names):
        single = [name for name in names if name in SINGLE]
        if len(set(single)) != len(single):
            twice = next(name for name in single if single.count(name) > 1)
            raise SipParseError(f"{text(spelled(twice))} given twice")


def _cut_body(message: Message, body: bytes) -> bytes:
    if "content-length" not in message._names:
        return body
    value = message._required("content-length")
    if not value.isdigit() or len(value) > _MAX_DIGITS:
        raise SipParseError("bad Content-Length")
    length = int(value)
    if length > len(body):
        raise SipParseError("Content-Length over what came")
    return body[:length]


def _call_id(value: bytes) -> str:
    if not _CALL_ID.fullmatch(value):
        raise SipParseError("bad Call-ID")
    return value.decode("ascii")


@lru_cache(maxsize=CACHED)
def _cseq(value: bytes) -> tuple[int, str]:
    match = _CSEQ.fullmatch(value)
    if match is None or int(match[1]) >= _MAX_CSEQ:
        raise SipParseError("bad CSeq")
    return int(match[1]), match[2].decode("ascii")


def _max_forwards(value: bytes) -> int:
    if not value.isdigit() or len(value) > _MAX_DIGITS or int(value) > 255:
        raise SipParseError("bad Max-Forwards")
    return int(value)


def _tag(value: bytes) -> str | None:
    match = _PLAIN_TAG.fullmatch(value)
    if match is not None:
        tag = match[1]
        return None if tag is None else tag.decode("ascii")
    params = cut_address(value)[2]
    return tag_of(parse_params(params)) if params else None


def _long(name: str) -> str:
    if name in LONG:
        return name
    name = name.lower()
    return COMPACT.get(name, name)


def _value(line: bytes) -> bytes:
    return line.partition(b":")[2].strip(WS)


def _line(long: str, value: bytes) -> bytes:
    return spelled(long) + b": " + value
