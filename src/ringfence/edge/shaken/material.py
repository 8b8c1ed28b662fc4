"""The files that signatures of calls need, as the policy names them."""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.edge.shaken.chain import ChainError, authority_of
from ringfence.edge.shaken.sign import Signing
from ringfence.edge.tls import Certificate
from ringfence.errors import RingfenceError
from ringfence.model.settings import Policy, Shaken


class ShakenError(RingfenceError):
    """Files of `[shaken]` can't be used; the text says which and why, one a line."""


class Material(NamedTuple):
    """All of one policy."""

    roots: tuple[x509.Certificate, ...] = ()
    """Authorities of those who sign."""
    hosts: ssl.SSLContext | None = None
    """How the hosts are known that certificates are fetched from; None where nothing is verified."""
    signing: Signing | None = None
    """None where nothing is signed."""
    certificate: Certificate | None = None
    """Of the key that is signed with."""


def load(policy: Policy) -> Material:
    """Read every file that `[shaken]` names. Raises ShakenError with all that is wrong."""
    shaken, problems = policy.shaken, []
    roots: tuple[x509.Certificate, ...] = ()
    hosts: ssl.SSLContext | None = None
    if shaken.trust is not None:
        try:
            roots = _roots(Path(shaken.trust))
        except (OSError, ValueError) as error:
            problems.append(f"shaken.trust: {shaken.trust}: {_said(error)}")
        try:
            hosts = ssl.create_default_context(cafile=shaken.x5u_ca)
        except (OSError, ValueError) as error:
            problems.append(f"shaken.x5u_ca: {shaken.x5u_ca}: {_said(error)}")
    signing, certificate = _signing(shaken, problems) if shaken.key is not None else (None, None)
    if problems:
        raise ShakenError("\n".join(problems))
    return Material(roots, hosts, signing, certificate)


def _roots(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a file, or of all files of a directory."""
    files = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
    found = [certificate for file in files for certificate in _certificates(file)]
    if not found:
        raise ValueError("there is no certificate in it")
    return tuple(dict.fromkeys(found))


def _certificates(file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from None


def _signing(shaken: Shaken, problems: list[str]) -> tuple[Signing | None, Certificate | None]:
    """Key and certificate, where they can be used and belong together."""
    key_path, path = shaken.key or "", shaken.certificate or ""
    try:
        key = _key(key_path)
    except (OSError, ValueError, TypeError) as error:
        problems.append(f"shaken.key: {key_path}: {_said(error)}")
        return None, None
    try:
        leaf = x509.load_pem_x509_certificates(Path(path).read_bytes())[0]
        authority = authority_of(leaf)
    except (OSError, ValueError, IndexError, ChainError) as error:
        problems.append(f"shaken.certificate: {path}: {_said(error)}")
        return None, None
    if leaf.public_key() != key.public_key():
        problems.append(f"shaken.key: {key_path}: isn't the key of {path}")
        return None, None
    until_s = int(leaf.not_valid_after_utc.timestamp())
    certificate = Certificate(path, leaf.subject.rfc4514_string(), until_s)
    return Signing(key, shaken.x5u or "", authority, until_s), certificate


def _key(path: str) -> ec.EllipticCurvePrivateKey:
    with open(path, "rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError("others than its owner may read it: chmod go= it")
        key = serialization.load_pem_private_key(file.read(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("it is no P-256 key")
    return key


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"can't be used: {error.reason or error}"
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else f"can't be read: {error}"
