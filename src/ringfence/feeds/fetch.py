"""One HTTPS request: whose certificate is valid, bounded in size and time, nothing followed.

HTTP/1.0, so that the body ends where the connection does; where its length is told it has to be whole.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

from ringfence.feeds.lists import FeedError

WITHIN_S = 60.0
"""From the look-up of the name to the last byte."""
MAX_BYTES = 4_000_000
_CHUNK = 65_536
_HEADER = re.compile(rb"\r\n([!-9;-~]{1,64}):[ \t]*([ -~]{0,1000}?)[ \t]*(?=\r\n|$)")


class Version(NamedTuple):
    """Which state of a page was seen, in its server's words."""

    etag: str = ""
    modified: str = ""


UNSEEN = Version()


class Page(NamedTuple):
    """What is there; `body` is None where it is as it was."""

    body: bytes | None
    version: Version


async def get(url: str, context: ssl.SSLContext, seen: Version = UNSEEN) -> Page:
    """What is at a URL, if it isn't what was seen. Raises FeedError, whose text doesn't have the URL: a key may be in
    it."""
    try:
        async with asyncio.timeout(WITHIN_S):
            return _page(await _answer(url, context, seen), seen)
    except TimeoutError as error:
        raise FeedError(f"not whole within {WITHIN_S:g} s") from error
    except (OSError, ValueError) as error:
        raise FeedError(f"{urlsplit(url).hostname}: {error}") from error


async def _answer(url: str, context: ssl.SSLContext, seen: Version) -> bytes:
    parts = urlsplit(url)
    host = parts.hostname or ""
    reader, writer = await asyncio.open_connection(host, parts.port or 443, ssl=context, server_hostname=host)
    try:
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        writer.write(_request(path, parts.netloc, seen))
        found = bytearray()
        while chunk := await reader.read(_CHUNK):
            found += chunk
            if len(found) > MAX_BYTES:
                raise FeedError(f"more than {MAX_BYTES:,} bytes")
        return bytes(found)
    finally:
        writer.transport.abort()


def _request(path: str, host: str, seen: Version) -> bytes:
    conditions = {"If-None-Match": seen.etag, "If-Modified-Since": seen.modified}
    lines = [f"GET {path} HTTP/1.0", f"Host: {host}", "User-Agent: ringfence", "Accept: */*"]
    lines += [f"{name}: {value}" for name, value in conditions.items() if value]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _page(answer: bytes, seen: Version) -> Page:
    head, end, body = answer.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].split(b" ")
    if not end or len(status) < 2 or not status[0].startswith(b"HTTP/1."):
        raise FeedError("the answer isn't HTTP")
    if status[1] == b"304" and seen != UNSEEN:
        return Page(None, seen)
    if status[1] != b"200":
        raise FeedError(f"the answer is {status[1][:3].decode('ascii', 'replace')}")
    headers = {name.lower(): value.decode("ascii") for name, value in _HEADER.findall(head)}
    if b"transfer-encoding" in headers or headers.get(b"content-length", str(len(body))) != str(len(body)):
        raise FeedError("the answer isn't whole")
    return Page(body, Version(headers.get(b"etag", ""), headers.get(b"last-modified", "")))
