"""Where accounts are registered (RFC 3261 §10.3): the table. How it is changed is `registrar`'s business."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ringfence.model.fact import Bound
from ringfence.sip.grammar import wire
from ringfence.sip.hop import NextHop
from ringfence.sip.uri import Uri, parse_uri

Key = tuple[str, str]
"""Account, and which of its contacts."""


class Binding:
    """One contact of an account."""

    __slots__ = ("armed", "fact", "hop", "since", "wake")

    def __init__(self, fact: Bound, hop: NextHop) -> None:
        self.fact = fact
        """As it was told last; its Call-ID and CSeq are those of the latest REGISTER."""
        self.hop = hop
        """Where it registered from: requests go there, whatever the contact says."""
        self.since = fact.at
        """When it came there."""
        self.wake = self.armed = 0

    @property
    def key(self) -> Key:
        """Its place in the table."""
        return self.fact.account, self.fact.key


class Bindings:
    """Of one edge. At most `registrations.contacts` of each account that the policy names."""

    __slots__ = ("_of", "table")

    def __init__(self) -> None:
        self.table: dict[Key, Binding] = {}
        self._of: dict[str, dict[str, Binding]] = {}
        """By account, then by contact; the latest last."""

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Binding]:
        return iter(self.table.values())

    def of(self, account: str) -> Mapping[str, Binding]:
        """The contacts of an account, the latest last."""
        return self._of.get(account, {})

    def hop_of(self, uri: Uri) -> NextHop | None:
        """Where whoever registered this contact is."""
        wanted = uri.user, uri.host, uri.port
        for binding in self.table.values():
            contact = parse_uri(wire(binding.fact.contact))
            if (contact.user, contact.host, contact.port) == wanted:
                return binding.hop
        return None

    def put(self, binding: Binding) -> None:
        """A contact was registered, or registered again."""
        self.table[binding.key] = binding
        contacts = self._of.setdefault(binding.fact.account, {})
        contacts.pop(binding.fact.key, None)
        contacts[binding.fact.key] = binding

    def remove(self, binding: Binding) -> None:
        """A contact is gone."""
        del self.table[binding.key]
        contacts = self._of[binding.fact.account]
        del contacts[binding.fact.key]
        if not contacts:
            del self._of[binding.fact.account]
