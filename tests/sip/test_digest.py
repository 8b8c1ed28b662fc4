"""Digest: RFC 7616's examples, both sides against each other, what is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.digest import (
    ALGORITHMS,
    Algorithm,
    Challenge,
    Credentials,
    authorize,
    challenge,
    find_credentials,
    for_realm,
    ha1,
    is_ha1,
    proves,
    read_challenges,
)
from ringfence.sip.errors import SipParseError

# RFC 7616 §3.9.1: the server offers SHA-256 and MD5, and this is the answer to either.
REALM, NONCE = "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE, OPAQUE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUo5tdS"
USER, PASSWORD, URI = "Mufasa", "Circle of Life", "/dir/index.html"
RESPONSES: dict[Algorithm, str] = {
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
}


def header(kind: Algorithm, **changed: str) -> bytes:
    """The Authorization of the RFC's example; a parameter changed to nothing is left out."""
    params = {
        "username": f'"{USER}"', "realm": f'"{REALM}"', "uri": f'"{URI}"', "algorithm": kind,
        "nonce": f'"{NONCE}"', "nc": "00000001", "cnonce": f'"{CNONCE}"', "qop": "auth",
        "response": f'"{RESPONSES[kind]}"', "opaque": f'"{OPAQUE}"', **changed,
    }  # fmt: skip
    return f"Digest {', '.join(f'{name}={value}' for name, value in params.items() if value)}".encode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_examples_of_rfc_7616_prove_the_password(algorithm: Algorithm) -> None:
    found = find_credentials([header(algorithm)], REALM)
    assert found is not None
    assert (found.user, found.algorithm, found.used) == (USER, algorithm, 1)
    assert proves(ha1(algorithm, USER, REALM, PASSWORD), found, "GET")
    assert not proves(ha1(algorithm, USER, REALM, "circle of life"), found, "GET")
    assert not proves(ha1(algorithm, USER, REALM, PASSWORD), found, "POST")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_client_answers_the_example_as_the_rfc_does(algorithm: Algorithm) -> None:
    asked = f'Digest realm="{REALM}", qop="auth, auth-int", algorithm={algorithm}, nonce="{NONCE}", opaque="{OPAQUE}"'
    (found,) = read_challenges([asked.encode()])
    made = authorize(found, USER, ha1(algorithm, USER, REALM, PASSWORD), "GET", URI, CNONCE, 1)
    assert f'response="{RESPONSES[algorithm]}"'.encode() in made
    assert f'opaque="{OPAQUE}"'.encode() in made


def test_a_carrier_of_rfc_2069_is_answered_without_a_count() -> None:
    # RFC 2069's example with the response that its erratum 749 gives.
    (asked,) = read_challenges([b'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'])
    secret = ha1("MD5", USER, "testrealm@host.com", "CircleOfLife")
    made = authorize(asked, USER, secret, "GET", URI, CNONCE, 1)
    assert b'response="1949323746fe6a43ef61f9606e7febea"' in made
    assert b"nc=" not in made
    assert b"cnonce" not in made


def test_of_two_answers_the_stronger_counts() -> None:
    both = [header("MD5"), header("SHA-256")]
    found = find_credentials(both, REALM)
    assert found is not None
    assert found.algorithm == "SHA-256"


def test_without_an_algorithm_it_is_md5() -> None:
    found = find_credentials([header("MD5", algorithm="")], REALM)
    assert found is not None
    assert found.algorithm == "MD5"


def test_credentials_for_somebody_else_are_none_for_us() -> None:
    others = [
        header("MD5", realm='"carrier.example"'),
        b"Basic QWxhZGRpbjo=",
        header("MD5", realm='"HTTP-auth@example.org"'),
    ]
    assert find_credentials(others, REALM) is None
    assert not any(for_realm(value, REALM) for value in others)
    assert for_realm(b'Digest username="x', REALM)


@pytest.mark.parametrize(
    "changed",
    [
        {"username": ""},
        {"uri": ""},
        {"nonce": ""},
        {"response": ""},
        {"cnonce": ""},
        {"qop": ""},
        {"nc": ""},
        {"cnonce": '""'},
        {"nc": "1"},
        {"nc": "0000000g"},
        {"nc": '"00000001 "'},
        {"qop": "auth-int"},
        {"algorithm": "MD5-sess"},
        {"algorithm": "SHA-512-256"},
        {"algorithm": "SHA-256"},
        {"response": '"8CA523F5E9506FED4657C9700EEBDBEC"'},
        {"response": '"8ca523f5e9506fed4657c9700eebdbe"'},
        {"userhash": "true"},
        {"username": f'"{"u" * 65}"'},
        {"cnonce": f'"{"c" * 513}"'},
    ],
)
def test_damaged_credentials_are_refused(changed: dict[str, str]) -> None:
    with pytest.raises(SipParseError):
        find_credentials([header("MD5", **changed)], REALM)


def test_the_same_answer_twice_is_refused() -> None:
    with pytest.raises(SipParseError):
        find_credentials([header("MD5"), header("MD5", nc="00000002")], REALM)


def test_challenges_that_nobody_can_answer_are_passed_over() -> None:
    values = [
        b'Digest realm="r", nonce="1", algorithm=SHA-512-256, qop="auth"',
        b'Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth-int"',
        b'Digest realm="r", algorithm=MD5, qop="auth"',
        b'Basic realm="r"',
        b'Digest realm="r", nonce="3", algorithm=md5, qop="auth,auth-int", stale=TRUE',
    ]
    assert read_challenges(values) == [Challenge("r", "3", "MD5", None, True)]


def test_what_can_be_a_hash() -> None:
    assert is_ha1("MD5", "0" * 32)
    assert not is_ha1("SHA-256", "0" * 32)
    assert not is_ha1("MD5", "0" * 31 + "G")


NAMES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1, max_size=64
)


@given(
    user=NAMES, realm=NAMES, password=st.text(), count=st.integers(1, 2**32 - 1), algorithm=st.sampled_from(ALGORITHMS)
)
def test_what_one_side_writes_the_other_reads(
    user: str, realm: str, password: str, count: int, algorithm: Algorithm
) -> None:
    asked = Challenge(realm, "n.1-2", algorithm, 'a "quoted\\" one', stale=True)
    (read,) = read_challenges([challenge(asked)])
    assert read == asked
    secret = ha1(algorithm, user, realm, password)
    found = find_credentials([authorize(read, user, secret, "INVITE", "sip:+1@x", "c", count)], realm)
    assert found == Credentials(user, realm, "n.1-2", "sip:+1@x", algorithm, f"{count:08x}", "c", found.response)  # type: ignore[union-attr]
    assert proves(secret, found, "INVITE")
    assert not proves(ha1(algorithm, user, realm, f"{password}x"), found, "INVITE")


@given(st.one_of(st.binary(max_size=300).map(lambda raw: b"Digest " + raw), st.binary(max_size=40)))
def test_any_bytes_are_read_or_refused(value: bytes) -> None:
    with suppress(SipParseError):
        assert find_credentials([value], "r") is None
    read_challenges([value])


@given(st.data())
def test_spoilt_credentials_never_prove_anything(data: st.DataObject) -> None:
    whole = header("SHA-256")
    at = data.draw(st.integers(0, len(whole) - 1))
    spoilt = whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + data.draw(st.integers(0, 3)) :]
    with suppress(SipParseError):
        found = find_credentials([spoilt], REALM)
        if found is not None and proves(ha1("SHA-256", found.user, REALM, PASSWORD), found, "GET"):
            assert (found.user, found.uri, found.nonce, found.nc, found.cnonce) == (
                USER,
                URI,
                NONCE,
                "00000001",
                CNONCE,
            )
