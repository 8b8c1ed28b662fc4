"""What authorities revoked, by lists (CRL, RFC 5280 §5) from files that the policy names.

OpenSSL looks at them in each handshake: whether the list is signed by the authority of the certificate, whether
it holds now, whether it has the certificate. It fails closed: no list of that authority, or one that has ended, and
nobody of it is believed until there is a newer one. Only the certificate at the far end is looked up, not those between
it and its authority. Fetching lists is left to others (cron), so that no handshake waits for it.
"""

from __future__ import annotations

import datetime
import re
import ssl
from typing import NamedTuple

from cryptography import x509

DAY_S = 86_400
WARN_S = 3 * DAY_S
"""How long before a list ends people are told, at most: a quarter of what it holds for is enough."""
WHY = {
    3: "there is no list of what the authority of its certificate revoked; `crl` or `client_crl` has to have it",
    8: "the list of what its authority revoked isn't signed by that authority",
    11: "the list of what its authority revoked doesn't hold yet",
    12: "the list of what its authority revoked has ended: it isn't believed until there is a newer one",
    23: "its certificate was revoked by its authority",
}
"""By OpenSSL's X509_V_ERR_ number."""
_PEM = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


class RevocationList(NamedTuple):
    """The list of a file that ends first."""

    path: str
    subject: str
    """Whose it is."""
    until_s: int
    """When a newer one has to be there, seconds since the Unix epoch."""
    soon_s: int
    """How long before that people are told."""

    def says(self, now_s: float) -> str:
        """That it ends soon or has ended, and what that means; empty where there is time."""
        at = datetime.datetime.fromtimestamp(self.until_s, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
        if self.until_s <= now_s:
            return f"ended on {at}, so no certificate of {self.subject} is believed"
        return f"ends on {at}, and then no certificate of its authority is believed" if self._is_near(now_s) else ""

    def _is_near(self, now_s: float) -> bool:
        return self.until_s - now_s < self.soon_s


def demand(context: ssl.SSLContext, path: str) -> RevocationList | None:
    """Have a context believe only who isn't in these lists; gives the one that ends first, None where none ends.

    Raises OSError or ValueError where the file can't be used.
    """
    with open(path, "rb") as file:
        lists = [x509.load_pem_x509_crl(pem) for pem in _PEM.findall(file.read())]
    if not lists:
        raise ValueError("there is no list of revoked certificates (X509 CRL) in it")
    context.load_verify_locations(path)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return min((found for found in (_read(path, each) for each in lists) if found), key=_end, default=None)


def _end(found: RevocationList) -> int:
    return found.until_s


def _read(path: str, found: x509.CertificateRevocationList) -> RevocationList | None:
    until = found.next_update_utc
    if until is None:
        return None
    lasts_s = (until - found.last_update_utc).total_seconds()
    return RevocationList(
        path, found.issuer.rfc4514_string(), int(until.timestamp()), int(min(WARN_S, max(0, lasts_s) / 4))
    )
