"""Caps, rates, money, opening hours: what somebody may do at most."""

import msgspec

from ringfence.model.attempt import DestinationClass
from ringfence.model.settings.base import Settings


class Levels(Settings, frozen=True, kw_only=True):
    """A cap with its alert below it; None switches a level off."""

    expected: int | None = None
    alert: int | None = None
    block: int | None = None
    carrier_cap: int | None = None
    """What the carrier itself allows; the lint refuses a block level over it."""


class CallRate(Settings, frozen=True, kw_only=True):
    """Calls per second as a token bucket; rates may be fractions."""

    expected: float | None = None
    alert: float | None = None
    block: float | None = None
    burst: int = 1
    """How many may come at once after a pause."""
    pace_ms: int = 0
    """How long a call may be delayed rather than refused."""


class CallWindows(Settings, frozen=True, kw_only=True):
    """Attempts in rolling windows, never reset at midnight."""

    per_minute: Levels = Levels()
    per_hour: Levels = Levels()
    per_day: Levels = Levels()


class Spend(Settings, frozen=True, kw_only=True):
    """Money in rolling windows (24 hours, 30 days), micro-units; calls in progress count."""

    per_day: int | None = None
    per_month: int | None = None


class Window(Settings, frozen=True, kw_only=True):
    """Opening hours: days (0 = Monday), minutes since local midnight; `until` at or before `since` ends next day."""

    days: frozenset[int]
    since: int
    until: int


class Caps(Settings, frozen=True, kw_only=True):
    """Every cap that one entity may have, for all calls or for one destination class."""

    concurrent: Levels = Levels()
    calls_per_second: CallRate = CallRate()
    calls: CallWindows = CallWindows()
    spend: Spend = Spend()


class Bounds(Settings, frozen=True, kw_only=True):
    """What a trunk, source or tenant may do: caps, destinations, hours."""

    caps: Caps = Caps()
    class_caps: dict[DestinationClass, Caps] = msgspec.field(default_factory=dict)
    permit: frozenset[str] | None = None
    """Regions (`GB`) and prefixes (`+4420`); None: no limit of its own (a trunk without one permits its home only)."""
    special: frozenset[str] = frozenset()
    """Special kinds of number permitted by name: premium, shared_cost, personal, satellite, iprs, upt, global."""
    hours: dict[DestinationClass, tuple[Window, ...]] = msgspec.field(default_factory=dict)
    max_call_s: dict[DestinationClass, int] = msgspec.field(default_factory=dict)
    """Longest duration by class, seconds."""
