"""Telling a running guard to read its files again, for commands that have changed one of them."""

from __future__ import annotations

from pathlib import Path

from ringfence.cli.tables import note
from ringfence.server.control import ControlError, ask


def tell(control: Path) -> None:
    """Have a running guard reload, and say so; a remark where none could be told."""
    try:
        print(ask(control, "reload"))
    except ControlError as error:
        note(f"no guard was told: {error}")
