"""What a dialled string turned out to be."""

from __future__ import annotations

from typing import NamedTuple

TYPES = (
    "fixed", "mobile", "fixed_or_mobile", "toll_free", "premium", "shared_cost", "voip", "personal", "pager",
    "uan", "voicemail", "satellite", "iprs", "upt", "global",
)  # fmt: skip
SPECIAL_TYPES = frozenset({"premium", "shared_cost", "personal", "satellite", "iprs", "upt", "global"})
"""Kinds whose owner earns with a call, or that are dear wherever they are (control C3)."""

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
    "foreign_short": "it is a short number of another country, which can't be called from here",
}
"""Every reason a number is rejected for, and what it means."""

SUSPECT = {
    "special_range": "every listed number beside it is premium, satellite or of another special kind",
    "short_number": "it is a short number behind a country code or a national prefix",
    "trunk_digit": "it begins with a 0 where no number of the plan does",
}
"""Flags of an `unallocated` number that make it unlikely to be a new range: being at home doesn't excuse it."""

FLAGS = {
    "carrier": "a carrier selection prefix was taken off",
    "clir": "a prefix that hides or shows the caller was taken off",
    "code_and_emergency": "an emergency number behind the country code",
    "home_cc_noplus": "the home country code was dialled without plus and international prefix",
    "legacy": "a form that the plan has given up, read as its successor",
    "ndd_in_intl": "the national prefix was left behind the country code",
    "noplus": "read as an international number without plus, which the settings allow",
    "operator": "a prefix that asks for the operator's help was taken off",
    "outside": "the outside prefix was taken off",
    "phone_context": "a local number that its phone-context completes",
    "plus_idd": "an international prefix behind a plus was dropped",
    "post_dial": "digits that are dialled after the answer were left out",
    "reroute": "read as the number of another plan that this form stands for",
    "service_charge": "at home a service charge is capped (Ofcom 084, 087)",
    "sos_urn": "the emergency service URN",
    "unicode": "it has characters beyond ASCII",
    "vanity": "letters were read as on a keypad",
    **SUSPECT,
}
"""Every flag a number can have, and what it means."""


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

    @property
    def suspect(self) -> bool:
        """Whether an `unallocated` number is hardly a new range of its country."""
        return any(flag in SUSPECT for flag in self.flags)


def reject(reason: str, *, region: str = "", flags: tuple[str, ...] = (), candidate: str = "") -> Number:
    """A rejected number; `reason` is a key of REASONS."""
    return Number("reject", "", region, "", reason, flags, candidate)
