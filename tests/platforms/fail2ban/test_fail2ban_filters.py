"""Labelled lines and their near misses, as fail2ban itself reads them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ringfence.platforms.fail2ban.filters import FILTERS, Format, filter_conf

SAMPLES = Path(__file__).parent / "lines.tsv"
LINES = [line.split("\t") for line in SAMPLES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]

pytestmark = pytest.mark.skipif(
    shutil.which("fail2ban-regex") is None, reason="LEFT OUT: fail2ban is missing; run tools/install_peers.sh as root"
)


def named(name: Format, lines: list[str], tmp_path: Path) -> list[tuple[str, str]]:
    """(address, line) of what fail2ban takes for a failure."""
    (tmp_path / "filter.conf").write_text(filter_conf(name))
    (tmp_path / "log").write_text("".join(f"{line}\n" for line in lines))
    done = subprocess.run(
        ["fail2ban-regex", "-o", "<ip>\t<matches>", str(tmp_path / "log"), str(tmp_path / "filter.conf")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [(ip, line) for ip, _, line in (row.partition("\t") for row in done.stdout.splitlines())]


@pytest.mark.parametrize("name", FILTERS)
def test_who_is_named(name: Format, tmp_path: Path) -> None:
    labelled = [(who, line) for of, who, line in LINES if of == name]
    assert {who == "-" for who, _ in labelled} == {True, False}
    assert named(name, [line for _, line in labelled], tmp_path) == [
        (who, line) for who, line in labelled if who != "-"
    ]
