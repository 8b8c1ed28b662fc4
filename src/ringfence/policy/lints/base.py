"""What a lint is given and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from ringfence.model.settings import Bounds, CallRate, Caps, Levels, Policy, Source, Tenant, Trunk
from ringfence.model.time import SECOND, Instant
from ringfence.policy.load import Loaded

DAY = 86_400 * SECOND


class Subject(msgspec.Struct, frozen=True):
    """A policy under the lint."""

    loaded: Loaded
    now: Instant
    before: Policy | None
    """The version in force before, where there is one."""

    @property
    def policy(self) -> Policy:
        """What is looked at."""
        return self.loaded.policy


class Found(NamedTuple):
    """Something unwise."""

    where: str
    """Dotted key."""
    text: str
    hint: str


class Lint(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of unwise setting. Codes are stable and never reused."""

    code: str
    slug: str
    why: str
    """Why it matters: one or two sentences for the operator."""
    find: Callable[[Subject], Iterable[Found]]


def holders(policy: Policy) -> Iterator[tuple[str, Trunk | Source | Tenant]]:
    """Everything with bounds, with its dotted key."""
    yield from ((f"trunk.{name}", trunk) for name, trunk in policy.trunks.items())
    yield from ((f"source.{name}", source) for name, source in policy.sources.items())
    yield from ((f"tenant.{name}", tenant) for name, tenant in policy.tenants.items())


def all_caps(policy: Policy) -> Iterator[tuple[str, Caps]]:
    """Every set of caps with the dotted key of its table."""
    for key, holder in holders(policy):
        yield key, holder.bounds.caps
        yield from ((f"{key}.class.{klass}", caps) for klass, caps in holder.bounds.class_caps.items())
        if isinstance(holder, Source):
            yield f"{key}.per_caller", holder.per_caller


def levels_of(key: str, caps: Caps) -> Iterator[tuple[str, Levels | CallRate]]:
    """The caps on calls in a table, each with its dotted key."""
    yield f"{key}.concurrent", caps.concurrent
    yield f"{key}.calls_per_second", caps.calls_per_second
    yield f"{key}.calls_per_minute", caps.calls.per_minute
    yield f"{key}.calls_per_hour", caps.calls.per_hour
    yield f"{key}.calls_per_day", caps.calls.per_day


def all_levels(policy: Policy) -> Iterator[tuple[str, Levels | CallRate]]:
    """Every cap with its dotted key."""
    for key, caps in all_caps(policy):
        yield from levels_of(key, caps)


def originating(policy: Policy) -> Iterator[Source]:
    """Sources that may place calls."""
    return (source for source in policy.sources.values() if "out" in source.directions)


def permitted(bounds: Bounds, home: str) -> frozenset[str]:
    """What a trunk permits: its list, or home only."""
    return frozenset((home,)) if bounds.permit is None else bounds.permit


def abroad(trunk: Trunk, policy: Policy) -> bool:
    """Whether a trunk permits any destination other than home."""
    return bool(permitted(trunk.bounds, policy.home_country) - {policy.home_country})
