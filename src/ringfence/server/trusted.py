"""The secrets that a guard trusts: those of the file, without what anybody would guess (control A6)."""

from __future__ import annotations

import logging
from pathlib import Path

from ringfence.edge.secrets import Secrets, guessed
from ringfence.edge.wanted import wanted
from ringfence.model.settings import Policy
from ringfence.server import secret_file

log = logging.getLogger("ringfence.accounts")

MAX_NAMED = 10
"""Accounts that one line of the log names."""


def trusted(policy: Policy, before: Secrets) -> Secrets:
    """Read the file of secrets; `before` was looked at already. Raises SecretsError."""
    needed = wanted(policy)
    if not needed:
        return Secrets()
    found = secret_file.load(Path(policy.digest.secrets))
    given = {one.owner for one in needed if one.given}
    for owner in list(found):
        hashes = found.of(*owner)
        if hashes == before.of(*owner) or not guessed(owner, hashes):
            continue
        if owner in given:
            log.warning("the password of %s at the carrier is one that is tried first: ask for another", owner.user)
        else:
            log.error("the password of %s is tried first by anybody: the account is refused, set another", owner.user)
            found = found.having(owner, {})
    missing = [one.owner.user for one in needed if not found.of(*one.owner)]
    if missing:
        more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
        names = ", ".join(missing[:MAX_NAMED])
        log.warning("nobody can log in as %s%s: no secret in %s", names, more, policy.digest.secrets)
    return found
