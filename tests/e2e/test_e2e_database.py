"""FreePBX's table of call records, read from a real MariaDB server as its user runs it."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ringfence.testing.process import Process, free_ports
from ringfence.testing.trial import merged

pytestmark = pytest.mark.e2e
SECRET = "correct horse"
COLUMNS = ("src", "dst", "channel", "dstchannel", "lastapp", "lastdata", "disposition", "uniqueid", "outbound_cnum")
"""Of FreePBX's table, but for calldate, duration and billsec."""
ROWS = [
    ("12:00:00", 64, 60, "101", "92125550143", "PJSIP/101-1", "PJSIP/carrier-2", "Dial", "PJSIP/12125550143@carrier",
     "ANSWERED", "1795798800.26", "12125550100"),
    ("12:01:00", 5, 0, "102", "9011442079460018", "PJSIP/102-3", "PJSIP/carrier-4", "Dial",
     "PJSIP/011442079460018@carrier", "BUSY", "1795798860.28", ""),
    ("12:02:00", 9, 9, "103", "104", "PJSIP/103-5", "PJSIP/104-6", "Dial", "PJSIP/104",
     "ANSWERED", "1795798920.30", ""),
]  # fmt: skip
TABLE = f"""
CREATE TABLE cdr (
  calldate datetime NOT NULL, duration int NOT NULL, billsec int NOT NULL,
  {" ".join(f"{name} varchar(80) DEFAULT NULL," for name in COLUMNS)}
  KEY calldate (calldate)
);
INSERT INTO cdr (calldate, duration, billsec, {", ".join(COLUMNS)}) VALUES
{", ".join(str((f"2026-11-27 {row[0]}", *row[1:])) for row in ROWS)};
INSERT INTO cdr (calldate, duration, billsec, src, dst) VALUES ('2026-11-27 12:03:00', 3, 0, '105', '91');
CREATE USER reader@127.0.0.1 IDENTIFIED BY '{SECRET}';
GRANT SELECT ON asteriskcdrdb.* TO reader@127.0.0.1;
"""


class Server(NamedTuple):
    """A MariaDB server with FreePBX's database in it."""

    folder: Path
    port: int

    def sql(self, text: str, database: str = "") -> None:
        command = ["mariadb", "--no-defaults", f"--socket={self.folder}/s", *([database] if database else [])]
        subprocess.run(command, input=text, text=True, check=True, capture_output=True)

    def ringfence(self, *words: str, password: str = SECRET) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "RINGFENCE_DB_PASSWORD": password, "HOME": str(self.folder)}
        command = [sys.executable, "-m", "ringfence", *words]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, env=environment, timeout=60
        )

    def address(self, rest: str = "") -> str:
        return f"mysql://reader@127.0.0.1:{self.port}/asteriskcdrdb{rest}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("maria")
    (port,), data, me = free_ports(1, "127.0.0.1"), folder / "data", getpass.getuser()
    made = [
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={data}",
        f"--user={me}",
        "--auth-root-authentication-method=normal",
    ]
    subprocess.run(made, check=True, capture_output=True)
    options = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/s", f"--pid-file={folder}/pid"]
    with Process(
        ["mariadbd", "--no-defaults", f"--datadir={data}", f"--user={me}", *options], folder, "mariadb"
    ) as one:
        one.until(lambda: "ready for connections" in one.said(), "readiness", timeout_s=60.0)
        running = Server(folder, port)
        running.sql("CREATE DATABASE asteriskcdrdb")
        running.sql(TABLE, "asteriskcdrdb")
        dump = ["mariadb-dump", "--no-defaults", f"--socket={folder}/s", "asteriskcdrdb", "cdr"]
        (folder / "cdr.sql").write_text(subprocess.run(dump, check=True, capture_output=True, text=True).stdout)
        (folder / "policy.toml").write_text(merged('[trunk.carrier]\npermit = ["US"]\nbilling = "flat"\n'))
        yield running


def test_a_table_is_read_as_its_dump(server: Server) -> None:
    found = []
    for cdr in (server.address(), server.address("/cdr"), "cdr.sql"):
        done = server.ringfence("replay", "--cdr", cdr, "--out", "d.jsonl", "--json")
        assert done.returncode == 1, done.stderr
        sums = json.loads(done.stdout)
        decisions = [json.loads(line) for line in (server.folder / "d.jsonl").read_text().splitlines()]
        found.append(([(one["call_id"], one["reason"]) for one in decisions], sums["seconds"], sums["left_out"]))
    assert found[0] == found[1] == found[2]
    assert found[0] == (
        [("1795798860.28", "destination-not-permitted"), ("1795798800.26", "")],
        60,
        {"stayed inside the PBX": 2},
    )


def test_a_policy_is_learned_of_it(server: Server) -> None:
    done = server.ringfence("learn", "--cdr", server.address(), "--home", "US", "--time-zone", "America/New_York")
    assert done.returncode == 0, done.stderr
    assert "[trunk.carrier]" in done.stdout


@pytest.mark.parametrize(
    ("rest", "password", "text"),
    [
        ("", "wrong", "Access denied for user 'reader'@"),
        ("/cel", SECRET, "doesn't exist"),
        ("/cdr; DROP TABLE cdr", SECRET, "write mysql://user@host/database"),
    ],
)
def test_what_cannot_be_read_says_why(rest: str, password: str, text: str, server: Server) -> None:
    done = server.ringfence("replay", "--cdr", server.address(rest), password=password)
    assert done.returncode == 2
    assert text in done.stderr and "Traceback" not in done.stderr


def test_a_server_that_is_not_there_is_told(server: Server) -> None:
    done = server.ringfence(
        "replay", "--cdr", f"mysql://reader@127.0.0.1:{free_ports(1, '127.0.0.1')[0]}/asteriskcdrdb"
    )
    assert done.returncode == 2 and "Can't connect to MySQL server on '127.0.0.1'" in done.stderr
