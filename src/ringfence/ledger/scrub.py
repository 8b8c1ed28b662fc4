"""What is taken out of a SIP message before it is kept: nothing that lets somebody in, nothing that people say.

Removed are the values of every header whose name ends in `Authorization` or `Authentication-Info` (digest responses,
tokens), passwords in SIP URIs, and every body that isn't plain SDP (DTMF, texts, locations, multipart). A body is SDP
only where one Content-Type says so and no Content-Encoding is there; in doubt it is removed. Of SDP the lines are kept
that say where media goes and how: keys have many names (RFC 4568 `a=crypto`, RFC 5939 `a=acap`, RFC 4567 `a=key-mgmt`,
RFC 8839 `a=ice-pwd`, RFC 4566 `k=`, makers' own), and people are named in others. Lines keep their ends.
"""

from __future__ import annotations

import re

REMOVED = b"[removed]"
_PASSWORD = re.compile(rb"sips?:[^\s<>@:;?,]{1,256}:([^\s<>@]{1,256})@")
_LINES = re.compile(rb"(\r\n|\n|\r)")
_OPEN = (
    "rtpmap|fmtp|ptime|maxptime|sendrecv|sendonly|recvonly|inactive|rtcp|rtcp-mux|rtcp-rsize|rtcp-fb|setup|connection"
    "|fingerprint|candidate|end-of-candidates|mid|group|bundle-only|extmap|ssrc|ice-ufrag|ice-lite|ice-options"
    "|silenceSupp|T38[A-Za-z]+|tcap|pcfg|acfg"
)
_OPEN_LINE = rf"(?:[vosctmbr]=|a=(?:{_OPEN})(?=[:\r\n]|\Z))(?![^\r\n]*inline:)[^\r\n]*".encode("ascii")
_OPEN_LINES = re.compile(rb"(?i)(?:" + _OPEN_LINE + rb"(?:\r\n|\n|\r|\Z))*")
_CLOSED_LINE = re.compile(
    rb"(?i)(\A|(?<=[\r\n]))(?!" + _OPEN_LINE + rb"(?:[\r\n]|\Z))([a-z]=(?:[a-z0-9-]+:)?)?[^\r\n]+"
)
_CONTENT = re.compile(rb"\n(content-type|c|content-encoding|e)[ \t]*:([^\n;]*)")
_SDP = (True, b"application/sdp")
_SECRET_HEADERS = (b"authorization", b"authentication-info")


def scrub(data: bytes) -> bytes:
    """The message without secrets and private bodies; never raises, whatever the bytes."""
    end, gap = _head_end(data)
    lower = data.lower()
    head, body = data[:end], data[end + gap :]
    if b"auth" in lower:
        head = _without_values(head)
    if _PASSWORD.search(lower):  # In lower case, since a search that ignores case is slow.
        head = _without_passwords(head)
    if body:
        body = _without_keys(body) if _is_sdp(lower[:end]) else b"[body of %d bytes removed]" % len(body)
    return head + data[end : end + gap] + body


def _head_end(data: bytes) -> tuple[int, int]:
    """Where the headers end, and how long the empty line is: the first that any reader might take for it."""
    end, gap = data.find(b"\r\n\r\n"), 4
    if end < 0:
        end, gap = len(data), 0
    for mark in (b"\n\n", b"\r\r", b"\n\r\n"):
        found = data.find(mark, 0, end)
        if found >= 0:
            end, gap = found, len(mark)
    return end, gap


def _without_values(head: bytes) -> bytes:
    """The head with values of authorization headers removed, those of their folded lines too."""
    out: list[bytes] = []
    secret = False
    parts = _LINES.split(head)
    for line, line_end in zip(parts[::2], [*parts[1::2], b""], strict=True):
        if line[:1] in (b" ", b"\t"):
            if not secret:
                out += [line, line_end]
            continue
        name = line.partition(b":")[0]
        secret = name.strip().lower().endswith(_SECRET_HEADERS)
        out += [name + b": " + REMOVED if secret else line, line_end]
    return b"".join(out)


def _without_passwords(head: bytes) -> bytes:
    out, kept = b"", 0
    for found in _PASSWORD.finditer(head.lower()):
        out += head[kept : found.start(1)] + REMOVED
        kept = found.end(1)
    return out + head[kept:]


def _without_keys(body: bytes) -> bytes:
    """Of each line that isn't known to be open, its name alone."""
    if _OPEN_LINES.fullmatch(body):
        return body
    return _CLOSED_LINE.sub(rb"\2" + REMOVED, body)


def _is_sdp(head: bytes) -> bool:
    """`head` in lower case."""
    if head.count(b"\r") != head.count(b"\r\n"):
        return False  # Some readers end a line there, others don't.
    return [(name in (b"c", b"content-type"), value.strip()) for name, value in _CONTENT.findall(head)] == [_SDP]
