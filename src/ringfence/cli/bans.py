"""Commands about bans: `bans`, `ban`, `unban`; they ask a running guard."""

from __future__ import annotations

import json

from ringfence.cli.incidents import For, span_s, user
from ringfence.cli.options import CONTROL, Control, Json, Text
from ringfence.cli.tables import instant, show
from ringfence.rules.words import plain
from ringfence.server.control import ask


def bans(address: Text = "", /, *, control: Control = CONTROL, as_json: Json = False) -> int:
    """Show which addresses are banned: why, on how much evidence, since when and until when.

    Exit code 0: none is; 1: at least one is; 2: no guard answers.

    Parameters
    ----------
    address
        Only what this address or network is banned by.
    control
        Control socket of the guard.
    as_json
        Write JSON instead of text.
    """
    found = ask(control, "bans", address=address)
    if as_json:
        print(json.dumps(found, indent=1))
    elif not found:
        print(f"{address} isn't banned" if address else "nobody is banned")
    else:
        rows = [
            (
                fact["name"],
                fact["reason"],
                instant(fact["at"])[:-4],
                instant(fact["until"])[:-4],
                fact["evidence"] or "",
                fact["owner"],
                plain(fact["why"]),
            )
            for fact in found
        ]
        headers = ("address", "reason", "since", "until", "evidence", "by", "why")
        show(headers, rows, right=("evidence",), sentences=("why",))
    return int(bool(found))


def ban(
    address: str,
    /,
    *,
    why: str,
    length: For = "24h",
    owner: Text = "",
    control: Control = CONTROL,
    as_json: Json = False,
) -> int:
    """Take nothing from an address or network for a while. Nobody whom the policy names can be banned.

    Example: `ringfence ban 203.0.113.77 --for 7d --why "scans us, ticket 4711"`

    Parameters
    ----------
    address
        192.0.2.7, 192.0.2.0/24, 2001:db8::/64.
    why
        The reason, for those who find it.
    length
        For how long: 30m, 4h, 90d.
    owner
        Who orders it; the user who runs this unless given.
    control
        Control socket of the guard.
    as_json
        Write JSON instead of text.
    """
    fact = ask(control, "ban", address=address, why=why, for_s=span_s(length), owner=owner or user())
    if as_json:
        print(json.dumps(fact, indent=1))
    else:
        print(f"{fact['name']} is banned until {instant(fact['until'])[:-4]}; undo: ringfence unban {fact['name']}")
    return 0


def unban(address: str, /, *, owner: Text = "", control: Control = CONTROL) -> int:
    """Undo whatever bans an address or network, and forget what it was banned for.

    To have it never banned again, write it into `allow` under `[bans]`.

    Parameters
    ----------
    address
        The address or network, or `all`.
    owner
        Who orders it; the user who runs this unless given.
    control
        Control socket of the guard.
    """
    found = ask(control, "unban", address=address, owner=owner or user())
    for name in found:
        print(f"{name} isn't banned any more")
    if not found:
        print("nobody was banned")
    return 0
