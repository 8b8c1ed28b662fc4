"""`ringfence secret`: what is asked, kept, shown and refused."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from clikit import Run

from ringfence.cli import secret
from ringfence.edge.secrets import weakness
from ringfence.server import secret_file
from ringfence.sip.digest import ha1

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[digest]
realm = "phones.example.net"
[listen.inside]
bind = "127.0.0.1:0"
digest = true
[trunk.carrier]
listen = "inside"
carrier_addresses = ["127.0.2.1"]
send_to = ["sip:127.0.2.1:5090"]
[source.phones]
auth = "digest"
accounts = ["1001", "1002"]
zone = "internal"
listen = "inside"
trunks = ["carrier"]
[source.old]
auth = "digest"
accounts = ["old-pbx"]
digest_algorithms = ["SHA-256", "MD5"]
zone = "internal"
listen = "inside"
trunks = ["carrier"]
"""
REALM, GOOD, SECRETS = "phones.example.net", "Kv7mQx2pTz9wRb4n", Path("state/secrets")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    monkeypatch.chdir(tmp_path)


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_password_is_kept_as_its_hashes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, f"{GOOD}\n")
    ran = run("secret", "add", "old-pbx")
    assert (ran.code, ran.out) == (0, "")
    assert "secret of old-pbx added: realm phones.example.net, SHA-256 and MD5, in state/secrets" in ran.err
    assert "no guard was told" in ran.err
    assert secret_file.load(SECRETS).of("old-pbx", REALM) == {
        algorithm: ha1(algorithm, "old-pbx", REALM, GOOD) for algorithm in ("SHA-256", "MD5")
    }
    assert GOOD not in SECRETS.read_text()


def test_md5_is_kept_only_where_the_policy_permits_it(run: Run) -> None:
    assert run("secret", "add", "1001", "--generate").code == 0
    assert list(secret_file.load(SECRETS).of("1001", REALM)) == ["SHA-256"]


def test_a_generated_password_is_strong_and_shown_once(run: Run) -> None:
    first, again = run("secret", "add", "1001", "--generate"), run("secret", "add", "1001", "--generate")
    password = again.out.strip()
    assert first.out != again.out
    assert "replaced" in again.err
    assert weakness(password, "1001") == ""
    assert secret_file.load(SECRETS).of("1001", REALM)["SHA-256"] == ha1("SHA-256", "1001", REALM, password)


def test_a_weak_password_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "secret1001\n")
    ran = run("secret", "add", "1001")
    assert ran.code == 2
    assert "has 10 characters, 16 are needed" in ran.err
    assert not SECRETS.exists()


def test_on_a_terminal_it_is_asked_twice_unseen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    main, side = os.openpty()
    terminal = os.fdopen(side)
    monkeypatch.setattr("sys.stdin", terminal)
    answers = [GOOD, GOOD, GOOD, f"{GOOD}x"]
    monkeypatch.setattr(secret.getpass, "getpass", lambda _: answers.pop(0))
    assert run("secret", "add", "1001").code == 0
    ran = run("secret", "add", "1001")
    assert (ran.code, ran.err) == (2, "that wasn't the same twice; nothing is changed\n")
    terminal.close()
    os.close(main)


def test_an_unknown_account_is_refused_with_those_there_are(run: Run) -> None:
    ran = run("secret", "add", "1003", "--generate")
    assert (ran.code, ran.err) == (2, "no source or trunk has the account 1003; there is 1001, 1002, old-pbx\n")


def test_the_list_says_what_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("secret", "add", "1001", "--generate")
    hashes = {name: ha1("SHA-256", name, REALM, password) for name, password in [("old-pbx", GOOD), ("1002", "4711")]}
    with SECRETS.open("a") as file:
        file.writelines(f"SHA-256:{found}:{name}:{REALM}\n" for name, found in hashes.items())
        file.write(f"MD5:{'0' * 32}:gone:{REALM}\n")
    ran = run("secret", "list")
    assert ran.code == 1
    assert ran.rows == [
        ["account", "of", "secret", "state"],
        ["1001", "source phones", "SHA-256", "ok"],
        ["1002", "source phones", "SHA-256", "guessed at once: it is refused, set another one"],
        ["gone", "MD5", "not in the policy (realm phones.example.net): remove it"],
        ["old-pbx", "source old", "SHA-256", "none for MD5: set it anew"],
    ]
    assert "4711" not in ran.out + ran.err
    run("secret", "remove", "gone")
    rows = {row["account"]: row["wrong"] for row in json.loads(run("secret", "list", "--json").out)}
    assert list(rows) == ["1001", "1002", "old-pbx"]


def test_all_is_well_where_every_account_has_a_secret(run: Run) -> None:
    assert run("secret", "list").code == 1
    for account in ("1001", "1002", "old-pbx"):
        run("secret", "add", account, "--generate")
    ran = run("secret", "list")
    assert (ran.code, ran.err) == (0, "")


def test_a_removed_one_is_gone(run: Run) -> None:
    run("secret", "add", "1001", "--generate")
    assert run("secret", "remove", "1001").code == 0
    assert len(secret_file.load(SECRETS)) == 0
    ran = run("secret", "remove", "1001")
    assert (ran.code, ran.err) == (
        2,
        "there is no secret of 1001; `ringfence secret list` shows those there are\n",
    )


def test_a_readable_file_is_refused(run: Run) -> None:
    run("secret", "add", "1001", "--generate")
    SECRETS.chmod(0o644)
    ran = run("secret", "list")
    assert ran.code == 2
    assert "chmod 600 state/secrets" in ran.err
