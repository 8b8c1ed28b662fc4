"""`ringfence firewall` where there is no root: who gets in, the rules, and what to type."""

from pathlib import Path

import pytest
from clikit import POLICY, RATES

from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.nftables.live import Nftables

FIREWALL = """
[firewall]
admins = ["192.0.2.0/28"]
state = "STATE"
[service.ssh]
ports = ["22/tcp"]
"""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.setattr("ringfence.cli.firewall.connections", lambda: ())
    (tmp_path / "rates.csv").write_text(RATES)
    path = tmp_path / "policy.toml"
    text = POLICY.replace('"127.0.0.1:0"', '"127.0.0.1:5060"') + FIREWALL.replace("STATE", str(tmp_path / "state"))
    path.write_text(text)
    return path


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who isn't root, and whom the firewall tells nothing."""

    def denied(*_: object, **__: object) -> None:
        raise FirewallError("nft may not do this: it needs root, or CAP_NET_ADMIN")

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for method in ("listing", "put", "check"):
        monkeypatch.setattr(Nftables, method, denied)


def test_show_says_who_gets_in(run, policy: Path) -> None:
    done = run("firewall", "show", "--policy", policy)
    assert done.code == 0
    assert ["listen.inside", "127.0.0.1", "5060/udp", "source pbx", "127.0.1.1/32"] in done.rows
    assert ["service.ssh", "every address", "22/tcp", "service ssh", "192.0.2.0/28"] in done.rows
    assert ["trunk carrier", "127.0.2.1/32"] in done.rows
    assert "left to the rest" in done.out


def test_show_writes_the_rules(run, policy: Path) -> None:
    done = run("firewall", "show", "--rules", "--policy", policy)
    assert "add rule inet ringfence input tcp dport 22 ip saddr 192.0.2.0/28 accept" in done.out


@pytest.mark.parametrize("command", ["diff", "apply"])
def test_without_root_it_says_what_to_type(run, policy: Path, nobody: None, command: str) -> None:
    done = run("firewall", command, "--policy", policy)
    assert done.code == 2
    assert "it needs root" in done.err
    assert f"sudo ringfence firewall {command} --policy {policy}" in done.err
    assert f"ringfence firewall show --rules --policy {policy}" in done.err


def test_a_policy_without_a_firewall_says_what_to_write(run, policy: Path) -> None:
    policy.write_text(policy.read_text().partition("[firewall]")[0])
    done = run("firewall", "show", "--policy", policy)
    assert (done.code, done.out) == (2, "")
    assert "has no [firewall]" in done.err


def test_confirm_and_rollback_without_a_change_say_so(run, policy: Path) -> None:
    for command, says in (("confirm", "no change waits"), ("rollback", "nothing to roll back")):
        done = run("firewall", command, "--policy", policy)
        assert (done.code, says in done.err) == (2, True)
