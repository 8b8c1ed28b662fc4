"""Signatures of callers between the keys of a policy (control A13)."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.policy.document import Document, Entry
from ringfence.policy.errors import PolicyError

_VERIFYING = ("x5u_hosts", "x5u_ca", "fresh_s", "wait_ms", "cache_h", "verstat")
_SIGNING = ("certificate", "x5u")


def wrong_signatures(document: Document) -> Iterator[PolicyError]:
    """Every mistake about them."""
    entry = document.single.get("shaken")
    if entry is not None:
        yield from _verifying(entry)
        yield from _signing(entry)
    signs = entry is not None and "key" in entry.node.value
    for trunk in document.named["trunk"].values():
        if trunk.values.get("sign") and not signs:
            yield trunk.at("sign").error("there is no key to sign with", "write key, certificate and x5u in [shaken]")


def _verifying(entry: Entry) -> Iterator[PolicyError]:
    written = entry.node.value
    if "trust" in written and "x5u_hosts" not in written:
        hint = 'write x5u_hosts = ["certificates.example"]: the hosts that your authorities have certificates kept at'
        yield entry.at("trust").error("no certificate may be fetched from anywhere, so nothing can be verified", hint)
    if "trust" not in written:
        for key in _VERIFYING:
            if key in written:
                yield entry.at(key).error(
                    "means nothing without trust: nothing is verified", 'write trust = "FILE.pem"'
                )


def _signing(entry: Entry) -> Iterator[PolicyError]:
    written = entry.node.value
    for key in _SIGNING:
        if "key" in written and key not in written:
            yield entry.at("key").error(f"{key} is missing: nobody could know whose signature it is", f"write {key}")
    if "key" not in written:
        for key in _SIGNING:
            if key in written:
                yield entry.at(key).error("means nothing without key: nothing is signed", 'write key = "FILE.pem"')
