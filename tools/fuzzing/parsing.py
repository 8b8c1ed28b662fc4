"""What must hold of the parser for any bytes: the invariants of `ringfence.sip`, tried one after the other.

parses           it parses or raises SipParseError, nothing else; so does every field
stable           parse and to_bytes are each other's inverse after one round; so are URIs, addresses and Vias
framing          whole, byte by byte or cut anywhere gives the same frames; a frame ends where its message says
forwarded        with a Via more and Max-Forwards less it reads as the same user, length, Call-ID, tags and body,
                 to this parser and to a naive second reader
linear           four times the bytes take at most about four times as long
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

from fuzzing.finding import Broken
from ringfence.ledger.scrub import scrub
from ringfence.sip.address import parse_address, split_values
from ringfence.sip.build import reflect, reply, reply_head
from ringfence.sip.errors import SipParseError
from ringfence.sip.framing import PING, Framer
from ringfence.sip.headers import MAX_FORWARDED
from ringfence.sip.message import Request, Response
from ringfence.sip.parse import parse
from ringfence.sip.uri import Uri, parse_uri
from ringfence.sip.via import _sent as via_sent
from ringfence.sip.via import parse_via

LINEAR_BELOW_S = 0.004
"""What takes less than this isn't measured: the machine's own noise is as large."""
FIELDS = (
    "call_id", "cseq", "from_", "to", "from_tag", "to_tag", "top_via", "vias", "max_forwards", "contacts", "routes",
    "record_routes",
)  # fmt: skip
_LENGTH = re.compile(rb"(?i)\A(?:content-length|l)[ \t]*:[ \t]*(.*?)[ \t]*\Z")

Message = Request | Response


def read(data: bytes) -> Message | None:
    """The message, None where it is refused; any other exception is a finding."""
    try:
        return parse(data)
    except SipParseError:
        return None


def check(random: Random, data: bytes) -> bool:
    """Try all of it on these bytes; whether they parse. Raises Broken, or what the parser should not have raised."""
    framing(random, data)
    message = read(data)
    reflected(data)
    scrub(data)
    if message is None:
        return False
    fields(message)
    stable(message)
    if isinstance(message, Request):
        forwarded(message)
        answered(message)
    return True


def fields(message: Message) -> None:
    """Every field gives a value or SipParseError; so does every value as a URI, an address, a Via, a list."""
    for name in (*FIELDS, *(("uri",) if isinstance(message, Request) else ())):
        with suppress(SipParseError):
            getattr(message, name)
    for name, value in message.headers():
        values(value)
        with suppress(SipParseError):
            message.tokens(name)
    if isinstance(message, Request):
        uri_stable(message.uri_raw)


def values(value: bytes) -> None:
    """A header's value by each reader of values: stable once it is read."""
    try:
        items = split_values(value)
    except SipParseError:
        return
    for item in items:
        for reader in (parse_address, parse_via):
            try:
                found = reader(item)
            except SipParseError:
                continue
            again = reader(found.to_bytes())
            if again != found or again.to_bytes() != found.to_bytes():
                raise Broken(f"{reader.__name__} isn't stable", item)


def uri_stable(raw: bytes) -> None:
    """A URI keeps its number, host and parameters through its canonical spelling."""
    try:
        uri = parse_uri(raw)
    except SipParseError:
        return
    again = parse_uri(uri.to_bytes())
    if again != uri or _dialled(again) != _dialled(uri):
        raise Broken("parse_uri isn't stable", raw)


def _dialled(uri: Uri) -> str:
    try:
        return uri.dialled()
    except SipParseError as error:
        return f"refused: {error.reason}"


def stable(message: Message) -> None:
    """Written and read again it is the same."""
    data = message.to_bytes()
    again = parse(data)
    if (again.start_line, again.headers(), again.body) != (message.start_line, message.headers(), message.body):
        raise Broken("parse and to_bytes differ", data)
    if again.to_bytes() != data:
        raise Broken("to_bytes isn't stable", data)
    alone(data)


def alone(data: bytes) -> None:
    """A datagram of ours is one message to any reader: lines end in CRLF only, one Content-Length, and it is right."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = re.split(rb"[\r\n]", head)
    if len(lines) != 2 * head.count(b"\r\n") + 1:
        raise Broken("a CR or LF alone in what is sent", data)
    lengths = [match[1] for line in lines if (match := _LENGTH.match(line))]
    if len(lengths) != 1:
        raise Broken(f"{len(lengths)} Content-Length in what is sent", data)
    if not lengths[0].isdigit() or int(lengths[0]) != len(body):
        raise Broken("Content-Length of what is sent is wrong", data)


def forwarded(request: Request) -> None:
    """A hop further it is still the same request."""
    try:
        forwards = request.max_forwards
    except SipParseError:
        return
    if request.header_lines > MAX_FORWARDED:  # It is refused.
        return
    via = b"Via: SIP/2.0/UDP 127.0.0.1:5080;rport;branch=z9hG4bKrf-x"
    start = b"%b %b SIP/2.0" % (request.method.encode(), request.uri_raw)
    without = {"route", "max-forwards"}
    data = request.rewritten(start, [via, b"Max-Forwards: %d" % (forwards or 70)], without, [b"X-Last: 1"])
    again = parse(data)
    if not isinstance(again, Request) or _reading(again) != _reading(request):
        raise Broken("forwarded, it reads as another request", data)
    second = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    ids = [line.partition(b":")[2].strip(b" \t") for line in second if _is(line, b"call-id", b"i")]
    if len(ids) != 1 or request.first("call-id") != ids[0]:
        raise Broken("a second reader sees another Call-ID", data)
    with suppress(SipParseError):
        if again.all("via")[1:] != request.all("via"):
            raise Broken("forwarded, it has other Vias", data)


def _is(line: bytes, *names: bytes) -> bool:
    return line.partition(b":")[0].rstrip(b" \t").lower() in names


def _reading(request: Request) -> tuple[object, ...]:
    """Who calls whom how, as far as it can be read."""
    read: list[object] = [request.method, request.uri_raw, request.body, request.first("call-id"), request.cseq]
    for name in ("from_tag", "to_tag", "call_id", "uri"):
        try:
            value = getattr(request, name)
            read.append((value, _dialled(value)) if isinstance(value, Uri) else value)
        except SipParseError as error:
            read.append(error.reason)
    return tuple(read)


def answered(request: Request) -> None:
    """An answer of ours to it is one message with its Call-ID, CSeq and Vias."""
    try:
        head = reply_head(request)
    except SipParseError:
        return
    data = reply(head, 603, "Decline", "t1", [("Reason", b"x")])
    alone(data)
    again = parse(data)
    if (again.first("call-id"), again.cseq) != (request.first("call-id"), request.cseq):
        raise Broken("an answer names another request", data)


def reflected(data: bytes) -> None:
    """What is made of a request that doesn't parse is one message with one end."""
    found = reflect(data)
    if found is not None:
        alone(reply(found[0], 400, "Bad Request", "t1"))


def framing(random: Random, data: bytes) -> None:
    """The stream, however it comes."""
    whole = _framed([data])
    if len(data) <= 4_000 and random.random() < 0.25 and whole != _framed([data[i : i + 1] for i in range(len(data))]):
        raise Broken("framing byte by byte differs", data)
    cut = random.randrange(len(data) + 1)
    if whole != _framed([data[:cut], data[cut:]]):
        raise Broken("framing in two differs", data)
    for frame in whole[0]:
        message = read(frame) if frame != PING else None
        if message is not None and not frame.endswith(b"\r\n\r\n" + message.body):
            raise Broken("a frame is longer than its message", data)


def _framed(chunks: list[bytes]) -> tuple[list[bytes], bool]:
    framer = Framer()
    return [frame for chunk in chunks for frame in framer.feed(chunk)], framer.error is not None


def linear(random: Random, data: bytes) -> None:
    """A piece of it, repeated, costs each reader no more than in proportion."""
    at = random.randrange(len(data) or 1)
    piece = data[at : at + random.choice((1, 1, 2, 3, 8, 30))] or b"a"
    before, after = data[:at], data[at:]
    for reader in (_all_of_it, split_values, parse_address, parse_via, parse_uri.__wrapped__, reflect, scrub, _frame):
        short, long = (before[-200:] + piece * (size // len(piece)) + after[:200] for size in (4_000, 16_000))
        if _slower(reader, short, long):
            raise Broken(f"{reader.__name__} isn't linear", long)


def _slower(reader: Callable[[bytes], object], short: bytes, long: bytes) -> bool:
    """Whether four times the bytes take over twelve times as long, measured until it is sure."""
    for _ in range(5):
        slow = _seconds(reader, long)
        if slow < LINEAR_BELOW_S or slow < 12 * _seconds(reader, short):
            return False
    return True


def _seconds(reader: Callable[[bytes], object], data: bytes) -> float:
    best = 1.0
    for _ in range(2):
        parse_uri.cache_clear()
        via_sent.cache_clear()
        begun = time.perf_counter()
        with suppress(SipParseError):
            reader(data)
        best = min(best, time.perf_counter() - begun)
    return best


def _all_of_it(data: bytes) -> None:
    parse(data).validate()


def _frame(data: bytes) -> None:
    Framer().feed(data)
