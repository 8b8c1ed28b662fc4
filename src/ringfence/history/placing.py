"""Which source and trunk of a policy a call of the past belongs to.

By the trunk that the record names, if one source has it; else by the address it came from; else the policy's only
source. A record that fits none is counted and left out.

Where a record has an extension in place of a caller ID, the source's own number is taken: what the PBX showed to the
carrier isn't in it, so that can't be judged, and is counted.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from ringfence.history.cdr import Cdr
from ringfence.history.fields import is_label
from ringfence.model.attempt import Attempt, Naming
from ringfence.model.settings import Policy, Source
from ringfence.rules.callers import named


class Place(NamedTuple):
    """Where a call belongs."""

    source: str
    trunk: str


class Placing:
    """Of one policy; `source` and `trunk` are taken where a record says nothing that the policy knows."""

    def __init__(self, policy: Policy, source: str = "", trunk: str = "") -> None:
        self.policy = policy
        self._source = source
        self._trunk = trunk
        self._by_trunk: dict[str, list[str]] = {}
        for party in policy.sources.values():
            for name in party.trunks:
                self._by_trunk.setdefault(name, []).append(party.name)
        self._networks = [
            (ip_network(address), party.name) for party in policy.sources.values() for address in party.addresses
        ]
        self.of = lru_cache(65_536)(self._of)
        """(trunk as recorded, address it came from) -> place, or None."""

    def _of(self, trunk: str, address: str) -> Place | None:
        source = self._source_of(trunk, address)
        if source is None:
            return None
        ways = self.policy.sources[source].trunks
        named = next((name for name in (trunk, self._trunk) if name in ways), ways[0] if ways else None)
        return Place(source, named) if named is not None else None

    def _source_of(self, trunk: str, address: str) -> str | None:
        users = self._by_trunk.get(trunk, [])
        if len(users) == 1:
            return users[0]
        found = self._by_address(address)
        if found is not None and (not users or found in users):
            return found
        if self._source in self.policy.sources:
            return self._source
        return next(iter(self.policy.sources)) if len(self.policy.sources) == 1 else None

    def _by_address(self, address: str) -> str | None:
        try:
            here = ip_address(address)
        except ValueError:
            return None
        return next((name for network, name in self._networks if here in network), None)

    def attempt(self, call: Cdr, place: Place, own_id: str = "") -> Attempt:
        """The attempt that began this call; `own_id` where another call of the same id is up."""
        shown = f"[{call.source_ip}]" if ":" in call.source_ip else call.source_ip
        party = self.policy.sources[place.source]
        extension, naming = _who(party, call)
        return Attempt(
            id=own_id or call.call_id,
            call_id=call.call_id,
            listener=party.listen,
            peer=f"{shown}:5060" if shown else "",
            source=place.source,
            verified="address" if party.listen else "platform",
            caller=_own(party) or call.caller if is_label(call.caller) else call.caller,
            extension=extension,
            extension_is=naming,
            dialled=call.dialled,
            trunk=place.trunk,
            forwarded_by=call.diverted_from or None,
            user_agent=call.user_agent,
        )


def _who(party: Source, call: Cdr) -> tuple[str, Naming]:
    """Who called: whoever forwarded the call, else the extension; a record may know neither."""
    if call.diverted_from:
        return named(party, call.diverted_from)[0], "forwarder"
    return call.extension, "label" if call.extension else "caller-id"


def _own(party: Source) -> str:
    """The number that a source shows of itself; empty where it has none."""
    own = party.caller_id or next((first for first, _ in party.caller_ids), "")
    return f"+{own}" if own else ""
