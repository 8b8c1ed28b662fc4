"""One reading of every URI, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.sip.errors import SipParseError
from ringfence.sip.uri import Uri, parse_uri

DIALLED = [
    (b"sip:+442079460000@203.0.113.7;user=phone", "+442079460000"),
    (b"SIPS:%2B18765551234@sbc.example.net", "+18765551234"),
    (b"sip:011442079460000@pbx1:5060;transport=tcp", "011442079460000"),
    (b"sip:*72%23@my_pbx", "*72#"),
    (b"sip:*72#@my_pbx", "*72#"),
    (b"sip:+13125550123;npdi;rn=+13125559999@example.com", "+13125550123"),
    (b"sip:7042;phone-context=+1-914-555@example.com", "+1-914-5557042"),
    (b"tel:+1-201-555-0123;ext=9", "+1-201-555-0123"),
    # Decoded once: what is left is text that `numbers` refuses, never a plus sign.
    (b"sip:%252B442079460000@x.example", "%2B442079460000"),
]


@pytest.mark.parametrize(("raw", "dialled"), DIALLED)
def test_the_number_that_is_judged(raw: bytes, dialled: str) -> None:
    assert parse_uri(raw).dialled() == dialled


REFUSED = [
    b"",
    b"sip:",
    b"sip:a@b@c",
    b"sip:a b@c",
    b"<sip:a@c>",
    b"sip:%@c",
    b"sip:%4@c",
    b"sip:a@c:65536",
    b"sip:a@c;x=1;X=2",
    b"sip:a@c;x=1;%78=2",
    b"sip:a@c\r\nX: y",
    b"sip:a@c\x00",
    b"sip:\xc2\xb2@c",
    b"sip:a@[::1",
    b"sip:a@c?Route=x=y",
    b"sip:a@c?%C4%B0=x",
]


@pytest.mark.parametrize("raw", REFUSED)
def test_refused_rather_than_repaired(raw: bytes) -> None:
    with pytest.raises(SipParseError) as caught:
        parse_uri(raw)
    assert caught.value.status == 400


def test_a_uri_over_the_bound_is_414() -> None:
    with pytest.raises(SipParseError) as caught:
        parse_uri(b"sip:" + b"1" * 3000 + b"@c")
    assert caught.value.status == 414


@pytest.mark.parametrize(("raw", "status"), [(b"sip:example.com", 404), (b"sip:12%0034@example.com", 400)])
def test_no_number_to_judge(raw: bytes, status: int) -> None:
    with pytest.raises(SipParseError) as caught:
        parse_uri(raw).dialled()
    assert caught.value.status == status


def test_an_emergency_urn() -> None:
    assert parse_uri(b"urn:service:sos") == Uri(scheme="urn", opaque="service:sos")


def test_headers_keep_order_and_escapes() -> None:
    uri = parse_uri(b"sip:a@c?Replaces=x%3Bto-tag%3D1&Y=2")
    assert uri.header("replaces") == "x;to-tag=1"
    assert parse_uri(uri.to_bytes()) == uri


@given(st.binary(max_size=80) | st.text("sip:tel+0123456789%;=@[]?&#*.-abA2").map(str.encode))
def test_it_parses_or_raises_and_is_stable(raw: bytes) -> None:
    try:
        uri = parse_uri(raw)
    except SipParseError:
        return
    again = parse_uri(uri.to_bytes())
    assert again == uri
    assert again.to_bytes() == uri.to_bytes()
    assert len(uri.to_bytes()) <= len(raw)
