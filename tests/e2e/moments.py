"""`python moments.py MOMENT serve --policy FILE`: a guard that gets SIGKILL at one moment of the first call to FATAL.

From outside a process can be killed only near such a moment, and a millisecond decides what the ledger holds. So it
sends itself the signal, at a call of the function that begins what is to be cut off. Nothing else is changed, but that
from `answered` on the ledger isn't told that this call was answered: its commit is lost with the process, as in the
worst case.
"""

import os
import signal
import sys
from typing import Any

from ringfence.cli.app import main
from ringfence.edge.effects import Send
from ringfence.ledger.ledger import Ledger
from ringfence.model import Answered, Decided
from ringfence.server.guard import Guard
from ringfence.server.serve import Server

FATAL = "+12125550999"


def die() -> None:
    """No handler, no `finally`, no flush: as by `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


def reserved() -> None:
    """Its charges are made, and the ledger doesn't know of it."""
    append = Ledger.append

    def dying(self: Ledger, fact: Any, *arguments: Any) -> None:
        if isinstance(fact, Decided) and fact.attempt.dialled == FATAL:
            die()
        append(self, fact, *arguments)

    Ledger.append = dying  # type: ignore[method-assign]


def committed() -> None:
    """The verdict is in the ledger, and nothing was sent to the carrier."""
    go_on = Guard._committed

    def dying(self: Guard, decided: Decided, *arguments: Any) -> None:
        if decided.attempt.dialled == FATAL:
            die()
        go_on(self, decided, *arguments)

    Guard._committed = dying  # type: ignore[method-assign]


def forwarded() -> None:
    """The INVITE is on its way to the carrier."""
    _after_sending("outside", b"INVITE", b"INVITE")


def answered() -> None:
    """The PBX is told that it was answered."""
    _forget_the_answer()
    _after_sending("inside", b"SIP/2.0 200", b"INVITE")


def confirmed() -> None:
    """The carrier has the PBX's ACK."""
    _forget_the_answer()
    _after_sending("outside", b"ACK", b"ACK")


def _after_sending(listener: str, start: bytes, method: bytes) -> None:
    transmit = Server._transmit

    def dying(self: Server, send: Send) -> None:
        transmit(self, send)
        data = send.data
        of_call = FATAL.encode() in data and b" " + method + b"\r\n" in data
        if send.hop.listener == listener and data.startswith(start) and of_call:
            die()

    Server._transmit = dying  # type: ignore[method-assign]


def _forget_the_answer() -> None:
    append, of_call = Ledger.append, set[str]()

    def forgetful(self: Ledger, fact: Any, *arguments: Any) -> None:
        if isinstance(fact, Decided) and fact.attempt.dialled == FATAL:
            of_call.add(fact.attempt.id)
        if not (isinstance(fact, Answered) and fact.id in of_call):
            append(self, fact, *arguments)

    Ledger.append = forgetful  # type: ignore[method-assign]


def never() -> None:
    """It lives until the test kills it."""


MOMENTS = {moment.__name__: moment for moment in (reserved, committed, forwarded, answered, confirmed, never)}

if __name__ == "__main__":
    MOMENTS[sys.argv.pop(1)]()
    main()
