"""Kamailio as a plain record-routing proxy: the peer that the edge is measured against, and a second opinion on a test.

Started with the fast memory manager (`-x fm -X fm`), one child and 512 MB of shared memory. With Debian's default
manager it takes more than three times the CPU, with 64 MB it loses calls after ten seconds at 500 a second: a
comparison would be unfair to it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ringfence.testing.process import Process, ProcessError, free_ports, listens
from ringfence.testing.wire import Address, host_port

_CONFIG = """#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
listen=udp:{own}
maxbuffer=8388608
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
modparam("tm", "failure_reply_mode", 3)
modparam("tm", "fr_timer", 5000)
modparam("tm", "fr_inv_timer", 30000)
modparam("rr", "enable_full_lr", 0)

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
        sl_send_reply("404", "Not here");
        exit;
    }}
    t_check_trans();
    record_route();
    $du = "sip:{carrier}";
    t_relay();
    exit;
}}
"""


REDIRECTED = _CONFIG.replace(
    "\nrequest_route",
    """
loadmodule "acc.so"
loadmodule "uac_redirect.so"
modparam("uac_redirect", "default_filter", "deny")
modparam("uac_redirect", "accept_filter", "^sip:[^@]*@127\\.0\\.2\\.")

failure_route[ASKED] {{
    if (t_check_status("302") && get_redirects("1")) {{
        $du = $null;
        t_relay();
    }}
}}

request_route""",
).replace("    t_relay();\n    exit;\n}}\n", '    t_on_failure("ASKED");\n    t_relay();\n    exit;\n}}\n')
"""A configuration that asks whoever new requests are sent to, and follows its 302 to addresses in 127.0.2.0/24."""


class Kamailio(Process):
    """A running Kamailio that relays every new request to `carrier`. A context manager."""

    def __init__(
        self,
        directory: Path,
        carrier: Address,
        pin: tuple[str, ...] = (),
        *,
        host: str = "127.0.0.1",
        config: str = _CONFIG,
    ) -> None:
        program = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")
        if program is None:
            raise ProcessError("Kamailio is missing; run tools/install_peers.sh as root")
        (self.port,) = free_ports(1, host)
        self.address: Address = (host, self.port)
        file = directory / "kamailio.cfg"
        file.write_text(config.format(own=host_port(self.address), carrier=host_port(carrier)))
        command: tuple[str | Path, ...] = (
            *pin,
            program,
            "-DD",
            "-E",
            "-x",
            "fm",
            "-X",
            "fm",
            "-m",
            "512",
            "-Y",
            directory,
            "-f",
            file,
        )
        super().__init__(command, directory, "kamailio")
        self.until(lambda: listens(self.port, host), "listening")
