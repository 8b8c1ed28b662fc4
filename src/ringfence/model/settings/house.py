"""The guard's own: sockets, ledger, secrets, signatures, and the PBXs that ask it."""

from typing import Literal

import msgspec

from ringfence.model.settings.base import Settings
from ringfence.sip.hop import Transport


class Asterisk(Settings, frozen=True, kw_only=True):
    """A PBX that carries calls itself: watched over its manager interface, told to hang up."""

    name: str
    host: str
    port: int
    user: str = "ringfence"
    secret: str
    """Path of the file that the user's secret is in."""
    tls: bool = False
    tls_name: str | None = None
    ca: str | None = None
    source: str
    """Whose its calls are."""
    trunks: dict[str, str]
    """What it calls a trunk, to the trunk of this policy."""
    announcements: dict[str, str] = msgspec.field(default_factory=dict)
    """Rule slug, or `default`, to the sound that a refused caller hears."""


class Admit(Settings, frozen=True, kw_only=True):
    """Where dial plans ask."""

    http: tuple[str, int] | None = None
    fastagi: tuple[str, int] | None = None


class Listen(Settings, frozen=True, kw_only=True):
    """A socket."""

    name: str
    host: str
    port: int
    advertise_host: str
    advertise_port: int
    transport: Transport = "udp"
    digest: bool = False
    """Whether strangers are challenged here, so that digest sources can prove who they are."""
    connections: int = 256
    """TCP connections that one address may have open to it."""
    idle_s: int = 1800
    """How long a connection may be silent, keep-alives included."""
    certificate: str | None = None
    """Path of the PEM file that we prove ourselves by over TLS."""
    key: str | None = None
    client_ca: str | None = None
    """Path of the authorities whose certificate who connects needs; None: none is asked for."""
    client_crl: str | None = None
    """Path of what they revoked; None: nobody looks."""


class Ledger(Settings, frozen=True, kw_only=True):
    """Where facts are kept."""

    path: str = "state/ledger.db"
    durability: Literal["process", "power"] = "process"
    keep_days: int = 90
    messages: bool = True
    """Keep SIP messages in segment files beside the ledger."""
    stranger_rows_per_10s: int = 100


class Digest(Settings, frozen=True, kw_only=True):
    """How sources without a fixed address prove who they are."""

    realm: str = ""
    """Of the accounts; empty where there are none."""
    secrets: str = "state/secrets"
    """Path of the file of secrets."""
    nonce_s: int = 300


class Shaken(Settings, frozen=True, kw_only=True):
    """Signatures of callers (STIR/SHAKEN)."""

    trust: str | None = None
    """Path of the authorities of those who sign, a PEM file or a directory of such; None: nothing is verified."""
    x5u_hosts: tuple[str, ...] = ()
    """Where certificates may be fetched: hosts, with a port where it is neither 443 nor 8443."""
    x5u_ca: str | None = None
    """Path of the authorities of those hosts; None: those that the system trusts."""
    fresh_s: int = 60
    wait_ms: int = 500
    """How long a call waits for a certificate."""
    cache_h: int = 24
    verstat: bool = True
    """Whether the outcome is written into P-Asserted-Identity."""
    key: str | None = None
    """Path of the key that we sign with; None: nothing is signed."""
    certificate: str | None = None
    """Path of its certificate."""
    x5u: str | None = None
    """Where others fetch that."""


class Feed(Settings, frozen=True, kw_only=True):
    """A list of addresses that somebody else keeps: who is on it is banned."""

    name: str
    url: str
    kind: Literal["list", "apiban"] = "list"
    key: str | None = None
    """Path of the file that APIBAN's key is in."""
    refresh_min: int = 60
    expires_h: int = 168
    most: int = 5000
    """Entries that are taken."""
    ca: str | None = None
