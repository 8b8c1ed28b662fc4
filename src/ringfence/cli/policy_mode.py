"""`ringfence policy enforce|observe`: let behaviour rules refuse calls, or only tell, in the policy file itself."""

from __future__ import annotations

import difflib
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Literal

import tomlkit
from cyclopts import App

from ringfence.cli.options import CONTROL, Control, Several
from ringfence.cli.tell import tell
from ringfence.errors import RingfenceError
from ringfence.policy import Loader, PolicyErrors
from ringfence.rules import BEHAVIOUR_RULES

Mode = Literal["enforce", "observe"]
SLUGS = tuple(rule.slug for rule in BEHAVIOUR_RULES)


class ModeError(RingfenceError):
    """A policy file can't be changed; the text says why and what to do."""


def mode_commands(app: App, default: Path) -> None:
    """Add both commands to `ringfence policy`."""

    def enforce(file: Path = default, /, *, rule: Several = (), control: Control = CONTROL) -> int:
        """Let the behaviour rules refuse calls: writes it into the policy file, and has a running guard reload it.

        Comments stay. Nothing is written where the file would be wrong after it.

        Parameters
        ----------
        file
            The main policy file.
        rule
            Only this behaviour rule, by its name in docs/rules.md; may be given several times.
        control
            Control socket of the guard.
        """
        return _write(file, "enforce", rule, control)

    def observe(file: Path = default, /, *, rule: Several = (), control: Control = CONTROL) -> int:
        """Have the behaviour rules tell and not refuse: writes it into the policy file, and has a guard reload it.

        Parameters
        ----------
        file
            The main policy file.
        rule
            Only this behaviour rule, by its name in docs/rules.md; may be given several times.
        control
            Control socket of the guard.
        """
        return _write(file, "observe", rule, control)

    app.command(enforce, name="enforce")
    app.command(observe, name="observe")


def _write(file: Path, mode: Mode, rules: tuple[str, ...], control: Path) -> int:
    Loader(str(file)).load()  # What is wrong already is told as `policy check` tells it.
    unknown = [slug for slug in rules if slug not in SLUGS]
    if unknown:
        raise ModeError(f"{unknown[0]!r} is no behaviour rule; there is {', '.join(SLUGS)}")
    before = file.read_text(encoding="utf-8")
    after = changed(before, mode, rules)
    if after == before:
        print(f"{file} says so already")
    else:
        _replace(file, after)
        shown = difflib.unified_diff(before.splitlines(), after.splitlines(), str(file), str(file), lineterm="", n=1)
        print("\n".join(shown))
    tell(control)
    return 0


def changed(text: str, mode: Mode, rules: tuple[str, ...] = ()) -> str:
    """A policy file in which behaviour rules, or some of them, have this mode."""
    document = tomlkit.parse(text)
    if not rules:
        _table(document, "behaviour")["mode"] = mode
    for slug in rules:
        _table(_table(document, "rules", whole=False), slug)["mode"] = mode
    return tomlkit.dumps(document)


def _table(parent: MutableMapping[str, Any], name: str, *, whole: bool = True) -> MutableMapping[str, Any]:
    """A table that is there, or a new one at the end."""
    if name not in parent:
        parent[name] = tomlkit.table(is_super_table=not whole)
    found: MutableMapping[str, Any] = parent[name]
    return found


def _replace(file: Path, text: str) -> None:
    """Write the file whole or not at all, once it is known to be right."""
    trial = file.with_name(f".{file.name}.new")
    try:
        trial.write_text(text, encoding="utf-8")
        trial.chmod(file.stat().st_mode & 0o777)
        Loader(str(trial)).load()
        os.replace(trial, file)
    except PolicyErrors as failed:
        raise ModeError(f"{file} would be wrong after it and is left as it was: {failed.errors[0].message}") from failed
    except OSError as error:
        raise ModeError(f"{file} can't be written: {error.strerror}; is it yours?") from error
    finally:
        trial.unlink(missing_ok=True)
