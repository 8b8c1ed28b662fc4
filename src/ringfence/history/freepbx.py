"""FreePBX: the table cdr of asteriskcdrdb, from its server or a dump of it (`mysqldump asteriskcdrdb cdr`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

from ringfence.history import database
from ringfence.history.asterisk import asterisk
from ringfence.history.cdr import Broken, Cdr
from ringfence.history.sqldump import Found, rows
from ringfence.history.tables import why

TABLES = ("cdr",)


def read_freepbx(path: Path, zone: tzinfo) -> Iterator[Cdr | Broken]:
    """Rows of the table or dump; raises CdrError."""
    for found in database.rows(path) if database.is_database(path) else rows(path, TABLES):
        yield found if isinstance(found, Broken) else _record(found, zone)


def _record(found: Found, zone: tzinfo) -> Cdr | Broken:
    try:
        return asterisk(found.row, zone)
    except (ValueError, OverflowError, KeyError) as error:
        return Broken(found.where, why(error))
