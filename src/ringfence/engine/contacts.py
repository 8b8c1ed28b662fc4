"""Where accounts are registered, as the facts tell: kept for the edge, which asks for it after a restart.

It is bounded by the policy: the edge takes so many contacts of each account that is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ringfence.model.fact import Bound, Unbound


class Contacts:
    """Of one engine."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Bound] = {}
        """By account and contact, as they were told last."""

    def __iter__(self) -> Iterator[Bound]:
        return iter(self._rows.values())

    def changed(self, fact: Bound | Unbound) -> None:
        """A contact was registered, or is gone."""
        if isinstance(fact, Bound):
            self._rows[fact.account, fact.key] = fact
        else:
            self._rows.pop((fact.account, fact.key), None)

    def dump(self) -> list[Bound]:
        """All of them, for a snapshot."""
        return list(self._rows.values())

    def load(self, state: Any) -> None:
        """Take over what `dump` gave."""
        self._rows = {(fact.account, fact.key): fact for fact in msgspec.convert(state, list[Bound])}
