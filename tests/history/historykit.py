"""A policy, and call records against it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ringfence.history.cdr import Cdr
from ringfence.model import SECOND
from ringfence.model.settings import Policy
from ringfence.policy import Loader
from ringfence.testing.trial import NOON, RATES, merged

START = int(NOON.timestamp()) * SECOND
HOME, LONDON, RIGA = "12125550143", "011442079460018", "01137167000000"
HEADER = (
    "call_id,start,answer,end,caller,extension,source_ip,user_agent,dialled,trunk,disposition,duration,billsec,"
    "diverted_from,direction"
)


def policy_file(folder: Path, lines: str = "") -> Path:
    """The policy that the trials use, with more lines, and its deck as rates.csv."""
    (folder / "rates.csv").write_text(RATES)
    path = folder / "policy.toml"
    path.write_text(merged(lines))
    return path


def policy(folder: Path, lines: str = "") -> Policy:
    """The same, loaded."""
    return Loader(str(policy_file(folder, lines))).load().policy


def record(call_id: str, after_s: float, dialled: str = HOME, talk_s: float = 0, **changes: object) -> Cdr:
    """A record that starts so long after noon; five seconds of ringing, then it is answered if it has talk."""
    start = START + int(after_s * SECOND)
    answer = start + 5 * SECOND if talk_s else 0
    fields = {
        "call_id": call_id,
        "start": start,
        "answer": answer,
        "end": start + int((5 + talk_s) * SECOND),
        "caller": "+12125550100",
        "extension": "101",
        "dialled": dialled,
        "trunk": "carrier",
    }
    return Cdr(**{**fields, **changes})  # type: ignore[arg-type]


def line(call: Cdr) -> str:
    """The record as a line of the generic CSV."""
    times = [iso(at) for at in (call.start, call.answer, call.end)]
    state = "ANSWERED" if call.answer else "NO ANSWER"
    fields = [call.call_id, *times, call.caller, call.extension, call.source_ip, call.user_agent, call.dialled]
    lasts = (call.end - call.start) // SECOND
    return ",".join([*fields, call.trunk, state, str(lasts), str(call.duration_s), call.diverted_from, call.direction])


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / SECOND, NOON.tzinfo).isoformat() if at else ""


def written(path: Path, *calls: Cdr) -> Path:
    """The records as a generic CSV."""
    path.write_text("\n".join([HEADER, *map(line, calls)]) + "\n")
    return path
