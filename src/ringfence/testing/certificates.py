"""Certificates for tests: an authority, and what it issues, as PEM files in a directory."""

from __future__ import annotations

import datetime
import ipaddress
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Pair(NamedTuple):
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates; its own is `path`."""

    def __init__(
        self,
        directory: Path,
        name: str = "authority",
        *,
        by: Authority | None = None,
        days: float = 3650,
        path_length: int | None = None,
    ) -> None:
        """`by` issues its certificate; without, it does so itself. `path_length` authorities may be below it."""
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.path = directory / f"{name}.pem"
        signer, issuer = (self._key, self._name) if by is None else (by._key, by._name)
        built = _builder(self._name, issuer, self._key, days, min(-1, days - 1))
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        self.path.write_bytes(built.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, alternatives: Sequence[str] | None = None, *, days: float = 365, file: str = "") -> Pair:
        """A certificate for `name`, its only DNS name unless there are `alternatives`: `DNS:…`, `URI:…`, `IP:…`.

        With none of them (an empty list) it has only a common name. `days` from now it ends; under 0 it has ended.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        built = _builder(_named(name), self._name, key, days, min(-1, days - 1))
        given = [f"DNS:{name}"] if alternatives is None else alternatives
        if given:
            names = x509.SubjectAlternativeName([_alternative(each) for each in given])
            built = built.add_extension(names, critical=False)
        return self._issued(built, key, file or name)

    def issue_signer(
        self,
        name: str = "SHAKEN 1234",
        authority: bytes | None = None,
        *,
        days: float = 365,
        file: str = "signer",
        key: ec.EllipticCurvePrivateKey | None = None,
        more: Sequence[x509.ExtensionType] = (),
    ) -> Pair:
        """A certificate for who signs calls (RFC 8226): `authority` is its TNAuthList, none where it is empty.

        Without it is that of a provider with the code 1234. `more` are critical extensions.
        """
        key = key or ec.generate_private_key(ec.SECP256R1())
        built = _builder(_named(name), self._name, key, days, min(-1, days - 1))
        der = tn_auth_list(code="1234") if authority is None else authority
        if der:
            built = built.add_extension(x509.UnrecognizedExtension(TN_AUTH_LIST, der), critical=False)
        for extension in more:
            built = built.add_extension(extension, critical=True)
        return self._issued(built, key, file)

    def revoke(self, *pairs: Pair, file: str = "revoked", since: float = 0, days: float = 7) -> Path:
        """A list of what is revoked. It began `since` days ago and ends in so many days; under 0 it has ended."""
        now = datetime.datetime.fromtimestamp(time.time_ns() / 1e9, datetime.UTC)
        built = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        built = built.last_update(now - datetime.timedelta(days=max(since, 1 - min(0, days))))
        built = built.next_update(now + datetime.timedelta(days=days))
        for pair in pairs:
            serial = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).serial_number
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
            built = built.add_revoked_certificate(one.build())
        path = self._directory / f"{file}.crl"
        path.write_bytes(built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path

    def _issued(self, built: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, file: str) -> Pair:
        signed = built.sign(self._key, hashes.SHA256())
        stem = self._directory / file
        pair = Pair(stem.with_name(f"{stem.name}.crt"), stem.with_name(f"{stem.name}.key"))
        pair.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pair


TN_AUTH_LIST = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26")


def tn_auth_list(*, code: str = "", first: str = "", count: int = 0, one: str = "") -> bytes:
    """A TNAuthList in DER with a provider's code, a range of numbers, one number."""
    entries = b""
    if code:
        entries += _der(0xA0, _der(0x16, code.encode()))
    if first:
        number = count.to_bytes(count.bit_length() // 8 + 1, "big")
        entries += _der(0xA1, _der(0x30, _der(0x16, first.encode()) + _der(0x02, number)))
    if one:
        entries += _der(0xA2, _der(0x16, one.encode()))
    return _der(0x30, entries)


def _der(tag: int, content: bytes) -> bytes:
    length = bytes([len(content)]) if len(content) < 0x80 else bytes([0x81, len(content)])
    return bytes([tag]) + length + content


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: float, since: float
) -> x509.CertificateBuilder:
    now = datetime.datetime.fromtimestamp(time.time_ns() // 1_000_000_000, datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=since))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(text: str) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    if kind == "URI":
        return x509.UniformResourceIdentifier(value)
    if kind == "IP":
        return x509.IPAddress(ipaddress.ip_address(value))
    return x509.DNSName(value)
