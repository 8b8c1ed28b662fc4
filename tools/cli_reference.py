"""Write docs/cli.md from the commands, their docstrings and their parameters; a test compares them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from cyclopts import App

from ringfence.cli.app import app

DOCS = Path(__file__).parents[1] / "docs"

HEAD = """\
# Commands

*This page is made from the code (`tools/cli_reference.py`); don't edit it. `ringfence COMMAND --help` says the same.*

| | exit code |
|---|---|
| 0 | done, and nothing is wrong |
| 1 | done, and something was found: a refused call, a lint, a broken chain |
| 2 | could not be done: wrong usage, a file that can't be read, no guard running |

Results go to stdout: tables for people, with `--json` whole objects for programs (a number `at` is microseconds since
1970, `_micros` are millionths). Errors and remarks go to stderr. Colour is on terminals only. Times are shown, and read
if they have no offset, in the time zone of the machine.

`status`, `calls`, `accounts` and `reload` speak to a running guard by its control socket, as its user or root. `log`,
`explain`, `reconcile` and `ledger verify` read the ledger's file, with or without a guard. `ledger erase` has a running
guard do it, or opens the ledger where none runs. `policy`, `secret` and `number` need neither. Paths are relative to
the directory you are in: go where the guard was started, or set `RINGFENCE_CONTROL` and `RINGFENCE_LEDGER`.

"""


def reference() -> str:
    """The whole page."""
    found = list(commands(app, ()))
    rows = [f"| [`{' '.join(words)}`](#{'-'.join(words)}) | {summary(doc_of(one))} |\n" for words, one in found]
    sections = [section(words, one) for words, one in found]
    return HEAD + "| command | what it does |\n|---|---|\n" + "".join(rows) + "".join(sections)


def commands(parent: App, before: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], App]]:
    """Every command that does something, with its words, in the order of `ringfence.cli.app`."""
    for name in (name for name in parent if not name.startswith("-")):
        one, words = parent[name], (*before, name)
        if one.default_command is not None:
            yield words, one
        yield from commands(one, words)


def doc_of(one: App) -> str:
    """A command's docstring."""
    return inspect.getdoc(one.default_command) or ""


def summary(doc: str) -> str:
    """Its first sentence."""
    return doc.partition("\n\n")[0].replace("\n", " ")


def section(words: tuple[str, ...], one: App) -> str:
    """A command with its text and its parameters."""
    text, _, listed = doc_of(one).partition("\nParameters\n----------\n")
    told = explained(listed)
    rows = [row(argument, told) for argument in one.assemble_argument_collection() if argument.show]
    anchor, name = "-".join(words), " ".join(words)
    table = "\n| | default | meaning |\n|---|---|---|\n" + "".join(rows) if rows else ""
    return f'\n<a id="{anchor}"></a>\n\n## `ringfence {name}`\n\n{text.strip()}\n{table}'


def explained(listed: str) -> dict[str, str]:
    """Parameter to what the docstring says of it."""
    pairs = re.findall(r"^(\w+)\n((?: {4}.*\n?)+)", listed, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in pairs}


def row(argument: Any, told: dict[str, str]) -> str:
    """One parameter."""
    text = told[argument.field_info.name]
    choices = choices_of(argument.hint)
    if choices:
        text += " One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
    if argument.parameter.env_var:
        text += " Environment: " + ", ".join(f"`{name}`" for name in argument.parameter.env_var) + "."
    return f"| {shown(argument)} | {default(argument)} | {text} |\n"


def shown(argument: Any) -> str:
    """`CALL`, `--json`, `--limit N`."""
    if not argument.names[0].startswith("-"):
        return f"`{argument.name}`"
    return ", ".join(f"`{name}{placeholder(argument.hint)}`" for name in argument.names)


def placeholder(hint: Any) -> str:
    """What stands for the value of an option."""
    if choices_of(hint):
        return " CHOICE"
    kinds = {hint, *get_args(hint)}
    return "" if hint is bool else " N" if int in kinds else " FILE" if Path in kinds else " TEXT"


def choices_of(hint: Any) -> tuple[str, ...]:
    """What may be chosen from, where it is a choice."""
    if get_origin(hint) is Literal:
        return tuple(map(str, get_args(hint)))
    return next((found for part in get_args(hint) if (found := choices_of(part))), ())


def default(argument: Any) -> str:
    """What holds if it isn't given."""
    if argument.required:
        return "*required*"
    value = argument.field_info.default
    if value in (None, "", (), inspect.Parameter.empty) or (argument.hint is bool and value is False):
        return ""
    return "yes" if value is True else f"`{value}`"


def main() -> None:
    """Write the page."""
    (DOCS / "cli.md").write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
