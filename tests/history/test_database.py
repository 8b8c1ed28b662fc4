"""The address of a table, and what the client is told; a real server is in tests/e2e."""

from __future__ import annotations

import sys
from datetime import UTC
from pathlib import Path

import pytest

from ringfence.history import database, read
from ringfence.history.cdr import CdrError, Tally
from ringfence.history.database import Table, table_of


@pytest.mark.parametrize(
    ("address", "table"),
    [
        ("mysql://root@localhost/asteriskcdrdb", Table("root", "localhost", 3306, "asteriskcdrdb", "cdr")),
        ("mysql://db.example:3307/calls/cdr_2026", Table("", "db.example", 3307, "calls", "cdr_2026")),
        ("mysql://u@192.0.2.7/d/", Table("u", "192.0.2.7", 3306, "d", "cdr")),
    ],
)
def test_an_address(address: str, table: Table) -> None:
    assert database.is_database(Path(address))
    assert table_of(Path(address)) == table
    assert read.recognise(Path(address)) == "freepbx"


@pytest.mark.parametrize(
    "address",
    ["mysql://localhost", "mysql://u:secret@h/d", "mysql://h/d/t/x", "mysql://h/d;x", "mysql://h/`d`", "mysql://h:x/d"],
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(CdrError, match="write mysql://user@host/database"):
        list(read.read([Path(address)], UTC, "", Tally()))


def test_a_file_of_such_a_name_is_none() -> None:
    assert not database.is_database(Path("mysql/cdr.csv"))


def test_what_the_client_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(database.PASSWORD, raising=False)
    monkeypatch.setattr(database, "SOCKETS", (str(tmp_path / "s"),))
    near, far = table_of(Path("mysql://root@localhost/d")), table_of(Path("mysql://h/d"))
    common = {"database": "d", "charset": "utf8mb4", "connect_timeout": database.TIMEOUT_S}
    assert database._options(near) == {**common, "host": "localhost", "port": 3306, "user": "root"}
    (tmp_path / "s").touch()
    (tmp_path / ".my.cnf").touch()
    monkeypatch.setenv(database.PASSWORD, "p")
    kept = {**common, "password": "p", "read_default_file": str(tmp_path / ".my.cnf")}
    assert database._options(near) == {**kept, "unix_socket": str(tmp_path / "s"), "user": "root"}
    assert database._options(far) == {**kept, "host": "h", "port": 3306}


def test_without_the_client_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(CdrError, match=r"pip install 'ringfence\[history\]'"):
        list(read.read([Path("mysql://h/d")], UTC, "", Tally()))
