"""`decisions.jsonl`: one line a call, in the order in which it was known what becomes of each.

Calls of which it is known at the same instant stand in the order of their lines, so that a file is the same however
many processes made it.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from ringfence.history.cdr import CdrError
from ringfence.history.replay import Judged
from ringfence.history.summary import hits_of
from ringfence.model import Instant

DATE = 20
"""Digits of the instant before a line, in the file of one process among several."""


def line(judged: Judged) -> str:
    """What becomes of a call, as JSON."""
    return json.dumps(fields(judged)) + "\n"


def fields(judged: Judged) -> dict[str, Any]:
    """The same as an object."""
    verdict = judged.verdict
    return {
        "call_id": judged.call.call_id,
        "verdict": verdict.outcome,
        "reason": verdict.reason or judged.cause,
        "hits": hits_of(judged),
        "cut_after_s": judged.cut_after_s,
        "incident": judged.incident or None,
    }


class Decisions:
    """A file of them, or none; `dated`: with the instant before each, to be merged. Its methods raise CdrError."""

    def __init__(self, path: Path | None, *, dated: bool = False) -> None:
        self._path = path
        self._dated = dated
        self._at: Instant = 0
        self._waiting: list[str] = []
        with self._saying():
            self._file = path.open("w", encoding="utf-8") if path is not None else None

    def add(self, judged: Judged) -> None:
        """One more."""
        if self._file is None:
            return
        if judged.at != self._at:
            self._flush()
            self._at = judged.at
        self._waiting.append(line(judged))

    def add_dated(self, parts: Sequence[Path]) -> None:
        """All that stand in dated files."""
        if self._file is None:
            return
        with self._saying(), ExitStack() as stack:
            files: list[Iterator[str]] = [stack.enter_context(part.open(encoding="utf-8")) for part in parts]
            self._file.writelines(one[DATE:] for one in heapq.merge(*files))

    def _flush(self) -> None:
        date = f"{self._at:0{DATE}d}" if self._dated else ""
        if self._file is not None:
            with self._saying():
                self._file.writelines(date + one for one in sorted(self._waiting))
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._flush()
        if self._file is not None:
            with self._saying():
                self._file.close()

    @contextmanager
    def _saying(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CdrError(f"{self._path}: {error.strerror}") from error
