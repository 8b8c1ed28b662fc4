"""Doors left open: observe mode, exceptions, behaviour when down, things nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.model.settings import AddressException, PermitException, Policy, TransportException
from ringfence.model.time import SECOND
from ringfence.policy.lints.base import DAY, Found, Lint, Subject, holders, originating
from ringfence.rules import words

SOON = 14 * DAY
LONG = 366 * DAY


def _observe_mode(subject: Subject) -> Iterator[Found]:
    for name, source in subject.policy.sources.items():
        if source.mode == "observe":
            yield Found(
                f"source.{name}.mode", f"nothing is refused to source {name}: it is only observed", 'write "enforce"'
            )
    for slug, mode in subject.policy.rule_modes.items():
        if mode != "enforce":
            yield Found(
                f"rules.{slug}.mode", f"rule {slug} is {_MODES[mode]}", 'write "enforce", or remove the section'
            )


_MODES = {"observe": "only observed: it refuses nothing", "off": "off"}


def _exceptions(policy: Policy) -> Iterator[tuple[str, str, PermitException | AddressException | TransportException]]:
    """Key, what it is for, and the exception itself."""
    for index, permit in enumerate(policy.exceptions, 1):
        yield f"exception[{index}]", permit.what, permit
    for index, address in enumerate(policy.address_exceptions, 1):
        yield f"address_exception[{index}]", f"{address.source} at {', '.join(address.addresses)}", address
    for index, weaker in enumerate(policy.transport_exceptions, 1):
        yield f"transport_exception[{index}]", f"{weaker.source} over {weaker.trunk} without {_listed(weaker)}", weaker


def _listed(exception: TransportException) -> str:
    return " and ".join(one.upper() for one in exception.gives_up)


def _exception_ends(subject: Subject) -> Iterator[Found]:
    for key, what, exception in _exceptions(subject.policy):
        left = exception.until - subject.now
        if 0 < left <= SOON:
            text = f"the exception for {what} ends in {left // DAY} days ({exception.owner}: {exception.why})"
            yield Found(f"{key}.until", text, "ask its owner whether it is still needed")


def _exception_expired(subject: Subject) -> Iterator[Found]:
    for key, what, exception in _exceptions(subject.policy):
        if exception.until <= subject.now:
            text = f"the exception for {what} has ended and is ignored ({exception.owner}: {exception.why})"
            yield Found(f"{key}.until", text, "remove it")


def _exception_for_everybody(subject: Subject) -> Iterator[Found]:
    many = len(list(originating(subject.policy))) > 1
    for index, exception in enumerate(subject.policy.exceptions, 1):
        if exception.source is None and many:
            text = f"every source may call {exception.what} ({exception.owner}: {exception.why})"
            yield Found(f"exception[{index}].source", text, "name the source that needs it")


def _exception_too_long(subject: Subject) -> Iterator[Found]:
    for key, what, exception in _exceptions(subject.policy):
        if exception.until - subject.now > LONG:
            text = f"the exception for {what} holds for {(exception.until - subject.now) // DAY} days"
            yield Found(f"{key}.until", text, "write an end within a year, or permit it without an exception")


def _holidays_over(subject: Subject) -> Iterator[Found]:
    policy = subject.policy
    timed = any(holder.bounds.hours for _, holder in holders(policy))
    last = max(policy.holidays, default="")
    if timed and last and last < words.local(policy.time_zone, subject.now // (60 * SECOND)).date().isoformat():
        yield Found("site.holidays", f"the last holiday was {last}: the next ones are open", "write those of the year")


def _open_when_down(subject: Subject) -> Iterator[Found]:
    for name, trunk in subject.policy.trunks.items():
        if trunk.when_down == "allow":
            text = f"trunk {name} lets every call pass while nothing can be decided"
            yield Found(f"trunk.{name}.when_down", text, 'write "national_only"')


def _tenant_time_zone(subject: Subject) -> Iterator[Found]:
    policy = subject.policy
    for name, tenant in policy.tenants.items():
        has_own = f"tenant.{name}.time_zone" in subject.loaded.places
        if tenant.home_country != policy.home_country and not has_own:
            text = (
                f"tenant {name} is in {tenant.home_country}, and its opening hours are in the site's {policy.time_zone}"
            )
            yield Found(f"tenant.{name}.home_country", text, "write time_zone")


def _unused(subject: Subject) -> Iterator[Found]:
    policy = subject.policy
    sources = policy.sources.values()
    used = {f"trunk.{name}" for source in sources for name in source.trunks}
    used |= {f"listen.{source.listen}" for source in sources}
    used |= {f"listen.{trunk.listen}" for trunk in policy.trunks.values()}
    used |= {f"tenant.{source.tenant}" for source in sources if source.tenant}
    have = [("trunk", list(policy.trunks)), ("listen", list(policy.listens)), ("tenant", list(policy.tenants))]
    for key in (f"{section}.{name}" for section, names in have for name in names):
        if key not in used:
            yield Found(key, f"nothing uses {key}", "remove it, or name it where it was meant")
    for name, trunk in subject.policy.trunks.items():
        if trunk.pass_headers and trunk.identity != "own":
            text = f"trunk {name} passes every header, not only those of pass_headers"
            yield Found(f"trunk.{name}.pass_headers", text, 'remove it, or write identity = "own"')


def _include_without_files(subject: Subject) -> Iterator[Found]:
    for key, pattern in subject.loaded.unmatched.items():
        yield Found(key, f"no file fits {pattern!r}", "mend the path, which is beside this file, or remove it")


LINTS = (
    Lint(
        code="POL-401",
        slug="observe-mode",
        why="Observe mode is for the first week; forgotten, it is an open trunk.",
        find=_observe_mode,
    ),
    Lint(
        code="POL-402",
        slug="exception-ends-soon",
        why="Calls that somebody relies on will be refused from then on.",
        find=_exception_ends,
    ),
    Lint(
        code="POL-403",
        slug="exception-expired",
        why="It does nothing, and who reads the file may believe that it does.",
        find=_exception_expired,
    ),
    Lint(
        code="POL-404",
        slug="open-when-down",
        why="Whoever can bring the guard down gets an open trunk (F6).",
        find=_open_when_down,
    ),
    Lint(
        code="POL-405",
        slug="tenant-time-zone",
        why="Opening hours in the wrong zone are open at night.",
        find=_tenant_time_zone,
    ),
    Lint(
        code="POL-406",
        slug="unused",
        why="What nothing uses was meant for something: a name may be wrong.",
        find=_unused,
    ),
    Lint(
        code="POL-407",
        slug="exception-for-everybody",
        why="An exception or a test route is somebody's; who gets in anywhere finds a door for everybody (C8).",
        find=_exception_for_everybody,
    ),
    Lint(
        code="POL-408",
        slug="exception-too-long",
        why="An end that nobody lives to see is no end (A12, C8).",
        find=_exception_too_long,
    ),
    Lint(
        code="POL-409",
        slug="holidays-over",
        why="Opening hours are then open on days on which nobody is there (C7).",
        find=_holidays_over,
    ),
    Lint(
        code="POL-410",
        slug="include-without-files",
        why="Tenants, caps or exceptions that were meant aren't in force.",
        find=_include_without_files,
    ),
)
