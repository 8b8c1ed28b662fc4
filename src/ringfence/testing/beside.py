"""A guard beside a real Asterisk that carries the calls itself: phone and carrier in front of it and behind it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringfence.testing.asterisk import DIALPLAN, SECRET, Asterisk
from ringfence.testing.guard import CARRIER, PBX, RATES, Guard
from ringfence.testing.peer import Call, Dialog, Leg, Peer, call, leg
from ringfence.testing.process import polls

_POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"

[trunk.carrier]
permit = ["US", "CA", "GB"]
billing = {{ rates = "rates.csv", currency = "USD" }}
{trunk}

[source.pbx]
zone = "internal"
directions = ["out", "in"]
trunks = ["carrier"]
caller_id_policy = "any"
caller_id = "+12125550100"
{source}

[asterisk.office]
manager = "{manager}"
user = "guard"
secret = "manager.secret"
source = "pbx"
trunks = {{ trunk1 = "carrier" }}
{asterisk}

{admit}

[control]
socket = "control.sock"
"""


class BesideGuard(Guard):
    """A guard whose policy has an Asterisk and no listener."""

    def __init__(self, directory: Path, pbx: Asterisk, **more: str) -> None:
        """`more`: further lines of trunk, source, asterisk, and the section `admit`."""
        self.directory = directory
        self.policy, self.control = directory / "policy.toml", directory / "control.sock"
        lines = {"trunk": "", "source": "", "asterisk": "", "admit": "", **more}
        self.policy.write_text(_POLICY.format(manager="{}:{}".format(*pbx.ami), **lines))
        (directory / "rates.csv").write_text(RATES)
        secret = directory / "manager.secret"
        secret.touch(mode=0o600)
        secret.write_text(f"{SECRET}\n")
        self._process = None
        self._starts = 0


@dataclass
class PbxSite:
    """A phone, an Asterisk with a guard beside it, a carrier."""

    phone: Peer
    carrier: Peer
    asterisk: Asterisk
    guard: BesideGuard

    def dial(self, number: str) -> Call:
        """The phone sends an INVITE to the PBX."""
        return call(self.phone, self.asterisk.sip, number, "101")

    def connect(self, number: str) -> tuple[Call, Dialog, Leg]:
        """A call that is answered and confirmed: the call, the phone's dialog, the carrier's."""
        made = self.dial(number)
        offered = leg(self.carrier, self.carrier.expect("INVITE", timeout_s=15.0))
        offered.answer()
        dialog = made.confirm(self.phone.expect(200, call_id=made.call_id, timeout_s=15.0))
        self.carrier.expect("ACK", call_id=offered.call_id)
        return made, dialog, offered

    def refused(self, made: Call) -> int:
        """The final answer to a call that is to fail, acknowledged: its status."""
        final = self.phone.expect(0, call_id=made.call_id, method="INVITE", timeout_s=15.0)
        made.ack_refusal(final)
        return final.status

    def link(self) -> dict[str, Any]:
        """What the guard says of its connection."""
        found: dict[str, Any] = self.guard.ask("status")["asterisk"]["office"]
        return found

    def up(self) -> None:
        """Wait until the guard is connected."""
        for _ in polls(20.0):
            if self.link()["manager"] == "up":
                return
        raise AssertionError(self.link())

    def calls(self, count: int) -> list[dict[str, Any]]:
        """Calls in progress once there are so many, or at the end of ten seconds."""
        for _ in polls(10.0):
            listed: list[dict[str, Any]] = self.guard.ask("calls")
            if len(listed) == count:
                break
        return listed

    def told(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Facts of a kind in the ledger, once there are so many, or at the end of ten seconds."""
        for _ in polls(10.0, every_s=0.1):
            lines = self.guard.cli("log", "--kind", kind, "--json").stdout.splitlines()
            if len(lines) >= count:
                break
        return [json.loads(line)["entry"] for line in lines]


@contextlib.contextmanager
def pbx_site(
    directory: Path,
    *,
    dialplan: str = DIALPLAN,
    custom: str = "",
    suite: str = "forky",
    start: bool = True,
    **more: str,
) -> Iterator[PbxSite]:
    """Such a site, running; `custom`: extensions_custom.conf; `suite`: whose Asterisk; `more`: lines for the policy."""
    with (
        Peer(PBX, name="phone") as phone,
        Peer(CARRIER, name="carrier") as carrier,
        Asterisk(
            directory, phone.address, carrier.address, dialplan=dialplan, suite=suite, extensions_custom=custom
        ) as asterisk,
        contextlib.ExitStack() as end,
    ):
        guard = BesideGuard(directory, asterisk, **more)
        end.push(guard.__exit__)
        site = PbxSite(phone, carrier, asterisk, guard)
        if start:
            guard.start()
            site.up()
        yield site
