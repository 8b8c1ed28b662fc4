"""How long a call that nobody asked about lives beside an Asterisk: `python bench/asterisk_cut.py [--calls 100]`.

A scripted phone dials abroad through a real Asterisk whose dial plan asks nobody; the guard, connected to its manager
interface, hangs up. Timed is the way from the INVITE that the carrier gets to the refusal that the phone gets: what a
carrier that answers at once could have connected. It asserts nothing.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from pathlib import Path

from ringfence.testing.beside import PbxSite, pbx_site


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}", flush=True)
    with tempfile.TemporaryDirectory() as folder, pbx_site(Path(folder)) as site:
        site.asterisk.cli("core set verbose 0")
        lived = sorted(_lived_ms(site, f"0113712{number:07}") for number in range(options.calls))
    print(
        f"{len(lived)} calls: median {statistics.median(lived):.1f} ms, "
        f"95 % {lived[int(len(lived) * 0.95)]:.1f} ms, longest {lived[-1]:.1f} ms"
    )


def _lived_ms(site: PbxSite, number: str) -> float:
    made = site.dial(number)
    site.carrier.expect("INVITE", timeout_s=15.0)
    began = time.perf_counter()
    site.refused(made)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
