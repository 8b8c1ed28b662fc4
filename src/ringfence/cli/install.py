"""`ringfence install`: put the hook and the manager's user into an Asterisk or FreePBX, and take them out again."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from cyclopts import App, Group

from ringfence.cli.install_fail2ban import install_fail2ban
from ringfence.cli.options import CONTROL, Control, Flag
from ringfence.harden.blocks import Change, HardenError, carry_out, difference, outside_block, read, take_back
from ringfence.harden.blocks import with_block as block_in
from ringfence.harden.blocks import without_block as block_out
from ringfence.model.settings import Asterisk, Policy
from ringfence.platforms.asterisk.dialplan import VERIFY, Door
from ringfence.platforms.asterisk.hook import key_of
from ringfence.platforms.asterisk.install import FILES, OWN, Kind, blocks, dials, obstacles
from ringfence.policy import load
from ringfence.server.control import ControlError, ask
from ringfence.server.pbx import read_secret

CONNECTED_WITHIN_S = 45.0
"""The guard tries to connect every 30 seconds at the least."""
ASKED_WITHIN_S = 10.0
ETC = Path("/etc/asterisk")


def install_app(group: Group) -> App:
    """`ringfence install`, with fail2ban's under it."""
    app = App(name="install", group=group, help="Put what is needed into the configuration of other programs.")
    app.default(install)
    app.command(install_fail2ban, name="fail2ban")
    return app


def install(
    kind: Literal["asterisk", "freepbx"],
    name: str,
    /,
    *,
    policy: Path = Path("policy.toml"),
    etc: Path = ETC,
    via: Literal["http", "fastagi"] = "http",
    permit: str = "127.0.0.1/255.255.255.255",
    asterisk: str = "asterisk",
    backup: Path = Path("state/backup"),
    apply: Flag = False,
    remove: Flag = False,
    control: Control = CONTROL,
) -> int:
    """Show what would be added to an Asterisk's or FreePBX's configuration, so that its dial plan asks the guard.

    Nothing is changed without `--apply`. With it files are written, all or none, Asterisk reads them, and a question is
    asked through the new dial plan, which dials nobody: if the guard doesn't hear it, all is put back. On FreePBX
    only `extensions_custom.conf` and `manager_custom.conf` are touched.

    Exit code 0: there is nothing to change, or it is done; 1: there is something to change, or it was put back; 2: it
    can't be done.

    Example: `ringfence install freepbx office --policy /etc/ringfence/policy.toml --apply`

    Parameters
    ----------
    kind
        What it is: its dial plan and files.
    name
        Its `[asterisk.NAME]` in the policy.
    policy
        The main policy file.
    etc
        The directory of its configuration.
    via
        How the dial plan asks.
    permit
        From where the guard may use the manager interface, as manager.conf writes it.
    asterisk
        The command that reaches the running Asterisk with `-rx`.
    backup
        Where files are kept as they were.
    apply
        Do it.
    remove
        Take out what was added.
    control
        Control socket of the guard.
    """
    loaded = load(str(policy))
    settings = loaded.asterisks.get(name)
    if settings is None:
        raise HardenError(f"{policy} has no [asterisk.{name}]")
    if remove:
        return _remove(kind, etc, asterisk, backup, apply=apply)
    secret = _secret(settings)
    door = _door(loaded, via, secret)
    wanted = blocks(kind, settings, loaded.sources[settings.source], loaded.trunks, door, secret, permit)
    changes = [_added(etc / file, block) for file, block in wanted.items()]
    _stop_at(kind, settings, etc)
    if not any(change.changes for change in changes):
        print("everything is there already")
        return 0
    _show(changes, (secret, door.key))
    if not apply:
        print("\nnothing is changed; with --apply it is")
        return 1
    return _apply(changes, settings, asterisk, backup, control, kind, etc)


def _secret(settings: Asterisk) -> str:
    """The manager's secret, made where there is none."""
    path = Path(settings.secret)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(f"{secrets.token_urlsafe(32)}\n")
        print(f"made {path}: start or reload the guard before --apply")
    return read_secret(settings)


def _door(policy: Policy, via: str, secret: str) -> Door:
    where = None if policy.admit is None else policy.admit.http if via == "http" else policy.admit.fastagi
    if where is None:
        raise HardenError(f"the policy has no {via} under [admit]: the dial plan would ask nobody")
    host, port = where
    return Door(via, f"{host}:{port}", key_of(secret))


def _added(path: Path, block: str) -> Change:
    before = read(path)
    if path.name == OWN:
        return Change(path, before, f"; Made by `ringfence install`; changes are lost.\n\n{block}".encode())
    return Change(path, before, block_in(path, before, block))


def _stop_at(kind: Kind, settings: Asterisk, etc: Path) -> None:
    found = list(obstacles(kind, settings, _texts(kind, etc)))
    if found:
        raise HardenError("\n".join(f"{etc}/{each}" for each in found))


def _texts(kind: Kind, etc: Path) -> dict[str, str]:
    return {name: outside_block(etc / name, read(etc / name)) for name in FILES[kind]}


def _show(changes: list[Change], hide: tuple[str, ...] = ()) -> None:
    for change in changes:
        if change.changes:
            print(difference(change, hide))


def _apply(
    changes: list[Change], settings: Asterisk, asterisk: str, backup: Path, control: Path, kind: Kind, etc: Path
) -> int:
    before = _heard(control, settings.name)
    saved = backup / f"{settings.name}-{os.getpid()}-{time.monotonic_ns():x}"
    carry_out(changes, saved)
    trouble = _reloaded(asterisk) or _verified(asterisk, control, settings.name, before)
    if trouble:
        take_back(changes)
        _reloaded(asterisk)
        print(f"\n{trouble}\neverything is put back as it was")
        return 1
    print(f"\ndone: the guard is connected and was asked through the dial plan; files as they were: {saved}")
    if kind == "asterisk":
        _tell_dials(settings, etc)
    return 0


def _tell_dials(settings: Asterisk, etc: Path) -> None:
    name = FILES["asterisk"].extensions
    found = list(dials(settings, {name: _texts("asterisk", etc)[name]}))
    if found:
        print("these dial a trunk: let each ask before, and dial only what is allowed (docs/asterisk.md#the-hook)")
        print("\n".join(f"  {each}" for each in found))


def _heard(control: Path, name: str) -> dict[str, Any]:
    """What a running guard says of this Asterisk. Raises HardenError where it can't be asked by a dial plan."""
    try:
        found: dict[str, Any] = ask(control, "status")
    except ControlError as error:
        raise HardenError(f"{error}; while no guard answers, the hook would leave calls to when_down") from error
    if name not in found["asterisk"] or not found["admit"]["addresses"]:
        raise HardenError(f"the guard that runs has no [asterisk.{name}] with [admit]: restart it with this policy")
    return found


def _reloaded(asterisk: str) -> str:
    """Have Asterisk read its files; what went wrong."""
    for command in ("dialplan reload", "manager reload"):
        trouble = _told(asterisk, command)
        if trouble:
            return trouble
    return ""


def _told(asterisk: str, command: str) -> str:
    try:
        done = subprocess.run(
            [*shlex.split(asterisk), "-rx", command], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`{asterisk} -rx` can't be run: {error}"
    return f"`{asterisk} -rx '{command}'` says: {done.stdout}{done.stderr}".strip() if done.returncode else ""


def _verified(asterisk: str, control: Path, name: str, before: dict[str, Any]) -> str:
    """Ask through the dial plan, which dials nobody; what went wrong."""
    if not _until(lambda: _heard(control, name)["asterisk"][name]["manager"] == "up", CONNECTED_WITHIN_S):
        return (
            f"the guard isn't connected to the manager interface: {_heard(control, name)['asterisk'][name]['manager']}"
        )
    trouble = _told(asterisk, f"channel originate Local/s@{VERIFY} application NoOp")
    if trouble:
        return trouble
    tried = before["asterisk"][name]["verified"]

    def heard() -> bool:
        return bool(_heard(control, name)["asterisk"][name]["verified"] > tried)

    if not _until(heard, ASKED_WITHIN_S):
        return "the dial plan was asked to ask, and the guard answered nothing: are res_curl and func_curl loaded?"
    return ""


def _state(control: Path, name: str) -> Any:
    return _heard(control, name)["asterisk"][name]["manager"]


def _until(true: Callable[[], bool], timeout_s: float) -> bool:
    until = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def _remove(kind: Kind, etc: Path, asterisk: str, backup: Path, *, apply: bool) -> int:
    changes = [Change(etc / file, read(etc / file), block_out(etc / file, read(etc / file))) for file in FILES[kind]]
    if kind == "asterisk":
        changes.append(Change(etc / OWN, read(etc / OWN), None))
    if not any(change.changes for change in changes):
        print("nothing of ours is there")
        return 0
    _show(changes)
    if not apply:
        print("\nnothing is changed; with --apply it is")
        return 1
    carry_out(changes, backup / f"remove-{os.getpid()}-{time.monotonic_ns():x}")
    trouble = _reloaded(asterisk)
    print(f"\ndone{f', but Asterisk has not read it: {trouble}' if trouble else ''}")
    return int(bool(trouble))
