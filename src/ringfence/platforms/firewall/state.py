"""What is remembered of the firewall: what is in force, what was before, what waits for its confirmation.

Theory. Three files in one directory, each written whole or not at all, and a lock that whoever changes something holds:

    pending.json     a change that was made and waits; rolled back at its deadline
    confirmed.json   the last change that somebody confirmed
    previous.json    the one before it

The deadline is on the clock that counts while the machine sleeps, and holds for one boot only: rules don't survive a
restart, so neither does what waits. Everybody may read the files, so that a guard without privileges can say what is
wrong; only root may write them, since what is in them is put in force again.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from ringfence.model.time import Instant
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.wanted import Wanted

LOCK_WITHIN_S = 10.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
T = TypeVar("T")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was made."""

    at: Instant
    backend: str
    policy: str
    """Version of the policy."""
    wanted: Wanted
    text: str
    """As it was rendered."""
    listing: str
    """What the firewall said after it."""
    before: str
    """What the firewall said before it."""


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A change that waits for its confirmation."""

    id: str
    boot: str
    deadline_s: float
    """On CLOCK_BOOTTIME."""
    change: Change

    def left_s(self) -> float:
        """How long it waits still, seconds; negative once it is over."""
        return self.deadline_s - now_s()

    def of_this_boot(self) -> bool:
        """Whether the machine has not been restarted since."""
        return self.boot == boot()


def now_s() -> float:
    """Seconds since the machine was started, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot() -> str:
    """The kernel's name for this run of the machine. Raises FirewallError where a service is kept from reading it."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError as error:
        raise FirewallError(f"{BOOT_ID} can't be read: {error.strerror}; ProcSubset=all lets a service") from error


class State:
    """The directory. Reading and writing raise FirewallError."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; it is let go when the process dies."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o755)
            lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._wait(lock)
            yield
        finally:
            os.close(lock)

    def _wait(self, lock: int) -> None:
        until = time.monotonic() + LOCK_WITHIN_S
        while True:
            with suppress(BlockingIOError):
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.monotonic() > until:
                raise FirewallError(f"another command changes the firewall ({self.directory}/lock is held): try again")
            time.sleep(0.05)

    def pending(self) -> Pending | None:
        """What waits."""
        return self._read("pending.json", Pending)

    def confirmed(self) -> Change | None:
        """The last change that was confirmed."""
        return self._read("confirmed.json", Change)

    def previous(self) -> Change | None:
        """The one before it."""
        return self._read("previous.json", Change)

    def in_force(self) -> Change | None:
        """The last change that was made and not rolled back."""
        pending = self.pending()
        return pending.change if pending is not None and pending.of_this_boot() else self.confirmed()

    def wait_for(self, pending: Pending) -> None:
        """Remember a change that waits."""
        self._write("pending.json", pending)

    def confirm(self, change: Change) -> None:
        """Remember a change as confirmed; it no longer waits."""
        before = self.confirmed()
        if before is not None:
            self._write("previous.json", before)
        self._write("confirmed.json", change)
        self.forget_pending()

    def correct(self, change: Change) -> None:
        """Remember the last confirmed change as it is in force now."""
        self._write("confirmed.json", change)

    def step_back(self) -> None:
        """Forget the last confirmed change: the one before it is the last one again, if it is known."""
        previous = self.previous()
        if previous is None:
            self._remove("confirmed.json")
        else:
            self._write("confirmed.json", previous)
            self._remove("previous.json")

    def forget_pending(self) -> None:
        """Nothing waits any longer."""
        self._remove("pending.json")

    def _read(self, name: str, kind: type[T]) -> T | None:
        path = self.directory / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FirewallError(f"{path} can't be read: {error.strerror}") from error
        except msgspec.MsgspecError as error:
            hint = "move it away, then `ringfence firewall apply`"
            raise FirewallError(f"{path} isn't what was written there ({error}): {hint}") from error

    def _write(self, name: str, what: Change | Pending) -> None:
        path = self.directory / name
        fresh = path.with_suffix(".new")
        try:
            with open(fresh, "wb") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(msgspec.json.encode(what))
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
        except OSError as error:
            raise self._unwritable(error) from error

    def _remove(self, name: str) -> None:
        try:
            (self.directory / name).unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> FirewallError:
        return FirewallError(f"{self.directory} can't be written: {error.strerror}; run this as root")
