"""How a message is spoilt: bytes without regard for what they mean, and whole lines with regard for it.

A mutation of bytes finds where a reader stumbles; one of lines gives messages that still parse and mean something
else, which is where two readers can part. `PIECES` are what SIP is made of and what smugglers use.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

MAX_SIZE = 70_000
"""Bytes that a mutated message may have: a little over the parser's own bound."""

PIECES = (
    b"\r\n", b"\n", b"\r", b"\x00", b"\t", b" ", b"\r\n ", b"\r\n\r\n", b":", b";", b",", b'"', b"\\", b"<", b">", b"@",
    b"=", b"?", b"&", b"%", b"%00", b"%40", b"%2531", b"\xff", b"\xc3\xa9", "\u0661".encode(), b"[::1]", b"[", b"sip:",
    b"sips:", b"tel:+1900", b"urn:service:sos", b";tag=x", b";tag", b";branch=z9hG4bK1", b";branch=", b";rport",
    b";rport=1", b";received=127.0.3.9", b";lr", b";rn=+19005550100", b";npdi", b";phone-context=+1900", b";isub=1",
    b"?Replaces=a%3Bto-tag%3Db", b"SIP/2.0", b"INVITE", b"0", b"-1", b"4294967296", b"99999999999", b"1e3", b"*",
)  # fmt: skip

LINES = (
    b"Content-Length: 0", b"l: 5", b"Content-Length : 3", b"Content-Length:", b"l: 99999", b"Content-Length: 0, 5",
    b"Max-Forwards: 0", b"Max-Forwards: 1", b"Max-Forwards: x", b"Route: <sip:127.0.2.1;lr>", b"Route: <sip:evil>",
    b"Record-Route: <sip:127.0.3.9;lr>", b"Record-Route: <sip:127.0.2.1>", b"Contact: *", b"m: <sip:a@127.0.3.9>",
    b"Contact: <sip:x@127.0.2.1:5090>, <sip:y@127.0.3.9>", b"Via: SIP/2.0/UDP 127.0.3.9;branch=z9hG4bKv",
    b"v: SIP/2.0/TCP [::1]:5060;branch=z9hG4bKw;rport", b"Require: 100rel, timer", b"Proxy-Require: foo",
    b"Supported: timer, 100rel, replaces", b"k: timer", b"Session-Expires: 90;refresher=uac", b"x: 1", b"Min-SE: 7200",
    b"Session-Expires: 4294967296", b"Expires: 0", b"P-Asserted-Identity: <sip:+12125550101@a>",
    b"P-Asserted-Identity: <tel:+12125550102>, <sip:+12125550103@a>", b"Remote-Party-ID: <sip:900@a>", b"Privacy: id",
    b"Diversion: <sip:+12125550104@a>;reason=unconditional", b"Reason: Q.850;cause=16", b"RAck: 1 1 INVITE", b"RSeq: 1",
    b"Timestamp: 1", b"X-Odd: \xff\xfe", b"To: <sip:+19005550100@a>", b"i: other", b"CSeq: 1 INVITE", b"f: <sip:a@b>",
    b"Authorization: Digest username=\"a\", response=\"b\"", b"Content-Type: application/sdp", b"Refer-To: <sip:9@a>",
)  # fmt: skip


def spoilt(random: Random, data: bytes, others: list[bytes]) -> bytes:
    """The message after one to four mutations; `others` lend it their bytes and lines."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        data = random.choice(MUTATIONS)(random, data, others)
    return data[:MAX_SIZE]


def _span(random: Random, data: bytes, most: int = 40) -> tuple[int, int]:
    at = random.randrange(len(data) + 1)
    return at, min(len(data), at + random.randrange(most + 1))


def _flip(random: Random, data: bytes, others: list[bytes]) -> bytes:
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes((random.randrange(256),)) + data[at + 1 :]


def _cut(random: Random, data: bytes, others: list[bytes]) -> bytes:
    start, end = _span(random, data)
    return data[:start] + data[end:]


def _shorten(random: Random, data: bytes, others: list[bytes]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _insert(random: Random, data: bytes, others: list[bytes]) -> bytes:
    at, end = _span(random, data, 3)
    return data[:at] + random.choice(PIECES) + data[end:]


def _repeat(random: Random, data: bytes, others: list[bytes]) -> bytes:
    start, end = _span(random, data)
    return data[:end] + data[start:end] * random.choice((1, 1, 2, 9, 200)) + data[end:]


def _splice(random: Random, data: bytes, others: list[bytes]) -> bytes:
    other = random.choice(others)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def _on_lines(
    change: Callable[[Random, list[bytes], list[bytes]], None],
) -> Callable[[Random, bytes, list[bytes]], bytes]:
    """A mutation of the header lines, the start line first; the body stays."""

    def mutate(random: Random, data: bytes, others: list[bytes]) -> bytes:
        head, end, body = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        change(random, lines, random.choice(others).partition(b"\r\n\r\n")[0].split(b"\r\n"))
        return b"\r\n".join(lines) + end + body

    return mutate


def _drop_line(random: Random, lines: list[bytes], other: list[bytes]) -> None:
    del lines[random.randrange(len(lines))]


def _double_line(random: Random, lines: list[bytes], other: list[bytes]) -> None:
    lines.insert(random.randrange(len(lines) + 1), random.choice(lines or [b""]))


def _swap_lines(random: Random, lines: list[bytes], other: list[bytes]) -> None:
    if lines:
        at = random.randrange(len(lines))
        lines.insert(random.randrange(len(lines)), lines.pop(at))


def _add_line(random: Random, lines: list[bytes], other: list[bytes]) -> None:
    lines.insert(random.randrange(1, len(lines) + 1) if lines else 0, random.choice(LINES))


def _lend_line(random: Random, lines: list[bytes], other: list[bytes]) -> None:
    lines[random.randrange(len(lines))] = random.choice(other)


def _lend_value(random: Random, lines: list[bytes], other: list[bytes]) -> None:
    at = random.randrange(len(lines))
    lines[at] = lines[at].partition(b":")[0] + b":" + random.choice(other).partition(b":")[2]


def _fold(random: Random, lines: list[bytes], other: list[bytes]) -> None:
    at = random.randrange(len(lines))
    cut = random.randrange(len(lines[at]) + 1)
    lines[at] = lines[at][:cut] + b"\r\n " + lines[at][cut:]


def _extend_line(random: Random, lines: list[bytes], other: list[bytes]) -> None:
    lines[random.randrange(len(lines))] += random.choice(PIECES)


def _join_lines(random: Random, lines: list[bytes], other: list[bytes]) -> None:
    at = random.randrange(len(lines))
    lines[at] += b", " + random.choice(lines).partition(b":")[2]


def _renumber(random: Random, lines: list[bytes], other: list[bytes]) -> None:
    at = random.randrange(len(lines))
    digits = [index for index, byte in enumerate(lines[at]) if 48 <= byte <= 57]
    if digits:
        where = random.choice(digits)
        lines[at] = lines[at][:where] + random.choice((b"", b"0", b"9", b"-1", b"77", b" ")) + lines[at][where + 1 :]


def _recase(random: Random, lines: list[bytes], other: list[bytes]) -> None:
    at = random.randrange(len(lines))
    name, colon, value = lines[at].partition(b":")
    lines[at] = random.choice((name.upper(), name.lower(), name + b" ", name[:1])) + colon + value


MUTATIONS = (
    _flip, _cut, _shorten, _insert, _insert, _repeat, _splice,
    *map(_on_lines, (
        _drop_line, _double_line, _swap_lines, _add_line, _add_line, _lend_line, _lend_value, _fold, _extend_line,
        _join_lines, _renumber, _recase,
    )),
)  # fmt: skip
