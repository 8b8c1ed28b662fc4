"""The keys of `[requests]`: how many are taken of one address (docs/bans.md#how-many-requests-are-taken)."""

from __future__ import annotations

from ringfence.model.settings import Rate, Requests
from ringfence.policy.kinds import Either, Key, Table
from ringfence.policy.leaves import choice, integer

PER_S, BURST, OPEN = integer(1, 100_000, "requests"), integer(1, 1_000_000, "requests"), integer(1, 1_000_000, "calls")

RATE = Table(
    doc="Requests of one kind and one address: a token bucket.",
    keys=(
        Key(name="per_second", kind=PER_S, doc="How many a second, for long.", required=True),
        Key(name="burst", kind=BURST, doc="How many may come at once after a pause.", required=True),
    ),
    build=lambda values: Rate(**values) if len(values) == 2 else None,
    plain="per_second",
)
_RATE = Either(
    choice("off", otherwise="a table with per_second and burst", write="{{ per_second = {}, burst = {} }}"), RATE
)


def _off(values: dict[str, object]) -> dict[str, object]:
    return {name: None if value == "off" else value for name, value in values.items()}


PACE = Table(
    doc="Requests of one address by kind; `off`: any number. ACK, BYE, CANCEL, PRACK and answers are limited for "
    "strangers only. Defaults are written as requests a second (at once).",
    keys=(
        Key(
            name="register",
            kind=_RATE,
            doc="REGISTER.",
            default="stranger 10 (40), account 20 (200), party 200 (4000)",
        ),
        Key(
            name="invite",
            kind=_RATE,
            doc="INVITE. One over it is answered with 503 where its sender is known; emergency calls pass.",
            default="stranger 10 (40), account 50 (200), party 1000 (3000)",
        ),
        Key(
            name="options",
            kind=_RATE,
            doc="OPTIONS.",
            default="stranger 10 (40), account 20 (200), party 100 (1000)",
        ),
        Key(
            name="other",
            kind=_RATE,
            doc="Everything else.",
            default="stranger 10 (40), account 200 (1000), party off",
        ),
    ),
    build=_off,
)
REQUESTS = Table(
    doc="How many requests are taken of one address before they are read, and how many calls may wait for an answer "
    "(docs/bans.md). Main file only.",
    keys=(
        Key(name="stranger", kind=PACE, doc="Who isn't known, at a listener with `digest`.", default="see there"),
        Key(name="account", kind=PACE, doc="Where the password of an account was right.", default="see there"),
        Key(name="party", kind=PACE, doc="Who is known by address or certificate.", default="see there"),
        Key(
            name="strangers_per_second",
            kind=integer(10, 100_000, "requests"),
            doc="Requests a second of all strangers together that are read.",
        ),
        Key(name="half_open", kind=OPEN, doc="Calls of one source or trunk that wait for their final answer."),
        Key(name="half_open_account", kind=OPEN, doc="The same of one account."),
        Key(name="half_open_in_all", kind=OPEN, doc="The same of all together. Emergency calls pass all three."),
    ),
    defaults=Requests,
)
