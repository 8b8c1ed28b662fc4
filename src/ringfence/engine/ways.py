"""The ways calls may go under a policy: each source on each trunk that it may use, looked up once."""

from __future__ import annotations

from typing import NamedTuple

from ringfence.model.settings import Policy, Source, Tenant, Trunk
from ringfence.rules.base import Places, bounds_of


class Way(NamedTuple):
    """A source on a trunk, with what of the policy holds for all its calls."""

    source: Source
    trunk: Trunk
    tenant: Tenant | None
    bounds: Places


def ways_of(policy: Policy) -> dict[tuple[str | None, str], Way]:
    """All of them, by the names of source and trunk."""
    return {
        (source.name, name): _way(policy, source, policy.trunks[name])
        for source in policy.sources.values()
        for name in source.trunks
        if name in policy.trunks
    }


def _way(policy: Policy, source: Source, trunk: Trunk) -> Way:
    tenant = policy.tenants[source.tenant] if source.tenant is not None else None
    return Way(source, trunk, tenant, bounds_of(trunk, source, tenant))
