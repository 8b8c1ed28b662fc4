"""No failover protects less than what it replaces, unless somebody answers for it (control A15)."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.model.media import STRENGTH
from ringfence.model.settings import Protecting
from ringfence.policy.check_tls import transport
from ringfence.policy.document import Document, Entry
from ringfence.policy.errors import PolicyError

_HINTS: dict[Protecting, str] = {"tls": "reach it over TLS too", "srtp": "ask for SRTP there too"}


def weaker_failovers(document: Document) -> Iterator[PolicyError]:
    """The next trunk in line must not be one over which others can listen where one before it isn't."""
    for source, entry in document.named["source"].items():
        before: list[str] = []
        for index, name in enumerate(entry.values.get("trunks", ())):
            if name not in document.named["trunk"]:
                continue
            for what, text in _given_up(document, before, name):
                if not _is_excepted(document, source, name, what):
                    table = f"[[transport_exception]] with {_asked(what)}owner, why and until"
                    hint = f"leave it out, {_HINTS[what]}, or write {table}"
                    yield entry.at("trunks").value[index].error(text, hint)
            before.append(name)


def _given_up(document: Document, before: list[str], name: str) -> Iterator[tuple[Protecting, str]]:
    """What some trunk before this one has, and this one hasn't, in words."""
    trunks = document.named["trunk"]
    over_tls = [one for one in before if _speaks(document, trunks[one]) == "tls"]
    spoken = _speaks(document, trunks[name])
    if over_tls and spoken not in ("", "tls"):
        yield "tls", f"{name} speaks {spoken.upper()}: a failover from {over_tls[0]} would give up its TLS"
    asked = trunks[name].values.get("srtp")
    stronger = [one for one in before if STRENGTH[trunks[one].values.get("srtp")] > STRENGTH[asked]]
    if stronger:
        says = f'has srtp = "{asked}"' if asked is not None else "has no srtp"
        yield "srtp", f"{name} {says}: a failover from {stronger[0]} would give up its SRTP"


def _speaks(document: Document, trunk: Entry) -> str:
    """The transport of a trunk; empty where its listener isn't there."""
    listen = document.named["listen"].get(trunk.values.get("listen", ""))
    return transport(listen) if listen is not None else ""


def _is_excepted(document: Document, source: str, trunk: str, what: Protecting) -> bool:
    return any(
        (values.get("source"), values.get("trunk")) == (source, trunk) and what in values.get("gives_up", ("tls",))
        for values in (entry.values for entry in document.listed["transport_exception"])
    )


def _asked(what: Protecting) -> str:
    return "" if what == "tls" else f'gives_up = ["{what}"], '
