"""Names that we give away and recognise again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.edge.tokens import MAGIC, OURS, Tokens, is_inbound

NOW = 1_800_000_000_000_000
TOKENS = Tokens(b"s" * 32, "edge-1.example")
OTHER = Tokens(b"t" * 32, "edge-1.example")


def test_what_we_gave_away_is_ours() -> None:
    id = TOKENS.new_id(NOW)
    assert TOKENS.read_branch(TOKENS.branch(id, "0-1-1")) == id
    assert TOKENS.read_cookie(TOKENS.cookie(id)) == id
    assert TOKENS.read_contact(TOKENS.contact("pbx 10.0.0.1 5060 sip:ü@x;line=1")) == "pbx 10.0.0.1 5060 sip:ü@x;line=1"


def test_a_call_id_is_no_cookie() -> None:
    id = TOKENS.new_id(NOW)
    assert TOKENS.read_call_id(TOKENS.call_id(id)) == id
    assert TOKENS.read_cookie(TOKENS.call_id(id)) is TOKENS.read_call_id(TOKENS.cookie(id)) is None


def test_nothing_that_we_give_away_names_our_machine() -> None:
    id = TOKENS.new_id(NOW)
    given = TOKENS.branch(id, "0-1-1") + TOKENS.cookie(id) + TOKENS.call_id(id)
    assert TOKENS.node in id
    assert TOKENS.node not in given


def test_what_is_sealed_is_read_by_us_alone_and_the_same_each_time() -> None:
    sealed = TOKENS.seal(b"SIP/2.0/UDP 10.0.0.1")
    assert (TOKENS.unseal(sealed), TOKENS.seal(b"SIP/2.0/UDP 10.0.0.1")) == (b"SIP/2.0/UDP 10.0.0.1", sealed)
    assert OTHER.unseal(sealed) is None
    assert b"10.0.0.1" not in sealed.encode()


def test_a_contact_survives_a_change_of_case() -> None:
    assert TOKENS.read_contact(TOKENS.contact("pbx").upper()) == "pbx"


def test_no_number_comes_twice_also_when_the_clock_stands() -> None:
    tokens = Tokens(b"s" * 32, "n1")
    ids = [tokens.new_id(NOW) for _ in range(5)] + [tokens.inbound_id(NOW)]
    assert len({id.removesuffix("-in") for id in ids}) == 6
    assert [is_inbound(id) for id in ids] == [False] * 5 + [True]


def test_a_node_is_cut_to_what_fits_an_id() -> None:
    assert (TOKENS.node, Tokens(b"s", "---").node) == ("edge1example", "n")


def test_a_branch_has_the_magic_of_rfc_3261_and_is_the_same_again() -> None:
    assert TOKENS.branch("n1-1", "0-1-1").startswith(MAGIC)
    assert TOKENS.branch("n1-1", "0-1-1") == Tokens(b"s" * 32, "n2").branch("n1-1", "0-1-1")


@pytest.mark.parametrize(
    "branch",
    ["z9hG4bKother", OURS, OTHER.branch("n1-1", "0-1-1"), OURS + TOKENS.cookie("n1-1").removeprefix("rf-")],
    ids=["another's", "empty", "another secret", "a cookie"],
)
def test_what_is_not_ours(branch: str) -> None:
    assert TOKENS.read_branch(branch) is None


@pytest.mark.parametrize("user", [None, "", "rf-", "rf-n1-1", OTHER.cookie("n1-1"), "rf-n1-1.0000000000000000"])
def test_no_cookie_of_ours(user: str | None) -> None:
    assert TOKENS.read_cookie(user) is None


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_anything_else_is_nothing(text: str) -> None:
    """Also what isn't text: bytes of a peer come as surrogates."""
    assert TOKENS.read_branch(OURS + text) is None
    assert TOKENS.read_cookie("rf-" + text) is None
    assert TOKENS.read_contact(text) is None
    assert TOKENS.read_call_id("rf-" + text) is None
    assert TOKENS.unseal(text) is None


@given(st.integers(0, 200), st.sampled_from("0aZ.-"))
def test_one_character_changed_is_none_of_ours(at: int, put: str) -> None:
    for made, read in (
        (TOKENS.branch("n1-abc", "0-1-1"), TOKENS.read_branch),
        (TOKENS.cookie("n1-abc"), TOKENS.read_cookie),
        (TOKENS.contact("pbx 10.0.0.1"), TOKENS.read_contact),
        (TOKENS.call_id("n1-abc"), TOKENS.read_call_id),
    ):
        spot = at % len(made)
        changed = made[:spot] + put + made[spot + 1 :]
        if changed.lower() != made.lower():
            assert read(changed) is None


def test_a_tag_for_what_is_no_utf_8() -> None:
    """A transaction's key holds a branch as it was spelled; overload answers by it too (found by the fuzz run)."""
    tokens = Tokens(b"s" * 32, "n1")
    assert tokens.tag("INVITE z9hG4bK\udc9a") != tokens.tag("INVITE z9hG4bK\udc9b")
