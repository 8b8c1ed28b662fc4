"""A guard started for a test or a benchmark: a policy file in a directory of its own, `ringfence serve`, and its state.

Everybody has an address of its own on loopback, so that who is a stranger is told by address as in life: the PBX calls
from PBX, the carrier answers at CARRIER, and 127.0.0.1 is nobody.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ringfence
from ringfence.server import control
from ringfence.testing.process import Process, ProcessError, free_ports
from ringfence.testing.wire import Address, host_port

GUARD, PBX, CARRIER, STRANGER = "127.0.0.1", "127.0.1.1", "127.0.2.1", "127.0.3.1"
GUARD6 = "::1"
"""All there is of IPv6 on loopback: peers that use it are told apart by the listener they send to."""

_POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"

[listen.inside]
bind = "{inside}"
{listen_inside}

[listen.outside]
bind = "{outside}"
{listen_outside}

[trunk.carrier]
listen = "outside"
carrier_addresses = ["{carrier_host}"]
send_to = [{send_to}]
permit = ["US", "CA", "GB"]
billing = {{ rates = "rates.csv", currency = "USD" }}
{trunk}

[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["{pbx_host}"]
directions = ["out", "in"]
deliver_to = "{pbx}"
trunks = ["carrier"]
caller_ids = ["+12125550100-+12125550199"]
caller_id = "+12125550100"
{source}

[ledger]
path = "state/ledger.db"
{ledger}

[control]
socket = "control.sock"
"""

RATES = """prefix,name,connect_fee,price_per_min,first_increment_s,next_increment_s,valid_from
1,United States and Canada,0,0.006,6,6,
44,United Kingdom,0,0.012,1,1,
"""


def _listeners(pbx: str, carrier: str, *, tcp: bool) -> tuple[Address, Address]:
    """Where the PBX and where the carrier sends: two free ports, each at an address of the peer's kind."""
    inside, outside = (GUARD6 if ":" in peer else GUARD for peer in (pbx, carrier))
    if inside == outside:
        ports = free_ports(2, inside, tcp=tcp)
    else:
        ports = [*free_ports(1, inside, tcp=tcp), *free_ports(1, outside, tcp=tcp)]
    return (inside, ports[0]), (outside, ports[1])


def policy_text(
    inside: Address,
    outside: Address,
    pbx: Address,
    carriers: Sequence[Address],
    *,
    trunk: str = "",
    source: str = "",
    ledger: str = "",
    listen_inside: str = "",
    listen_outside: str = "",
) -> str:
    """The policy of a small site; `trunk`, `source`, `ledger`, `listen_…` are further TOML lines of those tables."""
    return _POLICY.format(
        inside=host_port(inside),
        outside=host_port(outside),
        pbx=host_port(pbx),
        pbx_host=pbx[0],
        carrier_host=carriers[0][0],
        send_to=", ".join(f'"sip:{host_port(carrier)}"' for carrier in carriers),
        trunk=trunk,
        source=source,
        ledger=ledger,
        listen_inside=listen_inside,
        listen_outside=listen_outside,
    )


class Guard:
    """A guard that can be stopped, killed and started again on the same ports and state. A context manager."""

    def __init__(
        self,
        directory: Path,
        pbx: Address,
        *carriers: Address,
        **more: str,
    ) -> None:
        """`more`: further lines for `policy_text`."""
        self.directory = directory
        tcp = "transport" in more.get("listen_inside", "") + more.get("listen_outside", "")
        self.inside, self.outside = _listeners(pbx[0], carriers[0][0], tcp=tcp)
        self.policy = directory / "policy.toml"
        self.control = directory / "control.sock"
        self.policy.write_text(policy_text(self.inside, self.outside, pbx, carriers, **more))
        (directory / "rates.csv").write_text(RATES)
        self._process: Process | None = None
        self._starts = 0

    def __enter__(self) -> Guard:
        if self._process is None:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.end()

    @property
    def process(self) -> Process:
        """The running process. Raises ProcessError before `start`."""
        if self._process is None:
            raise ProcessError("the guard wasn't started")
        return self._process

    def start(
        self,
        *wrapper: str | Path,
        program: Sequence[str | Path] = (sys.executable, "-m", "ringfence"),
        options: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        ready: bool = True,
    ) -> Process:
        """Start it, behind a wrapper such as faketime, and wait for its readiness line."""
        self._starts += 1
        command = [*wrapper, *program, "serve", "--policy", self.policy, *options]
        environment = {**SAME_SOURCES, **(environment or {})}
        self._process = Process(command, self.directory, f"guard{self._starts}", environment, wrapped=bool(wrapper))
        if ready:
            self._process.until(lambda: READY in self.process.said(), "readiness line", timeout_s=30.0)
        return self._process

    def edit(self, old: str, new: str) -> None:
        """Change the policy file, which must have the old text; a running guard doesn't read it by itself."""
        text = self.policy.read_text()
        if old not in text:
            raise ProcessError(f"the policy has no {old!r}:\n{text}")
        self.policy.write_text(text.replace(old, new))

    def ask(self, do: str, **arguments: Any) -> Any:
        """One command over the control socket."""
        return control.ask(self.control, do, **arguments)

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `ringfence` with these arguments in the guard's directory."""
        command = [sys.executable, "-m", "ringfence", *arguments]
        environment = {**os.environ, **SAME_SOURCES}
        return subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def status(self) -> Any:
        """`ringfence status --json`, also of a guard whose ledger is down. Raises ProcessError where it fails."""
        done = self.cli("status", "--control", str(self.control), "--json")
        if done.returncode not in (0, 1):
            raise ProcessError(f"status: {done.stderr}\n{self.process.tail()}")
        return json.loads(done.stdout)


SAME_SOURCES = {"PYTHONPATH": str(Path(ringfence.__file__).parents[1])}
"""The guard is the one that is tested, though it runs in another directory than a relative PYTHONPATH is meant for."""
READY = "serve: ready"
"""What the readiness line has and no line before it."""
