"""A replay as its user runs it: a compressed Master.csv with a broken line, a page, and a browser that opens it."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from ringfence.testing.trial import RATES, merged

pytestmark = pytest.mark.e2e
LINES = '[trunk.carrier]\npermit = ["US", "GB"]\nbilling = { rates = "rates.csv" }\n'
ROW = (
    '"","{src}","9{number}","from-internal","{clid}","PJSIP/{src}-0000001a","PJSIP/carrier-0000001b","Dial",'
    '"PJSIP/{number}@carrier,300,T","2026-11-27 12:00:0{n}","2026-11-27 12:00:0{n}","2026-11-27 12:10:0{n}",600,600,'
    '"ANSWERED","DOCUMENTATION","1795798800.{n}",""'
)
CALLS = [
    ROW.format(src="101", number="12125550143", clid="Ann", n=1),
    '"","101","9121255',
    ROW.format(src="<img src=x onerror=document.title='x'>", number="01137167000000", clid="<script>", n=2),
    ROW.format(src="102", number="01137167000001", clid="Bob", n=3),
]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The page that the command wrote, of records that logrotate has compressed."""
    (tmp_path / "rates.csv").write_text(RATES)
    (tmp_path / "policy.toml").write_text(merged(LINES))
    with gzip.open(tmp_path / "Master.csv.1.gz", "wt") as file:
        file.write("\n".join(CALLS) + "\n")
    command = [sys.executable, "-m", "ringfence", "replay", "--cdr", "Master.csv.1.gz", "--html", "report.html"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "1 of 4 rows can't be used" in done.stderr
    assert "3 calls, 3 answered, 30 minutes, 10.20" in done.stdout
    assert "would have been refused: 2; cut: 0; saved: 10.10" in done.stdout
    return tmp_path / "report.html"


def test_a_browser_shows_the_page_and_runs_nothing_of_a_record(page: Path) -> None:
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", profile, "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "<title>Replay, 2026-11-27 to 2026-11-27</title>" in shown
    assert "<img" not in shown
    assert "<script" not in shown
    assert "&lt;img src=x onerror=document.title='x'&gt;" in shown
    assert "1 of 4 rows can't be used" in shown
