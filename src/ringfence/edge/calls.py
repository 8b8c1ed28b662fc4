"""The life of a `Call`, an INVITE without final answer: it enters, it leaves, and leaving is told once."""

from __future__ import annotations

from ringfence.edge.records import Call, Server
from ringfence.edge.state import Edge
from ringfence.model.fact import Ended
from ringfence.sip.grammar import wire


def enter(edge: Edge, call: Call) -> None:
    """Begin to wait for its final answer."""
    call.server.call = call.id
    edge.calls[call.id] = call
    for name in _counted(call):
        edge.early[name] = edge.early.get(name, 0) + 1


def _counted(call: Call) -> tuple[str, ...]:
    """Whose it is among the calls without answer."""
    attempt = call.attempt
    if attempt is None or attempt.verified != "digest":
        return (call.party,)
    return call.party, of_account(call.party, attempt.extension)


def of_account(party: str, account: str) -> str:
    """The name under which an account's calls without answer are counted."""
    return f"{party}/{account}"


def leave(edge: Edge, call: Call, *, answered: bool = False) -> None:
    """It has its final answer: forget all but what its transactions need."""
    if edge.calls.pop(call.id, None) is None:
        return
    for name in _counted(call):
        left = edge.early.get(name, 1) - 1
        if left > 0:
            edge.early[name] = left
        else:
            edge.early.pop(name, None)
    call.wake = 0
    for key in call.early:
        dialog = edge.dialogs.get(key)
        if dialog is not None and dialog.state == "early":
            edge.drop(dialog)
    if not answered:
        edge.forget_inbound(call.prototype)


def finish(edge: Edge, call: Call, status: int, text: str, cause: str, now: int) -> None:
    """A final answer of ours upstream, and the end of the call."""
    refuse(edge, call.server, status, text, now)
    close(edge, call, cause, status, now)


def close(edge: Edge, call: Call, cause: str, status: int, now: int) -> None:
    """The end of a call whose caller has his final answer; while its verdict is out, the end waits for that."""
    if call.state == "asked" and not call.inbound:
        call.state, call.cancelled, call.worst, call.wake = "over", cause, status, 0
        return
    if call.verdict is not None or call.inbound:
        edge.note(Ended(at=now, id=call.id, cause=cause, status=status))
    leave(edge, call)


def refuse(edge: Edge, server: Server, status: int, text: str, now: int) -> None:
    """A final answer with its reason, so that a PBX can tell its user (C11, RFC 3326)."""
    phrase = text.translate(_PLAIN)
    reason = b'SIP;cause=%d;text="%b"' % (status, wire(phrase))
    edge.respond(server, status, phrase, now, (("Reason", reason),))


_PLAIN = {ord('"'): "'", ord("\\"): "/"} | dict.fromkeys(range(32), " ")
"""What can't stand in a reason phrase or in a quoted string."""
