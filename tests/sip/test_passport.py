"""PASSporTs as facts: the published example, what is refused, and that noise is an error and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.errors import SipParseError
from ringfence.sip.passport import identity, parse_identity, shaken_claims, to_sign
from ringfence.testing.passports import ORIGID, claims, encoded, plain

X5U = "https://cert.example.org/passport.cer"
SIGNATURE = encoded(bytes(range(64)))
HEADER: dict[str, Any] = {"alg": "ES256", "typ": "passport", "ppt": "shaken", "x5u": X5U}
CLAIMS = claims("12155551212", "12125550123", 1_443_208_345)
INFO = f";info=<{X5U}>;alg=ES256;ppt=shaken"

RFC8225_TOKEN = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9"
    ".eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEy"
    "In19.VLBCIVDCaeK6M4hLJb6SHQvacAQVvoiiEOWQ_iUkqk79UD81fHQ0E1b3_GluIkba7UWYRM47ZbNFdOJquE35cw"
)


def value(header: dict[str, Any] = HEADER, says: Any = CLAIMS, info: str = INFO, signature: str = SIGNATURE) -> bytes:
    return f"{encoded(plain(header))}.{encoded(plain(says))}.{signature}{info}".encode()


def without(found: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: kept for key, kept in found.items() if key != name}


def test_the_example_of_rfc_8225() -> None:
    """Appendix A. Its signature isn't that of the key printed beside it; that of its drafts is: test_shaken.py."""
    found = parse_identity(f"{RFC8225_TOKEN};info=<{X5U}>;alg=ES256".encode())
    assert (found.orig, found.dest, found.iat, found.ppt, found.x5u) == ("12155551212", (), 1_471_375_418, "", X5U)


def test_the_example_of_rfc_8225_is_what_we_would_sign() -> None:
    says = {"orig": {"tn": "12155551212"}, "iat": 1_471_375_418, "dest": {"uri": ["sip:alice@example.com"]}}
    assert to_sign(X5U, "", says).decode() == RFC8225_TOKEN.rpartition(".")[0]


def test_a_shaken_one() -> None:
    found = parse_identity(value())
    assert (found.ppt, found.orig, found.dest, found.attest, found.origid, found.compact) == (
        "shaken", "12155551212", ("12125550123",), "A", ORIGID, False,
    )  # fmt: skip
    assert found.signature == bytes(range(64))


def test_what_we_write_we_read() -> None:
    says = shaken_claims("12155551212", "12125550123", 1_443_208_345, "B", ORIGID)
    found = parse_identity(identity(to_sign(X5U, "shaken", says), bytes(64), X5U, "shaken"))
    assert (found.orig, found.dest, found.iat, found.attest) == ("12155551212", ("12125550123",), 1_443_208_345, "B")
    assert json.loads(plain(says)) == {**CLAIMS, "attest": "B"}


def test_a_div_one() -> None:
    says = {**without(without(CLAIMS, "attest"), "origid"), "div": {"tn": "12125550123"}}
    found = parse_identity(value({**HEADER, "ppt": "div"}, says, INFO.replace("shaken", "div")))
    assert (found.ppt, found.div, found.attest, found.origid) == ("div", "12125550123", None, "")


def test_the_compact_form() -> None:
    found = parse_identity(f"..{SIGNATURE}; info=<{X5U}> ;alg=ES256".encode())
    assert (found.compact, found.x5u, found.ppt) == (True, X5U, "")


@pytest.mark.parametrize("info", [f";alg=ES256;ppt=shaken;info=<{X5U}>", f' ; ppt="shaken"; info = <{X5U}>'])
def test_parameters_in_any_order(info: str) -> None:
    assert parse_identity(value(info=info)).ppt == "shaken"


REFUSED = {
    "nothing": b"",
    "no info": value(info=";alg=ES256;ppt=shaken"),
    "two info": value(info=INFO + f";info=<{X5U}>"),
    "another info": value(info=INFO.replace("passport.cer", "other.cer")),
    "another ppt": value(info=INFO.replace("shaken", "div")),
    "no ppt outside": value(info=INFO.replace(";ppt=shaken", "")),
    "alg none": value({**HEADER, "alg": "none"}),
    "alg RS256": value({**HEADER, "alg": "RS256"}, info=INFO.replace("ES256", "RS256")),
    "another typ": value({**HEADER, "typ": "JWT"}),
    "crit": value({**HEADER, "crit": ["x"]}),
    "no x5u": value(without(HEADER, "x5u")),
    "no attest": value(says=without(CLAIMS, "attest")),
    "attest D": value(says={**CLAIMS, "attest": "D"}),
    "no origid": value(says=without(CLAIMS, "origid")),
    "origid": value(says={**CLAIMS, "origid": "me"}),
    "no iat": value(says=without(CLAIMS, "iat")),
    "iat in words": value(says={**CLAIMS, "iat": "1443208345"}),
    "iat before time": value(says={**CLAIMS, "iat": -1}),
    "no dest": value(says={**CLAIMS, "dest": {}}),
    "a dest that is no number": value(says={**CLAIMS, "dest": {"tn": ["+12125550123"]}}),
    "too many dest": value(says={**CLAIMS, "dest": {"tn": ["1"] * 17}}),
    "orig that is no number": value(says={**CLAIMS, "orig": {"tn": "1215555121٢"}}),
    "div without div": value({**HEADER, "ppt": "div"}, info=INFO.replace("shaken", "div")),
    "not an object": value(says=[1]),
    "half of it": f"{encoded(plain(HEADER))}..{SIGNATURE}{INFO}".encode(),
    "a short signature": value(signature=encoded(bytes(63))),
    "a signature in DER": value(signature=encoded(b"\x30" * 70)),
    "padding": value(signature=SIGNATURE + "="),
    "a second spelling of the last character": value(signature=SIGNATURE[:-1] + "x"),
    "four parts": value(signature=SIGNATURE + ".e30"),
    "too long": value(says={**CLAIMS, "x": "y" * 9000}),
    "white space within": value().replace(b".", b". ", 1),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_refused(raw: bytes) -> None:
    with pytest.raises(SipParseError):
        parse_identity(raw)


def test_what_is_said_twice_is_refused() -> None:
    """One reader would take the first number, another the last."""
    twice = plain(CLAIMS).replace(b'"orig":{', b'"orig":{"tn":"19005550100"},"orig":{')
    with pytest.raises(SipParseError, match="twice"):
        parse_identity(f"{encoded(plain(HEADER))}.{encoded(twice)}.{SIGNATURE}{INFO}".encode())


@given(st.binary(max_size=300))
def test_noise_is_an_error_and_nothing_else(raw: bytes) -> None:
    for tried in (raw, b"..%b;info=<https://a/b>" % raw, raw + INFO.encode()):
        try:
            parse_identity(tried)
        except SipParseError:
            continue


NAMES = st.sampled_from(["tn", "uri", "orig", "dest", "iat", "attest", "origid", "div", "x"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
JSON = st.recursive(LEAVES, lambda x: st.lists(x, max_size=3) | st.dictionaries(NAMES, x, max_size=5), max_leaves=12)


@given(JSON)
def test_any_json_is_read_or_refused(says: Any) -> None:
    try:
        found = parse_identity(value(says=says))
    except SipParseError:
        return
    assert found.signed.partition(b".")[2] == encoded(plain(says)).encode()


@given(st.integers(0, len(value()) - 1), st.integers(0, 255))
def test_one_changed_byte_is_refused_or_changes_what_was_signed(at: int, byte: int) -> None:
    good = value()
    raw = bytearray(good)
    raw[at] = byte
    try:
        found = parse_identity(bytes(raw))
    except SipParseError:
        return
    same = parse_identity(good)
    changed = (found.signed, found.signature) != (same.signed, same.signature)
    assert changed or found == same
