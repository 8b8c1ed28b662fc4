"""What scanners of SIP call themselves (B4): a name in User-Agent, found before a message is read.

A name proves little of who is harmless, since attackers write `Cisco` as they like; but nobody who means well calls
himself one of these. They are found as words of the header's value, in any case. Where each is from:

    friendly-scanner, friendly-request     SIPVicious OSS (svmap, svwar, svcrack), and a copy of it
    sipvicious, svmap, svwar, svcrack
    sundayddr                              a worm that carried SIPVicious
    pplsip                                 SIPPTS (pepelux)
    sipcli, sip-cli                        KaplanSoft's command line tool; "sipcli/v1.8" dialled one number behind six
                                           prefixes in a recorded attack
    sip-scan, sipscan, smap, iwar, sipsak  the scanners of these names; in the user agents that the stock configuration
                                           of Kamailio, sipXcom's SBC and published iptables rules refuse
    siparmyknife, sivus, gulp, voiphopper  fuzzers and test tools; in the list of Pexip's dial plan examples

VaxSIPUserAgent isn't among them though such lists have it: softphones made with that kit write it too. Neither is what
attackers only borrow (eyeBeam, Zoiper, Cisco). `bans.agents` adds names.
"""

from __future__ import annotations

import re

from ringfence.model.settings import Bans

SCANNERS = (
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "svmap",
    "svwar",
    "svcrack",
    "sundayddr",
    "pplsip",
    "sipcli",
    "sip-cli",
    "sip-scan",
    "sipscan",
    "smap",
    "iwar",
    "sipsak",
    "siparmyknife",
    "sivus",
    "gulp",
    "voiphopper",
)
MAX_LOOKED = 4096
"""Bytes of a message that are looked at."""
_AGENT = re.compile(rb"\r\n[Uu][Ss][Ee][Rr]-[Aa][Gg][Ee][Nn][Tt][ \t]*:[ \t]*([^\r\n]{1,200})")


class Scanners:
    """The names of one policy; none where it doesn't ask for them."""

    __slots__ = ("_names",)

    def __init__(self, bans: Bans) -> None:
        asked = (*SCANNERS, *bans.agents) if bans.scanners and bans.mode != "off" else ()
        names = b"|".join(re.escape(name.encode()) for name in asked) or rb"(?!)"
        self._names = re.compile(rb"(?<![A-Za-z0-9])(?:" + names + rb")(?![A-Za-z])", re.IGNORECASE)

    def named(self, data: bytes) -> str:
        """What the sender of a message calls itself, where that is a scanner's name; else empty."""
        found = _AGENT.search(data, 0, MAX_LOOKED)
        if found is None or self._names.search(found[1]) is None:
            return ""
        return found[1].decode("ascii", "replace").strip()
