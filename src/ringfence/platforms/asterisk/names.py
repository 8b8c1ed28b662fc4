"""What Asterisk's names say: of channels, of what is dialled, of addresses.

PJSIP/1001-0000001c             technology, endpoint, a number of its own
Local/12125550143@from-x-0a;2   one half of a pair inside Asterisk: whose call it is, is said by its Linkedid
12125550143@trunk1              what Dial() was told after the technology: number and trunk; the same
trunk1/12125550143, trunk1/sip:12125550143@host
"""

from __future__ import annotations

UNKNOWN = "<unknown>"
"""In place of a caller ID that there is none of."""


def known(value: str) -> str:
    """A caller ID, empty where there is none."""
    return "" if value == UNKNOWN else value


def endpoint_of(channel: str) -> str:
    """The endpoint in a channel's name; empty for one inside Asterisk."""
    technology, slash, rest = channel.partition("/")
    if not slash or technology == "Local":
        return ""
    return rest.rpartition("-")[0] or rest


def number_in(dial_string: str) -> str:
    """The number that a dial string has, as it is sent; empty where it names an endpoint alone."""
    if "sip:" in dial_string:
        return dial_string.partition("sip:")[2].removeprefix("s:").partition("@")[0].partition(";")[0]
    if "@" in dial_string:
        return dial_string.rpartition("@")[0].rpartition("/")[2]
    return dial_string.partition("/")[2]


def dialled_by(application: str, data: str, endpoint: str) -> str:
    """The dial string to an endpoint among the arguments of a Dial() that is running; empty where there is none."""
    if application != "Dial":
        return ""
    for each in data.partition(",")[0].split("&"):
        string = each.partition("/")[2]
        if endpoint in (string.rpartition("@")[2], string.partition("/")[0]):
            return string
    return ""


def address_of(value: str) -> str:
    """`IPV4/UDP/192.0.2.1/5060` as `192.0.2.1:5060`, an IPv6 address in brackets; empty for anything else."""
    parts = value.split("/")
    if len(parts) != 4 or not parts[3].isdecimal():
        return ""
    host, port = parts[2], parts[3]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
