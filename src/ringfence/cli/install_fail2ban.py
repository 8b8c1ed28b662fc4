"""`ringfence install fail2ban`: jails and filters for those who keep fail2ban, and their end."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ringfence.cli.options import Flag, Several
from ringfence.harden.blocks import Change, HardenError, carry_out, difference, read, take_back
from ringfence.platforms.fail2ban.filters import FILTERS, MARK, Format
from ringfence.platforms.fail2ban.render import HIGH, JAILS, USUAL, files, filter_path, jail_name
from ringfence.platforms.firewall.ssh import connections
from ringfence.policy import load

ETC = Path("/etc/fail2ban")
CLIENT = "fail2ban-client"


def install_fail2ban(
    *formats: Format,
    policy: Path = Path("policy.toml"),
    etc: Path = ETC,
    log: Annotated[Several, Parameter(name="--log")] = (),
    high_security: Flag = False,
    backup: Path = Path("state/backup"),
    apply: Flag = False,
    remove: Flag = False,
) -> int:
    """Show the jails and filters that fail2ban would be given: 5 wrong passwords in 6 hours, banned for 24 hours.

    Nothing is changed without `--apply`. With it the files are written, all or none, fail2ban tests and reads them,
    and if it doesn't like them all is put back. Whom the policy names, and from where you are connected, is never
    banned. Only files that are named `ringfence` are touched.

    Exit code 0: there is nothing to change, or it is done; 1: there is something to change, or it was put back; 2: it
    can't be done.

    Example: `ringfence install fail2ban asterisk --policy /etc/ringfence/policy.toml --apply`

    Parameters
    ----------
    formats
        Whose logs are read; Asterisk's unless given.
    policy
        The main policy file.
    etc
        The directory of fail2ban's configuration.
    log
        Where a log is, as asterisk=/var/log/asterisk/messages.log.
    high_security
        Ban after 3 wrong passwords, where nobody types them.
    backup
        Where files are kept as they were.
    apply
        Do it.
    remove
        Take out what was added.
    """
    wanted: Mapping[str, str] = {}
    if not remove:
        logs = _logs(formats or ("asterisk",), log)
        admins = [each.source for each in connections()]
        wanted = files(logs, load(str(policy)), HIGH if high_security else USUAL, admins)
    changes = [_change(etc, path, wanted) for path in (*map(filter_path, FILTERS), JAILS)]
    if not any(change.changes for change in changes):
        print("nothing of ours is there" if remove else "everything is there already")
        return 0
    for change in changes:
        if change.changes:
            print(difference(change))
    if not apply:
        print("\nnothing is changed; with --apply it is")
        return 1
    return _apply(changes, etc, backup, [] if remove else [jail_name(name) for name in logs])


def _logs(formats: tuple[Format, ...], given: tuple[str, ...]) -> dict[Format, str]:
    """Where each log is. Raises HardenError."""
    logs = {name: FILTERS[name].log for name in formats}
    for text in given:
        found = next((name for name in logs if text.startswith(f"{name}=/")), None)
        if found is None:
            raise HardenError(f"--log {text}: write it as {next(iter(logs))}=/path/of/the/log")
        logs[found] = text.removeprefix(f"{found}=")
    for name, path in logs.items():
        if not path.isprintable() or set("%*?[") & set(path) or not Path(path).is_file():
            raise HardenError(
                f"{path}: no such log of {name}; have it written, or name another with --log {name}=/path"
            )
    return logs


def _change(etc: Path, path: str, wanted: Mapping[str, str]) -> Change:
    before = read(etc / path)
    if before is not None and not before.startswith(MARK.encode()):
        raise HardenError(f"{etc / path}: isn't made by `ringfence install fail2ban`; move it away")
    return Change(etc / path, before, wanted[path].encode() if path in wanted else None)


def _apply(changes: list[Change], etc: Path, backup: Path, jails: list[str]) -> int:
    carry_out(changes, backup / f"fail2ban-{os.getpid()}-{time.monotonic_ns():x}")
    trouble = _told(etc, "-t")
    running = not trouble and not _told(etc, "ping")
    if running:
        trouble = _told(etc, "reload") or next(filter(None, (_told(etc, "status", jail) for jail in jails)), "")
    if trouble:
        take_back(changes)
        if running:
            _told(etc, "reload")
        print(f"\n{trouble}\neverything is put back as it was")
        return 1
    print("\ndone: fail2ban has read it" if running else "\ndone: fail2ban isn't running, and reads it when it starts")
    return 0


def _told(etc: Path, *words: str) -> str:
    """Have fail2ban do something; what went wrong."""
    try:
        done = subprocess.run([CLIENT, "-c", str(etc), *words], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`{CLIENT}` can't be run: {error}"
    return f"`{CLIENT} {' '.join(words)}` says: {done.stdout}{done.stderr}".strip() if done.returncode else ""
