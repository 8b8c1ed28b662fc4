"""Whom a certificate is of, and whether that is who was meant (RFC 5922 §7).

A SIP domain is named by a URI (`sip:example.com`) in the subjectAltName; where there is none, by the DNS names in it;
where there is no subjectAltName at all, by the common name. Names are compared as a whole, whatever their case: a
wildcard names nobody (§7.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ringfence.sip.errors import SipParseError
from ringfence.sip.uri import parse_uri

Certificate = Mapping[str, Any]
"""As `ssl.SSLSocket.getpeercert` gives it."""


def domains(certificate: Certificate) -> tuple[str, ...]:
    """The SIP domains that a certificate is of, in lower case (§7.1); none where it names no domain."""
    alternatives = certificate.get("subjectAltName")
    if alternatives is None:
        found = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    else:
        uris = [domain for kind, value in alternatives if kind == "URI" and (domain := _domain(value))]
        found = uris or [value for kind, value in alternatives if kind == "DNS"]
    return tuple(dict.fromkeys(name.lower() for name in found if "*" not in name))


def _domain(uri: str) -> str:
    """The domain that a `sip:` URI names; one with a user names a person, one with another scheme is none (§7.1)."""
    try:
        parsed = parse_uri(uri.encode("utf-8", "replace"))
    except SipParseError:
        return ""
    return parsed.host if parsed.scheme == "sip" and parsed.user is None else ""


def is_of(certificate_domains: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether a certificate of these domains is one of those that are wanted (§7.2)."""
    return not {name.lower() for name in wanted}.isdisjoint(certificate_domains)
