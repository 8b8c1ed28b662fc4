"""A table of a MySQL or MariaDB server, as FreePBX keeps its call records: `mysql://user@host/asteriskcdrdb`.

The table is `cdr` unless another one is named after the database. Rows come one by one, however many there are; nothing
but one SELECT is sent. The password is taken from the environment (`RINGFENCE_DB_PASSWORD`) or from the `[client]`
section of `~/.my.cnf`, never from the address, which others can see. `localhost` is the server's socket, as with
`mysql`. Read with PyMySQL (the extra `history`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from ringfence.history.cdr import CdrError
from ringfence.history.sqldump import Found

PASSWORD = "RINGFENCE_DB_PASSWORD"
SOCKETS = ("/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock")
TIMEOUT_S = 10
_ADDRESS = re.compile(
    r"mysql:/+(?:(?P<user>[^@/:]+)@)?(?P<host>[^@/:]+)(?::(?P<port>\d{1,5}))?/(?P<database>\w+)(?:/(?P<table>\w+))?/?",
    re.ASCII,
)


class Table(NamedTuple):
    """Where it is."""

    user: str
    host: str
    port: int
    database: str
    name: str


def is_database(path: Path) -> bool:
    """Whether what should be a path names a server; `Path` has made one slash of two."""
    return str(path).startswith("mysql:/")


def table_of(path: Path) -> Table:
    """What an address names; raises CdrError."""
    found = _ADDRESS.fullmatch(str(path))
    if found is None:
        raise CdrError(f"{path}: write mysql://user@host/database, with :port after the host and /table if need be")
    port = int(found["port"] or 3306)
    return Table(found["user"] or "", found["host"], port, found["database"], found["table"] or "cdr")


def rows(path: Path) -> Iterator[Found]:
    """Every row of the table, in the server's order, its values as the server writes them; raises CdrError."""
    table = table_of(path)
    try:
        import pymysql
        from pymysql.converters import encoders
        from pymysql.cursors import SSCursor
    except ImportError:
        raise CdrError(f"{path}: a MySQL table needs PyMySQL: pip install 'ringfence[history]'") from None
    try:
        with (
            closing(pymysql.connect(**_options(table), conv=encoders)) as connection,
            closing(connection.cursor(SSCursor)) as cursor,
        ):
            cursor.execute(f"SELECT * FROM `{table.name}`")
            names = [name for name, *_ in cursor.description]
            for number, values in enumerate(iter(cursor.fetchone, None), 1):
                yield Found(f"{path}:{number}", table.name, {n: v or "" for n, v in zip(names, values, strict=True)})
    except (pymysql.Error, RuntimeError, OSError) as error:
        raise CdrError(f"{path}: {error.args[-1] if error.args else error}") from error


def _options(table: Table) -> dict[str, Any]:
    """For the client."""
    options: dict[str, Any] = {"database": table.database, "charset": "utf8mb4", "connect_timeout": TIMEOUT_S}
    socket = next((path for path in SOCKETS if Path(path).exists()), "") if table.host == "localhost" else ""
    options |= {"unix_socket": socket} if socket else {"host": table.host, "port": table.port}
    if table.user:
        options["user"] = table.user
    if PASSWORD in os.environ:
        options["password"] = os.environ[PASSWORD]
    known = Path("~/.my.cnf").expanduser()
    if known.exists():
        options["read_default_file"] = str(known)
    return options
