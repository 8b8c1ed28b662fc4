"""Commands about bans: `bans`, `bans import`, `ban`, `unban`, `allow`, `disallow`, `allowed`; they ask a guard."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Group, Parameter

from ringfence.cli.incidents import For, span_s, user
from ringfence.cli.options import CONTROL, Control, Flag, Json, Several, Text
from ringfence.cli.tables import counted, instant, show
from ringfence.platforms.fail2ban import database as fail2ban
from ringfence.platforms.firewall.ssh import connections
from ringfence.rules.words import plain
from ringfence.server.control import ask

AT_ONCE = 100
"""Bans that are sent to the guard in one line: calls go on between them."""


def bans_app(group: Group) -> App:
    """`ringfence bans`, with what takes bans over under it."""
    app = App(name="bans", group=group, help="Show which addresses are banned, or take bans over from fail2ban.")
    app.default(bans)
    app.command(import_bans, name="import")
    return app


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
    given: dict[str, Any] = {"address": address, "why": why, "for_s": span_s(length), "owner": owner or user()}
    fact = ask(control, "ban", **given, connected=_connected())
    if as_json:
        print(json.dumps(fact, indent=1))
    else:
        print(f"{fact['name']} is banned until {instant(fact['until'])[:-4]}; undo: ringfence unban {fact['name']}")
    return 0


def _connected() -> list[str]:
    """Addresses that whoever types this is connected from over SSH."""
    return [each.source for each in connections()]


def import_bans(
    *,
    database: Path = fail2ban.DATABASE,
    jail: Several = (),
    apply: Flag = False,
    owner: Text = "",
    control: Control = CONTROL,
    as_json: Json = False,
) -> int:
    """Take over the bans that fail2ban has in force, until the end that each has there.

    Nobody is banned without `--apply`. Whom the policy names, and from where you are connected, is never banned.

    Exit code 0: nobody is to be banned, or it is done; 1: somebody would be; 2: it can't be done.

    Example: `ringfence bans import --jail asterisk --apply`

    Parameters
    ----------
    database
        fail2ban's database, which is only read.
    jail
        Only the bans of this jail; may be given several times.
    apply
        Do it.
    owner
        Who orders it; the user who runs this unless given.
    control
        Control socket of the guard.
    as_json
        Write JSON instead of text.
    """
    found, others = fail2ban.bans(database, jail, time.time_ns() // 1000)
    given = [{"address": one.address, "jail": one.jail, "until": one.until, "failures": one.failures} for one in found]
    orders: dict[str, Any] = {"owner": owner or user(), "dry": not apply, "connected": _connected()}
    rows: list[dict[str, Any]] = []
    for first in range(0, len(given), AT_ONCE):
        rows += ask(control, "import_bans", bans=given[first : first + AT_ONCE], **orders)
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        _tell_imported(rows, others, applied=apply)
    return 0 if apply else int(any(not row["obstacle"] for row in rows))


def _tell_imported(rows: list[dict[str, Any]], others: int, *, applied: bool) -> None:
    if rows:
        cells = [
            (
                row["name"],
                row["jail"],
                instant(row["until"])[:-4],
                row["failures"] or "",
                _outcome(row, applied=applied),
            )
            for row in rows
        ]
        show(("address", "jail", "until", "evidence", "outcome"), cells, right=("evidence",), sentences=("outcome",))
    else:
        print("fail2ban bans nobody")
    if others:
        print(f"left out: {counted(others, 'ban')} of something else than an address")


def _outcome(row: dict[str, Any], *, applied: bool) -> str:
    return row["obstacle"] or ("banned" if applied else "would be banned; with --apply it is")


def unban(address: str, /, *, owner: Text = "", control: Control = CONTROL) -> int:
    """Undo whatever bans an address or network, and forget what it was banned for.

    To have it never banned again, `ringfence allow` it.

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


def allow(
    address: str,
    /,
    *,
    why: str,
    length: Annotated[Text, Parameter(name="--for")] = "",
    owner: Text = "",
    control: Control = CONTROL,
    as_json: Json = False,
) -> int:
    """Never ban an address or network from now on, until it is undone or for a time; what bans it is undone at once.

    It isn't let in anywhere by that: it has to prove who it is as before.

    Example: `ringfence allow 203.0.113.77 --for 30d --why "our tester, ticket 4711"`

    Parameters
    ----------
    address
        192.0.2.7, 192.0.2.0/24, 2001:db8::/64.
    why
        The reason, for those who find it.
    length
        For how long: 30m, 4h, 90d; until `ringfence disallow` unless given.
    owner
        Who orders it; the user who runs this unless given.
    control
        Control socket of the guard.
    as_json
        Write JSON instead of text.
    """
    given: dict[str, Any] = {"address": address, "why": why, "owner": owner or user()}
    fact = ask(control, "allow", **given, for_s=span_s(length) if length else 0)
    if as_json:
        print(json.dumps(fact, indent=1))
    else:
        print(f"{fact['name']} is never banned, {_end(fact)}; undo: ringfence disallow {fact['name']}")
    return 0


def _end(fact: dict[str, Any]) -> str:
    return f"until {instant(fact['until'])[:-4]}" if fact["until"] else "until it is undone"


def disallow(address: str, /, *, owner: Text = "", control: Control = CONTROL) -> int:
    """Undo `ringfence allow`: the address can be banned like any other again.

    Parameters
    ----------
    address
        As it was allowed.
    owner
        Who orders it; the user who runs this unless given.
    control
        Control socket of the guard.
    """
    ask(control, "disallow", address=address, owner=owner or user())
    print(f"{address} can be banned again")
    return 0


def allowed(*, control: Control = CONTROL, as_json: Json = False) -> int:
    """Show whom somebody allowed: who is never banned beside those whom the policy names.

    Exit code 0: nobody; 1: somebody; 2: no guard answers.

    Parameters
    ----------
    control
        Control socket of the guard.
    as_json
        Write JSON instead of text.
    """
    found = ask(control, "allowed")
    if as_json:
        print(json.dumps(found, indent=1))
    elif not found:
        print("nobody is allowed by hand")
    else:
        rows = [
            (fact["name"], instant(fact["at"])[:-4], _end(fact), fact["owner"], plain(fact["why"])) for fact in found
        ]
        show(("address", "since", "end", "by", "why"), rows, sentences=("why",))
    return int(bool(found))
