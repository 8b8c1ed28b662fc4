"""Digest headers as a proxy in between reads them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.credentials import digest_params
from ringfence.sip.errors import SipParseError


def test_values_lose_their_quotes_and_names_their_case() -> None:
    value = b'Digest realm="a, \\"b\\"", Nonce="84a4cc6f3082121f32b42a2187831a9e", qop=auth,nc=00000001 , stale=TRUE'
    assert digest_params(value) == {
        "realm": 'a, "b"',
        "nonce": "84a4cc6f3082121f32b42a2187831a9e",
        "qop": "auth",
        "nc": "00000001",
        "stale": "TRUE",
    }


def test_without_parameters_there_are_none() -> None:
    assert digest_params(b"Digest ") == {}


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Digest",
        b"Basic QWxhZGRpbjo=",
        b'Digest nonce="a", nonce="b"',
        b'Digest nonce="a" realm="b"',
        b'Digest nonce="a',
        b"Digest nonce=",
        b'Digest ="a"',
        b'Digest nonce="a",,realm="b"',
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_refused(value: bytes) -> None:
    with pytest.raises(SipParseError):
        digest_params(value)


@given(st.binary(max_size=200).map(lambda raw: b"Digest " + raw))
def test_any_bytes_are_read_or_refused(value: bytes) -> None:
    with suppress(SipParseError):
        assert all(name == name.lower() for name in digest_params(value))
