"""What a dialled string turned out to be."""

from __future__ import annotations

from typing import NamedTuple

TYPES = (
    "fixed", "mobile", "fixed_or_mobile", "toll_free", "premium", "shared_cost", "voip", "personal", "pager",
    "uan", "voicemail", "satellite", "iprs", "upt", "global",
)  # fmt: skip
SHORT_TYPES = ("emergency", "short", "short_toll_free", "short_standard", "short_premium")

REASONS = {
    "empty": "there is no digit in it",
    "invalid_char": "it holds a character that no number has",
    "not_a_number": "it is a name, a word or a URI of another scheme",
    "no_user": "the SIP URI names a host only",
    "private_context": "its phone-context is a private numbering plan",
    "feature_code": "it is a star or hash code of the exchange, not a number",
    "operator": "it asks for an operator",
    "missing_outside_prefix": "the trunk needs an outside prefix, and none was dialled",
    "internal_extension": "its length is that of an internal extension",
    "repeated_idd": "the international prefix is dialled twice, as dial-plan probing does",
    "unassigned_cc": "no country has this calling code",
    "too_short": "the numbering plan has no number this short",
    "too_long": "the numbering plan has no number this long",
    "unallocated": "the length is right but the range isn't in use in the numbering plan",
    "ambiguous": "two readings of it are valid and lead to different numbers",
}
"""Every reason a number is rejected for, and what it means."""


class Number(NamedTuple):
    """A dialled string, judged. Equal strings in equal dial plans give equal numbers."""

    status: str
    """`ok`, `short` or `reject`."""
    e164: str
    """Digits without `+`; the short number for `short`; empty for `reject`."""
    region: str
    """ISO 3166 code, `001` for numbers of no country; for `reject` the country it points to, or empty."""
    type: str
    """One of TYPES for `ok`, of SHORT_TYPES for `short`; empty for `reject`."""
    reason: str = ""
    """One of REASONS for `reject`, else empty."""
    flags: tuple[str, ...] = ()
    """What was unusual about the way it was dialled, and marks of the overlay such as `service_charge`."""
    candidate: str = ""
    """For a `reject` by the numbering plan: the E.164 digits that were judged. A rule may permit by name an
    `unallocated` one (control C5); such a range is rated and scored by these digits."""

    @property
    def rejected(self) -> bool:
        """Whether the number may not be dialled at all."""
        return self.status == "reject"


def reject(reason: str, *, region: str = "", flags: tuple[str, ...] = (), candidate: str = "") -> Number:
    """A rejected number; `reason` is a key of REASONS."""
    return Number("reject", "", region, "", reason, flags, candidate)
