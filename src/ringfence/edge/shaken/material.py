"""The files that signatures of calls need, as the policy names them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from ringfence.errors import RingfenceError
from ringfence.model.settings import Policy


class ShakenError(RingfenceError):
    """Files of `[shaken]` can't be used; the text says which and why, one a line."""


class Material(NamedTuple):
    """All of one policy."""

    roots: tuple[x509.Certificate, ...] = ()
    """Authorities of those who sign."""
    hosts: ssl.SSLContext | None = None
    """How the hosts are known that certificates are fetched from; None where nothing is verified."""


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
    if problems:
        raise ShakenError("\n".join(problems))
    return Material(roots, hosts)


def _roots(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a file, or of all files of a directory."""
    files = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
    found = [certificate for file in files for certificate in x509.load_pem_x509_certificates(file.read_bytes())]
    if not found:
        raise ValueError("there is no certificate in it")
    return tuple(dict.fromkeys(found))


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"can't be used: {error.reason or error}"
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else f"can't be read: {error}"
