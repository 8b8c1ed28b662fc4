"""The keys of signatures of callers (docs/shaken.md)."""

from __future__ import annotations

from ringfence.model.settings import Shaken
from ringfence.policy.keys_tls import PEM
from ringfence.policy.kinds import Key, ListOf, Table
from ringfence.policy.leaves import flag, integer, pattern, text

HOST = pattern(
    "a host such as certificates.example, with a port where it is neither 443 nor 8443",
    r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*(:[1-9][0-9]{0,4})?",
    "in lower case",
)

SHAKEN = Table(
    doc="Signatures of callers, STIR/SHAKEN (docs/shaken.md): for how calls are shown, no protection against fraud. "
    "Main file only.",
    keys=(
        Key(
            name="trust",
            kind=text("the path of a PEM file, or of a directory of such"),
            doc="The authorities of those who sign: with it the signatures of inbound calls are verified. Paths are "
            "relative to the file that names them.",
            default="none: nothing is verified",
        ),
        Key(
            name="x5u_hosts",
            kind=ListOf(HOST, least=1),
            doc="Where the certificates of signers may be fetched. A signature whose certificate is elsewhere says "
            "nothing.",
            default="required with `trust`",
        ),
        Key(
            name="x5u_ca",
            kind=PEM,
            doc="The authorities of the certificates of those hosts.",
            default="those that the system trusts",
        ),
        Key(
            name="fresh_s",
            kind=integer(5, 3600, "seconds"),
            doc="How old a signature may be, seconds, and how far ahead its clock.",
        ),
        Key(
            name="wait_ms",
            kind=integer(0, 3000, "milliseconds"),
            doc="How long a call waits for a certificate that has to be fetched, milliseconds; then it goes on.",
        ),
        Key(name="cache_h", kind=integer(1, 168, "hours"), doc="How long a certificate is kept, hours."),
        Key(
            name="verstat",
            kind=flag(),
            doc="Write the outcome into P-Asserted-Identity too, as `;verstat=` after the number. Without it there are "
            "only headers.",
        ),
        Key(
            name="key",
            kind=PEM,
            doc="The key that calls are signed with on trunks with `sign`: P-256, for its owner only, without a "
            "password.",
            default="none: nothing is signed",
        ),
        Key(
            name="certificate",
            kind=PEM,
            doc="The certificate of that key, issued to you by an authority of STIR/SHAKEN.",
            default="required with `key`",
        ),
        Key(
            name="x5u",
            kind=pattern("an https URL such as https://certificates.example/us.pem", r"https://[!-:<=@-~]{3,500}"),
            doc="Where others fetch that certificate, with those between it and its authority.",
            default="required with `key`",
        ),
    ),
    defaults=Shaken,
)
