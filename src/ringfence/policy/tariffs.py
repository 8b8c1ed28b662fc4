"""The CSV files a policy names: rate decks and block lists of trunks, risks of the site.

Each file is read once however many trunks name it, and not again while its bytes stay the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ringfence.numbers import BlockList, RateDeck, RiskTable, TableError
from ringfence.policy import files
from ringfence.policy.document import Document
from ringfence.policy.errors import PolicyError, PolicyErrors
from ringfence.policy.kinds import Problems
from ringfence.policy.tree import Node

Cache = dict[tuple[str, str], Any]
"""Kind and SHA-256 of a file to what was read from it."""


class Tariffs(msgspec.Struct, frozen=True):
    """What was read."""

    decks: dict[str, RateDeck] = msgspec.field(default_factory=dict)
    """By trunk."""
    block_lists: dict[str, tuple[BlockList, ...]] = msgspec.field(default_factory=dict)
    """By trunk."""
    risks: list[RiskTable] = msgspec.field(default_factory=list)
    """The site's one, or none."""
    files: dict[str, str] = msgspec.field(default_factory=dict)
    """Path to SHA-256."""
    used: list[tuple[str, str, str]] = msgspec.field(default_factory=list)
    """What makes a difference to decisions: trunk, kind, SHA-256."""


def read_tariffs(document: Document, problems: Problems, cache: Cache) -> Tariffs:
    """Read every CSV file; mistakes go into `problems` with the line of the CSV file."""
    tariffs = Tariffs()
    for trunk, entry in sorted(document.named["trunk"].items()):
        if "rates" in _dict(entry.values.get("billing")):
            node = entry.at("billing").value["rates"]
            deck = _read(node, "rates", RateDeck.from_csv, trunk, tariffs, problems, cache)
            tariffs.decks.update({trunk: deck} if deck is not None else {})
        lists = [
            _read(node, "block list", BlockList.from_csv, trunk, tariffs, problems, cache)
            for node in (entry.at("block_lists").value if "block_lists" in entry.values else ())
        ]
        tariffs.block_lists[trunk] = tuple(found for found in lists if found is not None)
    site = document.single.get("site")
    if site is not None and "risks" in site.values:
        risk = _read(site.at("risks"), "risks", RiskTable.from_csv, "", tariffs, problems, cache)
        tariffs.risks.extend([risk] if risk is not None else [])
    return tariffs


def _read(
    node: Node,
    kind: str,
    read: Callable[[str, str], Any],
    trunk: str,
    tariffs: Tariffs,
    problems: Problems,
    cache: Cache,
) -> Any:
    """What `read` makes of the file that a node names, or None."""
    path = files.beside(node.path, node.value)
    try:
        file = files.read(path)
        key = (kind, file.sha256)
        if key not in cache:
            cache[key] = read(file.text, path)
    except PolicyErrors as failed:
        problems.extend(node.error(f"{error.place}: {error.message}", error.hint) for error in failed.errors)
        return None
    except TableError as failed:
        problems.extend(PolicyError(path, p.line, p.column, _said(p.found, p.allowed)) for p in failed.problems)
        return None
    tariffs.files[path] = file.sha256
    tariffs.used.append((trunk, *key))
    return cache[key]


def _said(found: str, allowed: str) -> str:
    return f"{found!r} {allowed}" if found else allowed


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
