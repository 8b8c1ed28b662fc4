"""Feeds between the tables of a policy: what keys need each other, and how many entries there may be."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.model.settings import Feed
from ringfence.policy.document import Document
from ringfence.policy.errors import PolicyError

DEFAULTS = Feed(name="", url="")
MOST_OF_ALL = 30_000
"""Of 50,000 bans that there may be: attackers of our own have room."""


def wrong_feeds(document: Document) -> Iterator[PolicyError]:
    """APIBAN without its key, a key that nothing asks for, more entries than there is room for."""
    total = 0
    for entry in document.named["feed"].values():
        needed, there = entry.values.get("kind") == "apiban", "key" in entry.node.value
        if needed and not there:
            yield entry.node.error("APIBAN wants a key", 'write key = "FILE", with the key in that file')
        if there and not needed:
            yield entry.at("key").error('only matters with kind = "apiban"', "leave it out")
        total += entry.values.get("most", DEFAULTS.most)
        if total > MOST_OF_ALL:
            yield entry.node.error(f"the feeds may have {total} entries together", f"at most {MOST_OF_ALL}: set `most`")
