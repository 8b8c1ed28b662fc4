"""The keys of TLS: what a listener proves itself by and asks for, whom a party is taken for (docs/transports.md)."""

from __future__ import annotations

from ringfence.policy.kinds import Key, ListOf
from ringfence.policy.leaves import pattern, text

DOMAIN = pattern(
    "a name such as sbc.carrier.example, without wildcards",
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*",
    "in lower case",
)
PEM = text("the path of a PEM file")

LISTEN_TLS = (
    Key(
        name="certificate",
        kind=PEM,
        doc="TLS: the certificate that we prove ourselves by, with those between it and its authority after it; shown "
        "to who connects to us, and to who asks for it where we connect. Paths are relative to the file that names "
        "them.",
        default="required over TLS",
    ),
    Key(
        name="key",
        kind=PEM,
        doc="TLS: its private key, for its owner or group only, without a password.",
        default="required over TLS",
    ),
    Key(
        name="client_ca",
        kind=PEM,
        doc="Mutual TLS: who connects to us needs a certificate of one of these authorities.",
        default="no certificate is asked for",
    ),
    Key(
        name="client_crl",
        kind=PEM,
        doc="What these authorities revoked (CRL), of each that issues certificates. Who connects to us is let in "
        "only while the list of his authority holds and hasn't his certificate. Read again by a reload.",
        default="nobody looks",
    ),
)
PARTY_TLS = (
    Key(
        name="tls_peer",
        kind=ListOf(DOMAIN, least=1),
        doc="Mutual TLS: names one of which its certificate has to have when it connects to us (RFC 5922). Needs "
        "`client_ca` in its `[listen]`.",
        default="its address is enough",
    ),
    Key(
        name="tls_name",
        kind=DOMAIN,
        doc="The name that its certificate has to have where we connect to it over TLS.",
        default="the host that we connect to; required where that is an address",
    ),
    Key(
        name="ca",
        kind=PEM,
        doc="The authorities that may have issued that certificate.",
        default="those that the system trusts",
    ),
    Key(
        name="crl",
        kind=PEM,
        doc="What these authorities revoked (CRL). Where we connect, no call goes to a certificate that is in it, nor "
        "once the list has ended. Read again by a reload.",
        default="nobody looks",
    ),
)
