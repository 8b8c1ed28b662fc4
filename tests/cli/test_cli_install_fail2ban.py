"""`ringfence install fail2ban`: shown, tested by fail2ban itself, put back, removed without a trace."""

import shutil
from pathlib import Path

import pytest
from clikit import POLICY, RATES, Run

pytestmark = pytest.mark.skipif(
    shutil.which("fail2ban-client") is None, reason="LEFT OUT: fail2ban is missing; run tools/install_peers.sh as root"
)
JAIL = "jail.d/ringfence.conf"


class Site:
    """A machine's fail2ban, not running, and the command about it."""

    def __init__(self, directory: Path, run: Run) -> None:
        self.etc, self.log, self._directory, self._run = directory / "etc", directory / "log", directory, run
        shutil.copytree("/etc/fail2ban", self.etc, symlinks=True, ignore=shutil.ignore_patterns("*ringfence*"))
        (self.etc / "jail.d/defaults-debian.conf").unlink(missing_ok=True)
        (self.etc / "fail2ban.local").write_text(f"[Definition]\nsocket = {directory}/no.sock\npidfile = none\n")
        self.log.touch()
        (directory / "rates.csv").write_text(RATES)
        (directory / "policy.toml").write_text(POLICY)

    def install(self, *more: str):
        given = ("--policy", self._directory / "policy.toml", "--etc", self.etc)
        return self._run("install", "fail2ban", *given, "--backup", self._directory / "backup", *more)

    def add(self, *more: str):
        return self.install("asterisk", "--log", f"asterisk={self.log}", *more)

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.etc)): path.read_bytes() for path in self.etc.rglob("*") if path.is_file()}


@pytest.fixture
def site(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.200 51234 10.20.0.5 22")
    return Site(tmp_path, run)


def test_shown_applied_and_removed(site: Site) -> None:
    before = site.files()
    shown = site.add()
    assert (shown.code, site.files()) == (1, before)
    assert "+maxretry = 5" in shown.out and "nothing is changed" in shown.out
    assert site.add("--apply").code == 0
    assert set(site.files()) - set(before) == {JAIL, "filter.d/ringfence-asterisk.conf"}
    assert "everything is there already" in site.add().out
    assert (site.install("--remove").code, site.install("--remove", "--apply").code) == (1, 0)
    assert site.files() == before
    assert "nothing of ours" in site.install("--remove").out


def test_five_in_six_hours_and_three_where_it_is_stricter(site: Site) -> None:
    site.add("--apply")
    jail = (site.etc / JAIL).read_text().splitlines()
    assert {"maxretry = 5", "findtime = 6h", "bantime = 24h", "usedns = no"} <= set(jail)
    site.add("--apply", "--high-security")
    assert "maxretry = 3" in (site.etc / JAIL).read_text().splitlines()


def test_carrier_pbx_machine_and_who_types_are_ignored(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.cli.install_fail2ban.connections", lambda: (Here(),))
    site.add("--apply")
    ignored = (site.etc / JAIL).read_text().partition("ignoreip = ")[2].partition("banaction")[0].split()
    assert {"127.0.2.1", "127.0.1.1", "127.0.0.1", "::1", "198.51.100.200"} <= set(ignored)


class Here:
    """A connection of the administrator."""

    source = "198.51.100.200"


def test_what_fail2ban_refuses_is_put_back(site: Site) -> None:
    (site.etc / "jail.local").write_text("[broken]\nenabled = true\nfilter = nowhere\n")
    before = site.files()
    done = site.add("--apply")
    assert (done.code, site.files()) == (1, before)
    assert "put back" in done.out


def test_a_file_of_somebody_else_stays(site: Site) -> None:
    (site.etc / JAIL).write_text("[sshd]\nenabled = true\n")
    done = site.add("--apply")
    assert done.code == 2 and "move it away" in done.err


@pytest.mark.parametrize("log", ["asterisk=/nowhere/security.log", "asterisk=/tmp/*", "kamailio=/tmp/x", "/tmp/x"])
def test_a_log_that_isnt_there(site: Site, log: str) -> None:
    assert site.install("asterisk", "--log", log).code == 2
