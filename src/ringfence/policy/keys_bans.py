"""The keys of `[bans]`: what strangers are kept out for, and for how long (docs/bans.md)."""

from __future__ import annotations

from ringfence.model.settings import Bans
from ringfence.policy.kinds import Key, ListOf, Table
from ringfence.policy.leaves import choice, flag, integer, or_off, pattern
from ringfence.policy.leaves_net import NETWORK

AGENT = pattern("a name of 4 to 40 small letters, digits and . _ - / @", "[a-z0-9._/@-]{4,40}")
TIMES = integer(1, 100)

BANS = Table(
    doc="Which addresses of strangers are banned for what they do, and for how long (docs/bans.md). Nobody whom the "
    "policy names by address is ever banned. Main file only.",
    keys=(
        Key(
            name="mode",
            kind=choice("enforce", "observe", "off"),
            doc="enforce: they are banned; observe: it is told who would have been; off: nothing is counted. Bans by "
            "hand hold in any mode.",
        ),
        Key(
            name="allow",
            kind=ListOf(NETWORK),
            doc="Networks that are never banned, beside the addresses of all trunks and sources, our own and this "
            "machine's.",
            default="none",
        ),
        Key(
            name="short_failures",
            kind=or_off(TIMES),
            doc="Wrong passwords within a minute after which an address is banned for `short_min`.",
        ),
        Key(
            name="shared_failures",
            kind=or_off(TIMES),
            doc="The same in place of `short_failures` where the password of an account was right at that address: "
            "others are behind it.",
        ),
        Key(name="short_min", kind=integer(1, 1440, "minutes"), doc="How long a short ban holds, minutes."),
        Key(
            name="failures",
            kind=or_off(TIMES),
            doc="Wrong passwords within six hours after which an address is banned for `hours`; at an address where an "
            "account was right, only if they were for three accounts or more. Where nobody types passwords, 3.",
        ),
        Key(name="hours", kind=integer(1, 720, "hours"), doc="How long a long ban holds, hours."),
        Key(
            name="distributed",
            kind=or_off(integer(2, 100)),
            doc="Addresses from which one account was tried with wrong passwords within six hours, from which on each "
            "of them is banned for `short_min`. The account isn't locked: where it is registered it goes on.",
        ),
        Key(
            name="sweep",
            kind=or_off(integer(3, 100)),
            doc="Different accounts that nobody has, asked for within six hours, after which an address is banned for "
            "`hours`.",
        ),
        Key(
            name="prefixes",
            kind=or_off(integer(2, 50)),
            doc="Ways in which one number (its last eight digits) was dialled without a password within six hours, "
            "after which an address is banned for `hours`.",
        ),
        Key(
            name="malformed",
            kind=or_off(TIMES),
            doc="Messages within ten minutes that can't be read, over TCP or TLS, after which an address is banned for "
            "`short_min`.",
        ),
        Key(
            name="scanners",
            kind=flag(),
            doc="Who calls himself by the name of a scanner in User-Agent is banned for `hours` at once, and gets few "
            "answers over UDP.",
        ),
        Key(name="agents", kind=ListOf(AGENT), doc="Further names of scanners, in small letters.", default="none"),
        Key(
            name="longest_days",
            kind=integer(1, 365, "days"),
            doc="Each further ban of an address within so many days lasts twice as long as the one before, up to so "
            "many, days.",
        ),
    ),
    defaults=Bans,
)
