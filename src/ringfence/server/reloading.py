"""What of a policy holds from start to stop: a reload that would change it is refused."""

from __future__ import annotations

from ringfence.model.settings import Listen, Policy


def what_is_fixed(old: Policy, new: Policy, *, free_port: bool) -> str:
    """What a reload would have to change and can't; empty where there is nothing."""
    if new.ledger.path != old.ledger.path:
        return "ledger.path"
    if new.admit != old.admit:
        return "[admit]"
    if new.control != old.control:
        return "control.socket"
    if sorted(new.listens) != sorted(old.listens):
        return "the set of [listen] tables"
    for name, listen in new.listens.items():
        before = old.listens[name]
        moved = listen.port not in (0, before.port) and not free_port
        if moved or _place(listen) != _place(before):
            return f"listen.{name}"
    return ""


def _place(listen: Listen) -> tuple[str, str, str]:
    return listen.host, listen.advertise_host, listen.transport
