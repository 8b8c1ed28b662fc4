"""Secrets of a guard: read at the start and with the policy, without what anybody would guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from servekit import policy_file
from test_serve import as_it_was, serving

from ringfence.cli.app import main
from ringfence.edge.secrets import Owner, Secrets, SecretsError, hashes_of
from ringfence.model.settings import Policy
from ringfence.policy import Loader
from ringfence.server import secret_file
from ringfence.server.control import ControlError, ask
from ringfence.server.serve import Server
from ringfence.server.trusted import trusted
from ringfence.sip.digest import ALGORITHMS

__all__ = ["as_it_was"]

REALM, GOOD = "phones.example.net", "Kv7mQx2pTz9wRb4n"
PHONES = """
[digest]
realm = "phones.example.net"
secrets = "HERE/secrets"
[source.phones]
auth = "digest"
accounts = ["1001", "1002"]
zone = "internal"
listen = "inside"
trunks = ["carrier"]
[ledger]
"""


def site(folder: Path) -> Path:
    path = policy_file(folder, "[ledger]", PHONES)
    path.write_text(path.read_text().replace("[listen.inside]", "[listen.inside]\ndigest = true"))
    return path


def policy(folder: Path) -> Policy:
    return Loader(str(site(folder))).load().policy


def keep(folder: Path, **passwords: str) -> None:
    with secret_file.changing(folder / "secrets") as held:
        for name, password in passwords.items():
            owner = Owner(name.removeprefix("n"), REALM)
            held[0] = held[0].having(owner, hashes_of(owner, password, ALGORITHMS))


def test_guessable_passwords_are_refused_at_load(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(tmp_path, n1001=GOOD, n1002="1002")
    found = trusted(policy(tmp_path), Secrets())
    assert sorted(owner.user for owner in found) == ["1001"]
    assert "the password of 1002 is tried first by anybody: the account is refused" in caplog.text


def test_what_was_looked_at_before_is_not_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(tmp_path, n1001="1001", n1002=GOOD)
    both = secret_file.load(tmp_path / "secrets")
    assert sorted(owner.user for owner in trusted(policy(tmp_path), both)) == ["1001", "1002"]


def test_accounts_without_a_secret_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trusted(policy(tmp_path), Secrets())
    assert f"nobody can log in as 1001, 1002: no secret in {tmp_path}/secrets" in caplog.text


def test_without_digest_nothing_is_read(tmp_path: Path) -> None:
    assert len(trusted(Loader(str(policy_file(tmp_path))).load().policy, Secrets())) == 0


def test_a_file_that_others_may_read_stops_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, n1001=GOOD)
    (tmp_path / "secrets").chmod(0o640)
    with pytest.raises(SecretsError):
        trusted(policy(tmp_path), Secrets())
    with pytest.raises(SystemExit) as left:
        main(["serve", "--policy", str(site(tmp_path)), "--node", "n1"])
    assert left.value.code == 2
    assert "others than its owner may read or write it (mode 0640)" in capsys.readouterr().err


def test_a_reload_reads_the_secrets_again(tmp_path: Path) -> None:
    control = tmp_path / "control.sock"

    def change(server: Server) -> tuple[list[str], str, list[str]]:
        keep(tmp_path, n1001=GOOD)
        ask(control, "reload")
        known = sorted(owner.user for owner in server.secrets)
        keep(tmp_path, n1002=GOOD)
        (tmp_path / "secrets").chmod(0o644)
        with pytest.raises(ControlError) as refused:
            ask(control, "reload")
        return known, str(refused.value), sorted(owner.user for owner in server.secrets)

    found: Any = serving(site(tmp_path), change)
    assert found[0] == ["1001"]
    assert found[1].startswith("the policy before stays in force: secrets ")
    assert found[2] == ["1001"]
