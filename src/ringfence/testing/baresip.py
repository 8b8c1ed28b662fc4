"""baresip as a real phone: it registers by itself, and dials, answers and hangs up when told."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

from ringfence.testing.process import Process, ProcessError, free_ports

MODULES = Path("/usr/lib/baresip/modules")
_CONFIG = """sip_listen {host}:{port}
net_interface {host}
audio_player aubridge,a
audio_source aubridge,a
audio_alert aubridge,a
module_path {modules}
module g711.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control}
"""


class Baresip(Process):
    """A phone at an address, with one account as baresip writes it. A context manager.

    `settings` are further lines of its configuration.
    """

    def __init__(self, directory: Path, host: str, account: str, settings: str = "") -> None:
        if shutil.which("baresip") is None:
            raise ProcessError("baresip is missing; run tools/install_peers.sh as root")
        directory.mkdir(parents=True, exist_ok=True)
        (self.port,) = free_ports(1, host)
        (control,) = free_ports(1, host, tcp=True)
        self._control = host, control
        config = _CONFIG.format(host=host, port=self.port, modules=MODULES, control=control)
        config += settings
        for name, text in {"config": config, "accounts": f"{account}\n", "contacts": ""}.items():
            (directory / name).write_text(text)
        super().__init__(("baresip", "-f", directory, "-v"), directory, "baresip", {"TERM": "dumb"})
        self.until_says("baresip is ready")

    def dial(self, number: str) -> None:
        """Call a number."""
        self._do("dial", number)

    def accept(self) -> None:
        """Answer the call that rings."""
        self._do("accept")

    def hang_up(self) -> None:
        """End the call."""
        self._do("hangup")

    def _do(self, command: str, parameters: str = "") -> None:
        """One command over its control socket, a netstring of JSON each way. Raises ProcessError where it fails."""
        text = json.dumps({"command": command, "params": parameters, "token": "1"}).encode()
        with socket.create_connection(self._control, timeout=5) as connection:
            connection.sendall(b"%d:%b," % (len(text), text))
            answer = b""
            while b'"response":true' not in answer:  # Events come in between.
                answer += connection.recv(65_536) or b'"response":true, but hung up'
        if b'"ok":true' not in answer:
            raise ProcessError(f"baresip, {command}: {answer!r}\n{self.tail()}")
