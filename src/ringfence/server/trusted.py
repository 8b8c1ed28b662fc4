"""The secrets that a guard trusts: those of the file, without what anybody would guess (control A6)."""

from __future__ import annotations

import logging
from pathlib import Path

from ringfence.edge.secrets import Owner, Secrets, guessed
from ringfence.model.settings import Policy
from ringfence.server import secret_file

log = logging.getLogger("ringfence.accounts")

MAX_NAMED = 10
"""Accounts that one line of the log names."""


def trusted(policy: Policy, before: Secrets) -> Secrets:
    """Read the file of secrets; `before` was looked at already. Raises SecretsError."""
    digest = policy.digest
    if digest is None:
        return Secrets()
    found = secret_file.load(Path(digest.secrets))
    for owner in list(found):
        hashes = found.of(*owner)
        if hashes != before.of(*owner) and guessed(owner, hashes):
            log.error(
                "the password of %s is one that is tried first: the account is refused, set another one", owner.user
            )
            found = found.having(owner, {})
    accounts = [account for source in policy.sources.values() for account in source.accounts]
    missing = [account for account in accounts if not found.of(*Owner(account, digest.realm))]
    if missing:
        more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
        log.warning("nobody can log in as %s%s: no secret in %s", ", ".join(missing[:MAX_NAMED]), more, digest.secrets)
    return found
