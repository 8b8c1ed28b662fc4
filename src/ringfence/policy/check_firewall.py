"""This machine's firewall between the tables of a policy: what keys need each other, and ports that can't be named."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.policy.document import Document
from ringfence.policy.errors import PolicyError


def wrong_firewall(document: Document) -> Iterator[PolicyError]:
    """Services without a firewall or for nobody, listeners on a port that isn't known beforehand."""
    firewall = document.single.get("firewall")
    if firewall is None:
        yield from _without(document)
        return
    for entry in document.named["service"].values():
        if "from" not in entry.node.value and "admins" not in firewall.node.value:
            yield entry.node.error("nobody may reach it", "write from = [...], or admins = [...] under [firewall]")
    for entry in document.named["listen"].values():
        if entry.values.get("bind", ("", None))[1] == 0:
            text = "port 0 is a free one, and [firewall] has to know it"
            yield entry.at("bind").error(text, "write the port, or leave [firewall] out")


def _without(document: Document) -> Iterator[PolicyError]:
    for entry in document.named["service"].values():
        yield entry.node.error("only matters with [firewall], and there is none", "write [firewall]")
