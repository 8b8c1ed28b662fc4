"""Certificates of those who sign calls: a chain up to an authority that is trusted, and what it covers (RFC 8226).

The general rules of web certificates don't fit: these name no host, but a service provider or telephone numbers, in a
TNAuthList extension. So the path is walked here (RFC 5280 §6.1 as far as it is needed): each certificate is signed by
the next, which is an authority and may have so many below it, all are valid now, and none has a critical extension
that isn't known. Revocation isn't looked up.

    TNAuthList = SEQUENCE OF ( [0] IA5String, a provider's code | [1] SEQUENCE (IA5String first, INTEGER count)
                             | [2] IA5String, one number )                       explicit tags, DER
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

T = TypeVar("T", bound=x509.ExtensionType)
TN_AUTH_LIST = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26")
MOST_CERTIFICATES = 6
"""In what is read as one chain."""
MOST_ENTRIES = 1000
"""In one TNAuthList."""
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        TN_AUTH_LIST,
    }
)
_IA5, _INTEGER, _SEQUENCE = 0x16, 0x02, 0x30
_CODE, _RANGE, _ONE = 0xA0, 0xA1, 0xA2


class ChainError(Exception):
    """A certificate that nothing is believed by; the text says why."""


class Authority(NamedTuple):
    """What its owner may sign for."""

    codes: tuple[str, ...]
    """Service provider codes: any number that the provider answers for."""
    ranges: tuple[tuple[int, int, int], ...]
    """Length, first and last of telephone numbers."""

    def covers(self, digits: str) -> bool:
        """Whether a caller with this number may be signed for."""
        if self.codes:
            return True
        return digits.isdecimal() and any(
            len(digits) == length and first <= int(digits) <= last for length, first, last in self.ranges
        )


class Signer(NamedTuple):
    """Whoever is believed to have signed."""

    key: ec.EllipticCurvePublicKey
    authority: Authority
    until_s: int
    """When the first certificate of the chain ends, seconds since 1970."""


def signer_of(pem: bytes, roots: Sequence[x509.Certificate], now_s: int) -> Signer:
    """The owner of the first of these certificates, where the chain holds; raises ChainError."""
    try:
        chain = x509.load_pem_x509_certificates(pem)
        if len(chain) > MOST_CERTIFICATES:
            raise ChainError("too many certificates")
        return _signer(chain, roots, datetime.fromtimestamp(now_s, UTC))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ChainError(f"its certificate can't be read: {error}") from None


def _signer(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime) -> Signer:
    leaf = chain[0]
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ChainError("its certificate has no P-256 key")
    if _is_authority(leaf) is not None:
        raise ChainError("its certificate is an authority's")
    usage = _extension(leaf, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise ChainError("its certificate may not sign")
    path = list(_path(chain, roots))
    for certificate in path:
        _valid(certificate, now)
    until = min(int(certificate.not_valid_after_utc.timestamp()) for certificate in path)
    return Signer(key, authority_of(leaf), until)


def _path(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> Iterator[x509.Certificate]:
    """From the first certificate to one that is trusted."""
    current, rest, below = chain[0], list(chain[1:]), 0
    yield current
    while current not in roots:
        root = next((each for each in roots if _issued(current, each)), None)
        issuer = root or next((each for each in rest if _issued(current, each)), None)
        if issuer is None:
            raise ChainError("its certificate isn't of an authority that is trusted")
        _may_issue(issuer, below)
        yield issuer
        if root is not None:
            return
        rest.remove(issuer)
        current, below = issuer, below + 1


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    return True


def _may_issue(issuer: x509.Certificate, below: int) -> None:
    authority, usage = _is_authority(issuer), _extension(issuer, x509.KeyUsage)
    if authority is None or (usage is not None and not usage.key_cert_sign):
        raise ChainError("its certificate was issued by one that may not issue any")
    if authority.path_length is not None and authority.path_length < below:
        raise ChainError("its chain is longer than it may be")


def _valid(certificate: x509.Certificate, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise ChainError("its certificate isn't valid yet")
    if now > certificate.not_valid_after_utc:
        raise ChainError("its certificate has expired")
    if any(extension.critical and extension.oid not in _UNDERSTOOD for extension in certificate.extensions):
        raise ChainError("its certificate has a critical extension that isn't known")


def _is_authority(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    found = _extension(certificate, x509.BasicConstraints)
    return found if found is not None and found.ca else None


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


# --- TNAuthList -----------------------------------------------------------------------------------------------------


def authority_of(certificate: x509.Certificate) -> Authority:
    """What a certificate names in its TNAuthList; raises ChainError."""
    try:
        found = certificate.extensions.get_extension_for_oid(TN_AUTH_LIST).value
    except x509.ExtensionNotFound:
        raise ChainError("its certificate names no provider and no numbers (TNAuthList)") from None
    return read_authority(found.public_bytes())


def read_authority(der: bytes) -> Authority:
    """What a TNAuthList names; raises ChainError."""
    ((tag, content),) = _items(der, most=1)
    if tag != _SEQUENCE:
        raise ChainError("its TNAuthList can't be read")
    entries = [_entry(tag, inner) for tag, inner in _items(content)]
    if not entries:
        raise ChainError("its TNAuthList is empty")
    codes = tuple(entry for entry in entries if isinstance(entry, str))
    return Authority(codes, tuple(entry for entry in entries if not isinstance(entry, str)))


def _entry(tag: int, content: bytes) -> str | tuple[int, int, int]:
    ((kind, value),) = _items(content, most=1)
    if tag == _CODE and kind == _IA5 and value:
        return value.decode("ascii", "replace")
    if tag == _ONE and kind == _IA5 and value.isdigit():
        return len(value), int(value), int(value)
    if tag == _RANGE and kind == _SEQUENCE:
        (first_kind, first), (count_kind, count) = _items(value, most=2)
        if (first_kind, count_kind) == (_IA5, _INTEGER) and first.isdigit() and 0 < len(count) <= 8 and count[0] < 0x80:
            return len(first), int(first), int(first) + int.from_bytes(count, "big") - 1
    raise ChainError("its TNAuthList can't be read")


def _items(der: bytes, most: int = MOST_ENTRIES) -> list[tuple[int, bytes]]:
    """Tag and content of DER values in a row; exactly `most` where that is 1 or 2. Raises ChainError."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(der):
        head = der[at : at + 2]
        if len(head) < 2 or len(found) == most:
            raise ChainError("its TNAuthList can't be read")
        length, at = head[1], at + 2
        if length >= 0x80:
            size = length & 0x7F
            if not 1 <= size <= 3 or len(der) < at + size:
                raise ChainError("its TNAuthList can't be read")
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        if len(der) < at + length:
            raise ChainError("its TNAuthList can't be read")
        found.append((head[0], der[at : at + length]))
        at += length
    if most <= 2 and len(found) != most:
        raise ChainError("its TNAuthList can't be read")
    return found
