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

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.path = directory / f"{name}.pem"
        built = _builder(self._name, self._name, self._key, 3650, -1)
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.path.write_bytes(built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

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
        signed = built.sign(self._key, hashes.SHA256())
        stem = self._directory / (file or name)
        pair = Pair(stem.with_name(f"{stem.name}.crt"), stem.with_name(f"{stem.name}.key"))
        pair.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pair


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
