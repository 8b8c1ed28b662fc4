"""SIPp as a value: start a caller or a callee with a scenario, wait for it, read its statistics.

SIPp's exit codes are 0 (all calls as the scenario says), 1 (some failed), 97 (its -timeout), 99 (no call), 254 and 255
(it could not run). A callee runs until it is told to stop: SIGUSR1 lets it finish its calls and write its statistics.
"""

from __future__ import annotations

import csv
import os
import shutil
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ringfence.testing.process import Process, ProcessError, free_ports, listens
from ringfence.testing.wire import Address, host_port


@dataclass(frozen=True)
class Statistics:
    """What SIPp counted."""

    created: int
    succeeded: int
    failed: int
    retransmissions: int
    counters: dict[str, int] = field(default_factory=dict)
    """By the scenario's counter names."""

    def __getitem__(self, counter: str) -> int:
        return self.counters.get(counter, 0)


class Sipp:
    """One SIPp process. A context manager; files are in `directory`, named after `name`."""

    def __init__(
        self,
        xml: str,
        directory: Path,
        name: str,
        *arguments: str,
        host: str = "127.0.0.1",
        port: int = 0,
        pin: int | None = None,
    ) -> None:
        if shutil.which("sipp") is None:
            raise ProcessError("SIPp is missing; run tools/install_peers.sh as root")
        self.directory, self.name = directory, name
        self.tcp = "t1" in arguments or "tn" in arguments
        self.port = port or free_ports(1, host, tcp=self.tcp)[0]
        self.host = host
        scenario = directory / f"{name}.xml"
        scenario.write_text(xml)
        command: list[str | Path] = [
            "sipp",
            "-sf",
            scenario,
            "-i",
            host,
            "-p",
            str(self.port),
            "-nostdin",
            "-trace_err",
        ]
        command += ["-error_file", self._file("errors"), "-trace_stat", "-stf", self._file("stat"), "-fd", "1"]
        command += ["-timer_resol", "1", "-ci", "127.0.0.1", *arguments]
        self.process = Process((*_pinned(pin), *command), directory, name, {"TERM": "dumb"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.end(timeout_s=1.0)

    @property
    def address(self) -> Address:
        return self.host, self.port

    def statistics(self) -> Statistics:
        """The last row of the statistics file. Raises ProcessError where there is none."""
        try:
            with self._file("stat").open(newline="") as file:
                row = list(csv.DictReader(file, delimiter=";"))[-1]
        except (OSError, IndexError):
            raise ProcessError(f"{self.name} wrote no statistics\n{self.complaints()}") from None
        names = [key for key in row if key and "GenericCounter" not in key]
        counters = {_plain(key): _number(row, key) for key in names if _plain(key) and key.endswith("(C)")}
        return Statistics(
            _number(row, "TotalCallCreated"),
            _number(row, "SuccessfulCall(C)"),
            _number(row, "FailedCall(C)"),
            _number(row, "Retransmissions(C)"),
            counters,
        )

    def complaints(self, most: int = 3000) -> str:
        """What it wrote to its error file and its screen, for people."""
        errors = self._file("errors")
        return (errors.read_text(errors="replace")[:most] if errors.exists() else "") + self.process.tail(12)

    def finish(self, timeout_s: float) -> Statistics:
        """Wait until a caller's calls are over. Raises ProcessError where SIPp itself failed or isn't done in time."""
        code = self.process.wait(timeout_s)
        if code not in (0, 1):
            raise ProcessError(f"{self.name}: SIPp ended with {code}\n{self.complaints()}")
        return self.statistics()

    def stop(self, timeout_s: float = 10.0) -> Statistics:
        """Stop a callee once its calls are over, and count."""
        self.process.signal(signal.SIGUSR1)
        try:
            self.process.wait(timeout_s)
        except ProcessError:
            self.process.signal(signal.SIGUSR1)  # The second one doesn't wait for calls.
            self.process.wait(5.0)
        return self.statistics()

    def _file(self, kind: str) -> Path:
        return self.directory / f"{self.name}.{kind}"


def callee(
    xml: str,
    directory: Path,
    name: str = "callee",
    *arguments: str,
    host: str = "127.0.0.1",
    port: int = 0,
    pin: int | None = None,
) -> Sipp:
    """Start a called side, on a free port or this one, and wait until it has it."""
    sipp = Sipp(xml, directory, name, "-aa", *arguments, host=host, port=port, pin=pin)
    sipp.process.until(lambda: listens(sipp.port, host, tcp=sipp.tcp), "listening")
    return sipp


def caller(
    xml: str,
    directory: Path,
    target: Address,
    *arguments: str,
    calls: int = 1,
    rate: float = 10,
    numbers: Iterable[Sequence[str]] = (("+12125550123", "+12125550100"),),
    talk_ms: int = 100,
    timeout_s: int = 60,
    name: str = "caller",
    host: str = "127.0.0.1",
    pin: int | None = None,
) -> Sipp:
    """Start a calling side: `calls` calls at `rate` a second, dialling (number, caller ID, ...) in turn."""
    lines = directory / f"{name}.csv"
    lines.write_text("SEQUENTIAL\n" + "".join(";".join(fields) + ";\n" for fields in numbers))
    period_ms = 1000 if rate >= 1 else round(1000 / rate)
    options = ["-aa", "-m", str(calls), "-r", f"{max(1, round(rate))}", "-rp", str(period_ms), "-l", str(max(calls, 1))]
    options += ["-d", str(talk_ms), "-timeout", str(timeout_s), "-inf", str(lines), *arguments, host_port(target)]
    return Sipp(xml, directory, name, *options, host=host, pin=pin)


def _pinned(core: int | None) -> tuple[str, ...]:
    return () if core is None or (os.cpu_count() or 1) < 2 else ("taskset", "-c", str(core))


def _plain(key: str) -> str:
    """`answered(C)` of a counter column; empty for SIPp's own columns."""
    name = key.removesuffix("(C)")
    return name if name.islower() else ""


def _number(row: dict[str, str], key: str) -> int:
    value = row.get(key) or "0"
    return int(float(value)) if value.replace(".", "", 1).isdigit() else 0
