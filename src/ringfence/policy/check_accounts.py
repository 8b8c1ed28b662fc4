"""Digest sources between the tables of a policy: who has accounts, where they are challenged, whose phone rings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ringfence.policy.document import Document, Entry
from ringfence.policy.errors import PolicyError
from ringfence.policy.keys_accounts import ACCOUNTS
from ringfence.policy.leaves_net import NETWORK
from ringfence.policy.tree import Node

Range = tuple[str, str]
_OF_DIGEST = ("accounts", "networks", "digest_algorithms", "registrations")
_OF_ADDRESS = {"addresses": "it is known by its accounts", "deliver_to": "inbound calls go to the registered contact"}


def wrong_accounts(document: Document) -> Iterator[PolicyError]:
    """Every mistake about accounts and how they are proved."""
    for entry in document.named["source"].values():
        if entry.values.get("auth") == "digest":
            yield from _digest_source(document, entry)
        else:
            yield from _address_source(entry)
    yield from _twice(document)
    yield from _for_nobody(document)


def has_digest(entry: Entry) -> bool:
    """Whether a source is known by its accounts."""
    return entry.values.get("auth") == "digest"


def inbound_numbers(entry: Entry) -> list[tuple[Range, Node]]:
    """The ranges of inbound numbers that a source names, in `dids` or by account."""
    accounts = entry.values.get("accounts")
    by_account = accounts.items() if isinstance(accounts, dict) else ()
    found = [(each, entry.at("accounts").value[name]) for name, ranges in by_account for each in ranges]
    return found + [(each, entry.at("dids").value[index]) for index, each in enumerate(entry.values.get("dids", ()))]


def _address_source(entry: Entry) -> Iterator[PolicyError]:
    written = entry.node.value
    if "listen" in written and "addresses" not in written and "tls_peer" not in written:
        hint = f'addresses is a list, each {NETWORK.says}; or write auth = "digest" with accounts, or tls_peer'
        yield entry.node.error('the key "addresses" is missing', hint)
    for key in _OF_DIGEST:
        # A profile may have them for its other sources.
        if key in written and (key == "accounts" or "profile" not in entry.values):
            yield entry.at(key).error("only matters to a digest source", 'write auth = "digest"')


def _digest_source(document: Document, entry: Entry) -> Iterator[PolicyError]:
    values, written = entry.values, entry.node.value
    for key, why in _OF_ADDRESS.items():
        if key in written:
            yield entry.at(key).error(f"a digest source has none: {why}", "take it out")
    if not values.get("accounts") and ("accounts" not in written or "accounts" in values):
        yield entry.at("auth").error("needs accounts", f"accounts is {ACCOUNTS.says}")
    settings = document.single.get("digest")
    if settings is None or "realm" not in settings.node.value:
        yield entry.at("auth").error("needs a realm", 'write [digest] with realm = "phones.example.net"')
    listen = document.named["listen"].get(values.get("listen", ""))
    if listen is not None and not listen.values.get("digest"):
        hint = f"write digest = true in [{listen.node.key}]"
        yield entry.at("listen").error("challenges nobody, so nobody can prove a password there", hint)
    algorithms = values.get("digest_algorithms", ())
    if len(set(algorithms)) < len(algorithms):
        yield entry.at("digest_algorithms").error("names one twice", "take it out")
    yield from _registrations(entry)
    yield from _ringing(entry)


def _registrations(entry: Entry) -> Iterator[PolicyError]:
    found = entry.values.get("registrations")
    if found is not None and found.min_expires_s > found.max_expires_s:
        text = f"min_expires_s is {found.min_expires_s}, over max_expires_s = {found.max_expires_s}"
        yield entry.at("registrations").error(text, f"write max_expires_s = {found.min_expires_s} or more")


def _ringing(entry: Entry) -> Iterator[PolicyError]:
    """Which account an inbound call is for has to be clear."""
    accounts = entry.values.get("accounts", ())
    if isinstance(accounts, dict) and "dids" in entry.node.value:
        yield entry.at("dids").error("its accounts have numbers of their own", "take it out")
    if isinstance(accounts, dict) and "in" not in entry.values.get("directions", ()) and any(accounts.values()):
        text = "only matter to inbound calls, and directions has none"
        yield entry.at("accounts").error(text, 'write directions = ["in"]')
    if isinstance(accounts, tuple) and len(accounts) > 1 and "in" in entry.values.get("directions", ()):
        hint = f'write {accounts[0]} = ["+12125550100"] under [{entry.node.key}.accounts], and so on'
        yield entry.at("accounts").error("whose is an inbound call? Several accounts need numbers", hint)
    ranges = sorted(((int(a), int(b), node) for (a, b), node in inbound_numbers(entry)), key=lambda row: row[:2])
    for (_, end, _), (start, _, node) in pairwise(ranges):
        if start <= end:
            yield node.error(f"+{start} rings elsewhere in this source as well", "write it once")


def _twice(document: Document) -> Iterator[PolicyError]:
    """An account is the name that a password goes by, so it can't be two sources'."""
    owner: dict[str, str] = {}
    for name, entry in document.named["source"].items():
        accounts = entry.values.get("accounts", ()) if has_digest(entry) else ()
        for index, account in enumerate(accounts):
            if account in owner:
                node = entry.at("accounts").value[account if isinstance(accounts, dict) else index]
                whose = "this source" if owner[account] == name else f"source.{owner[account]}"
                yield node.error(f"account {account} is one of {whose} as well", "rename or remove one")
            owner.setdefault(account, name)


def _for_nobody(document: Document) -> Iterator[PolicyError]:
    """A listener that challenges tells strangers that it is there: not without need."""
    used = {entry.values.get("listen") for entry in document.named["source"].values() if has_digest(entry)}
    for name, entry in document.named["listen"].items():
        if entry.values.get("digest") and name not in used:
            yield entry.at("digest").error("no digest source is here, so strangers would be answered for nothing")
