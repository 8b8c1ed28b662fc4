"""What the PASSporTs of an INVITE say about who calls: passed, failed, or nothing (RFC 8224 §6.2, ATIS-1000074 §5.3).

    passed    a signer that is trusted says, just now, that this number calls that one
    failed    there is a signature, and it is false: not over this call, not by who it says, too old, used before
    none      nothing can be said: no signature, none that is understood, no certificate to be had, or the call was
              forwarded on its way and nobody signed that

The call is the one that the Request-URI names. Where the signature is for another number, `div` PASSporTs (RFC 8946)
have to lead from there to here, each signed. To alone proves nothing: whoever overheard a signed call could send it
to anybody with that To.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ringfence.edge.shaken.chain import Signer
from ringfence.model.fact import Verstat
from ringfence.sip.passport import DIV, SHAKEN, Passport, of_request

MOST_DIVERSIONS = 4
_SHA256 = ec.ECDSA(hashes.SHA256())


class Asked(NamedTuple):
    """What the INVITE itself says; E.164 digits, empty where it names no number."""

    caller: str
    to: str
    called: str
    date_s: int = 0
    """Its Date, seconds since 1970; 0 without one. Only the compact form needs it."""


class Verification(NamedTuple):
    """The outcome."""

    verstat: Verstat
    why: str = ""
    """Why it isn't passed."""
    attestation: str = ""
    origid: str = ""
    mark: bytes = b""
    """By which the same signature is known if it comes again."""


Certificates = Callable[[str], Signer | str]
"""The signer behind a URL, or why there is none."""


def leading(passports: Sequence[Passport]) -> Passport | None:
    """The one that says who calls: `shaken`, else one without an extension."""
    by_kind = [next((one for one in passports if one.ppt == kind), None) for kind in (SHAKEN, "")]
    return by_kind[0] or by_kind[1]


def needed(passports: Sequence[Passport]) -> list[str]:
    """The URLs whose certificates are needed."""
    first = leading(passports)
    if first is None:
        return []
    urls = [first.x5u, *(one.x5u for one in passports if one.ppt == DIV)]
    return list(dict.fromkeys(urls))[: MOST_DIVERSIONS + 1]


def verify(
    passports: Sequence[Passport], asked: Asked, certificates: Certificates, now_s: int, fresh_s: int
) -> Verification:
    """Judge them; nothing is remembered here, so that whether a signature was used before is for the caller to know."""
    first = leading(passports)
    if first is None:
        return Verification("none", "no signature that says who calls" if passports else "not signed")
    if first.compact:
        if not (asked.caller and asked.to and asked.date_s):
            return Verification("none", "a compact signature without Date or numbers")
        first = _made_whole(first, asked)
    signer = certificates(first.x5u)
    if isinstance(signer, str):
        return Verification("none", signer)
    false = _false(first, signer, now_s, fresh_s)
    if false:
        return Verification("failed", false)
    if not asked.caller or first.orig != asked.caller:
        return Verification("failed", f"signed for a call from {first.orig or 'no number'}")
    if not signer.authority.covers(first.orig):
        return Verification("failed", f"signed by somebody who may not sign for {first.orig}")
    found = _reaches(first, passports, asked, certificates, now_s, fresh_s)
    if found is not None:
        return found
    return Verification("passed", "", first.attest or "", first.origid, first.signature[:16])


def _made_whole(passport: Passport, asked: Asked) -> Passport:
    """A compact one with what the request says (RFC 8224 §7)."""
    signed = of_request(passport.x5u, asked.caller, asked.to, asked.date_s)
    return Passport("", passport.x5u, signed, passport.signature, asked.caller, (asked.to,), asked.date_s)


def is_signed(key: ec.EllipticCurvePublicKey, signed: bytes, signature: bytes) -> bool:
    """Whether a signature, r and s of 32 bytes each, is that of a key over these bytes (RFC 7518 §3.4)."""
    r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
    try:
        key.verify(encode_dss_signature(r, s), signed, _SHA256)
    except InvalidSignature:
        return False
    return True


def _false(passport: Passport, signer: Signer, now_s: int, fresh_s: int) -> str:
    """What is false about a signature; empty where nothing is."""
    if not is_signed(signer.key, passport.signed, passport.signature):
        return "the signature is false"
    if not abs(now_s - passport.iat) <= fresh_s:
        return f"signed {abs(now_s - passport.iat)} s {'ago' if passport.iat < now_s else 'ahead of time'}"
    return ""


def _reaches(
    first: Passport, passports: Sequence[Passport], asked: Asked, certificates: Certificates, now_s: int, fresh_s: int
) -> Verification | None:
    """What speaks against its being for the number that is called; None where it is."""
    called = asked.called or asked.to
    dest = first.dest
    for one in [one for one in passports if one.ppt == DIV][:MOST_DIVERSIONS]:
        if called in dest or one.orig != first.orig or one.div not in dest:
            continue
        signer = certificates(one.x5u)
        if isinstance(signer, str):
            return Verification("none", f"forwarded: {signer}")
        false = _false(one, signer, now_s, fresh_s) or ("" if signer.authority.covers(one.div) else "by a stranger")
        if false:
            return Verification("failed", f"forwarded: {false}")
        dest = one.dest
    if called and called in dest:
        return None
    if asked.to and asked.to in dest:
        return Verification("none", f"signed for a call to {asked.to}, and nobody signed that it was forwarded here")
    return Verification("failed", f"signed for a call to {', '.join(dest) or 'no number'}")
