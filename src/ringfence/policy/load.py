"""From a path to a policy, with every mistake at once; and again, when a file has changed.

    files ─ parse (tree) ─ read sections (document) ─ contradictions (check) ─ rates, block lists (tariffs) ─ build

Nothing stops at the first mistake: each stage works on what the one before it could read, and a policy is built only
when there is no mistake at all.

The version is a digest over the resolved policy, defaults included, and the bytes of each rate deck and block list.
Spelling, order, comments and the way it is cut into files don't change it; what changes a decision does.
"""

from __future__ import annotations

import hashlib
import os.path
from collections.abc import Iterable, Mapping

import msgspec

from ringfence.model.settings import Listen, Policy
from ringfence.policy import files
from ringfence.policy.build import build
from ringfence.policy.check import contradictions
from ringfence.policy.document import Document, Entry, read_document
from ringfence.policy.errors import PolicyError, PolicyErrors
from ringfence.policy.keys import INCLUDE, NAMED
from ringfence.policy.kinds import MISSING
from ringfence.policy.tariffs import Cache, Tariffs, read_tariffs
from ringfence.policy.tree import Node, parse, walk


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A policy with where it came from."""

    policy: Policy
    places: dict[str, str]
    """Dotted key to `file:line`; a key that a source has from its profile has the profile's place."""
    files: dict[str, str]
    """Every file that was read, to the SHA-256 of its bytes."""
    unmatched: dict[str, str] = {}
    """Dotted key of each pattern in `include` that no file fits, to the pattern."""
    kept: tuple[PolicyError, ...] = ()
    """After a reload: mistakes in included files, which go on in the version before."""

    def where(self, key: str) -> str:
        """`file:line` of a dotted key, or of the table where it has its default; empty for one in no file."""
        return place_of(self.places, key)

    def is_default(self, key: str) -> bool:
        """Whether a dotted key isn't written: `where` then gives its table."""
        nearest = _nearest(self.places, key)
        return nearest != key and nearest.count(".") < 2  # `hours` as one text is written for each class


def place_of(places: Mapping[str, str], key: str) -> str:
    """`file:line` of a dotted key, or of the table where it has its default; empty for one in no file."""
    return places.get(_nearest(places, key), "")


def _nearest(places: Mapping[str, str], key: str) -> str:
    while key and key not in places:
        key = key.rpartition(".")[0]
    return key


def load(path: str) -> Policy:
    """The policy of a file and those it includes. Raises PolicyErrors with all that is wrong."""
    return Loader(path).load().policy


class Loader:
    """Loads a policy, and loads it again so that one bad included file doesn't hold up the others."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._good: dict[str, files.File] = {}
        self._trees: dict[str, tuple[str, Node]] = {}
        self._tables: Cache = {}

    def load(self) -> Loaded:
        """Read every file. Raises PolicyErrors."""
        return self._load({})

    def reload(self) -> Loaded:
        """Read every file again; an included file that has mistakes stays as it was, with its mistakes in `kept`.

        Raises PolicyErrors, and changes nothing, where the main file is to blame or a file has no version before.
        """
        kept: list[PolicyError] = []
        instead: dict[str, files.File] = {}
        while True:
            try:
                loaded = self._load(instead)
                return msgspec.structs.replace(loaded, kept=tuple(kept))
            except PolicyErrors as failed:
                blamed = {e.path for e in failed.errors if e.path in self._good} - {self._path, *instead}
                if not blamed:
                    raise PolicyErrors([*kept, *failed.errors]) from None
                kept += [error for error in failed.errors if error.path in blamed]
                instead.update((path, self._good[path]) for path in blamed)

    def _load(self, instead: dict[str, files.File]) -> Loaded:
        problems: list[PolicyError] = []
        main = files.read(self._path)
        root = self._tree(main)
        read = {self._path: main}
        patterns = self._patterns(root, problems)
        for path, node in self._included(patterns).items():
            self._include(path, node, instead, read, problems)
        document = read_document(root, [self._tree(read[path]) for path in read if path != self._path], problems)
        problems += contradictions(document)
        tariffs = read_tariffs(document, problems, self._tables)
        if problems:
            raise PolicyErrors(problems)
        self._good = read
        self._trees = {path: self._trees[path] for path in read}
        self._tables = {key: table for key, table in self._tables.items() if key[1] in tariffs.files.values()}
        return _loaded(document, tariffs, read, [pattern for pattern, fitting in patterns if not fitting])

    def _patterns(self, root: Node, problems: list[PolicyError]) -> list[tuple[Node, list[str]]]:
        """Every pattern of `include`, with the paths that fit it."""
        node = root.value.get(INCLUDE.name)
        if node is None or INCLUDE.kind.read(node, problems) is MISSING:
            return []
        return [(pattern, files.matching(files.beside(self._path, pattern.value))) for pattern in node.value]

    def _included(self, patterns: list[tuple[Node, list[str]]]) -> dict[str, Node]:
        """Path of every included file to the pattern that names it."""
        found: dict[str, Node] = {}
        for pattern, fitting in patterns:
            for path in fitting:
                found.setdefault(path, pattern)
        found.pop(self._path, None)
        return found

    def _include(
        self,
        path: str,
        node: Node,
        instead: dict[str, files.File],
        read: dict[str, files.File],
        problems: list[PolicyError],
    ) -> None:
        try:
            file = instead.get(path) or files.read(path)
            self._tree(file)
            read[path] = file
        except PolicyErrors as failed:
            unread = (e for e in failed.errors if not e.line and path not in self._good)
            problems.extend(node.error(f"{error.path}: {error.message}", error.hint) for error in unread)
            problems.extend(e for e in failed.errors if e.line or path in self._good)

    def _tree(self, file: files.File) -> Node:
        """The parsed file; one that hasn't changed isn't parsed again."""
        digest, tree = self._trees.get(file.path, ("", None))
        if tree is None or digest != file.sha256:
            tree = parse(file.text, file.path)
            self._trees[file.path] = file.sha256, tree
        return tree


def _loaded(document: Document, tariffs: Tariffs, read: dict[str, files.File], unmatched: list[Node]) -> Loaded:
    policy = build(document, tariffs)
    digests = {path: file.sha256 for path, file in read.items()}
    return Loaded(
        policy=msgspec.structs.replace(policy, version=_version(policy, tariffs)),
        places=_places(document) | {node.key: f"{node.path}:{node.line}" for node in unmatched},
        unmatched={node.key: node.value for node in unmatched},
        files={**digests, **tariffs.files},
    )


def _version(policy: Policy, tariffs: Tariffs) -> str:
    """SHA-256, hexadecimal, over the settings and the files of rates and block lists."""
    replace = msgspec.structs.replace
    settings = replace(
        policy,
        trunks={
            name: replace(trunk, deck=None, block_lists=(), ca=_name(trunk.ca), crl=_name(trunk.crl))
            for name, trunk in policy.trunks.items()
        },
        sources={
            name: replace(source, ca=_name(source.ca), crl=_name(source.crl)) for name, source in policy.sources.items()
        },
        listens={name: _placeless(listen) for name, listen in policy.listens.items()},
        asterisks={name: replace(one, ca=_name(one.ca)) for name, one in policy.asterisks.items()},
        feeds={name: replace(one, ca=_name(one.ca), key=_name(one.key)) for name, one in policy.feeds.items()},
        risks=None,
    )
    digest = hashlib.sha256(msgspec.json.encode(settings, order="deterministic"))
    digest.update(msgspec.json.encode(tariffs.used, order="deterministic"))
    return digest.hexdigest()


def _placeless(listen: Listen) -> Listen:
    """Where the policy is looked at from changes the paths that it names, and nothing else."""
    names = ("certificate", "key", "client_ca", "client_crl")
    return msgspec.structs.replace(listen, **{name: _name(getattr(listen, name)) for name in names})


def _name(path: str | None) -> str | None:
    return None if path is None else os.path.basename(path)


def _places(document: Document) -> dict[str, str]:
    singles = document.single.items()
    named = ((f"{section}.{name}", e) for section in NAMED for name, e in document.named[section].items())
    numbered = (
        (f"{section}[{index}]", e) for section, listed in document.listed.items() for index, e in enumerate(listed, 1)
    )
    return dict(_places_of([*singles, *named, *numbered]))


def _places_of(entries: Iterable[tuple[str, Entry]]) -> Iterable[tuple[str, str]]:
    for start, entry in entries:
        for key, node in walk(entry.node, start):
            yield key, f"{node.path}:{node.line}"
