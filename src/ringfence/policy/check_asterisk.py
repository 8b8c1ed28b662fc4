"""An Asterisk between the tables of a policy: what it carries goes through no listener of ours, all else does."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.policy.document import Document, Entry
from ringfence.policy.errors import PolicyError
from ringfence.policy.keys import TRUNK
from ringfence.policy.kinds import unknown_name
from ringfence.rules import SLUGS

_OF_A_LISTENER = {
    "trunk": ("carrier_addresses", "send_to", "register", "tls_peer", "tls_name", "ca"),
    "source": ("auth", "accounts", "addresses", "networks", "deliver_to", "redirect", "tls_peer", "tls_name", "ca"),
}
"""Keys that say something of what comes and goes through a listener."""
_NEEDED = ("carrier_addresses", "send_to")
_OVER_TLS = ("tls_name", "ca")


def wrong_asterisks(document: Document) -> Iterator[PolicyError]:
    """Every mistake about who carries what."""
    admit = document.single.get("admit")
    if admit is not None and not admit.node.value:
        yield admit.node.error("opens no door", 'write http = "127.0.0.1:8573"')
    carried = {"trunk": set[str](), "source": set[str]()}
    for entry in document.named["asterisk"].values():
        yield from _references(entry, document)
        yield from _tls(entry)
        yield from _announcements(entry)
        carried["trunk"] |= set(entry.values.get("trunks", {}).values())
        carried["source"].add(entry.values.get("source", ""))
    for section in ("trunk", "source"):
        for name, entry in document.named[section].items():
            yield from _party(section, name, entry, name in carried[section])
    yield from _ways(document)
    yield from _shared(document)


def _references(entry: Entry, document: Document) -> Iterator[PolicyError]:
    source, trunks = entry.values.get("source"), entry.values.get("trunks", {})
    sources = document.named["source"]
    if source is not None and source not in sources:
        yield unknown_name(entry.at("source"), "source", source, sources)
    ways = sources[source].values.get("trunks", ()) if source in sources else ()
    for channel, trunk in trunks.items():
        node = entry.at("trunks").value[channel]
        if trunk not in document.named["trunk"]:
            yield unknown_name(node, "trunk", trunk, document.named["trunk"])
        elif ways and trunk not in ways:
            yield node.error(f"source.{source} may not use trunk {trunk}", f"write it into trunks of source.{source}")


def _tls(entry: Entry) -> Iterator[PolicyError]:
    if not entry.values.get("tls"):
        for key in _OVER_TLS:
            if key in entry.node.value:
                yield entry.at(key).error("means nothing without TLS", "write tls = true")


def _announcements(entry: Entry) -> Iterator[PolicyError]:
    known = (*SLUGS, "default")
    for slug in entry.values.get("announcements", {}):
        if slug not in known:
            yield unknown_name(entry.at("announcements").value[slug], "rule", slug, known)


def _party(section: str, name: str, entry: Entry, carried: bool) -> Iterator[PolicyError]:
    written = entry.node.value
    if "listen" in written:
        if carried and section == "trunk":
            hint = "leave out listen, or take it out of the asterisk's trunks"
            yield entry.at("listen").error("an Asterisk carries this trunk, so it goes through no listener", hint)
        yield from TRUNK.lacking(entry.node, _NEEDED) if section == "trunk" else ()
        return
    if not carried:
        hint = "write listen, or name it in an [asterisk.NAME] that carries it"
        yield entry.node.error('the key "listen" is missing', hint)
    for key in _OF_A_LISTENER[section]:
        if key in written and carried:
            yield entry.at(key).error("means nothing without a listen: an Asterisk carries it", "take it out")


def _ways(document: Document) -> Iterator[PolicyError]:
    """A call goes the way it came: through the guard, or not."""
    trunks = document.named["trunk"]
    for source in document.named["source"].values():
        through = "listen" in source.node.value
        for index, name in enumerate(source.values.get("trunks", ())):
            if name in trunks and ("listen" in trunks[name].node.value) != through:
                text = "goes through no listener, and the source comes through one"
                other = "goes through a listener, and the source through none"
                node = source.at("trunks").value[index]
                yield node.error(f"trunk {name} {text if through else other}", "give each way a source of its own")


def _shared(document: Document) -> Iterator[PolicyError]:
    """Whose a call is has to be known by its source."""
    owners: dict[str, str] = {}
    for name, entry in document.named["asterisk"].items():
        source = entry.values.get("source", "")
        if source in owners:
            text = f"is the source of asterisk.{owners[source]} as well"
            yield entry.at("source").error(text, "give each a source of its own; a tenant shares caps between them")
        owners.setdefault(source, name)
