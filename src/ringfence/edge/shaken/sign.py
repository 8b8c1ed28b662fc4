"""Making an Identity header (RFC 8224 §6.1, RFC 8588)."""

from __future__ import annotations

from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from ringfence.edge.shaken.chain import Authority
from ringfence.sip.passport import SHAKEN, Attestation, identity, shaken_claims, to_sign

_SHA256 = ec.ECDSA(hashes.SHA256())


class Signing(NamedTuple):
    """What is signed with."""

    key: ec.EllipticCurvePrivateKey
    x5u: str
    authority: Authority
    """Of the key's certificate."""
    until_s: int
    """When the certificate ends, seconds since 1970."""

    def may_sign(self, orig: str, now_s: int) -> bool:
        """Whether anybody would believe a signature for this caller."""
        return self.authority.covers(orig) and now_s < self.until_s


def signed(signing: Signing, orig: str, dest: str, iat: int, attest: Attestation, origid: str) -> bytes:
    """The Identity of a call between two numbers (E.164 digits)."""
    data = to_sign(signing.x5u, SHAKEN, shaken_claims(orig, dest, iat, attest, origid))
    r, s = decode_dss_signature(signing.key.sign(data, _SHA256))
    return identity(data, r.to_bytes(32, "big") + s.to_bytes(32, "big"), signing.x5u, SHAKEN)
