"""PASSporTs and the Identity header that carries them (RFC 8224 §4, RFC 8225, RFC 8588, RFC 8946).

    Identity: HEADER.CLAIMS.SIGNATURE;info=<https://…>;alg=ES256;ppt=shaken        full form
    Identity: ..SIGNATURE;info=<https://…>;alg=ES256                               compact form

The three parts are base64url without padding; header and claims are JSON. The signature is over the first two as they
are spelled, so nothing is written anew to be verified; in the compact form both are made of the SIP request, in the one
way that RFC 8225 §9 allows (keys in order, no white space). Of a PASSporT that says one thing twice or in two ways
(a key given twice, `info` other than `x5u`) nothing is believed.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, urlsafe_b64encode
from typing import Any, Literal

import msgspec

from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import TOKEN_CHARS, parse_params, text

LONGEST = 8192
"""Bytes of an Identity value that is read; a PASSporT is under one thousand."""
MOST_TNS = 16
"""Destinations that one PASSporT may name."""
SHAKEN, DIV = "shaken", "div"

_VALUE = re.compile(
    rb"([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)[ \t]*((?:;[ \t]*[" + TOKEN_CHARS + rb"]+[ \t]*=[ \t]*"
    rb'(?:<[^<>"\x00-\x20\x7f-\xff]+>|"[^"\\\x00-\x1f\x7f-\xff]*"|[' + TOKEN_CHARS + rb"]+)[ \t]*)+)"
)
_INFO = re.compile(rb";[ \t]*[Ii][Nn][Ff][Oo][ \t]*=[ \t]*<([^<>]+)>[ \t]*")
_TN = re.compile(r"[0-9*#]{1,20}", re.ASCII)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)

Attestation = Literal["A", "B", "C"]


class _Header(msgspec.Struct):
    alg: str
    typ: str
    x5u: str
    ppt: str = ""
    crit: Any = None


class _Party(msgspec.Struct):
    tn: str = ""
    uri: str = ""


class _Parties(msgspec.Struct):
    tn: list[str] = []
    uri: list[str] = []


class _Claims(msgspec.Struct):
    dest: _Parties
    iat: int
    orig: _Party
    attest: Attestation | None = None
    origid: str = ""
    div: _Party | None = None


class Passport(msgspec.Struct, frozen=True):
    """What one Identity header says; nothing of it is verified."""

    ppt: str
    """`shaken`, `div`, another extension, or empty."""
    x5u: str
    """Where the certificate of its signer is."""
    signed: bytes
    """What the signature is over; empty in the compact form."""
    signature: bytes
    """64 bytes: r and s."""
    orig: str = ""
    """Who calls, E.164 digits; empty where it is no number."""
    dest: tuple[str, ...] = ()
    """Whom, E.164 digits."""
    iat: int = 0
    """When it was signed, seconds since 1970."""
    attest: Attestation | None = None
    origid: str = ""
    div: str = ""
    """Who forwarded, E.164 digits (RFC 8946)."""

    @property
    def compact(self) -> bool:
        """Whether header and claims have to be made of the request."""
        return not self.signed


def parse_identity(value: bytes) -> Passport:
    """Read one Identity value; raises SipParseError where it is none, or none of ES256."""
    if len(value) > LONGEST:
        raise SipParseError("Identity too long")
    match = _VALUE.fullmatch(value.strip(b" \t"))
    if match is None:
        raise SipParseError("bad Identity")
    info, alg, ppt = _parameters(match[4])
    signature = _decoded(match[3])
    if len(signature) != 64:
        raise SipParseError("an Identity whose signature isn't 64 bytes long")
    if not match[1] and not match[2]:
        return Passport(ppt, info, b"", signature)
    if not match[1] or not match[2]:
        raise SipParseError("an Identity with half a PASSporT")
    header = _json(match[1], _Header)
    if (header.alg, header.typ.lower()) != ("ES256", "passport") or header.crit is not None:
        raise SipParseError("a PASSporT of a kind that isn't known")
    if header.x5u != info or header.ppt != ppt or alg != "ES256":
        raise SipParseError("an Identity that says otherwise than its PASSporT")
    return _passport(header, _json(match[2], _Claims), match[1] + b"." + match[2], signature)


def _passport(header: _Header, claims: _Claims, signed: bytes, signature: bytes) -> Passport:
    if not 0 <= claims.iat < 1 << 40 or len(claims.dest.tn) > MOST_TNS:
        raise SipParseError("a PASSporT out of bounds")
    if not claims.dest.tn and not claims.dest.uri:
        raise SipParseError("a PASSporT for nobody")
    if header.ppt == SHAKEN and (claims.attest is None or not _UUID.fullmatch(claims.origid)):
        raise SipParseError("a shaken PASSporT without attest and origid")
    if header.ppt == DIV and claims.div is None:
        raise SipParseError("a div PASSporT without div")
    return Passport(
        ppt=header.ppt,
        x5u=header.x5u,
        signed=signed,
        signature=signature,
        orig=_tn(claims.orig.tn),
        dest=tuple(_tn(tn) for tn in claims.dest.tn),
        iat=claims.iat,
        attest=claims.attest if header.ppt == SHAKEN else None,
        origid=claims.origid if header.ppt == SHAKEN else "",
        div=_tn(claims.div.tn) if claims.div is not None else "",
    )


def _tn(given: str) -> str:
    """A telephone number as RFC 8225 §5.2.1 has it: digits without plus and separators."""
    if given and not _TN.fullmatch(given):
        raise SipParseError("a PASSporT with a number that is none")
    return given


def _parameters(raw: bytes) -> tuple[str, str, str]:
    """info, alg and ppt; each is there at most once, info always."""
    info = _INFO.search(raw)
    if info is None:
        raise SipParseError("an Identity without info")
    rest = raw[: info.start()] + raw[info.end() :]
    params = parse_params(rest) if rest else {}
    if "info" in params:
        raise SipParseError("an Identity with two info")
    return text(info[1]), params.get("alg") or "ES256", (params.get("ppt") or "").strip('"')


def _decoded(part: bytes) -> bytes:
    """base64url without padding; each value has one spelling."""
    try:
        found = b64decode(part + b"=" * (-len(part) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise SipParseError("bad base64url") from None
    if _encoded(found) != part:
        raise SipParseError("bad base64url")
    return found


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _json(part: bytes, kind: type[Any]) -> Any:
    raw = _decoded(part)
    try:
        found = msgspec.json.decode(raw, type=kind, strict=True)
        repeated = _repeats(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise SipParseError("a PASSporT that can't be read") from None
    if repeated:
        raise SipParseError("a PASSporT that says something twice")
    return found


def _repeats(raw: bytes) -> bool:
    """Whether an object has a key twice: then two readers may read two things."""
    repeated = []

    def check(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) != len(pairs):
            repeated.append(pairs)

    json.loads(raw, object_pairs_hook=check)
    return bool(repeated)


# --- writing --------------------------------------------------------------------------------------------------------


def to_sign(x5u: str, ppt: str, claims: dict[str, Any]) -> bytes:
    """Header and claims as they are signed: keys in lexical order, no white space (RFC 8225 §9)."""
    header = {"alg": "ES256", "typ": "passport", "x5u": x5u, **({"ppt": ppt} if ppt else {})}
    return b".".join(_encoded(msgspec.json.encode(part, order="sorted")) for part in (header, claims))


def identity(signed: bytes, signature: bytes, x5u: str, ppt: str) -> bytes:
    """The value of an Identity header in full form."""
    kind = b";ppt=" + ppt.encode("ascii") if ppt else b""
    return b"%b.%b;info=<%b>;alg=ES256%b" % (signed, _encoded(signature), x5u.encode("ascii"), kind)


def shaken_claims(orig: str, dest: str, iat: int, attest: Attestation, origid: str) -> dict[str, Any]:
    """The claims of RFC 8588; numbers are E.164 digits."""
    return {"attest": attest, "dest": {"tn": [dest]}, "iat": iat, "orig": {"tn": orig}, "origid": origid}


def of_request(x5u: str, orig: str, dest: str, iat: int) -> bytes:
    """What the signature of a compact form is over (RFC 8224 §7): the base claims of the request it is in."""
    return to_sign(x5u, "", {"dest": {"tn": [dest]}, "iat": iat, "orig": {"tn": orig}})
