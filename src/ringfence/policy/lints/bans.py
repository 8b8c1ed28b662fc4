"""Bans that keep out whom they shouldn't, or nobody (B2, B6)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from ringfence.policy.lints.base import Found, Lint, Subject

WIDE = {4: 16, 6: 32}
"""Prefix length of a network that is too large to be somebody's."""
FEW, MANY = 3, 20
LONGEST_SHORT_MIN = 60


def _hasty(subject: Subject) -> Iterator[Found]:
    bans = subject.policy.bans
    for key in ("short_failures", "shared_failures", "failures"):
        times = getattr(bans, key)
        if times is not None and times < FEW:
            text = f"{times} wrong password{'' if times == 1 else 's'} ban an address: a mistyped one does that"
            yield Found(f"bans.{key}", text, f"write {FEW} or more")
    few, shared = bans.short_failures, bans.shared_failures
    if few is not None and shared is not None and shared < few:
        text = f"where many are behind one address {shared} failures are enough, where one is {few}"
        yield Found("bans.shared_failures", text, f"write {few} or more")
    if bans.short_min > LONGEST_SHORT_MIN:
        text = f"a mistyped password keeps an office out for {bans.short_min} minutes"
        yield Found("bans.short_min", text, f"write {LONGEST_SHORT_MIN} or less; `hours` is for those who go on")


def _slack(subject: Subject) -> Iterator[Found]:
    policy = subject.policy
    bans, exposed = policy.bans, [name for name, listen in policy.listens.items() if listen.digest]
    if not exposed:
        return
    if bans.mode != "enforce":
        what = "counted, but nobody is banned" if bans.mode == "observe" else "not counted"
        text = f"passwords can be guessed at listen.{exposed[0]}, and guesses are {what}"
        yield Found("bans.mode", text, 'write "enforce"')
    elif bans.failures is None or bans.failures > MANY:
        text = (
            "slow guessing, one try in some minutes, bans nobody"
            if bans.failures is None
            else (f"{bans.failures} wrong passwords are let through in six hours")
        )
        yield Found("bans.failures", text, "write 5, or 3 where nobody types passwords")


def _wide_allow(subject: Subject) -> Iterator[Found]:
    for index, text in enumerate(subject.policy.bans.allow):
        network = ip_network(text)
        if network.prefixlen < WIDE[network.version]:
            yield Found(f"bans.allow[{index}]", f"nobody in all of {text} can be banned", "name what is yours in it")


def _under_cap(subject: Subject) -> Iterator[Found]:
    policy = subject.policy
    paces = (("party", policy.requests.party, "address"), ("account", policy.requests.account, "digest"))
    for name, pace, auth in paces:
        for source in policy.sources.values():
            most = source.bounds.caps.calls_per_second.block
            if source.auth != auth or most is None or pace.invite is None or pace.invite.per_second >= most:
                continue
            text = (
                f"source {source.name} may make {most:g} calls a second, and {pace.invite.per_second} INVITEs are taken"
            )
            yield Found(f"requests.{name}.invite", text, f"write {most:g} or more a second")


LINTS = (
    Lint(
        code="POL-501",
        slug="ban-too-hasty",
        why="A ban keeps out everybody behind an address: a mistake of one user shouldn't (B6).",
        find=_hasty,
    ),
    Lint(
        code="POL-502",
        slug="guessing-goes-on",
        why="A listener that challenges is found within hours; what isn't banned tries passwords for months (B2).",
        find=_slack,
    ),
    Lint(
        code="POL-503",
        slug="never-banned-too-wide",
        why="Who is in such a network may try passwords as long as he likes (B6).",
        find=_wide_allow,
    ),
    Lint(
        code="POL-504",
        slug="rate-under-cap",
        why="Calls within their cap get 503, as in overload, without a verdict (B1).",
        find=_under_cap,
    ),
)
