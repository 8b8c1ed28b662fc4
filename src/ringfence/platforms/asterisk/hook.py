"""What the hook in a dial plan asks, and what it is answered, however it asks: CURL(), an AGI script, FastAGI.

    GET /v1/admit?pbx=office&key=…&trunk=trunk1&dst=12125550143&uid=1796098224.7&chan=PJSIP/1001-00000007&…
    allow - 3600 -                               verdict, reason, longest duration in seconds, announcement
    deny destination-not-permitted 0 not-there

A word is there where nothing is to be said: `-`. So the dial plan cuts the line at its spaces. Who asks with `Accept:
application/json` gets the same as an object. Whatever isn't `allow` is a refusal, and what can't be answered (a wrong
key, a question that nobody understands) has an HTTP status that CURL() takes for a failure.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec

from ringfence.errors import RingfenceError
from ringfence.model.verdict import Verdict
from ringfence.platforms.asterisk.names import known

NOTHING = "-"
LONGEST = 200
"""Characters of one value."""
UNKNOWN_TRUNK = "unknown-trunk"


class HookError(RingfenceError):
    """A question that can't be answered; the text says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        """The HTTP status that says so."""


class Question(NamedTuple):
    """May this channel dial this number on this trunk?"""

    pbx: str
    key: str
    number: str
    """Exactly as it will be dialled."""
    trunk: str
    """What Asterisk calls it."""
    uid: str
    """Of the channel."""
    channel: str = ""
    linked: str = ""
    caller: str = ""
    """The caller ID that will be shown."""
    label: str = ""
    """Who calls by the dial plan's account: FreePBX's AMPUSER, an account code."""
    peer: str = ""
    """Transport address of the phone."""
    user_agent: str = ""


_NAMES = {
    "pbx": "pbx",
    "key": "key",
    "dst": "number",
    "trunk": "trunk",
    "uid": "uid",
    "chan": "channel",
    "lid": "linked",
    "cid": "caller",
    "user": "label",
    "ip": "peer",
    "ua": "user_agent",
}
"""Names of values on the wire, to the fields."""
_NEEDED = ("pbx", "key", "dst", "trunk", "uid")


def question(values: Mapping[str, str]) -> Question:
    """The question that some values are. Raises HookError."""
    missing = [name for name in _NEEDED if name not in values]
    if missing:
        raise HookError(400, f"the question has no {', '.join(missing)}")
    found = {field: values[name] for name, field in _NAMES.items() if name in values}
    for name, value in found.items():
        if len(value) > LONGEST or any(ord(c) < 32 for c in value):
            raise HookError(400, f"{name} isn't a value of at most {LONGEST} printable characters")
    return Question(**{**found, "caller": known(found.get("caller", ""))})


class Reply(msgspec.Struct, frozen=True):
    """The answer."""

    verdict: str
    """allow or deny."""
    reason: str
    """Slug of the rule, empty where nothing is to be said."""
    max_s: int
    """Longest duration from now on, ringing included; 0: none."""
    announcement: str = ""
    """What the caller is to hear."""

    def line(self) -> str:
        """The one line for a dial plan."""
        words = (self.verdict, self.reason or NOTHING, str(self.max_s), self.announcement or NOTHING)
        return " ".join(words) + "\n"


def reply_of(verdict: Verdict, announcement: str = "") -> Reply:
    """What a verdict is to the dial plan."""
    if verdict.outcome != "allow":
        return Reply("deny", verdict.reason or verdict.outcome, 0, announcement)
    return Reply("allow", "", verdict.max_call_s + verdict.ring_limit_s if verdict.max_call_s else 0)


def key_of(secret: str) -> str:
    """What the hook of an Asterisk proves itself by: made of the manager's secret, so that there is one to keep."""
    return hmac.digest(secret.encode(), b"ringfence hook 1", "sha256").hex()[:32]


def is_key(given: str, secret: str) -> bool:
    """Whether this is the key."""
    return hmac.compare_digest(given.encode(), key_of(secret).encode())


def agi_values(lines: list[str]) -> dict[str, str]:
    """The values of a question that FastAGI asks: its script's query, and what Asterisk says of the channel.

    `AGI(agi://127.0.0.1:4573/admit?pbx=office&key=…,trunk1,12125550143)`: its arguments are the trunk and the number.
    """
    found = dict(line.split(": ", 1) for line in lines if ": " in line)
    values = dict(parse_qsl(found.get("agi_network_script", "").partition("?")[2], keep_blank_values=True))
    for name, said in _AGI.items():
        if said in found and found[said] != "unknown":
            values[name] = found[said]
    return values


_AGI = {
    "trunk": "agi_arg_1",
    "dst": "agi_arg_2",
    "uid": "agi_uniqueid",
    "chan": "agi_channel",
    "cid": "agi_callerid",
    "user": "agi_arg_3",
}
