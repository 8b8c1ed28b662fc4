"""Commands to a running guard: `status`, `calls`, `accounts`, `reload`; they speak to its control socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from cyclopts import App, Group

from ringfence.cli.edge_words import edge_rows
from ringfence.cli.ended import ended
from ringfence.cli.options import CONTROL, Control, Flag, Json, Text
from ringfence.cli.tables import WINDOWS, console, counted, duration, instant, money, show
from ringfence.rules.words import plain
from ringfence.server.control import ask


def status(*, control: Control = CONTROL, callers: Flag = False, as_json: Json = False) -> int:
    """Show how a running guard is doing: calls, every meter beside its levels, the ledger.

    Exit code 0: it answers; 1: it does, but its ledger is down; 2: no guard answers.

    Parameters
    ----------
    control
        Control socket of the guard.
    callers
        Show the meters of extensions too.
    as_json
        Write JSON instead of text.
    """
    found = ask(control, "status", callers=callers)
    state = found["ledger"]["state"]
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        _show_status(found, state)
    return int(state != "writing")


def _show_status(found: dict[str, Any], state: str) -> None:
    print(f"ringfence {found['version']}, node {found['node']}, policy {found['policy'][:12]}")
    journal = "writing" if state == "writing" else "DOWN"
    print(f"up for {duration(found['up_s'])}, {found['calls']} calls in progress, ledger {journal}")
    if state != "writing":
        console().print(f"{state}; new calls get what when_down of their trunk says", style="red", markup=False)
    for told in (*_certificates(found), *_troubles(found), *found["firewall"], *found["feeds"]):
        console().print(told, style="red", markup=False)
    for row in found["enrolments"]:
        print(_enrolment(row))
    for name, row in found["asterisk"].items():
        print(_asterisk(name, row))
    for told in _bans(found["bans"]):
        print(told)
    if found["edge"]["overloaded"]:
        console().print("overloaded: new calls get 503 at the door, emergency calls don't", style="red", markup=False)
    rows = [_meter_row(row) for row in found["meters"]]
    if rows:
        print()
        show(
            ("meter", "class", "window", "now", "expected", "alert", "block"),
            rows,
            right=("now", "expected", "alert", "block"),
        )
    print()
    show(("edge", "now", "what it is"), edge_rows(found["edge"]), right=("now",), sentences=("what it is",))


def _certificates(found: dict[str, Any]) -> list[str]:
    """What is to be said of our certificates."""
    return [f"{row['of']}: {row['path']} {row['says']}" for row in found["certificates"] if row["says"]]


def _troubles(found: dict[str, Any]) -> list[str]:
    """Where no connection can be made, and from where none is let in."""
    return [
        f"{row['party']} at {row['address']} (listen.{row['listen']}): {row['error']}"
        for row in found["streams"]["troubles"]
    ]


def _enrolment(row: dict[str, Any]) -> str:
    why = f" ({plain(row['why'])})" if row["why"] else ""
    others = f"; somebody else is too: {plain(', '.join(row['foreign']))}" if row["foreign"] else ""
    left = f", {duration(row['expires_s'])} left" if row["expires_s"] else ""
    then = f", next in {duration(row['next_s'])}"
    return f"trunk {row['trunk']} as {row['user']}: {row['state']}{why}{left}{then}{others}"


def _asterisk(name: str, row: dict[str, Any]) -> str:
    state = "connected" if row["manager"] == "up" else f"NOT CONNECTED ({plain(row['manager'])})"
    hung_up = (
        f", {row['hung_up']} hung up that nobody had asked about or that were refused" if row.get("hung_up") else ""
    )
    unseen = f", {row['unseen']} answered that no event told of" if row.get("unseen") else ""
    return f"asterisk {name}: {state}, {row['calls']} calls to trunks on {row['channels']} channels{hung_up}{unseen}"


def _bans(found: dict[str, int]) -> Iterator[str]:
    if found["in_force"]:
        yield f"{counted(found['in_force'], 'ban')} in force: ringfence bans"
    if found["forgone"]:
        yield f"{found['forgone']} times nobody was banned for want of room: there were thousands before"


def _meter_row(row: dict[str, Any]) -> tuple[object, ...]:
    amount = money if row["quantity"] == "money" else str
    levels = [None if row[name] is None else amount(row[name]) for name in ("expected", "alert", "block")]
    what = f"{row['quantity']} of {row['scope']} {row['name']}"
    return what, row["klass"] or "all", WINDOWS.get(row["window_s"], row["window_s"]), amount(row["value"]), *levels


def calls(*, control: Control = CONTROL, as_json: Json = False) -> int:
    """Show the calls in progress.

    Parameters
    ----------
    control
        Control socket of the guard.
    as_json
        Write JSON instead of text.
    """
    headers = ("id", "state", "since", "for", "source", "caller", "dialled", "number", "trunk", "cost")
    rows = ask(control, "calls")
    return _list(rows, headers, _call_row, right=("for", "cost"), nothing="no calls in progress", as_json=as_json)


def _call_row(row: dict[str, Any]) -> tuple[object, ...]:
    return (
        row["id"],
        row["state"],
        instant(row["since"]),
        duration(row["for_s"]),
        row["source"],
        row["caller"],
        row["dialled"],
        f"+{row['e164']}" if row["class"] != "emergency" else row["e164"],
        row["trunk"],
        money(row["cost_micros"]),
    )


def accounts(*, control: Control = CONTROL, as_json: Json = False) -> int:
    """Show which accounts are registered, where, and for how long still.

    Parameters
    ----------
    control
        Control socket of the guard.
    as_json
        Write JSON instead of text.
    """
    headers = ("account", "source", "registered from", "contact", "since", "for", "device")
    rows = ask(control, "accounts")
    return _list(rows, headers, _account_row, right=("for",), nothing="no account is registered", as_json=as_json)


def _account_row(row: dict[str, Any]) -> tuple[object, ...]:
    return (
        row["account"],
        row["source"],
        row["peer"],
        row["contact"],
        instant(row["since"]),
        duration(row["expires_s"]),
        row["user_agent"],
    )


def _list(
    rows: list[dict[str, Any]],
    headers: tuple[str, ...],
    cells: Callable[[dict[str, Any]], tuple[object, ...]],
    *,
    right: tuple[str, ...],
    nothing: str,
    as_json: bool,
) -> int:
    """Rows as a table, or as JSON, or in words where there are none."""
    if as_json:
        print(json.dumps(rows, indent=1))
    elif rows:
        show(headers, [cells(row) for row in rows], right=right)
    else:
        print(nothing)
    return 0


def cut(call: str, /, *, leg: Text = "", control: Control = CONTROL) -> int:
    """End a call: BYE to both sides if it is answered, CANCEL if it rings.

    Parameters
    ----------
    call
        Its id, as `ringfence calls` shows it.
    leg
        One leg of a forked call, as `ringfence calls --json` shows it.
    control
        Control socket of the guard.
    """
    print(ask(control, "cut", id=call, leg=leg))
    return 0


def hangup(extension: str, /, *, asterisk: Text = "", control: Control = CONTROL) -> int:
    """End every call of an extension at an Asterisk that the guard stands beside, inbound ones too.

    Exit code 1: it has none.

    Parameters
    ----------
    extension
        The endpoint, as it stands in the names of Asterisk's channels: `1001` of `PJSIP/1001-0000001c`.
    asterisk
        Only at this one of the policy's `[asterisk.NAME]`.
    control
        Control socket of the guard.
    """
    count = ask(control, "hangup", timeout_s=30.0, extension=extension, asterisk=asterisk)
    print(f"{count} channels of {extension} are hung up" if count else f"{extension} has no call")
    return int(not count)


def reload(*, control: Control = CONTROL) -> int:
    """Have a running guard read its policy again.

    A policy with mistakes is refused with all of them, and the one in force stays: exit code 2. Sockets and the place
    of the ledger can't be changed so; restart the guard for that.

    Parameters
    ----------
    control
        Control socket of the guard.
    """
    print(ask(control, "reload"))
    return 0


def calls_app(group: Group) -> App:
    """`ringfence calls`, with what acts on calls under it."""
    app = App(name="calls", group=group, help="Show the calls in progress, end some, or tell that some are over.")
    app.default(calls)
    app.command(cut, name="cut")
    app.command(hangup, name="hangup")
    app.command(ended, name="ended")
    return app
