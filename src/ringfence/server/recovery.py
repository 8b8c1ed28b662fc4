"""From the ledger back to the state before the process ended: snapshot and tail, and the facts of open calls.

Facts are applied and nothing is decided again; the commands of the past are thrown away. Which calls are open is known
by the engine then, and their own facts (who called how, both legs' dialogs) are looked up in the ledger for the edge.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import msgspec

from ringfence.engine.engine import Engine
from ringfence.engine.snapshot import dump, load
from ringfence.ledger.errors import LedgerError
from ringfence.ledger.ledger import Ledger
from ringfence.model import Fact
from ringfence.model.settings import Policy
from ringfence.model.time import Instant

log = logging.getLogger("ringfence.recovery")

ENGINE = "engine"
"""Name of the engine's part of a snapshot."""
_NOT_OURS = (LookupError, TypeError, ValueError, AttributeError, msgspec.MsgspecError)
"""What comes of a snapshot that is whole, but of another version's making."""


class Recovered(NamedTuple):
    """The state after the last fact of the ledger."""

    engine: Engine
    open_facts: list[Fact]
    """Facts of the contacts that are registered, and of the calls that are open, in order."""
    tail: int
    """Facts that came after the snapshot."""


def recover(ledger: Ledger, policy: Policy, node: str) -> Recovered:
    """Bring an engine to the state that the ledger tells of.

    A ledger that can't be read leaves the meters empty; that is said, and as long as it can't be written either, the
    trunks' `when_down` holds.
    """
    try:
        engine, tail = _engine(ledger, policy, node)
        return Recovered(engine, _open_facts(ledger, engine), tail)
    except LedgerError as error:
        log.error("%s: calls and caps of the time before are not known, meters begin at zero", error)
        return Recovered(Engine(policy, node), [], 0)


def _engine(ledger: Ledger, policy: Policy, node: str) -> tuple[Engine, int]:
    snapshot = ledger.load_snapshot()
    engine, since_snapshot = Engine(policy, node), snapshot is not None
    if snapshot is not None:
        try:
            load(engine, snapshot.state[ENGINE])
        except _NOT_OURS as error:
            log.warning("the snapshot can't be used (%s): all facts are read again", error)
            engine, since_snapshot = Engine(policy, node), False
    tail = 0
    for _, fact in ledger.replay(since_snapshot):
        engine.recover(fact)
        tail += 1
    return engine, tail


def _open_facts(ledger: Ledger, engine: Engine) -> list[Fact]:
    return [*engine.contacts, *(fact for call_id in engine.open for fact in ledger.story(call_id))]


def take_snapshot(ledger: Ledger, engine: Engine, now: Instant) -> None:
    """Have the engine's state kept beside the ledger."""
    if ledger.down is None:
        ledger.write_snapshot({ENGINE: dump(engine)}, now, _told)


def _told(error: str | None) -> None:
    if error is not None:
        log.warning("no snapshot was written: %s", error)
