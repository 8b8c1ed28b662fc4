"""One address is one address, however it is quoted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.address import parse_address, split_values
from ringfence.sip.errors import SipParseError


def test_two_addresses_are_not_read_as_one() -> None:
    value = b'"a" <sip:x@a.com>, "b, \\"c\\"" <sip:y@b.com>'
    assert [parse_address(item).uri.user for item in split_values(value)] == ["x", "y"]


def test_the_uri_is_not_the_one_in_a_parameter() -> None:
    with pytest.raises(SipParseError):
        parse_address(b'"Alice" <sip:+882premium@evil.example>;x="q" <sip:good@ok.example>')


def test_parameters_of_a_bare_uri_are_the_headers() -> None:
    address = parse_address(b"sip:100@pbx;tag=9")
    assert (address.tag, address.uri.params) == ("9", {})


@pytest.mark.parametrize("value", [b"< sip:x@a >", b"Bell, A <sip:x@a>", b'"open <sip:x@a>', b"<sip:x@a>;tag=1;tag=2"])
def test_refused(value: bytes) -> None:
    with pytest.raises(SipParseError):
        parse_address(value)


def test_a_display_name_passes_in_any_charset() -> None:
    assert parse_address(b"M\xfcller <sip:x@a>").display == b"M\xfcller"


@given(st.binary(max_size=60) | st.text('"<>\\,;= sip:@a1').map(str.encode))
def test_it_parses_or_raises_and_is_stable(value: bytes) -> None:
    try:
        address = parse_address(value)
    except SipParseError:
        return
    assert parse_address(address.to_bytes()).to_bytes() == address.to_bytes()
