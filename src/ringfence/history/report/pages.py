"""Templates to pages: how values are shown, and what a page may do."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ringfence.history.report import bars
from ringfence.model import SECOND, Instant
from ringfence.rules import words

FOLDER = Path(__file__).parent / "templates"


def page(template: str, zone: str, **values: Any) -> str:
    """A whole page; instants are shown in a zone."""
    return _templates().get_template(template).render(values, zone=zone, moment=partial(moment, zone=zone))


def moment(at: Instant, zone: str) -> str:
    """`2026-11-27 12:00:05`."""
    return f"{datetime.fromtimestamp(at // SECOND, ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}" if at else "-"


def day(at: Instant, zone: str) -> str:
    """`2026-11-27`."""
    return moment(at, zone)[:10]


def talk(seconds: float) -> str:
    """`1:02:03`, `2:03`."""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def amount(micros: int) -> str:
    """`12,345.68`: money with two decimals, so that columns stand under each other."""
    return f"{round(micros, -4) / 1_000_000:,.2f}"


def signed(micros: int) -> str:
    """`+5.05`, `−0.30`, `0.00`."""
    shown = amount(abs(micros))
    return shown if not micros else f"{'+' if micros > 0 else '−'}{shown}"


def number(count: int) -> str:
    """`12,345`."""
    return f"{count:,}"


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(money=amount, talk=talk, number=number, signed=signed)
    sheet = (FOLDER / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    made.globals.update(sheet=Markup(sheet), digest=digest, bars=bars.bars)
    return made


def _plain(value: object) -> object:
    """What is put into a page, with what would turn text around or hide it written out."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else words.plain(value)
