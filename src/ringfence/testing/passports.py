"""PASSporTs for tests, made by an implementation of their own: JSON, base64 and a key, and nothing of ours."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509 import load_pem_x509_certificate

ORIGID = "123e4567-e89b-12d3-a456-426655440000"


def encoded(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(part: str) -> bytes:
    """The same back."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def plain(value: Any) -> bytes:
    """JSON with keys in order and no white space."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def key_of(path: Path) -> ec.EllipticCurvePrivateKey:
    """A private key in PEM."""
    found = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no EC key")
    return found


def signed(key: ec.EllipticCurvePrivateKey, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A JWS in compact serialisation (RFC 7515 §7.1), whatever it says."""
    data = f"{encoded(plain(header))}.{encoded(plain(claims))}"
    r, s = decode_dss_signature(key.sign(data.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{data}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def claims(orig: str, dest: str, iat: int, **more: Any) -> dict[str, Any]:
    """Those of a shaken PASSporT; `more` changes them, None takes one out."""
    found = {"attest": "A", "dest": {"tn": [dest]}, "iat": iat, "orig": {"tn": orig}, "origid": ORIGID, **more}
    return {name: value for name, value in found.items() if value is not None}


def identity(
    key: ec.EllipticCurvePrivateKey, x5u: str, says: dict[str, Any], *, ppt: str = "shaken", **header: Any
) -> str:
    """The value of an Identity header."""
    kind = {"ppt": ppt} if ppt else {}
    token = signed(key, {"alg": "ES256", "typ": "passport", "x5u": x5u, **kind, **header}, says)
    return f"{token};info=<{x5u}>;alg=ES256" + (f";ppt={ppt}" if ppt else "")


def opened(value: str, certificate: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of an Identity value, once its signature is known to be that of a certificate.

    Raises InvalidSignature.
    """
    token = value.partition(";")[0]
    header, says, signature = token.split(".")
    raw = decoded(signature)
    dss = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = load_pem_x509_certificate(certificate.read_bytes()).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError(f"{certificate} has no EC key")
    key.verify(dss, f"{header}.{says}".encode(), ec.ECDSA(hashes.SHA256()))
    return json.loads(decoded(header)), json.loads(decoded(says))
