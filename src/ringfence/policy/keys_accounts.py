"""The keys of sources that have no fixed address: their accounts, and how those prove who they are and register."""

from __future__ import annotations

from ringfence.model.settings import Digest, Register, Registrations
from ringfence.policy.kinds import Key, ListOf, ListOrTable, Table, TableOf
from ringfence.policy.leaves import choice, integer, pattern, text
from ringfence.policy.leaves_net import NETWORK
from ringfence.policy.leaves_number import NUMBER_RANGE
from ringfence.sip.digest import ALGORITHMS

ACCOUNT = pattern("an account: letters, digits and . _ + - (at most 64)", "[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
ACCOUNTS = ListOrTable(ListOf(ACCOUNT, least=1), TableOf(ACCOUNT, "ACCOUNT", ListOf(NUMBER_RANGE)))

DIGEST = Table(
    doc='How sources with `auth = "digest"` prove who they are (docs/accounts.md). Main file only.',
    keys=(
        Key(
            name="realm",
            kind=pattern("a name such as phones.example.net", "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"),
            doc="What phones and PBXs show as the realm; digest sources need one. Secrets are good for one realm "
            "alone: if it changes, all have to be added again.",
            default="none",
        ),
        Key(
            name="secrets",
            kind=text("a path"),
            doc="The file of secrets, relative to the directory the guard is started in; `ringfence secret add` writes "
            "it.",
        ),
        Key(
            name="nonce_s",
            kind=integer(10, 3600, "seconds"),
            doc="How long an answer to one challenge may be used, seconds.",
        ),
    ),
    defaults=Digest,
)
REGISTER = Table(
    doc="The guard registers at the carrier itself and answers its challenges, so that the PBX holds no secret of the "
    "carrier's (docs/accounts.md#at-the-carrier). `ringfence secret add USER` keeps that secret.",
    keys=(
        Key(
            name="user",
            kind=pattern("a user name without spaces and colons", "[!-9;-~]{1,64}"),
            doc="Who we are to the carrier.",
            required=True,
        ),
        Key(
            name="domain",
            kind=pattern("a host name such as sip.carrier.example", "[A-Za-z0-9][A-Za-z0-9._-]{0,252}"),
            doc="The carrier's domain, which Request-URI, From and To of a REGISTER name. It is sent to `send_to`.",
            default="the host of the first `send_to`",
        ),
        Key(
            name="realm",
            kind=pattern("the realm that the carrier's challenges name", "[ -~]{1,200}"),
            doc="What its challenges say; no other realm gets an answer.",
            default="the domain",
        ),
        Key(
            name="expires_s",
            kind=integer(60, 86_400, "seconds"),
            doc="How long a registration is asked for, seconds; the carrier may say otherwise.",
        ),
        Key(
            name="digest_algorithms",
            kind=ListOf(choice(*ALGORITHMS), least=1),
            doc="How its challenges may be answered; the strongest that it offers is taken.",
            default='`["SHA-256", "MD5"]`',
        ),
    ),
    defaults=Register,
)
REGISTRATIONS = Table(
    doc="What accounts may register.",
    keys=(
        Key(
            name="contacts",
            kind=integer(1, 10, "contacts"),
            doc="Contacts an account may have at once; one more takes the place of the oldest. Calls go to the latest, "
            "to the others only where that doesn't answer.",
        ),
        Key(
            name="min_expires_s",
            kind=integer(10, 3600, "seconds"),
            doc="Shortest registration, seconds; who asks for less is told to ask for this (423).",
        ),
        Key(
            name="max_expires_s",
            kind=integer(60, 86_400, "seconds"),
            doc="Longest registration, seconds; who asks for more gets this.",
        ),
        Key(
            name="called_as",
            kind=choice("contact", "number"),
            doc="What the Request-URI of an inbound call names: the contact as it was registered, which phones want; "
            "or, at that contact, the number that was called, which a PBX with many numbers wants.",
        ),
    ),
    build=lambda values: Registrations(**values),
    defaults=Registrations,
)
AUTH = (
    Key(
        name="auth",
        kind=choice("address", "digest"),
        doc="How it is known: by the address it sends from; or by the password of one of its `accounts`, from wherever "
        "it sends (docs/accounts.md). Such an account is the extension that calls.",
    ),
    Key(
        name="accounts",
        kind=ACCOUNTS,
        doc="The accounts of a digest source: their names, or a table of each one's inbound numbers. An account is in "
        "one source only.",
        default="none",
    ),
)
"""Of sources alone."""
DIGEST_KEYS = (
    Key(
        name="networks",
        kind=ListOf(NETWORK, least=1),
        doc="Where the accounts of a digest source may send from; whoever sends from elsewhere is a stranger.",
        default="`site.vpn`",
    ),
    Key(
        name="digest_algorithms",
        kind=ListOf(choice(*ALGORITHMS), least=1),
        doc="How a digest source may prove its passwords. `MD5` is for old PBXs that know nothing else; it is offered "
        "after `SHA-256` where both are named.",
        default='`["SHA-256"]`',
    ),
    Key(
        name="registrations",
        kind=REGISTRATIONS,
        doc="What the accounts of a digest source may register.",
        default="one contact, from 60 to 3600 seconds",
    ),
)
"""Of sources and profiles."""
