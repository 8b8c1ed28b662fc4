"""Addresses of digest sources: where a password was right, so that what belongs to a call is taken from there (A9).

A guest's address is no identity of its own: whatever begins something, a call or a registration, is proved anew. But
ACK, CANCEL and responses can't carry a proof, and requests inside a call have its tags; those are taken from a guest as
they are from an address that the policy names. A message to a guest goes where he sends from, whatever his Contact
says: he is behind NAT, or would have us write to somebody else.

Who knows a password can fill this table with at most MAX_PER_ACCOUNT addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from ringfence.edge.peers import Party
from ringfence.edge.records import Origin

MAX_PER_ACCOUNT = 8
NOBODY = Party("source", (), "nobody")
"""Who hasn't proved anything."""

Place = tuple[str, str, int]
"""Listener, address, port."""


def stranger(listener: str, host: str, port: int) -> Origin:
    """Whoever is at an address that the policy doesn't name, where strangers are challenged."""
    return Origin(listener, host, port, NOBODY, guest=True)


class Guests:
    """Of one edge."""

    __slots__ = ("_at", "_hosts", "_parties", "_places")

    def __init__(self) -> None:
        self._at: dict[Place, dict[str, str]] = {}
        """Account to source, of all accounts that were right there."""
        self._places: dict[str, dict[Place, None]] = {}
        """Of an account, the latest last."""
        self._parties: dict[Place, Party] = {}
        self._hosts: dict[tuple[str, str], dict[Place, None]] = {}

    def __len__(self) -> int:
        return len(self._parties)

    def __contains__(self, place: Place) -> bool:
        return place in self._parties

    def at(self, place: Place) -> Party | None:
        """Who is there."""
        return self._parties.get(place)

    def party_at(self, listener: str, host: str) -> Party | None:
        """Who is at an address, whatever the port."""
        places = self._hosts.get((listener, host))
        if places is None:
            return None
        return _party({source for place in places for source in self._at[place].values()})

    def users(self, listeners: Iterable[str], host: str) -> int:
        """How many accounts were right at an address, at any of these listeners, whatever the port."""
        places = (place for listener in listeners for place in self._hosts.get((listener, host), ()))
        return len({account for place in places for account in self._at[place]})

    def within(self, name: str) -> bool:
        """Whether any account was right at an address, or in a network in CIDR form."""
        if "/" not in name:
            return any(host == name for _, host in self._hosts)
        network = ip_network(name)
        return any(ip_address(host) in network for _, host in self._hosts)

    def add(self, place: Place, account: str, source: str) -> None:
        """A password was right there."""
        places = self._places.setdefault(account, {})
        known = self._at.get(place)
        if known is not None and known.get(account) == source:
            if next(reversed(places)) != place:
                del places[place]
                places[place] = None
            return
        places[place] = None
        self._at.setdefault(place, {})[account] = source
        self._hosts.setdefault(place[:2], {})[place] = None
        self._settle(place)
        if len(places) > MAX_PER_ACCOUNT:
            self._leave(next(iter(places)), account)

    def drop(self, account: str) -> None:
        """An account is nobody's any more, or has another password."""
        for place in list(self._places.get(account, ())):
            self._leave(place, account)

    def left(self, place: Place) -> None:
        """Nobody is there any more: a connection was closed."""
        for account in list(self._at.get(place, ())):
            self._leave(place, account)

    def _leave(self, place: Place, account: str) -> None:
        del self._places[account][place]
        if not self._places[account]:
            del self._places[account]
        del self._at[place][account]
        self._settle(place)

    def _settle(self, place: Place) -> None:
        accounts = self._at[place]
        if accounts:
            self._parties[place] = _party(set(accounts.values()))
            return
        del self._at[place], self._parties[place]
        places = self._hosts[place[:2]]
        del places[place]
        if not places:
            del self._hosts[place[:2]]


def _party(sources: set[str]) -> Party:
    names = tuple(sorted(sources))
    return Party("source", names, f"source:{','.join(names)}")
