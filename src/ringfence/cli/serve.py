"""`ringfence serve`: run the guard."""

from __future__ import annotations

import logging
import platform
from pathlib import Path

from ringfence.cli.options import Flag, Text
from ringfence.model.settings import Policy, Source, Trunk
from ringfence.server.logs import to_stderr
from ringfence.server.serve import Options, Server
from ringfence.server.serve import serve as run

log = logging.getLogger("ringfence.serve")

EXAMPLE = Path("examples/policy.toml")
"""The policy of `make run`."""


def serve(
    *,
    policy: Path = Path("policy.toml"),
    baseline: Path | None = None,
    free_port: Flag = False,
    node: Text = "",
    json_logs: Flag = False,
    verbose: Flag = False,
) -> int:
    """Take calls, decide them, keep the ledger, until SIGTERM or Ctrl-C.

    When it stops, calls in progress go on, and the guard that is started next knows them. SIGHUP reads the policy
    again, as `ringfence reload` does.

    Exit code 0: it was told to stop; 2: it couldn't start, since the policy is wrong or a port is taken.

    Parameters
    ----------
    policy
        The main policy file.
    baseline
        What is usual, written by `ringfence learn --baseline` from last month's call records. It is taken over once, at
        the first start that names it, beside what the guard has learned by itself.
    free_port
        Where a port is taken, take the next free one; for trying things out.
    node
        Name of this guard in the ledger, which has to stay; the host's name unless given.
    json_logs
        Log to stderr as JSON, one event a line.
    verbose
        Log details too.
    """
    to_stderr(json=json_logs, verbose=verbose)
    run(Options(policy, free_port, node or platform.node() or "node", baseline), _ready)
    return 0


def _ready(server: Server) -> None:
    policy = server.guard.engine.policy
    print("\n".join(summary(policy, server)), flush=True)
    where = ", ".join(f"{name} {socket.shown}" for name, socket in server.sockets.items())
    log.info("ready: %s; %d trunks, %d sources", where, len(policy.trunks), len(policy.sources))


def summary(policy: Policy, server: Server) -> list[str]:
    """What a person wants to know at the start."""
    lines = ["Ringfence decides calls now."]
    for name, socket in server.sockets.items():
        lines.append(f"  listens    {name}: {policy.listens[name].transport.upper()} {socket.shown}")
    lines += [f"  trunk      {_trunk(trunk)}" for trunk in policy.trunks.values()]
    lines += [f"  source     {_source(source)}" for source in policy.sources.values()]
    lines += [
        f"  asterisk   {one.name}: manager interface at {one.host}:{one.port}" for one in policy.asterisks.values()
    ]
    lines.append(f"  ledger     {server.ledger.path}")
    lines.append(f"  policy     {server.options.policy}")
    lines.append(f"Next: {what_next(server.options.policy)}")
    return lines


def what_next(policy: Path) -> str:
    """What to try; `make try` plays the parties of the example."""
    if policy == EXAMPLE:
        return "`make try` in a second terminal, or `.venv/bin/ringfence --help`."
    return "`ringfence status`, `ringfence calls` and `ringfence log`, in this directory; docs/start.md has the rest."


def _trunk(trunk: Trunk) -> str:
    permit = ", ".join(sorted(trunk.bounds.permit)) if trunk.bounds.permit is not None else "home"
    way = f"to {', '.join(trunk.send_to)} through {trunk.listen}" if trunk.listen else "carried by Asterisk"
    return f"{trunk.name}: {way}; permits {permit}"


def _source(source: Source) -> str:
    if not source.listen:
        return f"{source.name}: phones of an Asterisk, over {', '.join(source.trunks)}"
    who = f"{len(source.accounts)} accounts" if source.accounts else f"from {', '.join(source.addresses)}"
    return f"{source.name}: {who} on {source.listen}, over {', '.join(source.trunks)}"
