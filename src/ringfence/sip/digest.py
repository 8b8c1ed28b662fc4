"""Digest authentication (RFC 7616, for SIP RFC 8760): challenges, credentials, and whether one answers the other.

    HA1      = H(user:realm:password)              all that is ever kept of a password
    HA2      = H(method:digest-uri)
    response = H(HA1:nonce:nc:cnonce:auth:HA2)

Both sides are here: what a server writes and reads, what a client reads and writes. Only `qop=auth` is spoken. Without
qop (RFC 2069) nothing counts how often a nonce was used, `auth-int` needs the body that a proxy may have to change, the
`-sess` algorithms keep nothing that HA1 doesn't. User names are plain: `userhash` and `username*` are refused.

An algorithm isn't negotiated: several challenges are offered, the strongest first, and the client takes one (RFC 8760
§2.3). Which ones are good enough is for the policy to say, on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import md5, sha256
from hmac import compare_digest
from typing import Literal, NamedTuple, get_args

from ringfence.sip.credentials import digest_params
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import wire

Algorithm = Literal["SHA-256", "MD5"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
"""The strongest first."""
MAX_USER = 64
"""Characters of a user name that is read."""
MAX_VALUE = 512
"""Characters of any other value."""

_HEX_DIGITS: dict[Algorithm, int] = {"SHA-256": 64, "MD5": 32}
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)
_COUNT = re.compile(r"[0-9a-fA-F]{8}", re.ASCII)
_NEEDED = ("username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce")


class Credentials(NamedTuple):
    """What a client says in Authorization or Proxy-Authorization."""

    user: str
    realm: str
    nonce: str
    uri: str
    """The digest-uri: what is meant to be the Request-URI."""
    algorithm: Algorithm
    nc: str
    """How often it used this nonce, this time included; eight hexadecimal digits."""
    cnonce: str
    response: str

    @property
    def used(self) -> int:
        """`nc` as a number."""
        return int(self.nc, 16)


class Challenge(NamedTuple):
    """What a server asks in WWW-Authenticate or Proxy-Authenticate."""

    realm: str
    nonce: str
    algorithm: Algorithm
    opaque: str | None = None
    """To be given back as it is."""
    stale: bool = False
    """Whether the password was right and only the nonce too old."""
    counted: bool = True
    """Whether it knows qop; carriers of RFC 2069 don't, and are answered as they ask."""


def ha1(algorithm: Algorithm, user: str, realm: str, password: str) -> str:
    """What is kept of a password: hexadecimal, good for this user in this realm alone."""
    return _hash(algorithm, user, realm, password)


def is_ha1(algorithm: Algorithm, value: str) -> bool:
    """Whether this can be such a hash."""
    return len(value) == _HEX_DIGITS[algorithm] and _HEX.fullmatch(value) is not None


def proves(secret: str, given: Credentials, method: str) -> bool:
    """Whether whoever made these credentials knows the password that `secret` is the HA1 of; in constant time."""
    use = (given.nonce, given.nc, given.cnonce, "auth")
    wanted = _hash(given.algorithm, secret, *use, _hash(given.algorithm, method, given.uri))
    return compare_digest(wanted, given.response)


def _hash(algorithm: Algorithm, *parts: str) -> str:
    data = wire(":".join(parts))
    return (sha256(data) if algorithm == "SHA-256" else md5(data, usedforsecurity=False)).hexdigest()


# --- the server's side ----------------------------------------------------------------------------------------------


def challenge(asked: Challenge) -> bytes:
    """The value of one WWW-Authenticate or Proxy-Authenticate header."""
    opaque = "" if asked.opaque is None else f", opaque={_quoted(asked.opaque)}"
    stale = ", stale=true" if asked.stale else ""
    start = f"Digest realm={_quoted(asked.realm)}, nonce={_quoted(asked.nonce)}"
    return wire(f'{start}{opaque}{stale}, algorithm={asked.algorithm}, qop="auth"')


def find_credentials(values: Iterable[bytes], realm: str) -> Credentials | None:
    """The credentials for a realm among the values of Authorization and Proxy-Authorization; None where there are none.

    Those for other realms are somebody else's business. Where a client answered several challenges the strongest
    algorithm counts; two answers with the same one could be read in two ways. Raises SipParseError for that, and for
    credentials for this realm that can't be read.
    """
    found: dict[Algorithm, Credentials] = {}
    for value in values:
        params = _params_for(value, realm)
        if params is None:
            continue
        one = _credentials(params)
        if one.algorithm in found:
            raise SipParseError("credentials given twice")
        found[one.algorithm] = one
    return next((found[algorithm] for algorithm in ALGORITHMS if algorithm in found), None)


def for_realm(value: bytes, realm: str) -> bool:
    """Whether a value of Authorization or Proxy-Authorization is meant for this realm, also where it is damaged."""
    try:
        return _params_for(value, realm) is not None
    except SipParseError:
        return True


def _params_for(value: bytes, realm: str) -> dict[str, str] | None:
    """The parameters of Digest credentials for a realm; raises SipParseError where it can't be told."""
    if not value[:7].lower().startswith(b"digest"):
        return None
    params = digest_params(value)
    return params if params.get("realm") == realm else None


def _credentials(params: dict[str, str]) -> Credentials:
    missing = [name for name in _NEEDED if name not in params]
    if missing:
        raise SipParseError(f"credentials without {missing[0]}")
    if len(params["username"]) > MAX_USER or any(len(value) > MAX_VALUE for value in params.values()):
        raise SipParseError("credentials too long")
    if params.get("userhash", "false").lower() != "false" or params["qop"].lower() != "auth":
        raise SipParseError("credentials of an unknown kind")
    algorithm = _algorithm(params)
    if not is_ha1(algorithm, params["response"]) or not _COUNT.fullmatch(params["nc"]) or not params["cnonce"]:
        raise SipParseError("bad credentials")
    return Credentials(
        user=params["username"],
        realm=params["realm"],
        nonce=params["nonce"],
        uri=params["uri"],
        algorithm=algorithm,
        nc=params["nc"],
        cnonce=params["cnonce"],
        response=params["response"],
    )


def _algorithm(params: dict[str, str]) -> Algorithm:
    """MD5 where none is named (RFC 7616 §3.3)."""
    named = params.get("algorithm", "MD5").upper()
    for algorithm in ALGORITHMS:
        if algorithm == named:
            return algorithm
    raise SipParseError("unknown digest algorithm")


# --- the client's side ----------------------------------------------------------------------------------------------


def read_challenges(values: Sequence[bytes]) -> list[Challenge]:
    """The challenges that can be answered, in the order given; other schemes, algorithms and qops are passed over."""
    found = []
    for value in values:
        try:
            params = digest_params(value)
            algorithm = _algorithm(params)
        except SipParseError:
            continue
        qops = [qop.strip().lower() for qop in params.get("qop", "").split(",")]
        if "realm" in params and "nonce" in params and ("auth" in qops or qops == [""]):
            stale = params.get("stale", "").lower() == "true"
            asked = params["realm"], params["nonce"], algorithm, params.get("opaque"), stale
            found.append(Challenge(*asked, counted="auth" in qops))
    return found


def authorize(asked: Challenge, user: str, secret: str, method: str, uri: str, cnonce: str, count: int) -> bytes:
    """The value of the header that answers a challenge; `secret` is the HA1, `count` how often the nonce was used."""
    nc = f"{count:08x}"
    use = (asked.nonce, nc, cnonce, "auth") if asked.counted else (asked.nonce,)
    response = _hash(asked.algorithm, secret, *use, _hash(asked.algorithm, method, uri))
    names = {"username": user, "realm": asked.realm, "nonce": asked.nonce, "uri": uri, "response": response}
    names |= {"cnonce": cnonce} if asked.counted else {}
    names |= {"opaque": asked.opaque} if asked.opaque is not None else {}
    quoted = [f"{name}={_quoted(value)}" for name, value in names.items()]
    plain = [f"algorithm={asked.algorithm}", *([f"qop=auth, nc={nc}"] if asked.counted else [])]
    return wire(f"Digest {', '.join(quoted + plain)}")


def _quoted(value: str) -> str:
    """As a quoted string (RFC 3261 §25.1)."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
