"""What asking costs a call beside an Asterisk: `python bench/asterisk_hook.py [--calls 200]`.

A scripted phone dials home through a real Asterisk, in turn by a dial plan that asks the guard first (CURL()), one that
asks with FastAGI, and one that doesn't ask. Timed is the way from the phone's INVITE to the carrier's. It asserts
nothing.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from pathlib import Path

from ringfence.model.settings import Asterisk, Source, Trunk
from ringfence.numbers.settings import PlanSettings
from ringfence.platforms.asterisk.dialplan import Door, dialplan
from ringfence.platforms.asterisk.hook import key_of
from ringfence.testing.asterisk import SECRET
from ringfence.testing.beside import PbxSite, pbx_site
from ringfence.testing.peer import leg
from ringfence.testing.process import free_ports

ASKS = """
[from-internal]
exten => _1X.,1,Gosub(ringfence-admit,s,1(trunk1,${{EXTEN}}))
 same => n,GotoIf($["${{GOSUB_RETVAL}}" = "allow"]?go)
 same => n,Hangup(21)
 same => n(go),Dial(PJSIP/${{EXTEN}}@trunk1,30)
exten => _2X.,1,Gosub(agi-admit,s,1(trunk1,${{EXTEN:1}}))
 same => n,GotoIf($["${{GOSUB_RETVAL}}" = "allow"]?go)
 same => n,Hangup(21)
 same => n(go),Dial(PJSIP/${{EXTEN:1}}@trunk1,30)
exten => _3X.,1,Dial(PJSIP/${{EXTEN:1}}@trunk1,30)
{http}
{fastagi}
"""
WAYS = {"asks with CURL()": "", "asks with FastAGI": "2", "asks nobody": "3"}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}", flush=True)
    http, fastagi = free_ports(2, tcp=True)
    admit = f'[admit]\nhttp = "127.0.0.1:{http}"\nfastagi = "127.0.0.1:{fastagi}"\n'
    took: dict[str, list[float]] = {way: [] for way in WAYS}
    with (
        tempfile.TemporaryDirectory() as folder,
        pbx_site(Path(folder), dialplan=_plan(http, fastagi), admit=admit) as site,
    ):
        site.asterisk.cli("core set verbose 0")
        for number in range(options.calls):
            for way, prefix in WAYS.items():
                took[way].append(_took_ms(site, f"{prefix}1212555{number % 10000:04}"))
    for way, found in took.items():
        found.sort()
        print(f"{way}: median {statistics.median(found):.1f} ms, 95 % {found[int(len(found) * 0.95)]:.1f} ms")


def _plan(http: int, fastagi: int) -> str:
    settings = Asterisk(name="office", host="", port=0, secret="", source="pbx", trunks={"trunk1": "carrier"})
    source = Source(name="pbx", zone="internal", trunks=("carrier",), plan=PlanSettings(home="US"))
    plans = [
        dialplan(settings, source, {"carrier": Trunk(name="carrier")}, Door(kind, f"127.0.0.1:{port}", key_of(SECRET)))
        for kind, port in (("http", http), ("fastagi", fastagi))
    ]
    agi = plans[1].partition("[ringfence-emergency]")[0].replace("[ringfence-admit]", "[agi-admit]")
    return ASKS.format(http=plans[0], fastagi=agi)


def _took_ms(site: PbxSite, number: str) -> float:
    began = time.perf_counter()
    made = site.dial(number)
    invite = site.carrier.expect("INVITE", timeout_s=15.0)
    took = (time.perf_counter() - began) * 1000
    offered = leg(site.carrier, invite)
    offered.refuse(486)
    site.carrier.expect("ACK", call_id=offered.call_id)
    site.refused(made)
    return took


if __name__ == "__main__":
    main()
