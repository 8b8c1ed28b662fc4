"""Whom a certificate is of (RFC 5922 §7)."""

from typing import Any

import pytest

from ringfence.sip.domains import domains, is_of

SUBJECT = ((("countryName", "US"),), (("commonName", "cn.example"),))


@pytest.mark.parametrize(
    ("alternatives", "found"),
    [
        ((("DNS", "a.example"), ("DNS", "b.example")), ("a.example", "b.example")),
        ((("DNS", "A.Example"),), ("a.example",)),
        ((("URI", "sip:a.example"), ("DNS", "b.example")), ("a.example",)),  # §7.1: DNS only without a sip: URI
        ((("URI", "SIP:A.example:5061;transport=tls"),), ("a.example",)),
        ((("URI", "sip:alice@a.example"), ("DNS", "b.example")), ("b.example",)),  # A person, not a domain.
        ((("URI", "sips:a.example"), ("URI", "https://a.example"), ("DNS", "b.example")), ("b.example",)),
        ((("URI", "sip:a b"), ("URI", "sip:")), ()),
        ((("DNS", "*.example"), ("DNS", "a.*.example"), ("DNS", "b.example")), ("b.example",)),
        ((("IP Address", "192.0.2.1"), ("email", "a@b")), ()),
        ((("DNS", "a.example"), ("DNS", "A.EXAMPLE")), ("a.example",)),
    ],
)
def test_the_alternative_names_say_it_alone(alternatives: Any, found: tuple[str, ...]) -> None:
    assert domains({"subject": SUBJECT, "subjectAltName": alternatives}) == found


def test_the_common_name_where_there_is_nothing_else() -> None:
    assert domains({"subject": SUBJECT}) == ("cn.example",)
    assert domains({"subject": ((("commonName", "*.example"),),)}) == ()
    assert domains({}) == ()


@pytest.mark.parametrize(
    ("certificate", "wanted", "same"),
    [
        (("a.example",), ("a.example",), True),
        (("a.example",), ("A.example",), True),
        (("a.example",), ("b.a.example",), False),  # No suffix, in either direction (§7.2).
        (("b.a.example",), ("a.example",), False),
        (("a.example", "b.example"), ("c.example", "b.example"), True),
        ((), ("a.example",), False),
        (("a.example",), (), False),
        ((), (), False),
    ],
)
def test_names_are_compared_as_a_whole(certificate: tuple[str, ...], wanted: tuple[str, ...], same: bool) -> None:
    assert is_of(certificate, wanted) is same
