"""Ask a feed: one page, or APIBAN's pages one after the other."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ringfence.feeds.fetch import UNSEEN, Version, get
from ringfence.feeds.lists import FeedError, Listing, Network, apiban, obstacle, plain
from ringfence.model.settings import Feed

MAX_PAGES = 10
"""Of APIBAN at a time: it answers eleven requests in two minutes."""
_KEY = re.compile(r"[A-Za-z0-9_-]{8,128}", re.ASCII)


class Fetched(NamedTuple):
    """What came of one look at a feed."""

    networks: tuple[Network, ...] | None
    """What a feed may ban at all; None: the same as before."""
    left_out: Mapping[str, int] = {}
    """Why to how many."""
    version: Version = UNSEEN
    following: str = ""
    """APIBAN's id of what comes next."""


async def ask_feed(feed: Feed, seen: Fetched) -> Fetched:
    """What is there now. Raises FeedError, OSError."""
    context = await asyncio.to_thread(ssl.create_default_context, cafile=feed.ca)
    if feed.kind == "apiban":
        return await _apiban(feed, seen.following, context)
    page = await get(feed.url, context, seen.version)
    if page.body is None:
        return seen._replace(networks=None)
    networks, left_out = await asyncio.to_thread(_read, page.body, feed.most)
    return Fetched(networks, left_out, page.version)


def _read(body: bytes, most: int) -> tuple[tuple[Network, ...], Mapping[str, int]]:
    return _allowed(plain(body), most)


async def _apiban(feed: Feed, following: str, context: ssl.SSLContext) -> Fetched:
    key = (await asyncio.to_thread(Path(feed.key or "").read_text, encoding="ascii", errors="replace")).strip()
    if not _KEY.fullmatch(key):
        raise FeedError(f"{feed.key}: there is no key in it")
    networks: dict[Network, None] = {}
    unreadable = 0
    for _ in range(MAX_PAGES):
        page = await get(f"{feed.url.rstrip('/')}/{key}/banned{f'/{following}' if following else ''}", context)
        found, then = apiban(page.body or b"")
        networks |= dict.fromkeys(found.networks)
        unreadable += found.unreadable
        if not then or then == following:
            break
        following = then
    allowed, left_out = _allowed(Listing(tuple(networks), unreadable), feed.most)
    return Fetched(allowed, left_out, following=following)


def _allowed(found: Listing, most: int) -> tuple[tuple[Network, ...], Mapping[str, int]]:
    """What of a list a feed may ban at all, and why the rest isn't."""
    left_out, allowed = Counter[str](), list[Network]()
    for network in found.networks:
        why = obstacle(network)
        if why:
            left_out[why] += 1
        else:
            allowed.append(network)
    left_out["no address"] = found.unreadable
    left_out["over `most`"] = max(0, len(allowed) - most)
    return tuple(allowed[:most]), {why: count for why, count in left_out.items() if count}
