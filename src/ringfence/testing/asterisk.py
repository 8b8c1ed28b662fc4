"""A real Asterisk 22 on loopback, as `tools/fetch_asterisk.sh` unpacks it: PBX or carrier of the end-to-end tests.

Two phones stand in front of it (`phone` is known by its address, `1001` by its password), and `trunk1` behind it, which
it reaches over UDP, TCP or TLS. What the dial plan does with a call is the test's.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

import ringfence
from ringfence.platforms.asterisk.render import manager_conf
from ringfence.testing.certificates import Pair
from ringfence.testing.process import Process, ProcessError, free_ports, polls
from ringfence.testing.wire import Address, host_port

HOST = "127.0.4.1"
PASSWORD = "pw1001"
SECRET = "manager-secret"
HERE = Path(ringfence.__file__).parents[2]

DIALPLAN = """
[from-internal]
exten => _X.,1,Dial(PJSIP/${EXTEN}@trunk1,30)
[from-trunk]
exten => _X.,1,Dial(PJSIP/1001,20)
"""
"""Everything goes out, and nobody is asked."""
MANAGER = manager_conf("guard", SECRET, ("127.0.0.0/255.0.0.0",))

MODULES = """
res_timing_timerfd res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip res_pjsip_session
res_pjsip_pubsub res_pjsip_sdp_rtp res_pjsip_registrar res_pjsip_authenticator_digest
res_pjsip_outbound_authenticator_digest res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user
res_pjsip_caller_id res_pjsip_diversion res_pjsip_nat res_pjsip_rfc3326 res_pjsip_header_funcs res_pjsip_acl
res_pjsip_refer res_rtp_asterisk res_srtp chan_pjsip bridge_simple bridge_native_rtp bridge_builtin_features
bridge_builtin_interval_features bridge_holding bridge_softmix codec_ulaw codec_alaw codec_a_mu codec_gsm format_pcm
format_gsm format_wav pbx_config pbx_spool res_features res_musiconhold app_dial app_stack app_macro app_verbose
app_exec app_echo app_playback app_userevent app_cdr app_originate app_softhangup app_transfer app_system
func_callerid func_channel func_cdr func_curl func_logic func_strings func_uri func_hangupcause func_db func_global
func_timeout func_groupcount func_dialplan func_pjsip_endpoint func_shell func_env func_math func_base64 func_cut
func_lock res_curl res_crypto res_agi res_speech res_security_log res_clioriginate cdr_manager
"""
EMPTY = "features ccss acl udptl stasis pjproject sorcery musiconhold cli_aliases res_curl"
INDICATIONS = """
[general]
country=us
[us]
description=US
ringcadence=2000,4000
dial=350+440
busy=480+620/500,0/500
ring=440+480/2000,0/4000
congestion=480+620/250,0/250
"""

_ASTERISK = """
[directories]
astcachedir => {state}
astetcdir => {etc}
astmoddir => {modules}
astvarlibdir => {state}
astdbdir => {state}
astkeydir => {state}
astdatadir => {root}/usr/share/asterisk
astagidir => {state}
astspooldir => {state}/spool
astrundir => {state}
astlogdir => {state}/log
[options]
documentation_language = en_US
verbose = 3
nocolor = yes
"""
_MANAGER = """
[general]
enabled=yes
bindaddr={host}
port={port}
webenabled=no
displayconnects=no
timestampevents=yes
"""
_PJSIP = """
[global]
type=global
endpoint_identifier_order=ip,username
[transport-udp]
type=transport
protocol=udp
bind={sip}
{transports}
[ext](!)
type=endpoint
context=from-internal
disallow=all
allow=ulaw
direct_media=no
[1001](ext)
auth=1001
aors=1001
accountcode=acc1001
[1001]
type=auth
auth_type=userpass
username=1001
password={password}
[1001]
type=aor
max_contacts=2
remove_existing=yes
[phone](ext)
[phone]
type=identify
endpoint=phone
match={phone}
[trunk1]
type=endpoint
context=from-trunk
disallow=all
allow=ulaw
aors=trunk1
direct_media=no
transport=transport-{protocol}
{trunk}
[trunk1]
type=aor
contact=sip:{carrier}\\;transport={protocol}
[trunk1]
type=identify
endpoint=trunk1
match={carrier_host}
"""
_TCP = """
[transport-tcp]
type=transport
protocol=tcp
bind={sip}
"""
_TLS = """
[transport-tls]
type=transport
protocol=tls
bind={sip}
method=tlsv1_2
cert_file={certificate}
priv_key_file={key}
ca_list_file={authority}
verify_server=yes
verify_client=yes
require_client_cert=yes
"""


class Tls(NamedTuple):
    """What it proves itself by, and whose certificates it takes, on both sides of a connection."""

    own: Pair
    authority: Path


def unpacked(suite: str = "forky") -> Path:
    """Where the Asterisk of a release of Debian is; fetched where it isn't there yet. Raises ProcessError."""
    dest = Path(os.environ.get("RINGFENCE_PEERS", HERE / ".peers")) / f"asterisk-{suite}"
    script = HERE / "tools" / "fetch_asterisk.sh"
    done = subprocess.run([script, dest, suite], capture_output=True, text=True, timeout=500, check=False)
    if done.returncode:
        raise ProcessError(f"no Asterisk could be fetched:\n{done.stdout}{done.stderr}")
    return dest


class Asterisk:
    """A running Asterisk with a configuration of its own. A context manager."""

    def __init__(
        self,
        directory: Path,
        phone: Address,
        carrier: Address,
        *,
        sip: Address | None = None,
        protocol: Literal["udp", "tcp"] | Tls = "udp",
        dialplan: str = DIALPLAN,
        manager: str = MANAGER,
        general: str = "",
        trunk: str = "",
        suite: str = "forky",
        **files: str,
    ) -> None:
        """Further lines: `general` for [general] of manager.conf, `trunk` for the endpoint of the carrier.

        `sip`: where it is, HOST with a free port unless told; `protocol`: how it reaches the carrier, and is reached
        beside UDP.
        `suite`: of Debian, `bullseye` has Asterisk 16.28; `files`: more of them, `cdr="…"` is cdr.conf.
        """
        self.dest = unpacked(suite)
        self.directory = directory
        self._short = tempfile.TemporaryDirectory(prefix="asterisk-")  # a socket's path has at most 107 bytes
        self.state = Path(self._short.name)
        self.etc = directory / "asterisk"
        self.etc.mkdir()
        for name in ("spool/outgoing", "spool/tmp", "log/cdr-csv"):
            (self.state / name).mkdir(parents=True)
        self.sip: Address = sip or (HOST, free_ports(1, HOST)[0])
        self.ami: Address = (self.sip[0], free_ports(1, self.sip[0], tcp=True)[0])
        self._configure(phone, carrier, protocol, trunk, dialplan, general + manager, files)
        self._process: Process | None = None
        self._starts = 0

    def _configure(
        self,
        phone: Address,
        carrier: Address,
        protocol: Literal["udp", "tcp"] | Tls,
        trunk: str,
        dialplan: str,
        manager: str,
        files: dict[str, str],
    ) -> None:
        root = self.dest / "root"
        modules = next((root / "usr/lib").rglob("chan_pjsip.so")).parent
        load = "".join(f"load={name}.so\n" for name in MODULES.split() if (modules / f"{name}.so").exists())
        written = {
            "asterisk": _ASTERISK.format(state=self.state, etc=self.etc, modules=modules, root=root),
            "modules": f"[modules]\nautoload=no\n{load}",
            "logger": "[general]\n[logfiles]\nconsole => notice,warning,error,security\n",
            "manager": _MANAGER.format(host=self.ami[0], port=self.ami[1]) + manager,
            "pjsip": _PJSIP.format(
                sip=host_port(self.sip),
                password=PASSWORD,
                phone=phone[0],
                carrier=host_port(carrier),
                carrier_host=carrier[0],
                trunk=trunk,
                protocol=protocol if isinstance(protocol, str) else "tls",
                transports=self._transports(protocol),
            ),
            "extensions": dialplan,
            "indications": INDICATIONS,
            "rtp": "[general]\nrtpstart=20000\nrtpend=20400\nstrictrtp=no\nicesupport=no\n",
            "cdr": "[general]\nenable=yes\nunanswered=yes\n",
            "cdr_manager": "[general]\nenabled=yes\n",
            **dict.fromkeys(EMPTY.split(), ""),
            **files,
        }
        for name, text in written.items():
            (self.etc / f"{name}.conf").write_text(text)

    def _transports(self, protocol: Literal["udp", "tcp"] | Tls) -> str:
        sip = host_port(self.sip)
        if isinstance(protocol, Tls):
            own = protocol.own
            return _TLS.format(sip=sip, certificate=own.certificate, key=own.key, authority=protocol.authority)
        return _TCP.format(sip=sip) if protocol == "tcp" else ""

    def __enter__(self) -> Asterisk:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._short.cleanup()

    @property
    def process(self) -> Process:
        """The running process. Raises ProcessError before `start`."""
        if self._process is None:
            raise ProcessError("Asterisk wasn't started")
        return self._process

    def start(self) -> None:
        """Start it, and wait until it takes calls."""
        self._starts += 1
        command: list[str | Path] = [self.dest / "bin/asterisk", "-f", "-C", self.etc / "asterisk.conf"]
        self._process = Process(command, self.directory, f"asterisk{self._starts}")
        for _ in polls(30.0, every_s=0.05):
            if self._remote("core waitfullybooted").returncode == 0:
                return
            if not self._process.running:
                break
        raise ProcessError(f"Asterisk doesn't start:\n{self._process.tail()}")

    def stop(self) -> None:
        """End it, calls included."""
        if self._process is not None:
            self._process.end(timeout_s=20.0)

    def cli(self, command: str) -> str:
        """What a command of its command line says. Raises ProcessError."""
        done = self._remote(command)
        if done.returncode:
            raise ProcessError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    @property
    def command(self) -> str:
        """The command that reaches it with `-rx`."""
        return f"{self.dest / 'bin/asterisk'} -C {self.etc / 'asterisk.conf'}"

    def _remote(self, command: str) -> subprocess.CompletedProcess[str]:
        program: list[str | Path] = [self.dest / "bin/asterisk", "-C", self.etc / "asterisk.conf", "-rx", command]
        return subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)
