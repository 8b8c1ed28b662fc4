"""`ringfence evidence`: the first hour of an incident by its data, and a bundle to keep or hand over."""

from __future__ import annotations

from pathlib import Path

from ringfence.cli.options import LEDGER, Where
from ringfence.cli.tables import counted, note
from ringfence.errors import RingfenceError
from ringfence.evidence.bundle import write
from ringfence.evidence.case import gather
from ringfence.evidence.first_hour import first_hour
from ringfence.ledger.reading import Reader
from ringfence.policy import Loader
from ringfence.server.clock import Clock


def evidence(
    incident: str, /, *, out: Path | None = None, policy: Path = Path("policy.toml"), ledger: Where = LEDGER
) -> int:
    """Say what to do in the first hour of an incident, and keep what proves it: where it comes from and goes, what got
    through, what is contained, what to do next.

    It only reads, also while a guard runs. The bundle is one ZIP file with the calls, every ledger entry, SIP messages,
    the policy, a proof of the ledger, and a letter to the carrier to complete.

    Parameters
    ----------
    incident
        Its id, or as much of its beginning as is needed.
    out
        A file for the bundle, such as incident.zip.
    policy
        The policy file: it goes into the bundle if it is the one that decided.
    ledger
        The ledger's file.
    """
    now = Clock().now()
    with Reader(ledger) as reader:
        case = gather(reader, incident)
        print("\n".join(first_hour(case, now)))
        if out is not None:
            names = write(case, reader, _policy(policy), now, out)
            plain = ", ".join(name for name in names if "/" not in name)
            note(f"{out}: {plain}, and the messages of {counted(len(names) - plain.count(',') - 1, 'call')}")
    return 0


def _policy(path: Path) -> tuple[str, str] | None:
    """Version and text of a policy that can be read."""
    try:
        return Loader(str(path)).load().policy.version, path.read_text(encoding="utf-8")
    except (RingfenceError, OSError):
        return None
