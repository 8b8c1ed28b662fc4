"""What goes wrong at addresses, each told once in the log and for as long as it lasts in `ringfence status`."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger("ringfence.streams")

MAX_TROUBLES = 200
"""Addresses whose troubles are remembered; the oldest is forgotten for a new one."""

Place = tuple[str, str, int]
"""Listener, host, port; port 0 for what comes from there."""


class Troubles:
    """By place, who is meant to be there and what is wrong."""

    def __init__(self) -> None:
        self._known: dict[Place, tuple[str, str]] = {}

    def note(self, place: Place, who: str, why: str) -> None:
        """Something is wrong there."""
        if self._known.get(place) == (who, why):
            return
        if len(self._known) >= MAX_TROUBLES:
            del self._known[next(iter(self._known))]
        self._known[place] = (who, why)
        log.error("%s", _says(place, who, why))

    def over(self, place: Place) -> None:
        """It goes well again."""
        found = self._known.pop(place, None)
        if found is not None:
            log.warning("%s: %s by listen.%s works again", found[0], _shown(place), place[0])

    def status(self) -> list[dict[str, Any]]:
        """All of them."""
        return [
            {"listen": place[0], "address": _shown(place), "party": who, "error": why}
            for place, (who, why) in self._known.items()
        ]


def _says(place: Place, who: str, why: str) -> str:
    if place[2]:
        return f"{who}: no connection to {_shown(place)} by listen.{place[0]}, so no calls go there: {why}"
    return f"{who}: no connection from {_shown(place)} is let in at listen.{place[0]}: {why}"


def _shown(place: Place) -> str:
    _, host, port = place
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host
