"""Where each key of a TOML text stands.

`tomllib` gives values without lines. This scanner walks a text that `tomllib` has already accepted, so it judges
nothing: it only has to know where keys and values begin and end. Out comes one line number for each path, where a path
is the keys and array indices that lead to a value: `("trunk", "a", "permit", 0)`.

Three things of TOML 1.0 need care: a header `[a.b]` under an array of tables `[[a]]` means the last element of it;
a dotted key `a.b = 1` makes the table `a`; a date may have a space before its time.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_SCALAR = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[^\s,\]}#]*"
    r"|[^\s,\]}#]+",
    re.DOTALL,
)


def positions(text: str) -> dict[Path, int]:
    """Path of every table, key and array element to its line (from 1). `text` is valid TOML with `\\n` line ends."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._elements: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        self._blank()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._blank()

    def _header(self) -> Path:
        """`[a.b]` or `[[a.b]]`: the table that the lines under it belong to."""
        many = self.text.startswith("[[", self.at)
        line = self._line()
        self._skip(2 if many else 1)
        parts = self._key_parts()
        self._skip(2 if many else 1)
        path: Path = ()
        for part in parts[:-1]:
            path = self._last((*path, part), line)
        path = (*path, parts[-1])
        if not many:
            return self._last(path, line)
        self.lines.setdefault(path, line)
        index = self._elements[path] = self._elements.get(path, -1) + 1
        self.lines[(*path, index)] = line
        return (*path, index)

    def _last(self, path: Path, line: int) -> Path:
        """The table at this path, in an array of tables its last element."""
        self.lines.setdefault(path, line)
        return (*path, self._elements[path]) if path in self._elements else path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for part in self._key_parts():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self._skip(1)  # =
        self._value(path)

    def _value(self, path: Path) -> None:
        first = self.text[self.at]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline(path)
        else:
            match = _SCALAR.match(self.text, self.at)
            self.at = match.end() if match else len(self.text)

    def _array(self, path: Path) -> None:
        self._skip(1)
        index = 0
        while self.text[self.at] != "]":
            element = (*path, index)
            self.lines[element] = self._line()
            self._value(element)
            self._comma()
            index += 1
        self.at += 1

    def _inline(self, path: Path) -> None:
        self._skip(1)
        while self.text[self.at] != "}":
            self._pair(path)
            self._comma()
        self.at += 1

    def _comma(self) -> None:
        self._blank()
        if self.text[self.at] == ",":
            self._skip(1)

    def _key_parts(self) -> list[str]:
        """The parts of a dotted key; leaves `at` on what follows it."""
        parts = []
        while match := _KEY.match(self.text, self.at):
            parts.append(_plain(match[0]))
            self.at = match.end()
            dot = _DOT.match(self.text, self.at)
            if not dot:
                break
            self.at = dot.end()
        self._blank()
        return parts

    def _skip(self, count: int) -> None:
        self.at += count
        self._blank()

    def _blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _line(self) -> int:
        return bisect_left(self._breaks, self.at) + 1


def _plain(part: str) -> str:
    """A key part as it reads without its quotes and escapes."""
    if part[0] == '"':
        return next(iter(tomllib.loads(f"{part} = 0")))
    return part.strip("'") if part[0] == "'" else part
