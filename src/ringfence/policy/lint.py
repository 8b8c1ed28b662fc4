"""What is legal in a policy but unwise: one list of lints, and what they find, with file and line."""

from __future__ import annotations

import msgspec

from ringfence.model.settings import Policy
from ringfence.model.time import Instant
from ringfence.policy.lints import bans, caps, destinations, identity, leftovers, media
from ringfence.policy.lints.base import Lint, Subject
from ringfence.policy.load import Loaded

LINTS: tuple[Lint, ...] = (
    *caps.LINTS,
    *destinations.LINTS,
    *identity.LINTS,
    *leftovers.LINTS,
    *bans.LINTS,
    *media.LINTS,
)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something unwise in a policy."""

    code: str
    slug: str
    key: str
    """Dotted key it is about, whether the file has it or not."""
    place: str
    """`file:line` of the key, or of the table it is missing in."""
    text: str
    hint: str


def lint(loaded: Loaded, *, now: Instant, before: Policy | None = None) -> tuple[Finding, ...]:
    """Everything unwise in a policy, in order of the lints; `before` is the version to compare it with."""
    subject = Subject(loaded, now, before)
    return tuple(
        Finding(
            code=each.code,
            slug=each.slug,
            key=found.where,
            place=loaded.where(found.where),
            text=found.text,
            hint=found.hint,
        )
        for each in LINTS
        for found in each.find(subject)
    )
