"""`ringfence firewall show|diff|apply|confirm|rollback|restore`: this machine's firewall, made from the policy."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from cyclopts import App, Group

from ringfence.cli.options import Flag
from ringfence.cli.tables import console, duration, instant, show
from ringfence.model.firewall import Firewall
from ringfence.model.settings import Policy
from ringfence.platforms.firewall.changes import changes
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.keeper import Keeper, Look
from ringfence.platforms.firewall.ssh import connections, shut_out
from ringfence.platforms.firewall.wanted import EVERY_HOST, Door, Wanted, wanted
from ringfence.policy import Loader
from ringfence.server.clock import Clock
from ringfence.server.firewall import arm, keeper_of

DEFAULT = Path("policy.toml")
Told = TypeVar("Told")


def firewall_app(group: Group) -> App:
    """The sub-command `firewall` with its own."""
    app = App(
        name="firewall",
        group=group,
        help="Make this machine's firewall from the policy, and keep it (docs/firewall.md).",
    )
    for name, command in (
        ("show", show_command),
        ("diff", diff),
        ("apply", apply),
        ("confirm", confirm),
        ("rollback", rollback),
        ("restore", restore),
    ):
        app.command(command, name=name)
    return app


def show_command(*, policy: Path = DEFAULT, rules: Flag = False) -> int:
    """Show who reaches which port of this machine by the policy, and who is never banned. Needs no root.

    Parameters
    ----------
    policy
        The main policy file.
    rules
        Write the rules themselves instead, as the firewall's own program takes them.
    """
    _, firewall, wants = _wanted(policy)
    if rules:
        print(keeper_of(firewall).backend.render(wants), end="")
        return 0
    rows = [row for door in (*wants.listeners, *wants.services) for row in _rows(door)]
    show(("door", "at", "ports", "who", "from"), rows)
    print(f"Everybody else is dropped there. Other ports: {_others(wants)}.\n")
    never = ((one.who, network) for one in wants.never_banned for network in one.networks)
    show(("never banned", "address"), never)
    return 0


def diff(*, policy: Path = DEFAULT) -> int:
    """Show what somebody else changed in the firewall, and what `apply` would change.

    Exit code 0: the firewall is as the policy wants it; 1: it isn't; 2: it can't be read, since that needs root.

    Parameters
    ----------
    policy
        The main policy file.
    """
    _, firewall, wants = _wanted(policy)
    keeper = keeper_of(firewall)
    look = _as_root("diff", policy, keeper.look)
    _tell_pending(keeper)
    drift = _drift(look)
    todo = _todo(keeper, look, wants)
    for text in (*drift, *todo):
        print(text)
    if not drift and not todo:
        print("the firewall is as the policy wants it")
    return int(bool(drift or todo))


def apply(*, policy: Path = DEFAULT, confirm_s: int | None = None) -> int:
    """Put the policy's rules in force, in one step. Unless `confirm` follows in time, they are rolled back.

    Refused where the address that you are connected from over SSH would not get in again.

    Exit code 0: they are in force; 2: nothing was changed.

    Parameters
    ----------
    policy
        The main policy file.
    confirm_s
        How long to wait for the confirmation, seconds, from 10 on; `firewall.confirm_s` unless given.
    """
    loaded, firewall, wants = _wanted(policy)
    keeper = keeper_of(firewall)
    _lets_us_in(wants, policy)
    within = firewall.confirm_s if confirm_s is None else max(confirm_s, 10)
    _tell_changes(keeper, wants)
    put = partial(
        keeper.apply, wants, loaded.version, Clock().now(), confirm_s=within, arm=partial(arm, keeper.state.directory)
    )
    if not _as_root("apply", policy, put):
        print("the firewall is as the policy wants it: nothing to do")
        return 0
    print(f"in force, and rolled back in {duration(within)} unless you confirm it.")
    print("Open a new connection to this machine, and if that works: `ringfence firewall confirm`")
    return 0


def confirm(*, policy: Path = DEFAULT) -> int:
    """Keep the rules that `apply` put in force.

    Exit code 0: they stay; 2: none wait, or it was too late.

    Parameters
    ----------
    policy
        The main policy file.
    """
    keeper = keeper_of(_firewall(Loader(str(policy)).load().policy, policy))
    change = _as_root("confirm", policy, keeper.confirm)
    print(f"confirmed: the rules of {instant(change.at)} stay")
    return 0


def rollback(*, policy: Path = DEFAULT) -> int:
    """Undo the change that waits, or else the last one that was confirmed: what was in force before is again.

    Exit code 0: it is undone; 2: there is nothing to undo.

    Parameters
    ----------
    policy
        The main policy file.
    """
    keeper = keeper_of(_firewall(Loader(str(policy)).load().policy, policy))
    change = _as_root("rollback", policy, keeper.rollback)
    print(f"rolled back: what was in force before {instant(change.at)} is again")
    return 0


def restore(*, policy: Path = DEFAULT) -> int:
    """Put the rules that were confirmed last in force again: after a restart, or where somebody changed them.

    Exit code 0: they are in force; 2: none were confirmed yet.

    Parameters
    ----------
    policy
        The main policy file.
    """
    keeper = keeper_of(_firewall(Loader(str(policy)).load().policy, policy))
    changed = _as_root("restore", policy, keeper.restore)
    print("the confirmed rules are in force again" if changed else "the confirmed rules are in force: nothing to do")
    return 0


def _wanted(path: Path) -> tuple[Policy, Firewall, Wanted]:
    policy = Loader(str(path)).load().policy
    firewall = _firewall(policy, path)
    return policy, firewall, wanted(policy, firewall)


def _firewall(policy: Policy, path: Path) -> Firewall:
    if policy.firewall is None:
        raise FirewallError(f"{path} has no [firewall]: write it, as docs/firewall.md shows")
    return policy.firewall


def _as_root(command: str, policy: Path, ask: Callable[[], Told]) -> Told:
    """What the keeper says; where root is missing, what to type as root."""
    try:
        return ask()
    except FirewallError as error:
        if os.geteuid() == 0:
            raise
        typed = f"sudo ringfence firewall {command} --policy {policy}"
        rules = f"`ringfence firewall show --rules --policy {policy}` writes the rules without root"
        raise FirewallError(f"{error}\ntype: {typed}\n{rules}") from error


def _lets_us_in(wants: Wanted, policy: Path) -> None:
    """Raises FirewallError where who types this would be locked out; warns where he could be banned."""
    connected = connections()
    for lost in shut_out(wants, connected):
        hint = f'write [service.ssh] with ports = ["{lost.port}/tcp"] and from = ["{lost.source}"]'
        raise FirewallError(
            f"{policy}: you are connected by SSH from {lost.source} to port {lost.port}, and these rules don't let "
            f"that in: nothing was changed; {hint}"
        )
    for connection in connected:
        if not wants.is_never_banned(connection.source):
            console().print(
                f"{connection.source}, where you are, isn't in firewall.admins: it may be banned", markup=False
            )


def _tell_changes(keeper: Keeper, wants: Wanted) -> None:
    """Whose addresses change; in red where there are more of them than before."""
    then = keeper.state.in_force()
    for one in changes(then.wanted, wants) if then is not None else ():
        console().print(str(one), style="red" if one.broader else "", markup=False)


def _tell_pending(keeper: Keeper) -> None:
    pending = keeper.state.pending()
    if pending is not None and pending.of_this_boot():
        left = max(0, round(pending.left_s()))
        print(f"the rules of {instant(pending.change.at)} wait for `ringfence firewall confirm`, {duration(left)} left")


def _drift(look: Look) -> list[str]:
    """What somebody else changed, in lines."""
    if not look.drifted:
        return []
    then = look.then.listing if look.then is not None else ""
    head = "changed by somebody else; `ringfence firewall restore` puts the confirmed rules in force again:"
    if look.then is None:
        head = "there are rules that no `ringfence firewall apply` is known of:"
    return [head, *_lines(then, look.now, "applied", "in force")]


def _todo(keeper: Keeper, look: Look, wants: Wanted) -> list[str]:
    """What `apply` would change, in lines."""
    text = keeper.backend.render(wants)
    then = look.then.text if look.then is not None else ""
    if then == text:
        return []
    moved = changes(look.then.wanted, wants) if look.then is not None else ()
    return [
        "`ringfence firewall apply` would change:",
        *(f"  {one}" for one in moved),
        *_lines(then, text, "applied", "policy"),
    ]


def _lines(before: str, after: str, one: str, other: str) -> Iterator[str]:
    return difflib.unified_diff(before.splitlines(), after.splitlines(), one, other, lineterm="", n=0)


def _rows(door: Door) -> Iterator[tuple[str, ...]]:
    at = {EVERY_HOST: "every address", "0.0.0.0": "every IPv4 address", "::": "every IPv6 address"}
    where, ports = at.get(door.host, door.host), ", ".join(map(str, door.ports))
    for one in door.admitted:
        yield door.name, where, ports, one.who, ", ".join(one.networks)
    if not door.admitted:
        yield door.name, where, ports, "nobody", ""


def _others(wants: Wanted) -> str:
    return (
        "left to the rest of the firewall"
        if wants.other_ports == "leave"
        else "dropped, but for answers, ICMP and DHCP"
    )
