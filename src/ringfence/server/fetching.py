"""Getting certificates by HTTPS: one request each, bounded in size and time, from hosts that were allowed before.

HTTP/1.0, so that the body ends where the connection does. Nothing is followed: an answer other than 200 is none. What
comes is bytes; whether it is a certificate is for others to say.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable

from ringfence.edge.shaken.signers import Place, place_of

log = logging.getLogger("ringfence.fetching")

WITHIN_S = 5.0
"""From the look-up of the name to the last byte."""
MAX_BYTES = 65_536
"""Headers included; a chain takes three thousand."""
TOLD_EVERY = 50
"""Of fetches that fail the first of so many is told."""


class FetchError(Exception):
    """There is nothing to be had; the text says why."""


Told = Callable[[str, bytes, str], None]


class Fetcher:
    """Made and used in one event loop."""

    def __init__(self, told: Told, context: ssl.SSLContext | None) -> None:
        """`told` is called once for each URL, with what was found, or with why nothing was."""
        self._told = told
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed = 0

    def use(self, context: ssl.SSLContext | None) -> None:
        """Know hosts by other authorities from now on."""
        self._context = context

    def fetch(self, url: str) -> None:
        """Begin to get what is at a URL."""
        task = asyncio.get_running_loop().create_task(self._fetch(url), name=f"fetch {url}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what isn't there yet."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, url: str) -> None:
        body, why = b"", ""
        try:
            async with asyncio.timeout(WITHIN_S):
                body = await self._get(url)
        except TimeoutError:
            why = f"no certificate within {WITHIN_S:g} s"
        except (OSError, ValueError, asyncio.IncompleteReadError, FetchError) as error:
            why = f"its certificate can't be fetched: {error}"
        if why:
            if self._failed % TOLD_EVERY == 0:
                log.warning("%s: %s", url, why)
            self._failed += 1
        self._told(url, body, why)

    async def _get(self, url: str) -> bytes:
        place = place_of(url)
        if place is None or self._context is None:
            raise FetchError("not a place to fetch from")
        reader, writer = await asyncio.open_connection(
            place.host, place.port, ssl=self._context, server_hostname=place.host, limit=MAX_BYTES
        )
        try:
            writer.write(_request(place))
            return _body(await _all(reader))
        finally:
            writer.transport.abort()


def _request(place: Place) -> bytes:
    port = "" if place.port == 443 else f":{place.port}"
    head = (
        f"GET {place.path} HTTP/1.0\r\nHost: {place.host}{port}\r\nAccept: application/pem-certificate-chain, */*\r\n"
    )
    return (head + "User-Agent: ringfence\r\n\r\n").encode("ascii")


async def _all(reader: asyncio.StreamReader) -> bytes:
    found = bytearray()
    while chunk := await reader.read(MAX_BYTES):
        found += chunk
        if len(found) > MAX_BYTES:
            raise FetchError(f"more than {MAX_BYTES} bytes")
    return bytes(found)


def _body(answer: bytes) -> bytes:
    head, end, body = answer.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].split(b" ")
    if not end or len(status) < 2 or not status[0].startswith(b"HTTP/1."):
        raise FetchError("the answer isn't HTTP")
    if status[1] != b"200":
        raise FetchError(f"the answer is {status[1][:3].decode('ascii', 'replace')}")
    return body
