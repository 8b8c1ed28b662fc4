"""What is written into which file of an Asterisk or FreePBX, and what stands in the way of it.

FreePBX makes most of its files anew with each change; those that end in `_custom.conf` are its users', and nothing else
is touched. Its dial plan calls `macro-dialout-trunk-predial-hook` before each trunk, as a macro up to 16, with Gosub
since 17: the hook's last step returns from the one, and is the end of the other. A plain Asterisk's dial plan is its
owner's: there the contexts are put in, and it is said which Dial() has to ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from ringfence.model.settings import Asterisk, Source, Trunk
from ringfence.platforms.asterisk.dialplan import Door, dialplan
from ringfence.platforms.asterisk.render import manager_conf

Kind = Literal["asterisk", "freepbx"]
OWN = "ringfence.conf"
"""A file of our own, beside extensions.conf."""
HOOKS = ("macro-dialout-trunk-predial-hook", "macro-dialout-dundi-predial-hook")
FREEPBX = f"""\
[{HOOKS[0]}]
; The same text for Macro (FreePBX up to 16) and Gosub (from 17 on).
exten => s,1,Gosub(ringfence-admit,s,1(${{DIAL_TRUNK}},${{OUTNUM}}))
 same => n,ExecIf($["${{GOSUB_RETVAL}}" != "allow"]?Hangup(21))
 same => n,ExecIf($["${{MACRO_EXTEN}}" = ""]?Return())

[{HOOKS[1]}]
exten => s,1,Goto({HOOKS[0]},s,1)

"""


class Files(NamedTuple):
    """The files of a kind of installation."""

    extensions: str
    manager: str


FILES: dict[Kind, Files] = {
    "asterisk": Files("extensions.conf", "manager.conf"),
    "freepbx": Files("extensions_custom.conf", "manager_custom.conf"),
}


def blocks(
    kind: Kind, settings: Asterisk, source: Source, trunks: dict[str, Trunk], door: Door, secret: str, permit: str
) -> dict[str, str]:
    """What is put into which file, by its name."""
    files, plan = FILES[kind], dialplan(settings, source, trunks, door)
    user = manager_conf(settings.user, secret, (permit,))
    if kind == "freepbx":
        return {files.extensions: FREEPBX + plan, files.manager: user}
    return {OWN: plan, files.extensions: f"#include {OWN}", files.manager: user}


def obstacles(kind: Kind, settings: Asterisk, texts: Mapping[str, str]) -> Iterator[str]:
    """What of somebody else's would take the place of ours; `texts`: the files without our blocks, by name."""
    files = FILES[kind]
    ours = HOOKS if kind == "freepbx" else ()
    yield from _sections(files.extensions, texts, ours, "is there already, and the first one counts: join both by hand")
    yield from _sections(files.manager, texts, (settings.user,), "is there already: choose another user in the policy")


def _sections(name: str, texts: Mapping[str, str], sections: Iterable[str], why: str) -> Iterator[str]:
    for number, line in enumerate(texts.get(name, "").splitlines(), 1):
        found = re.match(r"\[([^\]]+)\]", line)
        if found and found[1] in sections:
            yield f"{name}:{number}: [{found[1]}] {why}"


def dials(settings: Asterisk, texts: Mapping[str, str]) -> Iterator[str]:
    """Lines of a plain dial plan that dial one of the trunks, and so have to ask before."""
    trunk = "|".join(map(re.escape, settings.trunks))
    pattern = re.compile(rf"(?i)\bDial\(.*?(@({trunk})\b|/({trunk})/)")
    for name, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line) and not line.lstrip().startswith(";"):
                yield f"{name}:{number}: {line.strip()}"
