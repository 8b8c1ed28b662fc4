"""A guard that is started with what last month's call records teach knows from its first call what is usual."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rig import CALLER, Site, site

from ringfence.testing.process import polls

pytestmark = pytest.mark.e2e
USUAL, UNUSUAL = "+442079460018", "+16135550143"
HEADER = "call_id,start,answer,end,caller,extension,dialled,trunk\n"


def month(path: Path) -> None:
    """London, each day of four weeks up to yesterday."""
    now = datetime.now(UTC)  # noqa: TID251 (last month is last month)
    rows = []
    for day in range(28, 0, -1):
        times = [(now - timedelta(days=day, seconds=-s)).isoformat() for s in (0, 5, 125)]
        rows.append(",".join([f"d{day}", *times, CALLER, CALLER, USUAL, "old-trunk"]))
    path.write_text(HEADER + "\n".join(rows) + "\n")


def unusual(stage: Site, number: str) -> set[str]:
    """What speaks against a call to a number, by `ringfence log`."""
    made = stage.dial(number)
    stage.hang_up(stage.connect(made)[1], stage.carrier)
    for _ in polls(10.0, every_s=0.2):
        lines = stage.guard.cli("log", "--ledger", "state/ledger.db", "--number", number, "--json").stdout.splitlines()
        if lines:
            return {hit["rule"] for hit in json.loads(lines[-1])["hits"]}
    raise AssertionError(f"the call to {number} isn't in the ledger")


def test_last_months_records_teach_a_new_guard(tmp_path: Path) -> None:
    month(tmp_path / "calls.csv")
    with site(tmp_path, start=False) as stage:
        learned = stage.guard.cli(
            "learn", "--cdr", "calls.csv", "--home", "US", "--out", "learned.toml", "--baseline", "usual.bin"
        )
        assert learned.returncode == 0, learned.stderr
        options = ["--baseline", "usual.bin"]
        process = stage.guard.start(options=options)
        assert "took over from usual.bin what is usual for 4" in process.said()
        assert "first-ever-destination" not in unusual(stage, USUAL)
        assert "first-ever-destination" in unusual(stage, UNUSUAL)
        process.kill()
        again = stage.guard.start(options=options)
        assert "usual.bin was taken over before" in again.said()
        assert "first-ever-destination" not in unusual(stage, USUAL)


def test_without_them_everything_is_new(tmp_path: Path) -> None:
    with site(tmp_path) as stage:
        assert "first-ever-destination" in unusual(stage, USUAL)


def test_a_file_that_is_none_keeps_the_guard_from_starting(tmp_path: Path) -> None:
    with site(tmp_path, start=False) as stage:
        (tmp_path / "usual.bin").write_text("[site]")
        done = stage.guard.cli("serve", "--policy", "policy.toml", "--baseline", "usual.bin")
        assert done.returncode == 2
        assert "usual.bin: is no baseline of `ringfence learn --baseline`" in done.stderr
