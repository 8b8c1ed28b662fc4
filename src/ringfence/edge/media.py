"""Whether the media of a call is protected as its trunk asks, and goes where its party's media is (controls A8, A2).

It is judged in every message that may say so.

    INVITE of a source     an attempt's `media`: the engine judges it with all else, by srtp-mismatch, media-elsewhere
    INVITE of a carrier    `objects`, before it goes on
    anything later         `objects`: answers, 183s, re-INVITE, UPDATE, PRACK, ACK, and what answers them

Offer and answer aren't told apart: on a trunk with `srtp` each description has to be as it asks, whoever sends it and
whichever of several the far side takes. So an offer that comes in a 200 and is answered in the ACK, or one in a 183, is
judged like any, and nothing has to be remembered between messages. A killed guard forgets nothing: what was asked of
media when the call began stands in its dialog.

`offered` alone asks something of the first offer, wherever it comes, and of what was answered with SRTP that it stays
so. Both stand in the dialog too, and what an answer changed of it is told.

Whoever ends the call for it tells it first (`objects`), and doesn't pass the message on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from ringfence.edge import peers
from ringfence.edge.state import Edge
from ringfence.model.fact import DialogChanged, MediaElsewhere, MediaMismatch
from ringfence.model.media import Media, Srtp, Stream
from ringfence.model.settings import Party, Source
from ringfence.rules import ELSEWHERE, SRTP
from ringfence.rules.media_elsewhere import elsewhere
from ringfence.rules.srtp_mismatch import mismatch, secured_by
from ringfence.sip.bodies import descriptions
from ringfence.sip.dialog import Dialog, Leg
from ringfence.sip.errors import SipParseError
from ringfence.sip.message import Message, Response
from ringfence.sip.sdp import parse_sdp

FINAL = (SRTP.status, SRTP.public)
"""What who began something gets that is ended for its media."""
CAUSE = SRTP.slug
SAYING = ("INVITE", "UPDATE", "PRACK", "ACK")
"""Methods whose requests and answers negotiate media (RFC 3261 §13, RFC 3262, RFC 3311)."""


def read(message: Message) -> Media | None:
    """What a message says of media; None where it says nothing."""
    try:
        found = [parse_sdp(body) for body in descriptions(message)]
    except SipParseError as error:
        return Media(fault=error.reason)
    if not found:
        return None
    streams = dict.fromkeys(Stream(one.kind, one.protection) for each in found for one in each.streams)
    return Media(streams=tuple(streams), hosts=tuple(dict.fromkeys(host for each in found for host in each.hosts)))


def asked_of(edge: Edge, trunks: tuple[str, ...]) -> Srtp | None:
    """What is asked of media by the first of some trunks that asks."""
    if edge.policy.rule_modes.get(SRTP.slug) == "off":
        return None
    known = (edge.policy.trunks.get(name) for name in trunks)
    return next((trunk.srtp for trunk in known if trunk is not None and trunk.srtp is not None), None)


def is_read(edge: Edge, source: Source) -> bool:
    """Whether anybody wants to know what a source says of media."""
    return bool(source.media) or asked_of(edge, source.trunks) is not None


def objects(edge: Edge, dialog: Dialog, leg: Leg, message: Message, now: int, *, opening: bool = False) -> bool:
    """Whether the call has to end for what a leg says of media; what isn't as it should be is told.

    `opening`: it is the INVITE that begins an inbound call.
    """
    if not message.body or not _negotiates(message):
        return False
    by = leg.party or f"trunk:{dialog.trunk}"
    ranges = _ranges(edge, by)
    media = read(message) if dialog.srtp or ranges else None
    if media is None:
        return False
    said = _Said(dialog, by, message, media)
    ends = _mismatches(edge, said, now, opening=opening or dialog.unoffered)
    if dialog.srtp == "offered" and not ends:
        _remember(edge, said, now)
    if ranges and not ends:
        _locate(edge, said, ranges, now)
    return ends


def begins(dialog: Dialog, *, offered: bool) -> None:
    """The INVITE of a call has an offer, or leaves it to the other side."""
    dialog.unoffered = dialog.srtp == "offered" and not offered


def _remember(edge: Edge, said: _Said, now: int) -> None:
    """What is asked of later descriptions of this call, by what an answer says."""
    dialog, message = said.dialog, said.message
    dialog.unoffered = False
    answers = isinstance(message, Response) or message.cseq[1] == "ACK"
    kinds = dict.fromkeys([*dialog.secured, *secured_by(said.media)]) if answers else dialog.secured
    if len(kinds) == len(dialog.secured):
        return
    dialog.secured = tuple(kinds)
    if dialog.state == "confirmed":
        edge.note(DialogChanged(at=now, id=dialog.id, leg=dialog.callee.tag, dialog=msgspec.msgpack.encode(dialog)))


def drops(edge: Edge, message: Message, *parties: peers.Party | None) -> bool:
    """Whether a message of a call that no record tells of must not pass between these."""
    if not message.body or not _negotiates(message):
        return False
    srtp = asked_of(
        edge, tuple(name for one in parties if one is not None and one.kind == "trunk" for name in one.names)
    )
    media = read(message) if srtp is not None else None
    if srtp is None or media is None or not mismatch(srtp, media, opening=False):
        return False
    edge.count("srtp_mismatch")
    return edge.policy.rule_modes.get(SRTP.slug, "enforce") == "enforce"


def _negotiates(message: Message) -> bool:
    return message.cseq[1] in SAYING and not (isinstance(message, Response) and message.status >= 300)


class _Said(NamedTuple):
    """What somebody says of media inside a call."""

    dialog: Dialog
    by: str
    message: Message
    media: Media

    @property
    def what(self) -> str:
        method = self.message.cseq[1]
        return f"{self.message.status} to {method}" if isinstance(self.message, Response) else method


def _mismatches(edge: Edge, said: _Said, now: int, *, opening: bool) -> bool:
    """Whether it isn't as the trunk asks, and the call has to end for it."""
    dialog, media, srtp = said.dialog, said.media, said.dialog.srtp
    why = mismatch(srtp, media, opening=opening, secured=dialog.secured) if srtp else ""
    if not srtp or not why:
        return False
    ended = _is_enforced(edge, dialog)
    if dialog.state != "ending":
        edge.count("srtp_mismatch")
        edge.note(
            MediaMismatch(
                at=now,
                id=dialog.id,
                leg=dialog.callee.tag,
                by=said.by,
                what=said.what,
                srtp=srtp,
                media=media,
                why=why,
                ended=ended,
            )
        )
    return ended


def _locate(edge: Edge, said: _Said, ranges: tuple[str, ...], now: int) -> None:
    """Tell of addresses outside the ranges of who says so."""
    dialog, why = said.dialog, elsewhere(said.by.replace(":", " ", 1), said.media, ranges)
    mode = edge.policy.rule_modes.get(ELSEWHERE.slug, edge.policy.behaviour.mode)
    if why and dialog.state != "ending" and mode != "off":
        tag = dialog.callee.tag
        edge.note(MediaElsewhere(at=now, id=dialog.id, leg=tag, by=said.by, what=said.what, media=said.media, why=why))


def _ranges(edge: Edge, label: str) -> tuple[str, ...]:
    """The media ranges of a party; none where one of the names that it may be has none."""
    kind, _, names = label.partition(":")
    table: Mapping[str, Party] = edge.policy.sources if kind == "source" else edge.policy.trunks
    found = [table[name].media for name in names.split(",") if name in table]
    return tuple(one for ranges in found for one in ranges) if all(found) else ()


def _is_enforced(edge: Edge, dialog: Dialog) -> bool:
    """Whether neither the rule nor the source is in observe mode."""
    party = (dialog.callee if dialog.inbound else dialog.caller).party
    source = edge.policy.sources.get(party.partition(":")[2].partition(",")[0])
    observing = source is not None and source.mode == "observe"
    return edge.policy.rule_modes.get(SRTP.slug, "enforce") == "enforce" and not observing
