"""The chain's arithmetic, and a store that stays where it stood when something fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgerkit import START, decided, story

from ringfence.ledger.chain import Head, Signer, genesis, link
from ringfence.ledger.files import Paths
from ringfence.ledger.store import Store, written
from ringfence.ledger.verify import verify

SIGNER = Signer(Ed25519PrivateKey.generate())
HEADER = st.tuples(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**62),
    st.integers(-(2**62), 2**62),
    st.text("abc-", max_size=4),
    st.binary(min_size=32, max_size=32),
)


@settings(deadline=None)
@given(HEADER, HEADER)
def test_every_part_of_a_header_is_in_its_link(
    one: tuple[bytes, int, int, str, bytes], other: tuple[bytes, int, int, str, bytes]
) -> None:
    for part in range(5):
        mixed = (*one[:part], other[part], *one[part + 1 :])
        assert (link(*mixed) == link(*one)) == (mixed == one)


@settings(deadline=None)
@given(st.text(max_size=5), st.text(max_size=5))
def test_each_node_begins_its_own_chain(one: str, other: str) -> None:
    assert (genesis(one) == genesis(other)) == (one == other)


@settings(deadline=None)
@given(st.integers(1, 2**62), st.integers(-(2**62), 2**62), st.binary(min_size=32, max_size=32))
def test_a_head_reads_back_and_is_of_its_place_only(seq: int, at: int, chain: bytes) -> None:
    head = SIGNER.sign("n1", seq, at, chain)
    back = Head.parse(str(head))
    assert back == head
    assert back.valid()
    assert not back.valid("anchor")
    for changed in ({"seq": seq + 1}, {"at": at + 1}, {"chain": bytes(31) + b"x"}, {"node": "n2"}, {"key": bytes(32)}):
        assert not back._replace(**changed).valid()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Paths.of(tmp_path / "l.db"), "n1", SIGNER, "process", START)


def test_a_transaction_that_fails_leaves_everything_as_it_was(tmp_path: Path, store: Store) -> None:
    store.append([written(fact) for fact in story("c1")])
    before = store.seq, store.chain, store.unsearched
    with pytest.raises(KeyError), store.transaction():
        store.append([written(decided("lost"))])
        raise KeyError
    assert (store.seq, store.chain, store.unsearched) == before
    store.append([written(decided(f"c{number}")) for number in range(100)])
    store.make_searchable(1000)
    store.close()
    found = verify(tmp_path / "l.db")
    assert (found.broken, found.entries) == (None, 103)


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 64, 65, 256])
def test_groups_of_any_size_are_whole(tmp_path: Path, store: Store, rows: int) -> None:
    store.append([written(decided(f"c{number}")) for number in range(rows)])
    store.append([written(decided("last"))])
    store.close()
    assert verify(tmp_path / "l.db").entries == rows + 1


def test_a_group_of_which_one_fails_is_not_there(tmp_path: Path, store: Store) -> None:
    group = [written(decided(f"c{number}")) for number in range(100)]
    group[70] = group[70]._replace(kind=None)  # type: ignore[arg-type]
    with pytest.raises((TypeError, AttributeError)):
        store.append(group)
    store.append([written(decided("c"))])
    store.close()
    assert verify(tmp_path / "l.db").entries == 1
