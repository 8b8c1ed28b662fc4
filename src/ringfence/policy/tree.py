"""A TOML text as a tree of nodes, each of which knows its file, line and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from ringfence.policy.errors import PolicyError, PolicyErrors
from ringfence.policy.positions import Path, positions

_WHERE = re.compile(r" \(at (?:line ([0-9]+), column [0-9]+|end of document)\)$")

_TWICE = re.compile(r"Cannot declare \((.*?),?\) twice")
_SYNTAX_HINTS = {
    "Invalid value": "text stands in quotes, and true and false are written small",
    "Illegal character": "a quote or bracket is missing at the end of the line",
    "Cannot overwrite a value": "the key is there twice: remove one",
    "Expected = after": "a line is: key = value",
}


class Node(msgspec.Struct, frozen=True):
    """One value of the file."""

    value: Any
    """A dict of nodes, a list of nodes, or what tomllib made of a scalar (numbers with a point as Decimal)."""
    key: str
    """Dotted key; elements of arrays counted from 1: `exception[2].until`."""
    path: str
    """The file."""
    line: int

    def error(self, message: str, hint: str = "") -> PolicyError:
        """A mistake at this place."""
        return PolicyError(self.path, self.line, self.key, message, hint)


def parse(text: str, path: str) -> Node:
    """Read a TOML text. Raises PolicyErrors with the line of the syntax error."""
    text = text.replace("\r\n", "\n")
    try:
        values = tomllib.loads(text, parse_float=_decimal)
        lines = positions(text)
        return _node(values, (), "", path, lines)
    except tomllib.TOMLDecodeError as error:
        raise PolicyErrors([_syntax_error(str(error), text, path)]) from None
    except RecursionError:
        raise PolicyErrors([PolicyError(path, 1, "", "is nested too deeply to be a policy")]) from None
    except ValueError:  # what int() refuses, without a place
        raise PolicyErrors([PolicyError(path, 1, "", "holds a whole number of thousands of digits")]) from None


def merge(under: Node, over: Node) -> Node:
    """`over` with what only `under` has; tables are merged key by key, everything else is replaced."""
    if not (isinstance(under.value, dict) and isinstance(over.value, dict)):
        return over
    merged = dict(under.value)
    for name, node in over.value.items():
        merged[name] = merge(merged[name], node) if name in merged else node
    return Node(merged, over.key, over.path, over.line)


def walk(node: Node, key: str) -> Iterator[tuple[str, Node]]:
    """Every node under this one with its key as seen from here, itself first."""
    yield key, node
    if isinstance(node.value, dict):
        for name, child in node.value.items():
            yield from walk(child, f"{key}.{name}" if key else name)
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value, 1):
            yield from walk(child, f"{key}[{index}]")


def _node(value: Any, path: Path, key: str, file: str, lines: dict[Path, int]) -> Node:
    line = lines.get(path, 1)
    if isinstance(value, dict):
        value = {
            name: _node(child, (*path, name), f"{key}.{name}" if key else name, file, lines)
            for name, child in value.items()
        }
    elif isinstance(value, list):
        value = [_node(child, (*path, i), f"{key}[{i + 1}]", file, lines) for i, child in enumerate(value)]
    return Node(value, key, file, line)


def _decimal(text: str) -> Decimal:
    """Exact, since most numbers with a point are money."""
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what decimal holds
        return Decimal("Infinity")


def _syntax_error(message: str, text: str, path: str) -> PolicyError:
    match = _WHERE.search(message)
    if match is None:
        return PolicyError(path, 1, "", f"is not TOML: {message}")
    line = int(match[1]) if match[1] else text.rstrip("\n").count("\n") + 1
    what = _TWICE.sub(
        lambda m: f"[{m[1].replace(', ', '.')}] is there twice", message[: match.start()].replace("'", "")
    )
    hint = next((hint for start, hint in _SYNTAX_HINTS.items() if what.startswith(start)), "")
    return PolicyError(path, line, "", f"is not TOML: {what[:1].lower()}{what[1:]}", hint)
