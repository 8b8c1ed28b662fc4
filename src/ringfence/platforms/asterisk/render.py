"""What Asterisk has to be told, as its configuration files say it."""

from __future__ import annotations

from collections.abc import Sequence

READ = ("call", "cdr", "security", "system")
"""Classes of events: calls, their records, passwords, registrations."""
WRITE = ("call", "reporting")
"""Classes of actions: Hangup; CoreShowChannels and Status. `system` would show every phone's password."""
UNWANTED = ("!Event: CEL", "!Event: (Bridge|DeviceState|NewConnectedLine|NewCallerid|Challenge[S]ent)")
"""What nobody reads, and most of what there is."""


def manager_conf(user: str, secret: str, permit: Sequence[str] = ("127.0.0.1/255.255.255.255",)) -> str:
    """The user of manager.conf that the guard is, with no more rights than it needs."""
    lines = [
        f"[{user}]",
        f"secret = {secret}",
        "deny = 0.0.0.0/0.0.0.0",
        *(f"permit = {network}" for network in permit),
        f"read = {','.join(READ)}",
        f"write = {','.join(WRITE)}",
        "writetimeout = 5000",
        *(f"eventfilter = {pattern}" for pattern in UNWANTED),
    ]
    return "\n".join(lines) + "\n"
