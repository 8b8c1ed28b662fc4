"""What a value of the policy file may be, as data: read, JSON Schema and documentation come from the same table.

A kind reads a node into a typed value, or puts what is wrong into a list of problems and gives MISSING, so that one
mistake never hides another. Leaves are functions that raise Wrong; containers collect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Any, Final, Protocol

import msgspec

from ringfence.policy.errors import PolicyError
from ringfence.policy.tree import Node

Problems = list[PolicyError]
Schema = dict[str, Any]


class Missing(Enum):
    """The type of MISSING."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""What a kind gives for a value that it could not read."""


class Wrong(Exception):
    """Raised by a leaf: what is wrong with the value, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint


class Kind(Protocol):
    """How a value is read and described."""

    @property
    def says(self) -> str:
        """What is allowed, to follow "must be" and to stand in the reference."""

    def read(self, node: Node, problems: Problems) -> Any:
        """The typed value, or MISSING with the reason in `problems`."""

    def schema(self) -> Schema:
        """Its JSON Schema."""


class Leaf(msgspec.Struct, frozen=True):
    """A single value."""

    says: str
    parse: Callable[[Any], Any]
    """Takes what tomllib made of it; raises Wrong."""
    json: Schema

    def read(self, node: Node, problems: Problems) -> Any:
        try:
            if isinstance(node.value, dict | list):
                raise Wrong(f"must be {self.says}, not {_name(node.value)}")
            return self.parse(node.value)
        except Wrong as wrong:
            problems.append(node.error(wrong.message, wrong.hint))
            return MISSING

    def schema(self) -> Schema:
        return dict(self.json)


class ListOf(msgspec.Struct, frozen=True):
    """An array of leaves; reads as a tuple."""

    item: Leaf
    least: int = 0

    @property
    def says(self) -> str:
        return f"a list, each {self.item.says}"

    def read(self, node: Node, problems: Problems) -> Any:
        if not isinstance(node.value, list):
            items = ", ".join([_toml(node.value)] * max(1, self.least))
            problems.append(node.error(f"must be {self.says}", f"write [{items}]" if node.value else ""))
            return MISSING
        if len(node.value) < self.least:
            problems.append(node.error(f"must not be empty: {self.says}"))
            return MISSING
        values = [self.item.read(child, problems) for child in node.value]
        return MISSING if MISSING in values else tuple(values)

    def schema(self) -> Schema:
        return {"type": "array", "items": self.item.schema(), **({"minItems": self.least} if self.least else {})}


class Either(msgspec.Struct, frozen=True):
    """A plain value, or a container of them, told apart by their form."""

    plain: Leaf
    container: Kind

    @property
    def says(self) -> str:
        return f"{self.plain.says}, or {self.container.says}"

    def read(self, node: Node, problems: Problems) -> Any:
        kind: Kind = self.container if isinstance(node.value, dict | list) else self.plain
        return kind.read(node, problems)

    def schema(self) -> Schema:
        return {"anyOf": [self.plain.schema(), self.container.schema()]}


class TableOf(msgspec.Struct, frozen=True):
    """A table whose keys are names that nobody knows beforehand; reads as a dict."""

    key: Leaf
    called: str
    """What a key stands for in the reference."""
    item: Kind

    @property
    def says(self) -> str:
        return f"a table by {self.called}, each {self.item.says}"

    def read(self, node: Node, problems: Problems) -> Any:
        values = {
            name: self.item.read(child, problems)
            for name, child in node.value.items()
            if self.key.read(msgspec.structs.replace(child, value=name), problems) is not MISSING
        }
        return {name: value for name, value in values.items() if value is not MISSING}

    def schema(self) -> Schema:
        names = {key: value for key, value in self.key.json.items() if key == "pattern"}
        return {"type": "object", "propertyNames": names, "additionalProperties": self.item.schema()}


class ListOrTable(msgspec.Struct, frozen=True):
    """A list of names, or a table by them; reads as a tuple or a dict."""

    names: ListOf
    table: TableOf

    @property
    def says(self) -> str:
        return f"{self.names.says}, or {self.table.says}"

    def read(self, node: Node, problems: Problems) -> Any:
        kind: Kind = self.table if isinstance(node.value, dict) else self.names
        return kind.read(node, problems)

    def schema(self) -> Schema:
        return {"anyOf": [self.names.schema(), self.table.schema()]}


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a table."""

    name: str
    kind: Kind
    doc: str
    """What it means, with its unit; one or two sentences."""
    required: bool = False
    default: str = ""
    """How the default reads; empty: taken from the settings struct."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table with known keys. Reads as what `build` makes of the values that are there."""

    doc: str
    keys: tuple[Key, ...]
    build: Callable[[dict[str, Any]], Any] = dict
    check: Callable[[Node, dict[str, Any]], Iterable[PolicyError]] | None = None
    """Finds what contradicts itself among the values."""
    plain: str = ""
    """The key that somebody means who writes a plain value."""
    defaults: type | None = None
    """The struct whose field defaults are the defaults of the keys of the same name."""

    @property
    def says(self) -> str:
        return f"a table of {listing(key.name for key in self.keys)}"

    def read(self, node: Node, problems: Problems) -> Any:
        values = self.values(node, problems)
        return MISSING if values is MISSING else self.build(values)

    def values(self, node: Node, problems: Problems) -> Any:
        """The typed values that are there, by key, before `build`."""
        if not isinstance(node.value, dict):
            plain = self.plain and not isinstance(node.value, list)
            hint = f"write {{ {self.plain} = {_toml(node.value)} }}" if plain else ""
            problems.append(node.error(f"must be {self.says}, not {_name(node.value)}", hint))
            return MISSING
        known = {key.name: key for key in self.keys}
        unknown = [name for name in node.value if name not in known]
        problems.extend(unknown_key(node.value[name], name, known) for name in unknown)
        problems.extend(self.lacking(node, (key.name for key in self.keys if key.required)))
        values = {name: known[name].kind.read(node.value[name], problems) for name in known if name in node.value}
        values = {name: value for name, value in values.items() if value is not MISSING}
        problems.extend(self.check(node, values) if self.check else ())
        return values

    def lacking(self, node: Node, names: Iterable[str]) -> Iterable[PolicyError]:
        """Errors for those of some keys that aren't there, unless a misspelled one is meant."""
        known = {key.name: key for key in self.keys}
        misspelled = {near for name in node.value if name not in known for near in _nearest(name, known)}
        return [
            node.error(f'the key "{name}" is missing', f"{name} is {known[name].kind.says}")
            for name in names
            if name not in node.value and name not in misspelled
        ]

    def schema(self) -> Schema:
        required = [key.name for key in self.keys if key.required]
        return {
            "type": "object",
            "properties": {key.name: {**key.kind.schema(), "description": key.doc} for key in self.keys},
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


class MapOf(msgspec.Struct, frozen=True):
    """A table whose keys are any of some names, each with the same kind of value; reads as a dict."""

    names: tuple[str, ...]
    item: Kind

    @property
    def says(self) -> str:
        return f"a table with {listing(self.names)}, each {self.item.says}"

    def read(self, node: Node, problems: Problems) -> Any:
        if not isinstance(node.value, dict):
            problems.append(node.error(f"must be {self.says}, not {_name(node.value)}"))
            return MISSING
        problems.extend(self._unknown(child, name) for name, child in node.value.items() if name not in self.names)
        values = {name: self.item.read(node.value[name], problems) for name in self.names if name in node.value}
        return {name: value for name, value in values.items() if value is not MISSING}

    def _unknown(self, node: Node, name: str) -> PolicyError:
        """A key nobody knows, or one that belongs a level deeper."""
        if isinstance(self.item, Table) and name in {key.name for key in self.item.keys}:
            deeper = " or ".join(f"{each}.{name}" for each in self.names)
            return node.error("is not a known key", f"write {deeper}")
        return unknown_key(node, name, self.names)

    def schema(self) -> Schema:
        items = {name: self.item.schema() for name in self.names}
        return {"type": "object", "properties": items, "additionalProperties": False}


def unknown_key(node: Node, name: str, known: Iterable[str]) -> PolicyError:
    """The error for a key nobody knows, with the nearest one."""
    names = list(known)
    hint = "".join(f'did you mean "{near}"? ' for near in _nearest(name, names))
    return node.error("is not a known key", f"{hint}known here: {listing(names)}")


def unknown_name(node: Node, what: str, name: str, known: Mapping[str, Any] | Iterable[str]) -> PolicyError:
    """The error for a reference to something the file doesn't have."""
    names = sorted(known)
    for near in _nearest(name, names):
        return node.error(f'there is no {what} "{name}"', f'did you mean "{near}"?')
    return node.error(
        f'there is no {what} "{name}"', f"there is {listing(names)}" if names else f"write [{what}.{name}]"
    )


def listing(names: Iterable[str]) -> str:
    """`a, b, c`, cut after a dozen."""
    names = list(names)
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    """The most similar known name, or none."""
    return get_close_matches(name, list(known), n=1, cutoff=0.5)


def _name(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, list) else repr(value)


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
