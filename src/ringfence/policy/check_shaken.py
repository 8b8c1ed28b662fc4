"""Signatures of callers between the keys of a policy (control A13)."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.policy.document import Document
from ringfence.policy.errors import PolicyError


def wrong_signatures(document: Document) -> Iterator[PolicyError]:
    """Every mistake about them."""
    entry = document.single.get("shaken")
    if entry is None:
        return
    written = entry.node.value
    if "trust" in written and "x5u_hosts" not in written:
        hint = 'write x5u_hosts = ["certificates.example"]: the hosts that your authorities have certificates kept at'
        yield entry.at("trust").error("no certificate may be fetched from anywhere, so nothing can be verified", hint)
    if "trust" not in written:
        for key in ("x5u_hosts", "x5u_ca", "fresh_s", "wait_ms", "cache_h", "verstat"):
            if key in written:
                yield entry.at(key).error(
                    "means nothing without trust: nothing is verified", 'write trust = "FILE.pem"'
                )
