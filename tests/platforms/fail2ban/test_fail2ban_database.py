"""fail2ban's database, read without touching it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ringfence.platforms.fail2ban.database import FOR_GOOD_US, Fail2banError, Foreign, bans

NOW_S = 1_800_000_000
NOW = NOW_S * 1_000_000
TABLE = """CREATE TABLE bips(ip TEXT NOT NULL, jail TEXT NOT NULL, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL,
bancount INTEGER NOT NULL default 1, data JSON, PRIMARY KEY(ip, jail))"""
"""As fail2ban 0.11 to 1.1 make it."""


def made(directory: Path, *rows: tuple[str, str, int, int, str | None]) -> Path:
    path = directory / "fail2ban.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.execute(TABLE)
        database.executemany("INSERT INTO bips(ip, jail, timeofban, bantime, data) VALUES (?, ?, ?, ?, ?)", rows)
        database.commit()
    return path


def test_who_is_banned_until_when(tmp_path: Path) -> None:
    path = made(
        tmp_path,
        ("203.0.113.9", "asterisk", NOW_S - 60, 3600, json.dumps({"matches": ["x"], "failures": 5})),
        ("203.0.113.9", "sshd", NOW_S - 60, 600, None),
        ("2001:db8::9", "asterisk", NOW_S, -1, "no JSON"),
        ("203.0.113.0/24", "a\nb", NOW_S, 60, "[]"),
        ("over", "asterisk", NOW_S, 3600, None),
        ("203.0.113.8", "asterisk", NOW_S - 3600, 3600, None),
    )
    before = path.read_bytes()
    found, others = bans(path, (), NOW)
    assert others == 1
    assert set(found) == {
        Foreign("203.0.113.9", "asterisk", NOW + 3540 * 1_000_000, 5),
        Foreign("203.0.113.9", "sshd", NOW + 540 * 1_000_000, 0),
        Foreign("2001:db8::9", "asterisk", NOW + FOR_GOOD_US, 0),
        Foreign("203.0.113.0/24", "a?b", NOW + 60 * 1_000_000, 0),
    }
    assert [one.jail for one in bans(path, ("sshd",), NOW)[0]] == ["sshd"]
    assert path.read_bytes() == before


def test_what_is_no_such_database(tmp_path: Path) -> None:
    with pytest.raises(Fail2banError, match=r"from 0\.11 on"):
        bans(tmp_path / "nowhere", (), NOW)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "text").write_text("text" * 1000)
    with pytest.raises(Fail2banError):
        bans(tmp_path / "text", (), NOW)
