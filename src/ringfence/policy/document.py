"""All files of one policy put together: which sections there are, and the values each of them holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ringfence.policy.errors import PolicyError
from ringfence.policy.keys import INCLUDE, LISTED, NAMED, SINGLE
from ringfence.policy.keys_party import SOURCE
from ringfence.policy.kinds import MISSING, Problems, Table, Wrong, unknown_key, unknown_name
from ringfence.policy.leaves import name as check_name
from ringfence.policy.tree import Node, merge

_MAIN = (*SINGLE, *NAMED, *LISTED, INCLUDE.name)
_INCLUDED = (*NAMED, *LISTED)
_SOURCE_WITHOUT_PROFILE = msgspec.structs.replace(
    SOURCE, keys=tuple(msgspec.structs.replace(key, required=False) for key in SOURCE.keys)
)
"""For a source whose profile is missing: what it lacks may be in there."""


class Entry(msgspec.Struct, frozen=True):
    """One table: where it stands and its typed values, profile included."""

    node: Node
    values: dict[str, Any]

    def at(self, key: str) -> Node:
        """The node of a key, or of the table where it has its default."""
        found: Node = self.node.value.get(key, self.node)
        return found


class Document(msgspec.Struct, frozen=True):
    """The sections of all files."""

    path: str
    """The main file."""
    single: dict[str, Entry]
    named: dict[str, dict[str, Entry]]
    listed: dict[str, tuple[Entry, ...]]


def read_document(main: Node, included: Iterable[Node], problems: Problems) -> Document:
    """Read every section of the main file and the included ones; what is wrong goes into `problems`."""
    single = {name: _entry(table, main.value[name], problems) for name, table in SINGLE.items() if name in main.value}
    named: dict[str, dict[str, Node]] = {section: {} for section in NAMED}
    listed: dict[str, list[Node]] = {section: [] for section in LISTED}
    for root, known in [(main, _MAIN), *((node, _INCLUDED) for node in included)]:
        problems.extend(_misplaced(child, name, known) for name, child in root.value.items() if name not in known)
        for section, tables in named.items():
            _add_named(tables, root.value.get(section), problems)
        for section, nodes in listed.items():
            nodes.extend(_listed(root.value.get(section), problems))
    return Document(
        path=main.path,
        single=single,
        named={section: _read_named(section, named, problems) for section in NAMED},
        listed={
            section: tuple(_entry(table, node, problems) for node in listed[section])
            for section, table in LISTED.items()
        },
    )


def _read_named(section: str, named: dict[str, dict[str, Node]], problems: Problems) -> dict[str, Entry]:
    if section != "source":
        return {name: _entry(NAMED[section], node, problems) for name, node in named[section].items()}
    return {name: _source(node, named["profile"], problems) for name, node in named["source"].items()}


def _source(node: Node, profiles: dict[str, Node], problems: Problems) -> Entry:
    """A source with its profile merged in; mistakes in the profile keep the profile's place."""
    name = node.value.get("profile") if isinstance(node.value, dict) else None
    if name is None or not isinstance(name.value, str):
        return _entry(SOURCE, node, problems)
    if name.value not in profiles:
        problems.append(unknown_name(name, "profile", name.value, profiles))
        return _entry(_SOURCE_WITHOUT_PROFILE, node, problems)
    return _entry(SOURCE, merge(profiles[name.value], node), problems)


def _entry(table: Table, node: Node, problems: Problems) -> Entry:
    section = node.key.partition(".")[0]
    if section in NAMED and not isinstance(node.value, dict):
        problems.append(node.error(f"stands in no [{section}.NAME]", "give the table above it a name"))
        return Entry(msgspec.structs.replace(node, value={}), {})
    values = table.values(node, problems)
    if values is MISSING:
        return Entry(msgspec.structs.replace(node, value={}), {})
    return Entry(node, values)


def _add_named(tables: dict[str, Node], section: Node | None, problems: Problems) -> None:
    """Add the tables of one file's section; a name may be given once in all files."""
    if section is None:
        return
    if not isinstance(section.value, dict):
        problems.append(section.error(f"must be tables with a name: [{section.key}.NAME]"))
        return
    for name, node in section.value.items():
        try:
            check_name(name)
        except Wrong as wrong:
            problems.append(node.error(wrong.message, wrong.hint))
        if name in tables:
            first = tables[name]
            problems.append(node.error(f"is there twice: first in {first.path}:{first.line}", "rename or remove one"))
        tables.setdefault(name, node)


def _listed(section: Node | None, problems: Problems) -> list[Node]:
    if section is None:
        return []
    if isinstance(section.value, list):
        return list(section.value)
    problems.append(section.error("must be tables in double brackets", f"write [[{section.key}]]"))
    return []


def _misplaced(node: Node, name: str, known: tuple[str, ...]) -> PolicyError:
    if name in _MAIN:
        return node.error("is allowed in the main file only", "move it there")
    return unknown_key(node, name, known)
