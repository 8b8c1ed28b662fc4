"""How many requests are taken."""

from ringfence.model.settings.base import Settings


class Rate(Settings, frozen=True, kw_only=True):
    """Requests of one kind that one address may send: a token bucket."""

    per_second: int
    burst: int
    """How many may come at once after a pause."""


class Pace(Settings, frozen=True, kw_only=True):
    """The rates of one address by kind of request; None: any. What ends or confirms something is never limited."""

    register: Rate | None
    invite: Rate | None
    options: Rate | None
    other: Rate | None


class Requests(Settings, frozen=True, kw_only=True):
    """How many requests are taken, and how many calls may wait for their answer (B1, B5)."""

    stranger: Pace = Pace(
        register=Rate(per_second=10, burst=40),
        invite=Rate(per_second=10, burst=40),
        options=Rate(per_second=10, burst=40),
        other=Rate(per_second=10, burst=40),
    )
    """Of who has to prove himself: an office whose phones all come back after a power failure is through in seconds."""
    account: Pace = Pace(
        register=Rate(per_second=20, burst=200),
        invite=Rate(per_second=50, burst=200),
        options=Rate(per_second=20, burst=200),
        other=Rate(per_second=200, burst=1000),
    )
    """Of an address at which an account's password was right."""
    party: Pace = Pace(
        register=Rate(per_second=200, burst=4000),
        invite=Rate(per_second=1000, burst=3000),
        options=Rate(per_second=100, burst=1000),
        other=None,
    )
    """Of whom the policy knows by address or certificate."""
    strangers_per_second: int = 1000
    """Requests of all strangers together that are read."""
    half_open: int = 2000
    """INVITEs without final answer of one party."""
    half_open_account: int = 500
    """Of one account."""
    half_open_in_all: int = 10_000
