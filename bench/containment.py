"""How long from the first suspect call to containment: `python bench/containment.py [--rounds 20]`.

A guard with ledger and behaviour rules enforced stands between a scripted PBX and SIPp as the carrier. In each round a
new extension calls one new range abroad after the other, each when the last is answered, or a quarter of a second
after it is refused; what is answered stays up. Timed on the PBX's clock is the way from sending the INVITE that the
incident begins with, the first that could be known, until the BYE of every call in progress is there, which comes after
the extension is contained. Then the incident is released, and the next extension begins. It asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ringfence.testing import scenarios as play
from ringfence.testing import sipp
from ringfence.testing.guard import CARRIER, PBX, RATES, Guard
from ringfence.testing.peer import Peer, Unexpected, answer_ok, call

LATVIA = "371,Latvia,0,0.50,60,60,\n"
PAUSE_S = 0.25
MOST = 20
"""Calls of an attack."""


class Round(NamedTuple):
    """One attack."""

    passed: int
    """Calls that were let out."""
    refused: int
    """Calls that were refused by the time of the last BYE."""
    cut_ms: float
    """From the first suspect INVITE to the last BYE."""
    last_ms: float
    """From the INVITE that brought containment to the last BYE."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}", flush=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Peer(PBX, name="pbx") as pbx,
        sipp.callee(play.callee(), Path(folder), host=CARRIER) as carrier,
    ):
        guard = Guard(Path(folder), pbx.address, carrier.address)
        (Path(folder) / "rates.csv").write_text(RATES + LATVIA)
        guard.edit('permit = ["US", "CA", "GB"]', 'permit = ["US", "LV"]')
        with guard.policy.open("a") as policy:
            # At night the first call is refused, and there is nothing to hang up.
            policy.write('\n[behaviour]\nmode = "enforce"\n\n[rules.unusual-hour]\nmode = "off"\n')
        with guard:
            rounds = [attack(guard, pbx, number) for number in range(options.rounds)]
    _show("calls let out", [each.passed for each in rounds], "")
    _show("calls refused meanwhile", [each.refused for each in rounds], "")
    _show("from the first suspect INVITE to the last BYE", [each.cut_ms for each in rounds], " ms")
    _show("of which from the INVITE that brings containment", [each.last_ms for each in rounds], " ms")


def attack(guard: Guard, pbx: Peer, number: int) -> Round:
    """One extension's attack, and its end."""
    before = len(_decided(guard))
    sent, up = [], []
    while len(sent) < MOST:
        made = call(pbx, guard.inside, f"+3712{number:02}{len(sent):02}001", f"+121255501{number:02}")
        sent.append(time.monotonic())
        final = pbx.expect(0, call_id=made.call_id, method="INVITE")
        if final.status == 200:
            made.confirm(final)
            up.append(made)
            continue
        made.ack_refusal(final)
        if _hung_up(pbx, len(up)):
            break
    hung_up = time.monotonic()
    told = _decided(guard)[before:]
    first = next(at for at, one in zip(sent, told, strict=True) if one["incident"])
    guard.cli("release", told[-1]["incident"], "--control", str(guard.control))
    return Round(len(up), len(sent) - len(up), 1000 * (hung_up - first), 1000 * (hung_up - sent[-1]))


def _hung_up(pbx: Peer, calls: int) -> bool:
    """Whether so many calls are hung up within the pause after a refusal."""
    try:
        for _ in range(calls):
            answer_ok(pbx, pbx.expect("BYE", timeout_s=PAUSE_S))
    except Unexpected:
        return False
    return True


def _decided(guard: Guard) -> list[dict[str, Any]]:
    return [json.loads(line) for line in guard.cli("log", "--limit", str(10**6), "--json").stdout.splitlines()]


def _show(what: str, values: Sequence[float], unit: str) -> None:
    print(f"{what}: median {statistics.median(values):.1f}{unit}, worst {max(values):.1f}{unit}")


if __name__ == "__main__":
    main()
