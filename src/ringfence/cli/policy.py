"""`ringfence policy check|lint|explain|schema|enforce|observe`: is it right, is it wise, what would it do?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
from cyclopts import App, Group
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ringfence.cli.options import Json
from ringfence.cli.policy_explain import explain_command
from ringfence.cli.policy_mode import mode_commands
from ringfence.policy import Loaded, Loader, PolicyError, PolicyErrors
from ringfence.policy.lint import Finding, lint
from ringfence.policy.schema import schema
from ringfence.server.clock import Clock

DEFAULT = Path("policy.toml")


def policy_app(group: Group) -> App:
    """The sub-command `policy` with its own."""
    app = App(
        name="policy", group=group, help="Check the policy file, find what is unwise in it, and ask what it would do."
    )
    app.command(check, name="check")
    app.command(lint_command, name="lint")
    app.command(explain_command, name="explain")
    app.command(schema_command, name="schema")
    mode_commands(app, DEFAULT)
    return app


def check(file: Path = DEFAULT, /, *, as_json: Json = False) -> int:
    """Say whether a policy file is right, with every mistake at once.

    Exit code 0: it is; 2: it isn't, or can't be read.

    Parameters
    ----------
    file
        The main policy file.
    as_json
        Write JSON instead of text.
    """
    try:
        loaded = Loader(str(file)).load()
    except PolicyErrors as failed:
        _print_errors(failed, as_json)
        return 2
    if as_json:
        print(json.dumps({"version": loaded.policy.version, "files": loaded.files, "errors": []}))
    else:
        _print_summary(file, loaded)
    return 0


def lint_command(file: Path = DEFAULT, /, *, before: Path | None = None, as_json: Json = False) -> int:
    """Find what is legal in a policy file but unwise.

    Exit code 0: nothing found; 1: something found; 2: the file isn't right, or can't be read.

    Parameters
    ----------
    file
        The main policy file.
    before
        The version before, to find what has become broader.
    as_json
        Write JSON instead of text.
    """
    old = None if before is None else Loader(str(before)).load().policy
    found = lint(Loader(str(file)).load(), now=Clock().now(), before=old)
    if as_json:
        print(json.dumps(msgspec.to_builtins(found), indent=1))
    else:
        _print_findings(file, found)
    return int(bool(found))


def schema_command() -> int:
    """Write the JSON Schema of the policy file, for editors."""
    print(json.dumps(schema(), indent=1))
    return 0


def _print_errors(failed: PolicyErrors, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"errors": [_error(error) for error in failed.errors]}, indent=1))
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for error in failed.errors:
        line = Text(f"{error.place}: ", style="bold")
        line.append(f"{error.key}: " if error.key else "", style="cyan")
        line.append(error.message, style="red")
        line.append(f"; {error.hint}" if error.hint else "", style="not bold")
        console.print(line)
    many = len(failed.errors)
    console.print(f"{many} mistake{'s' if many > 1 else ''}", style="bold")


def _error(error: PolicyError) -> dict[str, object]:
    return {"file": error.path, "line": error.line, "key": error.key, "message": error.message, "hint": error.hint}


def _print_summary(file: Path, loaded: Loaded) -> None:
    policy = loaded.policy
    counts = {
        "listener": len(policy.listens),
        "trunk": len(policy.trunks),
        "source": len(policy.sources),
        "tenant": len(policy.tenants),
        "exception": len(policy.exceptions) + len(policy.address_exceptions) + len(policy.transport_exceptions),
    }
    named = ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count)
    print(f"{file} is right: {named}; version {policy.version[:12]}")


def _print_findings(file: Path, found: tuple[Finding, ...]) -> None:
    if not found:
        print(f"{file}: nothing unwise found")
        return
    table = Table("where", "code", "what", "what to do", box=None, pad_edge=False, header_style="bold")
    for each in found:
        table.add_row(Text(each.place), f"{each.code}\n{each.slug}", Text(each.text), Text(each.hint))
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)
