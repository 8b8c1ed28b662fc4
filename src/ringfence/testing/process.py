"""Processes of a test or a benchmark: output in a file, ended by their own pid, measured by /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self


class ProcessError(Exception):
    """A process didn't do what was waited for; the text ends with its last output."""


class Process:
    """A child process. A context manager: it is ended, first kindly, and reaped at the end.

    A `wrapped` one is started by a program that stays its parent and ends with it (faketime): signals and measures are
    for the program inside, which would outlive its wrapper.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        directory: Path,
        name: str,
        environment: dict[str, str] | None = None,
        *,
        wrapped: bool = False,
    ) -> None:
        self.name = name
        self._wrapped = wrapped
        self.output = directory / f"{name}.out"
        with self.output.open("ab") as output:
            self._child = subprocess.Popen(
                [str(argument) for argument in arguments],
                cwd=directory,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """Of the program itself; of the wrapper as long as there is none inside."""
        return family(self._child.pid)[:2][-1] if self._wrapped else self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens where the process is gone."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> int:
        """Exit code. Raises ProcessError after `timeout_s`."""
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"{self.name} still runs after {timeout_s:g} s\n{self.tail()}") from None

    def end(self, timeout_s: float = 10.0) -> int:
        """SIGTERM, and SIGKILL after `timeout_s`; the exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """SIGKILL; the exit code."""
        self.signal(signal.SIGKILL)
        return self._child.wait()

    def until(self, true: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
        """Wait until something is true. Raises ProcessError when the process ends first or time is up."""
        for _ in polls(timeout_s):
            if true():
                return
            if not self.running:
                raise ProcessError(f"{self.name} ended with {self._child.returncode} before {what}\n{self.tail()}")
        raise ProcessError(f"{self.name}: no {what} within {timeout_s:g} s\n{self.tail()}")

    def until_says(self, text: str, timeout_s: float = 15.0) -> None:
        """Wait until its output has this text."""
        self.until(lambda: text in self.said(), repr(text), timeout_s)

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.said().splitlines()[-lines:])

    def cpu_s(self) -> float:
        """CPU seconds of the process and its live descendants, user and system."""
        return sum(_cpu_s(pid) for pid in family(self.pid))

    def rss_bytes(self) -> int:
        """Resident memory of the process itself."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/task"))


def polls(timeout_s: float, every_s: float = 0.02) -> Iterator[None]:
    """Ticks until time is up: for what has no event to wait for."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        yield
        time.sleep(every_s)
    yield


def family(pid: int) -> list[int]:
    """A process and its live descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(member for child in children for member in family(int(child)))]


def _cpu_s(pid: int) -> float:
    """CPU time of one process, ended threads included, from its own clock (clock_getcpuclockid(3)); 0 where gone."""
    try:
        return time.clock_gettime_ns(~pid << 3 | 2) / 1e9
    except OSError:
        return 0.0


def listens(port: int, host: str = "127.0.0.1", *, tcp: bool = False) -> bool:
    """Whether somebody has the port: nothing is sent, since a SIP peer would take it for a message."""
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def free_ports(count: int, host: str = "127.0.0.1", *, tcp: bool = False) -> list[int]:
    """Ports that are free now; all are held while they are looked for, so that they differ."""
    family_ = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket(family_, kind)) for _ in range(count)]
        for one in sockets:
            one.bind((host, 0))
        return [one.getsockname()[1] for one in sockets]
