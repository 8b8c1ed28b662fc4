"""TLS as this process speaks it: contexts made from the files that the policy names, and what to say when it fails.

TLS 1.2 is the least that is spoken. Who is at the far end is checked by us and not by OpenSSL, which knows nothing of
SIP's rules (RFC 5922); that its certificate holds and comes from an authority that is trusted is OpenSSL's business.

Everything is loaded anew on a reload and takes effect for connections made from then on. A file that can't be used is
an error before anything changes.

What an authority revoked is read from files too (`revocation`): no handshake waits for a fetch.
"""

from __future__ import annotations

import datetime
import os
import ssl
import stat
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ringfence.edge import revocation
from ringfence.edge.revocation import RevocationList
from ringfence.errors import RingfenceError
from ringfence.model.settings import Listen, Party, Policy
from ringfence.sip.domains import Certificate as PeerCertificate

T = TypeVar("T")
WARN_DAYS = 30
"""How long before a certificate ends people are told."""
DAY_S = 86_400


class TlsError(RingfenceError):
    """Files of TLS can't be used; the text says which and why, one a line."""


class Certificate(NamedTuple):
    """What we prove ourselves by."""

    path: str
    subject: str
    until_s: int
    """When it ends, seconds since the Unix epoch."""

    def says(self, now_s: float) -> str:
        """That it ends soon or has ended, and what to do; empty where there is time."""
        return says_end(self.until_s, now_s)


def says_end(until_s: int, now_s: float) -> str:
    """That a certificate ends soon or has ended; empty where there is time."""
    day = datetime.datetime.fromtimestamp(until_s, datetime.UTC).date().isoformat()
    left = int((until_s - now_s) // DAY_S)
    if until_s <= now_s:
        return f"expired on {day}"
    return f"expires on {day}, in {left} days" if left < WARN_DAYS else ""


class Tls(NamedTuple):
    """All of one policy."""

    servers: dict[str, ssl.SSLContext]
    """By listener: for who connects to us."""
    clients: dict[tuple[str, str | None, str | None], ssl.SSLContext]
    """By listener, and `ca` and `crl` of who is connected to."""
    certificates: dict[str, Certificate]
    """By listener."""
    lists: dict[str, RevocationList]
    """By the key of the policy that names them."""


def load(policy: Policy) -> Tls:
    """Read every file that the policy names. Raises TlsError with all that is wrong."""
    problems: list[str] = []
    found = Tls({}, {}, {}, {})
    for listen in policy.listens.values():
        if listen.transport == "tls":
            _listener(listen, policy, found, problems)
    if problems:
        raise TlsError("\n".join(problems))
    return found


def _listener(listen: Listen, policy: Policy, found: Tls, problems: list[str]) -> None:
    name, where = listen.name, f"listen.{listen.name}"
    certificate = _tried(f"{where}.certificate", listen.certificate, _certificate, problems)
    key = _tried(f"{where}.key", listen.key, _key, problems)
    if certificate is None or key is None:
        return
    found.certificates[name] = certificate
    server = _tried(f"{where}.key", listen.key, lambda _: _server(listen), problems)
    if server is None:
        return
    if listen.client_ca is not None:
        _tried(f"{where}.client_ca", listen.client_ca, partial(_demand, server), problems)
    _revoking(f"{where}.client_crl", listen.client_crl, server, found, problems)
    found.servers[name] = server
    for place, ca, crl in _authorities(policy, name):
        client = _tried(f"{place}.ca", ca, partial(_client, listen, ca), problems)
        if client is not None:
            _revoking(f"{place}.crl", crl, client, found, problems)
            found.clients[name, ca, crl] = client


def _revoking(place: str, crl: str | None, context: ssl.SSLContext, found: Tls, problems: list[str]) -> None:
    """Have a context look at what was revoked, where the policy says so."""
    known = _tried(place, crl, partial(revocation.demand, context), problems) if crl is not None else None
    if known is not None:
        found.lists[place] = known


def _authorities(policy: Policy, listener: str) -> list[tuple[str, str | None, str | None]]:
    """Each `ca` and `crl` of a listener's parties, and who names it first."""
    parties: list[Party] = [*policy.trunks.values(), *policy.sources.values()]
    found: dict[tuple[str | None, str | None], str] = {}
    for party in (party for party in parties if party.listen == listener):
        kind = "trunk" if party is policy.trunks.get(party.name) else "source"
        found.setdefault((party.ca, party.crl), f"{kind}.{party.name}")
    return [(place, ca, crl) for (ca, crl), place in found.items()]


def _tried(place: str, path: str | None, make: Callable[[str], T], problems: list[str]) -> T | None:
    """What is made of a file; None, with the reason among the problems, where it can't be."""
    try:
        return make(path or "")
    except ssl.SSLError as error:
        why = _OF_FILES.get(error.reason or "", f"can't be used: {error.reason or error}")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
    except (ValueError, TypeError) as error:
        why = f"can't be read: {error}"
    problems.append(f"{place}: {path}: {why}")
    return None


_OF_FILES = {
    "KEY_VALUES_MISMATCH": "the key isn't the certificate's",
    "NO_CERTIFICATE_OR_CRL_FOUND": "there is no certificate in it",
}


def _certificate(path: str) -> Certificate:
    with open(path, "rb") as file:
        first = x509.load_pem_x509_certificates(file.read())[0]
    return Certificate(path, first.subject.rfc4514_string(), int(first.not_valid_after_utc.timestamp()))


def _key(path: str) -> bool:
    with open(path, "rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & stat.S_IRWXO:
            raise ValueError("everybody may read it: chmod o= it")
        serialization.load_pem_private_key(file.read(), None)
    return True


def _server(listen: Listen) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(listen.certificate or "", listen.key)
    return context


def _demand(context: ssl.SSLContext, client_ca: str) -> bool:
    """Let in only who has a certificate of these authorities."""
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return True


def _client(listen: Listen, ca: str | None, _: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # `domains` does it.
    if ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(ca)
    context.load_cert_chain(listen.certificate or "", listen.key)
    return context


def until_s(certificate: PeerCertificate) -> int:
    """When a peer's certificate ends, seconds since the Unix epoch."""
    return int(ssl.cert_time_to_seconds(certificate["notAfter"]))


def why(error: BaseException) -> str:
    """Why a handshake failed, for people; empty for an error that isn't of TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, f"its certificate isn't accepted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return _HANDSHAKE.get(error.reason or "", f"no TLS with it: {error.reason or error}")
    return ""


_UNTRUSTED = "its certificate isn't of an authority that is trusted here; `ca` names one that is"
_VERIFY = {
    **revocation.WHY,
    9: "its certificate isn't valid yet",
    10: "its certificate has expired",
    18: f"its certificate is signed by itself: {_UNTRUSTED}",
    19: _UNTRUSTED,
    20: _UNTRUSTED,
    21: f"its certificate comes without those between it and its authority: {_UNTRUSTED}",
}
"""By OpenSSL's X509_V_ERR_ number."""
_HANDSHAKE = {
    "WRONG_VERSION_NUMBER": "it doesn't speak TLS there",
    "HTTP_REQUEST": "it doesn't speak TLS there",
    "UNSUPPORTED_PROTOCOL": "it speaks no TLS 1.2 or newer",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks no TLS 1.2 or newer",
    "NO_SHARED_CIPHER": "it has no cipher in common with us",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it has nothing in common with us, or wants a certificate of ours that it knows",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a certificate of ours and got none",
    "TLSV1_ALERT_UNKNOWN_CA": "it doesn't trust the authority of our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it doesn't accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it doesn't accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our certificate has expired, it says",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "it doesn't accept our certificate",
    "TLSV1_ALERT_ACCESS_DENIED": "it doesn't let us in",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it shows no certificate, and client_ca asks for one",
}
