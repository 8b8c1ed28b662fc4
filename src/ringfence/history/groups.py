"""Which sources can be replayed apart from each other.

Two belong together if they share a trunk or a tenant, since caps, money and habits are kept for those; all sources that
have no tenant share what is usual among them. Groups have nothing in common but the policy, so each may go to a process
of its own, and what comes out is what one process would have found.
"""

from __future__ import annotations

from collections import Counter

from ringfence.model.settings import Policy


def groups(policy: Policy) -> dict[str, int]:
    """A number for each source; those of one group have the same."""
    found: list[set[str]] = []
    for party in policy.sources.values():
        own = {f"source {party.name}", f"tenant {party.tenant or ''}", *(f"trunk {name}" for name in party.trunks)}
        joined = [group for group in found if group & own]
        found = [group for group in found if group not in joined] + [own.union(*joined)]
    return {name: number for number, group in enumerate(found) for name in policy.sources if f"source {name}" in group}


def spread(calls: Counter[int], many: int) -> dict[int, int]:
    """Groups over so many processes, by calls, the largest first to who has least."""
    loads = [0] * many
    found = {}
    for group, count in sorted(calls.items(), key=lambda item: (-item[1], item[0])):
        found[group] = min(range(many), key=lambda number: loads[number])
        loads[found[group]] += count
    return found
