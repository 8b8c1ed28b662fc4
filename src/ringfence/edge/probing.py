"""Calls whose end nobody told: both parties are asked now and then whether they still have the call (F5).

A BYE may get lost, a party may crash, and a guard that is killed may have passed a BYE on and not told the ledger yet.
Where no session timer is in force (RFC 4028), such a call would hold its slot, and be charged, up to its longest
duration. So each answered call is asked about once in EVERY, and AFTER_START when it comes from before a restart.

The question is an OPTIONS inside the dialog with a CSeq number that was used already. Whoever has the dialog refuses it
as out of order (500, RFC 3261 §12.2.2) or answers it, and nothing changes for him: the requests of the other party,
whose numbers we must not use up, go on fitting. Whoever hasn't says 481, and that alone ends the call. Silence doesn't:
it says nothing about the call.
"""

from __future__ import annotations

from ringfence.edge.ending import end
from ringfence.edge.records import Client, Round
from ringfence.edge.state import Edge
from ringfence.model.time import SECOND
from ringfence.sip.dialog import Dialog, Leg, question
from ringfence.sip.message import Response

EVERY = 600 * SECOND
AFTER_START = 60 * SECOND
"""Long enough for BYEs that were repeated while nobody listened."""
BATCH = 50
"""Calls that are asked about at a time, a second apart."""


def begin(edge: Edge, now: int, after: int = EVERY) -> None:
    """There is an answered call: a round begins in a while, unless one is coming already."""
    if not edge.rounds[""].wake:
        _arm(edge, now + after)


def _arm(edge: Edge, at: int) -> None:
    edge.agenda.arm(edge.rounds[""], at, edge.rounds, "")


def due(edge: Edge, round: Round, now: int) -> None:
    """Ask about the next calls of the round."""
    if not round.left:
        round.left, round.began = list(edge.dialogs), now
    batch = round.left[-BATCH:]
    del round.left[-BATCH:]
    for key in batch:
        dialog = edge.dialogs.get(key)
        if dialog is not None and dialog.state == "confirmed":
            _ask(edge, dialog, dialog.caller, now)
            _ask(edge, dialog, dialog.callee, now)
    if round.left:
        _arm(edge, now + SECOND)
    elif edge.dialogs:
        _arm(edge, max(now + SECOND, round.began + EVERY))


def _ask(edge: Edge, dialog: Dialog, leg: Leg, now: int) -> None:
    branch = edge.tokens.branch(dialog.id, f"up-{edge.tokens.number(now)}")
    client = Client(branch, now, "OPTIONS", edge.hop_of(leg))
    client.purpose, client.dialog = "asking", dialog
    edge.send(client, question(dialog, leg, edge.via(leg.listener, branch)).to_bytes())


def answered(edge: Edge, client: Client, response: Response, now: int) -> None:
    """What a party says of a call."""
    dialog = client.dialog
    if response.status != 481 or dialog is None or edge.dialogs.get(dialog.key) is not dialog:
        return
    if dialog.state == "confirmed":
        end(edge, dialog, "lost", now)
