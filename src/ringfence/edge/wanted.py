"""Which secrets a policy needs: those of its accounts, and its own at carriers."""

from __future__ import annotations

from typing import NamedTuple

from ringfence.edge.secrets import Owner
from ringfence.model.settings import Policy
from ringfence.sip.digest import Algorithm


class Wanted(NamedTuple):
    """One secret."""

    owner: Owner
    party: str
    """`source phones` or `trunk carrier`."""
    algorithms: tuple[Algorithm, ...]
    given: bool = False
    """Whether the carrier gave it, so that nobody here can make it stronger."""


def wanted(policy: Policy) -> list[Wanted]:
    """All of them; accounts first."""
    accounts = [
        Wanted(Owner(name, policy.digest.realm), f"source {source.name}", source.digest_algorithms)
        for source in policy.sources.values()
        for name in source.accounts
    ]
    own = [
        Wanted(Owner(register.user, register.realm), f"trunk {trunk.name}", register.digest_algorithms, given=True)
        for trunk in policy.trunks.values()
        if (register := trunk.register) is not None
    ]
    return accounts + own
