"""What is taken out of a SIP message before it is kept: nothing that lets somebody in, nothing that people say.

Removed are the values of every header whose name ends in `Authorization` or `Authentication-Info` (digest responses,
tokens), passwords in SIP
URIs, keys in SDP (RFC 4568 `a=crypto`, RFC 4567 `a=key-mgmt`, RFC 8839 `a=ice-pwd`, RFC 4566 `k=`), and every body that
isn't plain SDP (DTMF, texts, locations, multipart). A body is SDP only where one Content-Type says so and no
Content-Encoding is there; in doubt it is removed.
"""

from __future__ import annotations

import re

REMOVED = b"[removed]"
_PASSWORD = re.compile(rb"(sips?:[^\s<>@:;?,]{1,256}):[^\s<>@]{1,256}@", re.IGNORECASE)
_LINES = re.compile(rb"\r\n|\n|\r")
_SECRETS = re.compile(rb"(?i)(\A|(?<=[\r\n]))(a=crypto:|a=key-mgmt:|a=ice-pwd:|k=)[^\r\n]*")
_SECRET_HEADERS = (b"authorization", b"authentication-info")


def scrub(data: bytes) -> bytes:
    """The message without secrets and private bodies; never raises, whatever the bytes."""
    end, gap = _head_end(data)
    head, body = data[:end], data[end + gap :]
    names = head.lower()
    clean = _headers(head) if any(name in names for name in _SECRET_HEADERS) else head
    if b"@" in clean:
        clean = _PASSWORD.sub(rb"\1:" + REMOVED + b"@", clean)
    if not body:
        return clean + data[end : end + gap]
    return clean + data[end : end + gap] + (_SECRETS.sub(rb"\2" + REMOVED, body) if _is_sdp(names) else _gone(body))


def _head_end(data: bytes) -> tuple[int, int]:
    """Where the headers end, and how long the empty line is: the first that any reader might take for it."""
    ends = [(at, len(mark)) for mark in (b"\r\n\r\n", b"\n\n", b"\r\r", b"\n\r\n") if (at := data.find(mark)) >= 0]
    return min(ends, default=(len(data), 0))


def _gone(body: bytes) -> bytes:
    return b"[body of %d bytes removed]" % len(body)


def _headers(head: bytes) -> bytes:
    """The head with values of authorization headers removed, those of their folded lines too."""
    out: list[bytes] = []
    secret = False
    for line in _LINES.split(head):
        if line[:1] in (b" ", b"\t"):
            if not secret:
                out.append(line)
            continue
        name = line.partition(b":")[0].strip().lower()
        secret = name.endswith(_SECRET_HEADERS)
        out.append(line.partition(b":")[0] + b": " + REMOVED if secret else line)
    return b"\r\n".join(out)


_TYPE = re.compile(rb"(?m)^(?:content-type|c)[ \t]*:[ \t]*([^\r\n;]*)")
_ENCODED = re.compile(rb"(?m)^(?:content-encoding|e)[ \t]*:")


def _is_sdp(head: bytes) -> bool:
    """`head` in lower case."""
    types = _TYPE.findall(head)
    return [kind.strip() for kind in types] == [b"application/sdp"] and not _ENCODED.search(head)
