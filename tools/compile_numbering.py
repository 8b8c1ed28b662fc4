"""Compile the metadata of `phonenumberslite` into the one file that `ringfence.numbers` ships.

    python tools/compile_numbering.py [OUTPUT]

Every national-number pattern in the metadata is a finite language over digits, so it has a minimal acyclic
automaton. Nodes are interned by (label, children): two nodes are the same object if, and only if, the same numbers
follow them. That makes three steps short:

1. one automaton a pattern, cut to the lengths its description allows (`Nodes.language`);
2. one automaton a region, whose label is the kind of number in libphonenumber's order of precedence;
3. one automaton a calling code, whose label is (region, kind) in libphonenumber's order of regions.

A prefix is a leaf as soon as the rest of the number depends on its length only. Leaves in order become breakpoints
with one row of labels by total length; `ringfence.numbers.table` finds a row by bisection. Nothing here runs at run
time: the library itself is needed only to compile and to test.
"""

from __future__ import annotations

import hashlib
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

try:
    from re import _constants as sre  # type: ignore[attr-defined]
    from re import _parser as sre_parser  # type: ignore[attr-defined]
except ImportError as error:  # pragma: no cover
    raise SystemExit("needs CPython 3.11 or newer: its regular expression parser") from error

MAGIC = b"RFNUM1\n"
MAX_DIGITS = 15
"""ITU-T E.164 §6: a number has at most fifteen digits; longer ones in the metadata are left out."""

OUTPUT = Path(__file__).parents[1] / "src/ringfence/numbers/data/numbering.bin"

KINDS = (
    ("premium_rate", "premium"),
    ("toll_free", "toll_free"),
    ("shared_cost", "shared_cost"),
    ("voip", "voip"),
    ("personal_number", "personal"),
    ("pager", "pager"),
    ("uan", "uan"),
    ("voicemail", "voicemail"),
)
"""libphonenumber's precedence of number types (`_number_type_helper`); fixed and mobile follow these."""

Positions = frozenset[int]
Label = Any


class Nfa:
    """The positions of one pattern: epsilon moves and moves on a set of digits."""

    def __init__(self, pattern: str) -> None:
        self.epsilon: list[list[int]] = []
        self.moves: list[tuple[frozenset[str], int] | None] = []
        self.end = self._position()
        self.start = self._sequence(sre_parser.parse(pattern), self.end)

    def _position(self) -> int:
        self.epsilon.append([])
        self.moves.append(None)
        return len(self.moves) - 1

    def _sequence(self, items: Iterable[tuple[Any, Any]], after: int) -> int:
        for op, argument in reversed(list(items)):
            after = self._item(op, argument, after)
        return after

    def _item(self, op: Any, argument: Any, after: int) -> int:
        if op is sre.LITERAL:
            return self._digits({chr(argument)}, after)
        if op is sre.IN:
            return self._digits(set(_members(argument)), after)
        if op is sre.BRANCH:
            return self._fork([self._sequence(branch, after) for branch in argument[1]])
        if op is sre.SUBPATTERN:
            return self._sequence(argument[3], after)
        if op is sre.MAX_REPEAT:
            return self._repeat(argument, after)
        raise ValueError(f"pattern uses {op}, which no numbering plan did before")

    def _digits(self, digits: set[str], after: int) -> int:
        here = self._position()
        self.moves[here] = (frozenset(digits), after)
        return here

    def _fork(self, targets: list[int]) -> int:
        here = self._position()
        self.epsilon[here].extend(targets)
        return here

    def _repeat(self, argument: Any, after: int) -> int:
        least, most, body = argument
        if most is sre.MAXREPEAT:
            raise ValueError("an unbounded repetition in a numbering plan")
        here = after
        for _ in range(most - least):
            here = self._fork([self._sequence(body, here), after])
        for _ in range(least):
            here = self._sequence(body, here)
        return here

    def closure(self, positions: Iterable[int]) -> Positions:
        """All positions reachable without a digit."""
        seen: set[int] = set()
        stack = list(positions)
        while stack:
            position = stack.pop()
            if position not in seen:
                seen.add(position)
                stack.extend(self.epsilon[position])
        return frozenset(seen)

    def step(self, positions: Positions, digit: str) -> Positions:
        """The positions after one more digit."""
        moves = (self.moves[position] for position in positions)
        return self.closure(move[1] for move in moves if move and digit in move[0])


def _members(items: Iterable[tuple[Any, Any]]) -> Iterator[str]:
    for op, argument in items:
        if op is sre.LITERAL:
            yield chr(argument)
        elif op is sre.RANGE:
            yield from map(chr, range(argument[0], argument[1] + 1))
        elif op is sre.CATEGORY and argument is sre.CATEGORY_DIGIT:
            yield from "0123456789"
        else:
            raise ValueError(f"character class uses {op} {argument}")


class Nodes:
    """Interned automaton nodes: equal behaviour has one number; 0 is the node that accepts nothing."""

    def __init__(self) -> None:
        self.label: list[Label] = [None]
        self.children: list[tuple[int, ...]] = [(0,) * 10]
        self._known: dict[tuple[Label, tuple[int, ...]], int] = {(None, (0,) * 10): 0}

    def node(self, label: Label, children: tuple[int, ...]) -> int:
        """The number of the node with this label and these ten children."""
        key = (label, children)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.label)
            self.label.append(label)
            self.children.append(children)
        return found

    def language(self, pattern: str | None, lengths: Iterable[int] | None, depth: int) -> int:
        """The node of all strings up to `depth` that match `pattern` and have one of `lengths`."""
        if not pattern:
            return 0
        nfa = Nfa(pattern)
        allowed = frozenset(lengths or range(depth + 1))
        memo: dict[tuple[Positions, int], int] = {}

        def build(here: Positions, length: int) -> int:
            if not here or length > depth:
                return 0
            key = (here, length)
            if key not in memo:
                accepts = True if nfa.end in here and length in allowed else None
                memo[key] = self.node(accepts, tuple(build(nfa.step(here, d), length + 1) for d in "0123456789"))
            return memo[key]

        return build(nfa.closure([nfa.start]), 0)

    def beginning(self, pattern: str | None, depth: int) -> int:
        """The node of all strings up to `depth` whose beginning matches `pattern` (re.match)."""
        if pattern is None:
            return 0
        nfa = Nfa(pattern)

        def build(here: Positions, length: int) -> int:
            if not here or length > depth:
                return 0
            if nfa.end in here:
                return self.anything(depth - length)
            return self.node(None, tuple(build(nfa.step(here, d), length + 1) for d in "0123456789"))

        return build(nfa.closure([nfa.start]), 0)

    def anything(self, depth: int) -> int:
        """The node of every string of at most `depth` digits."""
        node = 0
        for _ in range(depth + 1):
            node = self.node(True, (node,) * 10)
        return node

    def product(self, nodes: tuple[int, ...], label: Callable[[tuple[Label, ...]], Label]) -> int:
        """The node whose label is a function of the labels of several nodes, digit by digit."""
        memo: dict[tuple[int, ...], int] = {}

        def build(here: tuple[int, ...]) -> int:
            if not any(here):
                return 0
            if here not in memo:
                columns = zip(*(self.children[node] for node in here), strict=True)
                children = tuple(build(column) for column in columns)
                memo[here] = self.node(label(tuple(self.label[node] for node in here)), children)
            return memo[here]

        return build(nodes)

    def by_length(self, node: int) -> list[Label] | None:
        """The labels by number of further digits, or None where the digits themselves matter."""
        labels: list[Label] = []
        while node:
            labels.append(self.label[node])
            first, *others = self.children[node]
            if any(other != first for other in others):
                return None
            node = first
        return labels


def kind_node(nodes: Nodes, metadata: Any, depth: int) -> int:
    """One region's automaton, labelled with the kind of number."""

    def language(desc: Any) -> int:
        return nodes.language(desc.national_number_pattern, desc.possible_length, depth) if desc else 0

    same = metadata.same_mobile_and_fixed_line_pattern

    def label(accepts: tuple[Label, ...]) -> Label:
        general, fixed, mobile, *special = accepts
        if not general:
            return None
        for (_, kind), accepted in zip(KINDS, special, strict=True):
            if accepted:
                return kind
        if fixed:
            return "fixed_or_mobile" if same or mobile else "fixed"
        return "mobile" if mobile and not same else None

    descriptions = [metadata.general_desc, metadata.fixed_line, metadata.mobile]
    descriptions += [getattr(metadata, name) for name, _ in KINDS]
    return nodes.product(tuple(language(desc) for desc in descriptions), label)


def code_node(nodes: Nodes, code: int, regions: tuple[str, ...]) -> int:
    """One calling code's automaton, labelled (region, kind); kind is "" in a region's unlisted ranges."""
    depth = MAX_DIGITS - len(str(code))
    parts: list[int] = []
    leading: list[bool] = []
    for region in regions:
        metadata: Any = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
        leading.append(len(regions) > 1 and metadata.leading_digits is not None)
        parts.append(nodes.beginning(metadata.leading_digits, depth) if leading[-1] else 0)
        parts.append(kind_node(nodes, metadata, depth))

    def label(labels: tuple[Label, ...]) -> Label:
        for region, by_leading, begins, kind in zip(regions, leading, labels[::2], labels[1::2], strict=True):
            if begins or (kind and not by_leading):
                return (region, kind or "")
        return None

    return nodes.product(tuple(parts), label)


def short_node(nodes: Nodes, region: str) -> int:
    """One region's short numbers, labelled with their kind (`shortnumberinfo.expected_cost_for_region`)."""
    metadata: Any = PhoneMetadata.short_metadata_for_region(region)
    if metadata is None:
        return 0

    def language(desc: Any, any_length: bool = False) -> int:
        lengths = None if any_length else desc and desc.possible_length
        return nodes.language(desc.national_number_pattern, lengths, 9) if desc else 0

    def label(accepts: tuple[Label, ...]) -> Label:
        emergency, general, code, premium, standard, toll_free = accepts
        if emergency:
            return "emergency"
        if not (general and code):
            return None
        if premium:
            return "short_premium"
        if standard:
            return "short_standard"
        return "short_toll_free" if toll_free else "short"

    descriptions = (metadata.general_desc, metadata.short_code, metadata.premium_rate, metadata.standard_rate)
    parts = [language(metadata.emergency, any_length=True)]
    parts += [language(desc) for desc in (*descriptions, metadata.toll_free)]
    return nodes.product(tuple(parts), label)


Row = tuple[Label, ...]


def leaves(nodes: Nodes, node: int, prefix: str, before: Row) -> Iterator[tuple[str, Row]]:
    """Prefixes in order, each with its labels by total length."""
    rest = nodes.by_length(node)
    if rest is not None:
        yield prefix, before + tuple(rest)
        return
    for digit, child in zip("0123456789", nodes.children[node], strict=True):
        yield from leaves(nodes, child, prefix + digit, (*before, nodes.label[node]))


def merged(rows: Iterable[tuple[str, Row]]) -> list[tuple[str, Row]]:
    """Breakpoints: neighbours with equal rows joined, trailing zeros dropped (then string order is range order)."""
    result: list[tuple[str, Row]] = [("", ())]
    for prefix, row in rows:
        while row and row[-1] is None:
            row = row[:-1]
        start = prefix.rstrip("0")
        if start == result[-1][0]:
            result[-1] = (start, row)
        elif row != result[-1][1]:
            result.append((start, row))
    return result


def number_rows() -> list[tuple[str, Row]]:
    """Breakpoints of the whole world, with gaps where no calling code is assigned."""
    codes = {str(code): regions for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()}
    rows: list[tuple[str, Row]] = []

    def walk(prefix: str) -> None:
        if prefix in codes:
            nodes = Nodes()
            node = code_node(nodes, int(prefix), codes[prefix])
            rows.extend(leaves(nodes, node, prefix, (None,) * len(prefix)))
        elif not any(code.startswith(prefix) for code in codes):
            rows.append((prefix, ()))
        else:
            for digit in "0123456789":
                walk(prefix + digit)

    walk("")
    return merged(rows)


def packed(breakpoints: list[tuple[str, Row]]) -> list[Any]:
    """[labels, rows of label indexes, breakpoints, row index of each breakpoint]"""
    labels: dict[Label, int] = {None: 0}
    rows: dict[tuple[int, ...], int] = {}
    index: list[int] = []
    for _, row in breakpoints:
        numbered = tuple(labels.setdefault(label, len(labels)) for label in row)
        index.append(rows.setdefault(numbered, len(rows)))
    return [list(labels), [list(row) for row in rows], [start for start, _ in breakpoints], index]


def formats_of(metadata: Any) -> list[list[str]]:
    """How a national number is dialled: [leading digits, whole pattern, template with the national prefix]."""
    result = []
    for rule in metadata.number_format:
        template = rule.format
        if rule.national_prefix_formatting_rule:
            template = re.sub(r"(\\\d)", rule.national_prefix_formatting_rule, template, count=1)
        leading = rule.leading_digits_pattern[-1] if rule.leading_digits_pattern else ""
        result.append([leading, rule.pattern, template])
    return result


def region_data(region: str) -> list[Any]:
    """The fields of `ringfence.numbers.table.RegionData`, in order."""
    metadata: Any = PhoneMetadata.metadata_for_region(region)
    code = metadata.country_code
    general = metadata.general_desc
    main = COUNTRY_CODE_TO_REGION_CODE[code][0] == region
    nodes = Nodes()
    return [
        region,
        str(code),
        metadata.international_prefix or "",
        re.sub("[^0-9]", "", metadata.preferred_international_prefix or ""),
        metadata.national_prefix or "",
        metadata.national_prefix_for_parsing or "",
        metadata.national_prefix_transform_rule or "",
        general.national_number_pattern,
        list(general.possible_length),
        list(general.possible_length_local_only),
        formats_of(metadata) if main else [],
        packed(merged(leaves(nodes, short_node(nodes, region), "", ()))),
    ]


def compile_payload() -> bytes:
    """Everything that is shipped, before compression; the same metadata gives the same bytes."""
    codes = {str(code): list(regions) for code, regions in sorted(COUNTRY_CODE_TO_REGION_CODE.items())}
    lengths = {}
    for code, regions in codes.items():
        metadata: Any = PhoneMetadata.metadata_for_region_or_calling_code(int(code), regions[0])
        lengths[code] = list(metadata.general_desc.possible_length)
    regions_in_order = sorted(phonenumbers.SUPPORTED_REGIONS)
    regions_packed = {region: msgspec.msgpack.encode(region_data(region)) for region in regions_in_order}
    return msgspec.msgpack.encode([phonenumbers.__version__, codes, lengths, packed(number_rows()), regions_packed])


def main() -> None:
    """Write the file and say what is in it."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    payload = compile_payload()
    digest = hashlib.sha256(payload)
    output.write_bytes(MAGIC + digest.digest() + zlib.compress(payload, 9))
    print(f"{output}: phonenumbers {phonenumbers.__version__}, {output.stat().st_size} bytes, {digest.hexdigest()}")


if __name__ == "__main__":
    main()
