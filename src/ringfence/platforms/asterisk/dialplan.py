"""The hook in a dial plan, and what it does while nobody answers it, as extensions of Asterisk.

    Gosub(ringfence-admit,s,1(TRUNK,NUMBER))     GOSUB_RETVAL is then allow or deny

Emergency numbers are looked up here, as whole strings, before anybody is asked. Whatever isn't `allow` or `deny` is no
answer: then `when_down` of the trunk holds, for which the numbers at home are here as patterns (F6). Each of them is
one under which every number is of an ordinary kind, and the ways to dial them are those that the source's plan
reads as such. Words of the answer are filtered before they come near an expression.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ringfence.engine.destinations import plan_of
from ringfence.engine.down import ORDINARY
from ringfence.model.settings import Asterisk, Source, Trunk
from ringfence.numbers.national import national
from ringfence.numbers.ranges import Range, ranges

DOWN_CHANNELS = 10
"""Calls at a time that `national_only` lets pass while nobody answers."""
CONNECT_S, ANSWER_S = 1, 2
"""How long the hook waits for a connection, and for the verdict with it."""
FAILURES = "400,403,404,405,413,500,502,503"
EMERGENCY, NATIONAL, DOWN, ADMIT = "ringfence-emergency", "ringfence-national", "ringfence-down", "ringfence-admit"
LABEL = "${IF(${LEN(${AMPUSER})}?${AMPUSER}:${CHANNEL(accountcode)})}"
"""What the dial plan calls who calls: FreePBX's extension, else the account code."""
VERIFY = "ringfence-verify"
"""Asks, and dials nobody."""


class Door(NamedTuple):
    """Where the hook asks."""

    kind: str
    """http or fastagi."""
    address: str
    """Host and port."""
    key: str


class Form(NamedTuple):
    """A way to dial a number at home: what stands before it instead of some E.164 digits."""

    written: str
    digits: str


def dialplan(settings: Asterisk, source: Source, trunks: dict[str, Trunk], door: Door) -> str:
    """The contexts of the hook, to be included in extensions.conf."""
    named = {channel: trunks[name] for channel, name in settings.trunks.items()}
    parts = [_admit(settings, door), _emergency(source), _down(source, named), _verify(settings, source)]
    if any(trunk.when_down == "national_only" for trunk in named.values()):
        parts.append(_national(source))
    return "\n".join(parts)


def emergency_numbers(source: Source) -> list[str]:
    """What is an emergency call where the source is, as whole strings."""
    return sorted(national(source.plan.home).emergency.union(source.plan.emergency))


def home_patterns(source: Source) -> list[str]:
    """Ordinary numbers at home as patterns of Asterisk's, E.164 digits."""
    siblings: dict[tuple[str, int], list[str]] = {}
    for each in _home(source):
        siblings.setdefault((each.prefix[:-1], each.length), []).append(each.prefix[-1])
    return [
        f"_{stem}{_digits(last)}{'X' * (length - len(stem) - 1)}" for (stem, length), last in sorted(siblings.items())
    ]


def home_forms(source: Source) -> list[Form]:
    """The ways to dial those numbers that the source's plan reads as them, each one."""
    plan, data = plan_of(source.plan), national(source.plan.home)
    samples = [each.prefix.ljust(each.length, fill) for each in _home(source) for fill in "27"]
    prefix = Form(data.data.ndd, data.code)
    forms = [Form("+", ""), Form("", ""), Form("", data.code), *([prefix] if prefix.written != prefix.digits else [])]
    return [
        form
        for form in dict.fromkeys(forms)
        if all(plan.for_call(form.written + sample.removeprefix(form.digits)).e164 == sample for sample in samples)
    ]


def _home(source: Source) -> tuple[Range, ...]:
    return ranges(source.plan.home, ORDINARY)


def _digits(last: list[str]) -> str:
    if len(last) == 10:
        return "X"
    return last[0] if len(last) == 1 else f"[{''.join(sorted(last))}]"


def _context(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"[{name}]", *lines]) + "\n"


def _steps(extension: str, steps: Iterable[str]) -> Iterator[str]:
    """An extension's steps; one that begins with `name:` has a label."""
    for index, step in enumerate(steps):
        label, colon, rest = step.partition(": ")
        priority = f"n({label})" if colon and label.isalpha() else "n"
        text = rest if priority != "n" else step
        yield f"exten => {extension},1,{text}" if not index else f" same => {priority},{text}"


def _admit(settings: Asterisk, door: Door) -> str:
    ask = _http(door) if door.kind == "http" else _fastagi(settings, door)
    steps = [
        "Set(LOCAL(plain)=${FILTER(0-9*#+,${ARG2})})",
        "Set(LOCAL(whole)=$[${LEN(${plain})} = ${LEN(${ARG2})}])",
        f"GotoIf($[${{whole}} & ${{DIALPLAN_EXISTS({EMERGENCY},${{plain}},1)}}]?emergency)",
        *(_question(settings, door) if door.kind == "http" else ()),
        *ask,
        "read: Set(LOCAL(v)=${FILTER(a-z,${CUT(r, ,1)})})",
        "Set(LOCAL(why)=${FILTER(-a-z0-9_,${CUT(r, ,2)})})",
        "Set(LOCAL(max)=${FILTER(0-9,${CUT(r, ,3)})})",
        "Set(LOCAL(say)=${FILTER(-a-zA-Z0-9/_,${CUT(r, ,4)})})",
        'GotoIf($["${v}" = "allow"]?allow)',
        'GotoIf($["${v}" = "deny"]?deny)',
        "Log(WARNING,ringfence: no verdict for ${UNIQUEID}: when_down holds)",
        f"Gosub({DOWN},${{ARG1}},1(${{IF(${{whole}}?${{plain}}:)}}))",
        "Return(${GOSUB_RETVAL})",
        "deny: Set(CDR(userfield)=ringfence:${why})",
        'GotoIf($["${say}" = "-" | "${say}" = ""]?silent)',
        "Progress()",
        "Playback(${say},noanswer)",
        "silent: Return(deny)",
        "allow: ExecIf($[0${max} > 0]?Set(TIMEOUT(absolute)=${max}))",
        "Return(allow)",
        "emergency: Return(allow)",
    ]
    lines = list(_steps("s", steps))
    if door.kind == "fastagi":
        lines += _steps("T", ["Set(TIMEOUT(absolute)=0)", "Set(LOCAL(r)=)", "Goto(s,read)"])
    return _context(ADMIT, lines)


def _question(settings: Asterisk, door: Door) -> Iterator[str]:
    first = f"pbx={settings.name}&key={door.key}&dst=${{URIENCODE(${{ARG2}})}}&trunk=${{URIENCODE(${{ARG1}})}}"
    yield f"Set(LOCAL(q)={first}&uid=${{UNIQUEID}}&lid=${{CHANNEL(linkedid)}})"
    yield "Set(LOCAL(q)=${q}&chan=${URIENCODE(${CHANNEL})}&cid=${URIENCODE(${CALLERID(num)})})"
    yield f"Set(LOCAL(q)=${{q}}&user=${{URIENCODE({LABEL})}})"
    peer = "${URIENCODE(${CHANNEL(pjsip,remote_addr)})}"
    yield f'ExecIf($["${{CHANNEL(channeltype)}}" = "PJSIP"]?Set(LOCAL(q)=${{q}}&ip={peer}))'


def _http(door: Door) -> Iterator[str]:
    yield f"Set(CURLOPT(conntimeout)={CONNECT_S})"
    yield f"Set(CURLOPT(httptimeout)={ANSWER_S})"
    yield f"Set(CURLOPT(failurecodes)={FAILURES})"
    yield f"Set(LOCAL(r)=${{CURL(http://{door.address}/v1/admit?${{q}})}})"


def _fastagi(settings: Asterisk, door: Door) -> Iterator[str]:
    """AGI() itself waits for ever, so the channel's own time limit ends it, and leads to T."""
    yield "Set(RINGFENCE=)"
    yield "Set(AGIEXITONHANGUP=yes)"
    yield f"Set(TIMEOUT(absolute)={ANSWER_S})"
    yield f"AGI(agi://{door.address}/admit?pbx={settings.name}&key={door.key},${{ARG1}},${{ARG2}},{LABEL})"
    yield "Set(TIMEOUT(absolute)=0)"
    yield "Set(LOCAL(r)=${RINGFENCE})"


def _emergency(source: Source) -> str:
    return _context(EMERGENCY, [f"exten => {number},1,Return()" for number in emergency_numbers(source)])


def _down(source: Source, trunks: dict[str, Trunk]) -> str:
    lines = [line for channel, trunk in trunks.items() for line in _steps(channel, _without_verdict(source, trunk))]
    return _context(DOWN, [*lines, "exten => _[a-zA-Z0-9]!,1,Return(deny)"])


def _without_verdict(source: Source, trunk: Trunk) -> list[str]:
    if trunk.when_down != "national_only":
        return [f"Return({'allow' if trunk.when_down == 'allow' else 'deny'})"]
    most = min(trunk.bounds.caps.concurrent.block or DOWN_CHANNELS, DOWN_CHANNELS)
    known = " | ".join(_is_home(form) for form in home_forms(source)) or "0"
    return [
        f"GotoIf($[{known}]?home:no)",
        "home: Set(GROUP(ringfence)=down)",
        f"GotoIf($[${{GROUP_COUNT(down@ringfence)}} > {most}]?no)",
        "Return(allow)",
        "no: Set(GROUP(ringfence)=)",
        "Return(deny)",
    ]


def _is_home(form: Form) -> str:
    """Whether ARG1 is dialled so, and a number at home."""
    rest = f"${{ARG1:{len(form.written)}}}" if form.written else "${ARG1}"
    exists = f"${{DIALPLAN_EXISTS({NATIONAL},{form.digits}{rest},1)}}"
    if not form.written:
        return exists
    return f'("${{ARG1:0:{len(form.written)}}}" = "{form.written}" & {exists})'


def _verify(settings: Asterisk, source: Source) -> str:
    steps = [
        f"Set(CHANNEL(accountcode)={VERIFY})",
        f"Gosub({ADMIT},s,1({next(iter(settings.trunks))},{own_number(source)}))",
        "Log(NOTICE,ringfence: the answer is ${GOSUB_RETVAL})",
        "Hangup()",
    ]
    return _context(VERIFY, _steps("s", steps))


def own_number(source: Source) -> str:
    """A number of the source's own, else one at home: to ask about, and never to dial."""
    own = source.caller_id or next((first for first, _ in source.caller_ids), "")
    first = _home(source)[0]
    return f"+{own or first.prefix.ljust(first.length, '2')}"


def _national(source: Source) -> str:
    return _context(NATIONAL, [f"exten => {pattern},1,Return()" for pattern in home_patterns(source)])
