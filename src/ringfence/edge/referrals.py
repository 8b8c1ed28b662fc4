"""Transfers on their way: REFERs that are asked about or were taken, and the calls that sources place for them."""

from __future__ import annotations

from typing import Literal

from ringfence.edge.records import Server
from ringfence.model.attempt import Attempt
from ringfence.sip.dialog import Dialog, Leg
from ringfence.sip.message import Request

MAX_PLACING = 2_000
"""Transfers whose calls are waited for."""


class Transfer:
    """A REFER inside a call, and the attempt that the number it leads to is."""

    __slots__ = (
        "armed",
        "attempt",
        "dialog",
        "leg",
        "recipient",
        "refer_to",
        "replaced",
        "request",
        "server",
        "state",
        "wake",
    )

    def __init__(self, attempt: Attempt, server: Server, request: Request, dialog: Dialog, leg: Leg) -> None:
        self.attempt = attempt
        self.server = server
        self.request = request
        self.dialog = dialog
        """The call that it came in."""
        self.leg = leg
        """Who asks; the other is to place the call."""
        self.replaced: Dialog | None = None
        """The call that the new one takes the place of, where it names one."""
        self.recipient: Leg | None = None
        """Whom of that call the new one reaches."""
        self.refer_to = b""
        """What is said to who is to place it, once that is judged."""
        self.state: Literal["asked", "sent", "accepted", "over"] = "asked"
        """over: given up before its verdict, with which that is told."""
        self.wake = self.armed = 0


class Referrals:
    """All of them; at most one in a dialog."""

    def __init__(self) -> None:
        self.transfers: dict[str, Transfer] = {}
        """By attempt."""
        self._within: dict[tuple[str, str, str], Transfer] = {}
        self._placing: dict[tuple[str, str], tuple[str, int]] = {}
        """(source, last digits) to the attempt, and until when it may place the call."""

    def add(self, transfer: Transfer) -> None:
        """One more."""
        self.transfers[transfer.attempt.id] = self._within[transfer.dialog.key] = transfer

    def within(self, key: tuple[str, str, str]) -> Transfer | None:
        """That of a dialog, which may be over already."""
        return self._within.get(key)

    def of_call(self, id: str) -> Transfer | None:
        """That of a call by its id."""
        return next((transfer for transfer in self._within.values() if transfer.dialog.id == id), None)

    def forget(self, transfer: Transfer) -> None:
        """Nothing comes of it any more, or nothing that has to be known."""
        transfer.wake = 0
        self.transfers.pop(transfer.attempt.id, None)
        if self._within.get(transfer.dialog.key) is transfer:
            del self._within[transfer.dialog.key]

    def give_up(self, transfer: Transfer) -> None:
        """Nobody waits for its verdict any more; another may be asked for."""
        self.forget(transfer)
        transfer.state = "over"
        self.transfers[transfer.attempt.id] = transfer

    def expect(self, source: str, digits: str, attempt_id: str, until: int) -> None:
        """A source was asked to call a number with these last digits."""
        if len(self._placing) >= MAX_PLACING:
            del self._placing[next(iter(self._placing))]
        self._placing[source, digits] = attempt_id, until

    def asked_for(self, source: str, digits: str, now: int) -> str:
        """The attempt of the transfer for which a source places this call; empty where there is none."""
        attempt_id, until = self._placing.pop((source, digits), ("", 0)) if self._placing else ("", 0)
        return attempt_id if now < until else ""
