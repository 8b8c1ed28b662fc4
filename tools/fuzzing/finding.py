"""What is found, and what makes two findings the same."""

from __future__ import annotations

import traceback


class Broken(Exception):
    """An invariant doesn't hold; the first argument names it, the others say with what."""


def signature(error: BaseException) -> str:
    """The same for the same fault: the invariant's name, or the exception with the innermost place it passed."""
    if isinstance(error, Broken):
        return str(error.args[0])
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/ringfence/" in frame.filename] or frames
    place = f"{ours[-1].filename.rpartition('/ringfence/')[2]}:{ours[-1].name}" if ours else "nowhere"
    return f"{type(error).__name__} in {place}"
