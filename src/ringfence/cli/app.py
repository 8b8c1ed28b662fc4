"""The command line: which commands exist, and what the exit code means.

0 done and nothing wrong; 1 done, and something was found (a refused call, an invalid chain, a lint); 2 could not be
done: wrong usage, a file that can't be read, no guard running. Errors go to stderr in one line a mistake.
"""

import sys

from cyclopts import App, CycloptsError, Group

import ringfence
from ringfence.cli.bans import allow, allowed, ban, bans_app, disallow, unban
from ringfence.cli.evidence import evidence
from ringfence.cli.firewall import firewall_app
from ringfence.cli.guard import accounts, calls_app, reload, status
from ringfence.cli.incidents import accept, contain, containments, incidents, release
from ringfence.cli.install import install_app
from ringfence.cli.learn import learn
from ringfence.cli.ledger import explain, ledger_app
from ringfence.cli.log import log
from ringfence.cli.number import number
from ringfence.cli.policy import policy_app
from ringfence.cli.reconcile import reconcile
from ringfence.cli.replay import replay
from ringfence.cli.secret import secret_app
from ringfence.cli.serve import serve
from ringfence.cli.simulate import simulate
from ringfence.errors import RingfenceError

app = App(
    name="ringfence",
    help="A toll-fraud firewall for SIP trunks: every outbound call is decided before it costs money.",
    version=ringfence.__version__,
    result_action="return_value",
    exit_on_error=False,
)
_RUN = Group.create_ordered("Run the guard")
_ASK = Group.create_ordered("Ask a running guard")
_ACT = Group.create_ordered("Act on an incident")
_BAN = Group.create_ordered("Keep somebody out")
_BACK = Group.create_ordered("Look back")
_BEFORE = Group.create_ordered("Try without calling anybody")
_ABOUT = Group.create_ordered("About this program")

app.command(serve, name="serve", group=_RUN)
app.command(reload, name="reload", group=_RUN)
app.command(install_app(_RUN))
app.command(secret_app(_RUN))
app.command(firewall_app(_RUN))
app.command(status, name="status", group=_ASK)
app.command(calls_app(_ASK))
app.command(accounts, name="accounts", group=_ASK)
for command in (incidents, containments, contain, release, accept, evidence):
    app.command(command, group=_ACT)
app.command(bans_app(_BAN))
app.command(ban, group=_BAN)
app.command(unban, group=_BAN)
app.command(allow, group=_BAN)
app.command(disallow, group=_BAN)
app.command(allowed, group=_BAN)
app.command(log, name="log", group=_BACK)
app.command(explain, name="explain", group=_BACK)
app.command(ledger_app(_BACK))
app.command(reconcile, name="reconcile", group=_BACK)
app.command(policy_app(_BEFORE))
app.command(number, name="number", group=_BEFORE)
app.command(replay, name="replay", group=_BEFORE)
app.command(learn, name="learn", group=_BEFORE)
app.command(simulate, name="simulate", group=_BEFORE)
for name in ("--help", "--version"):
    app[name].group = _ABOUT


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit."""
    try:
        result = app(arguments)
    except CycloptsError:
        sys.exit(2)  # The usage error is printed already.
    except RingfenceError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()  # `ringfence log | head`: the reader has seen enough.
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(result if isinstance(result, int) else 0)
