"""Every fact and record reads back equal, whatever is in it, and what is searched is what the entry says."""

from __future__ import annotations

import hashlib
import types
import typing
from typing import Any, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgerkit import decided

from ringfence.ledger.chain import SALT_BYTES, body_digest
from ringfence.ledger.records import NOT_KEPT, Columns, Entry, Opened, columns, decode, encode, kind_of, number_key
from ringfence.ledger.store import written
from ringfence.model import Answered, Ended, Extended, Hold, Reading, Strangers

LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**63 - 1),
    str: st.text(max_size=20),
    bytes: st.binary(max_size=20),
    bool: st.booleans(),
    type(None): st.none(),
}
KINDS = [kind for kind in get_args(Entry) if kind not in NOT_KEPT]


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type of the model."""
    origin, inside = get_origin(kind), get_args(kind)
    if kind in LEAVES:
        return LEAVES[kind]
    if origin is typing.Literal:
        return st.sampled_from(inside)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values_of, inside))
    if origin is tuple and inside[-1] is Ellipsis:
        return st.lists(values_of(inside[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values_of, inside))
    if origin is dict:
        return st.dictionaries(values_of(inside[0]), values_of(inside[1]), max_size=3)
    if issubclass(kind, msgspec.Struct):
        return st.builds(kind, **{field.name: values_of(field.type) for field in msgspec.structs.fields(kind)})
    return st.builds(kind, **{name: values_of(of) for name, of in typing.get_type_hints(kind).items()})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_reads_back_equal(kind: type[Entry]) -> None:
    @settings(max_examples=30, deadline=None)
    @given(values_of(kind))
    def reads_back(entry: Entry) -> None:
        row = written(entry)
        found = decode(row.body)
        assert found == entry
        assert type(found) is kind
        assert (row.at, row.kind) == (entry.at, kind_of(found))
        assert row.columns == columns(found)

    reads_back()


@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 4094, 4095, 10_000])
def test_a_digest_is_of_the_whole_body(size: int) -> None:
    salt, body = bytes(SALT_BYTES), b"x" * size
    assert body_digest(salt, body) == hashlib.sha256(salt + body).digest()


ENTRIES: list[tuple[Entry, Columns]] = [
    (
        decided("c1", outcome="deny", caller="+1 (212) 555-0100", callee="5355512345"),
        Columns("c1", "pbx-main", "12125550100", "5355512345", "deny"),
    ),
    (Answered(at=1, id="c1", leg="t"), Columns(call="c1")),
    (Ended(at=1, id="c1", cause="lost"), Columns(call="c1")),
    (Extended(at=1, hold=Hold("c1#t", "n1", (), 2), reading=Reading(True, 1, ())), Columns(call="c1")),
    (Strangers(at=1, listener="out", address="203.0.113.9", requests={"INVITE": 3}), Columns(source="203.0.113.9")),
    (Opened(at=1, node="n1", key=b"k"), Columns()),
]


@pytest.mark.parametrize(("entry", "found"), ENTRIES, ids=lambda value: type(value).__name__)
def test_columns(entry: Entry, found: Columns) -> None:
    assert columns(entry) == found
    assert encode(entry) == encode(decode(encode(entry)))


@pytest.mark.parametrize(
    ("text", "key"),
    [("+1 (212) 555-0100", "12125550100"), ("anonymous", "anonymous"), ("Front-Desk", "front-desk"), ("", "")],
)
def test_number_key(text: str, key: str) -> None:
    assert number_key(text) == key
