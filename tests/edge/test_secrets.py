"""Secrets: hashes in a file's text, and passwords that are too weak."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.edge.secrets import Owner, Secrets, SecretsError, guessed, hashes_of, read_secrets, weakness
from ringfence.sip.digest import ALGORITHMS, ha1

OWNER = Owner("1001", "phones.example.net")
GOOD = "Kv7mQx2pTz9wRb4n"


def test_what_is_written_is_read_again() -> None:
    both = hashes_of(OWNER, GOOD, ALGORITHMS)
    odd = Owner("a@b", "a realm: with colons")
    secrets = Secrets().having(OWNER, both).having(odd, hashes_of(odd, GOOD, ("MD5",)))
    read = read_secrets(secrets.text(), "secrets")
    assert sorted(read) == sorted([OWNER, odd])
    assert read.of(*OWNER) == both
    assert list(read.of(*odd)) == ["MD5"]
    assert read.text() == secrets.text()
    assert GOOD not in secrets.text()
    assert read.having(OWNER, {}).of(*OWNER) == {}
    assert read.of("1001", "elsewhere") == {}


def test_the_hash_is_that_of_the_rfc() -> None:
    assert ha1("MD5", *OWNER, GOOD) in Secrets({OWNER: hashes_of(OWNER, GOOD, ("MD5",))}).text()


@pytest.mark.parametrize(
    "line",
    [
        "1001:secret",
        f"SHA-1:{'0' * 40}:1001:r",
        f"MD5:{'0' * 31}:1001:r",
        f"MD5:{'0' * 32}::r",
        f"MD5:{'0' * 32}:1001:",
        f"MD5:{'0' * 32}:10 01:r",
        f"MD5:{'0' * 32}:1001:r\nMD5:{'1' * 32}:1001:r",
    ],
)
def test_a_wrong_line_is_named(line: str) -> None:
    with pytest.raises(SecretsError, match=r"^secrets:[23]: "):
        read_secrets("# a remark\n" + line, "secrets")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(SecretsError):
        read_secrets(text, "secrets")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("Kv7mQx2pTz9wRb4", "has 15 characters"),
        ("kvzmqxypTzrwrbsn", "needs 3 of"),
        ("Kv7mQ1001pTz9wRb4n", "has the account's name in it"),
        ("Kv7mQ1001pTz9wRb4n"[::-1], "has the account's name in it"),
        ("Ab1Ab1Ab1Ab1Ab1Ab1", "repeats itself"),
        ("Password12345678", "is a common password"),
        ("1234567890!Asterisk", "is a common password"),
        ("Kv7mQx2pTz9wRbé4n", "has characters that phones"),
        (" Kv7mQx2pTz9wRb4n", "has characters that phones"),
        ("Kv7mQx2p\tTz9wRb4n", "has characters that phones"),
        ("Kv7mQx2pTz9wRb4n" * 9, "has more than 128"),
    ],
)
def test_weak_passwords(password: str, why: str) -> None:
    assert weakness(password, "1001").startswith(why)


@pytest.mark.parametrize("password", [GOOD, "correct horse Battery 9 staple", "k#v7m(qx2)pt%z9wr"])
def test_strong_passwords(password: str) -> None:
    assert weakness(password, "1001") == ""


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "password", ["1001", "10011001", "secret", "Password123", "asterisk1234", "000000", "a1001", "12345678"]
)
def test_passwords_that_are_tried_first_are_known_by_their_hash(password: str, algorithm: str) -> None:
    (kind,) = [each for each in ALGORITHMS if each == algorithm]
    assert guessed(OWNER, hashes_of(OWNER, password, (kind,))) == password


def test_short_numbers_are_tried_on_request() -> None:
    hashes = hashes_of(OWNER, "7351", ALGORITHMS)
    assert guessed(OWNER, hashes) == ""
    assert guessed(OWNER, hashes, pins=True) == "7351"


def test_a_good_one_is_not_guessed() -> None:
    assert guessed(OWNER, hashes_of(OWNER, GOOD, ALGORITHMS), pins=True) == ""
