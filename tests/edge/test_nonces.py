"""Nonces are known again without being kept, age, and can't be played back."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.edge import nonces
from ringfence.edge.nonces import WINDOW, Nonces, offer
from ringfence.model.time import SECOND

START = 1_800_000_000 * SECOND
NOW = START + SECOND
LIFE = 300 * SECOND
HOST = "192.0.2.7"


def began(secret: bytes) -> Nonces:
    """Of a process that was asked something at START."""
    nonces = Nonces(secret * 32, LIFE)
    nonces.make(HOST, ("MD5",), START)
    return nonces


@pytest.fixture
def made() -> Nonces:
    return began(b"s")


def test_a_nonce_is_known_again_by_its_address_alone(made: Nonces) -> None:
    nonce = made.make(HOST, ("SHA-256",), NOW)
    assert made.standing(nonce, HOST, "SHA-256", NOW) == "good"
    assert made.standing(nonce, "192.0.2.8", "SHA-256", NOW) == "unknown"
    assert len(made) == 0


def test_no_two_are_the_same(made: Nonces) -> None:
    assert made.make(HOST, ("MD5",), NOW) != made.make(HOST, ("MD5",), NOW)


def test_one_of_another_secret_is_unknown(made: Nonces) -> None:
    other = began(b"t")
    assert made.standing(other.make(HOST, ("MD5",), NOW), HOST, "MD5", NOW) == "unknown"


def test_an_algorithm_that_was_not_offered_is_no_answer(made: Nonces) -> None:
    strong, both = made.make(HOST, ("SHA-256",), NOW), made.make(HOST, ("SHA-256", "MD5"), NOW)
    assert made.standing(strong, HOST, "MD5", NOW) == "unknown"
    assert made.standing(both, HOST, "MD5", NOW) == "good"
    assert made.standing(both, HOST, "SHA-256", NOW) == "good"


def test_it_ages(made: Nonces) -> None:
    nonce = made.make(HOST, ("MD5",), NOW)
    assert made.standing(nonce, HOST, "MD5", NOW + LIFE - 1) == "good"
    assert made.standing(nonce, HOST, "MD5", NOW + LIFE) == "stale"
    made.lasting(LIFE // 2)
    assert made.standing(nonce, HOST, "MD5", NOW + LIFE // 2) == "stale"


def test_one_from_the_future_is_stale(made: Nonces) -> None:
    nonce = made.make(HOST, ("MD5",), NOW + SECOND)
    assert made.standing(nonce, HOST, "MD5", NOW) == "stale"


def test_a_restart_makes_all_before_it_stale(made: Nonces) -> None:
    nonce = made.make(HOST, ("MD5",), NOW)
    assert made.use(nonce, 1, NOW)
    again = Nonces(b"s" * 32, LIFE)
    assert again.standing(nonce, HOST, "MD5", NOW + SECOND) == "stale"


def test_a_count_is_good_once(made: Nonces) -> None:
    nonce = made.make(HOST, ("MD5",), NOW)
    assert [made.use(nonce, count, NOW) for count in (1, 1, 2, 2, 1)] == [True, False, True, False, False]


def test_counts_may_overtake_each_other_within_a_window(made: Nonces) -> None:
    nonce = made.make(HOST, ("MD5",), NOW)
    assert made.use(nonce, 100, NOW)
    assert made.use(nonce, 100 - WINDOW + 1, NOW)
    assert not made.use(nonce, 100 - WINDOW, NOW)
    assert not made.use(nonce, 100 - WINDOW + 1, NOW)
    assert made.use(nonce, 99, NOW)
    assert not made.use(nonce, 0, NOW)


def test_nonces_count_apart(made: Nonces) -> None:
    first, second = (made.make(HOST, ("MD5",), NOW) for _ in range(2))
    assert made.use(first, 1, NOW)
    assert made.use(second, 1, NOW)


def test_the_table_has_a_bound_and_what_falls_out_of_it_is_stale(made: Nonces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nonces, "MAX_NONCES", 10)
    several = [made.make(HOST, ("MD5",), NOW + number) for number in range(20)]
    for nonce in several:
        assert made.use(nonce, 1, NOW + 20)
    assert len(made) == 10
    standings = [made.standing(nonce, HOST, "MD5", NOW + 20) for nonce in several]
    assert standings == ["stale"] * 10 + ["good"] * 10
    assert not any(made.use(nonce, 1, NOW + 20) for nonce in several[10:])


def test_nonces_that_aged_make_room(made: Nonces) -> None:
    for number in range(5):
        made.use(made.make(HOST, ("MD5",), NOW + number), 1, NOW + number)
    late = NOW + LIFE + 5
    fresh = made.make(HOST, ("MD5",), late)
    assert made.use(fresh, 1, late)
    assert len(made) == 1
    assert made.standing(fresh, HOST, "MD5", late) == "good"


def test_the_strongest_is_offered_first() -> None:
    assert offer({"MD5", "SHA-256"}) == ("SHA-256", "MD5")
    assert offer({"MD5"}) == ("MD5",)


@given(st.lists(st.integers(1, 200), max_size=60))
def test_no_count_is_ever_taken_twice(counts: list[int]) -> None:
    made = began(b"s")
    nonce = made.make(HOST, ("MD5",), NOW)
    taken = [count for count in counts if made.use(nonce, count, NOW)]
    assert len(taken) == len(set(taken))


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_text_is_unknown(nonce: str, host: str) -> None:
    made = began(b"s")
    with suppress(UnicodeEncodeError):
        assert made.standing(nonce, host, "MD5", NOW) == "unknown"
