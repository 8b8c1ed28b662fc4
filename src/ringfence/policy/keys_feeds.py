"""The keys of `[feed.NAME]`: lists of addresses that others keep (docs/feeds.md)."""

from __future__ import annotations

from ringfence.model.settings import Feed
from ringfence.policy.keys_tls import PEM
from ringfence.policy.kinds import Key, Table
from ringfence.policy.leaves import choice, integer, pattern, text

FEED = Table(
    doc="A list of addresses that somebody else keeps, by name: who is on it is banned (docs/feeds.md). Nobody whom "
    "the policy names by address is ever banned. Main file only.",
    keys=(
        Key(
            name="url",
            kind=pattern("an https URL such as https://lists.example/sip.txt", r"https://[!-:<=@-~]{3,500}"),
            doc="Where it is; for APIBAN `https://apiban.org/api`.",
            required=True,
        ),
        Key(
            name="kind",
            kind=choice("list", "apiban"),
            doc="list: an address or network a line, with comments; apiban: APIBAN's API, page by page.",
        ),
        Key(
            name="key",
            kind=text("a path"),
            doc="The file that APIBAN's key is in, relative to this one.",
            default="none; `apiban` needs one",
        ),
        Key(
            name="refresh_min",
            kind=integer(5, 1440, "minutes"),
            doc="How often it is asked for what is new, minutes.",
        ),
        Key(
            name="expires_h",
            kind=integer(24, 8760, "hours"),
            doc="How long an address stays banned after it was last seen there, hours; at least half of that.",
        ),
        Key(
            name="most",
            kind=integer(1, 20_000),
            doc="Entries that are taken; the rest is left out, and that is told. All feeds together: 30000.",
        ),
        Key(
            name="ca",
            kind=PEM,
            doc="The authorities that may have issued its server's certificate.",
            default="those that the system trusts",
        ),
    ),
    defaults=Feed,
)
