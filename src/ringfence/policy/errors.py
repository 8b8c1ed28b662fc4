"""What is wrong with a policy file, with the place and the way out."""

from __future__ import annotations

from collections.abc import Iterable

from ringfence.errors import RingfenceError


class PolicyError(RingfenceError):
    """One mistake: file, line (0: the file as a whole), dotted key, what is wrong and allowed, what to do."""

    def __init__(self, path: str, line: int, key: str, message: str, hint: str = "") -> None:
        super().__init__(path, line, key, message, hint)
        self.path = path
        self.line = line
        self.key = key
        self.message = message
        self.hint = hint

    @property
    def place(self) -> str:
        """`file:line`, or `file` where no line is to blame."""
        return f"{self.path}:{self.line}" if self.line else self.path

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.place}:{key} {self.message}{hint}"


class PolicyErrors(RingfenceError):
    """Every mistake of a policy and the files it names, in order of file and line."""

    def __init__(self, errors: Iterable[PolicyError]) -> None:
        unique: dict[tuple[str, int, str, str], PolicyError] = {}
        for error in errors:  # A mistake in a profile is met again in every source that takes it over.
            unique.setdefault((error.path, error.line, error.key, error.message), error)
        self.errors = tuple(unique[key] for key in sorted(unique))
        super().__init__(self.errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)
