"""Media that isn't protected as its trunk's `srtp` says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ringfence.model.media import Media, Srtp, Stream
from ringfence.rules.base import Case, Finding
from ringfence.sip.sdp import Protection

ENCRYPTED: tuple[Protection, ...] = ("sdes", "dtls")
OFFERING: tuple[Protection, ...] = (*ENCRYPTED, "best-effort")
IN_WORDS: dict[Protection, str] = {
    "plain": "in the clear",
    "best-effort": "SRTP at best effort, which lets the far side fall back",
    "sdes": "SRTP (SDES)",
    "dtls": "DTLS-SRTP",
    "unencrypted": "SRTP without encryption",
    "keyless": "SRTP without a key that can be used",
}


@dataclass(frozen=True, slots=True)
class SrtpMismatch:
    """A call whose session description doesn't protect its media as the trunk's `srtp` asks.

    *Why it matters*

    An encrypted trunk is as good as its worst call. A PBX that offers SRTP "optimistically" talks in the clear as
    soon as the far side, or somebody on the way, leaves it out, and nobody hears a difference. So on a trunk with
    `srtp = "required"` every stream that is offered or answered has to be SRTP, with keys in the description or by
    DTLS; one that leaves the choice to the far side isn't. `"offered"` asks that much of the first offer only, and
    best effort will do; but what was answered with SRTP once has to stay so. `"forbidden"` takes nothing but plain
    media, for a carrier or recorder that can't do otherwise. What can't be read is none of these. Emergency calls
    pass.

    *Before*

        call 12125550123 media plain: allow

    *After*

        [trunk.carrier]
        srtp = "required"

        call 12125550123 media plain: srtp-mismatch
        call 12125550123 media best-effort: srtp-mismatch
        call 12125550123 media sdes: allow
        call 12125550123 media dtls: allow
        call 911 media plain: allow

    *References*

    Control A8. RFC 4568 (keys in SDP), RFC 5763 (DTLS-SRTP), RFC 3264 (offer and answer).
    """

    slug: ClassVar[str] = "srtp-mismatch"
    status: ClassVar[int] = 488
    public: ClassVar[str] = "Media Encryption Mismatch"
    spoofable: ClassVar[bool] = False

    def find(self, case: Case) -> Iterator[Finding]:
        """What is wrong with the offer."""
        srtp, media = case.trunk.srtp, case.attempt.media
        wrong = mismatch(srtp, media, opening=True) if srtp is not None and media is not None else ""
        if wrong:
            yield Finding("block", wrong, f"trunk.{case.trunk.name}.srtp", observed(media), str(srtp))


def mismatch(srtp: Srtp, media: Media, *, opening: bool, secured: tuple[str, ...] = ()) -> str:
    """Why media isn't as a trunk asks, in words; empty where it is.

    `opening`: it is the first offer of a call; `secured`: kinds of media that were answered with SRTP before.
    """
    later = srtp == "offered" and not opening
    if later and not secured:
        return ""
    if media.fault:
        return f'the trunk has srtp = "{srtp}", and what is said of media can\'t be read: {media.fault}'
    asked = [stream for stream in media.streams if not later or stream.kind in secured]
    wrong = [stream for stream in asked if not _suits(srtp, stream, media)]
    if not wrong:
        return ""
    found = ", ".join(dict.fromkeys(f"{stream.kind} is {IN_WORDS[stream.protection]}" for stream in wrong))
    return f'the trunk has srtp = "{srtp}", and {found}' + (", after it was SRTP" if later else "")


def secured_by(media: Media) -> tuple[str, ...]:
    """The kinds of media that a description has SRTP for, and nothing else."""
    kinds = dict.fromkeys(stream.kind for stream in media.streams)
    open_kinds = {stream.kind for stream in media.streams if stream.protection not in ENCRYPTED}
    return tuple(kind for kind in kinds if kind not in open_kinds)


def _suits(srtp: Srtp, stream: Stream, media: Media) -> bool:
    if srtp == "required":
        return stream.protection in ENCRYPTED
    if srtp == "forbidden":
        return stream.protection == "plain"
    return any(other.protection in OFFERING for other in media.streams if other.kind == stream.kind)


def observed(media: Media | None) -> str:
    """Media in short: `audio plain, video dtls`."""
    if media is None or media.fault:
        return "unreadable" if media is not None else ""
    return ", ".join(f"{stream.kind} {stream.protection}" for stream in media.streams)
