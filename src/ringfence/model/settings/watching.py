"""What is learned, weighed, contained and banned."""

from ringfence.model.settings.base import Mode, Settings


class Behaviour(Settings, frozen=True, kw_only=True):
    """What is learned and weighed: how the behaviour rules' evidence becomes an alert, a refusal, a containment."""

    mode: Mode = "observe"
    """Of every behaviour rule that `rule_modes` doesn't name."""
    alert: int | None = 60
    """Sum of weights of a call that is told; a call under it teaches what is usual. None: none is told."""
    block: int = 100
    """Sum of enforced weights of a call that refuses it, and cuts it where it is up."""
    settle_h: int = 24
    """What was first seen so many hours ago, in clean calls, is no longer new."""
    memory_days: int = 90
    """What wasn't seen for so long is new again."""


class Containment(Settings, frozen=True, kw_only=True):
    """What is done about an incident by itself, narrowest first; None: never.

    Numbers count the different numbers that were refused, or cut, for the evidence against them.
    """

    mode: Mode = "enforce"
    hold_min: int = 240
    """How long a containment holds, minutes."""
    slow_down: int | None = 1
    """Numbers after which the extension is slowed down abroad."""
    refuse_range: int | None = 1
    """Numbers of one range of a thousand after which the source is refused the range."""
    quarantine_extension: int | None = 3
    """Numbers after which the extension may call no new number abroad."""
    quarantine_source: int | None = 5
    """Extensions of a source with such numbers after which the source may call no new number abroad."""
    international_off: int | None = None
    """Sources on a trunk with such numbers after which the trunk takes no call to a new number abroad."""
    ban_address: int | None = None
    """Numbers after which the address is banned that a remote source called from."""
    cut_calls: bool = True
    """Whether a quarantine ends the calls in progress to numbers that were new."""


class Bans(Settings, frozen=True, kw_only=True):
    """Which addresses of strangers are banned for what they do, and for how long; None: never for that (B2, B4)."""

    mode: Mode = "enforce"
    allow: tuple[str, ...] = ()
    """Networks that are never banned, beside those of all parties."""
    short_failures: int | None = 3
    """Wrong passwords in a minute after which an address is banned for `short_min`."""
    shared_failures: int | None = 5
    """The same where an account was right at the address before: others are behind it."""
    short_min: int = 5
    failures: int | None = 5
    """Wrong passwords in six hours after which an address that nobody was right at is banned for `hours`."""
    hours: int = 24
    distributed: int | None = 5
    """Addresses from which one account was tried in six hours, after which each of them is banned for `short_min`."""
    sweep: int | None = 10
    """Accounts that aren't there, asked for in six hours, after which an address is banned for `hours`."""
    prefixes: int | None = 3
    """Ways in which one number was dialled without a password in six hours, after which likewise."""
    malformed: int | None = 10
    """Messages in ten minutes that can't be read after which an address is banned for `short_min`."""
    scanners: bool = True
    """Whether who calls itself by the name of a scanner is banned at once, for `hours`."""
    agents: tuple[str, ...] = ()
    """Further such names, in lower case: what a User-Agent contains."""
    longest_days: int = 30
    """Each further ban of the same address within so many days lasts twice as long as the one before, up to so many."""
