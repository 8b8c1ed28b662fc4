"""Running the programs that know a firewall."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import NamedTuple

from ringfence.platforms.firewall.errors import FirewallError

WITHIN_S = 60
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
"""What root uses isn't in everybody's path."""
_DENIED = ("Operation not permitted", "Permission denied", "you must be root")


class Done(NamedTuple):
    """What a program did."""

    code: int
    out: str
    said: str
    """Its errors, on one line."""


def run(program: str, *arguments: str, package: str, given: str = "") -> Done:
    """Run a program to its end. Raises FirewallError where it isn't there, may not do it or doesn't end."""
    path = shutil.which(program, path=_PATH)
    if path is None:
        raise FirewallError(f"there is no {program} on this machine: apt install {package}")
    command = [path, *arguments]
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=WITHIN_S, env={"PATH": _PATH, "LC_ALL": "C"}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FirewallError(f"{program} can't be run: {error}") from error
    said = " ".join(done.stderr.split())
    if done.returncode and any(word in said for word in _DENIED):
        raise FirewallError(f"{program} may not do this: it needs root, or CAP_NET_ADMIN")
    return Done(done.returncode, done.stdout, said)
