"""Which firewalls there are, and the process that rolls a change back which nobody confirmed."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import syslog
import time
from pathlib import Path

from ringfence.model.firewall import Firewall
from ringfence.platforms.firewall.backend import Backend
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.keeper import Keeper
from ringfence.platforms.firewall.state import Pending, State
from ringfence.platforms.iptables.live import Iptables
from ringfence.platforms.nftables.live import Nftables

BACKENDS: tuple[Backend, ...] = (Nftables(), Iptables())
LOOK_EVERY_S = 0.5
START_WITHIN_S = 30
TRIES = 60
"""How often a rollback that fails is tried, a second apart."""
_ARMED = "armed"


def keeper_of(firewall: Firewall) -> Keeper:
    """The firewall that the policy names, with what is remembered of it."""
    return Keeper(backend_of(firewall.backend), State(Path(firewall.state)))


def backend_of(name: str) -> Backend:
    """A firewall by its name."""
    return next(each for each in BACKENDS if each.name == name)


def arm(state: Path, pending: Pending) -> None:
    """Start the process that rolls the change back at its deadline. Raises FirewallError where it doesn't start.

    It has a session of its own and no terminal, so that neither the end of the command nor of the connection ends it.
    """
    module = "ringfence.server.firewall"
    command = [sys.executable, "-P", "-m", module, str(state.absolute()), pending.change.backend, pending.id]
    try:
        started = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True, timeout=START_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FirewallError(f"no process for the rollback can be started, nothing was changed: {error}") from error
    if started.stdout.decode().strip() != _ARMED:
        said = started.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise FirewallError(f"the process for the rollback doesn't run, nothing was changed: {said}")


def main(arguments: list[str] | None = None) -> None:
    """Wait until a change is confirmed, rolled back, or over its deadline; then roll it back."""
    parser = argparse.ArgumentParser()
    for name in ("state", "backend", "id"):
        parser.add_argument(name)
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    keeper = Keeper(backend_of(given.backend), State(Path(given.state)))
    if os.fork():
        os._exit(0)  # Whoever started us waits for this one; the other has nobody who could take it along.
    _be_silent()
    _await(keeper, given.id)


def _be_silent() -> None:
    """Say that we run, and let go of the pipes that it was said through."""
    print(_ARMED, flush=True)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    os.close(nowhere)


def _await(keeper: Keeper, name: str) -> None:
    failed = 0
    while failed < TRIES:
        try:
            pending = keeper.state.pending()
            if pending is None or pending.id != name:
                return
            if pending.left_s() <= 0 and keeper.expire(name):
                _tell(f"the change of the firewall was not confirmed and is rolled back ({keeper.state.directory})")
                return
        except FirewallError as error:
            failed += 1
            _tell(f"the firewall could not be rolled back: {error}")
        time.sleep(LOOK_EVERY_S if not failed else 1)


def _tell(text: str) -> None:
    syslog.openlog("ringfence", syslog.LOG_PID, syslog.LOG_DAEMON)
    syslog.syslog(syslog.LOG_WARNING, text)


if __name__ == "__main__":
    main()
