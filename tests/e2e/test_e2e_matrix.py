"""Two real Asterisk 22, one as PBX and one as carrier, with the guard between them: over UDP, TCP and mutual TLS, with
SRTP, what the carrier sees hidden or not. A phone calls through the PBX; the carrier answers by its own dial plan."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ringfence.edge.secrets import Owner, Secrets, hashes_of
from ringfence.server import secret_file
from ringfence.sip.digest import ALGORITHMS
from ringfence.testing.asterisk import PASSWORD, Asterisk, Tls
from ringfence.testing.certificates import Authority
from ringfence.testing.guard import GUARD, Guard
from ringfence.testing.peer import Call, Dialog, Peer, answer_ok, call
from ringfence.testing.process import free_ports, polls

pytestmark = pytest.mark.e2e

REALM = "asterisk"
"""What Asterisk's challenges say."""
PHONE, PBX, CARRIER = "127.0.1.9", "127.0.4.1", "127.0.4.2"
NUMBER, BUSY, SILENT, ABROAD, OWN = "12125550143", "12125550144", "12125550145", "01137120000000", "12125550101"
AT_THE_PBX = f"""
[from-internal]
exten => _X.,1,Dial(PJSIP/${{EXTEN}}@trunk1,30)
 same => n,Hangup(${{HANGUPCAUSE}})
[from-trunk]
exten => {OWN},1,Answer()
 same => n,Wait(30)
exten => +{OWN},1,Goto({OWN},1)
"""
AT_THE_CARRIER = f"""
[from-trunk]
exten => _[+0-9]!,1,Set(n=${{FILTER(0-9,${{EXTEN}})}})
 same => n,GotoIf($["${{n}}" = "{BUSY}"]?busy)
 same => n,Progress()
 same => n,GotoIf($["${{n}}" = "{SILENT}"]?silent)
 same => n,Answer()
 same => n,Echo()
 same => n(busy),Busy(1)
 same => n(silent),Wait(30)
"""
"""Early media and an answer, a busy line, and one that nobody answers."""


@dataclass
class Line:
    """A phone, its PBX, the guard, the carrier."""

    phone: Peer
    pbx: Asterisk
    guard: Guard
    carrier: Asterisk

    def dial(self, number: str = NUMBER) -> Call:
        return call(self.phone, self.pbx.sip, number, "101")

    def talk(self) -> Dialog:
        made = self.dial()
        dialog = made.confirm(self.phone.expect(200, call_id=made.call_id, method="INVITE", timeout_s=15.0))
        assert [row["state"] for row in self.calls(1)] == ["up"]
        return dialog

    def calls(self, count: int) -> list[dict[str, Any]]:
        """Calls in progress once there are so many, and up where there are any, or at the end of ten seconds."""
        for _ in polls(10.0):
            listed: list[dict[str, Any]] = self.guard.ask("calls")
            if len(listed) == count and all(row["state"] == "up" for row in listed):
                break
        return listed

    def is_up(self) -> bool:
        """Whether the PBX has one channel, answered, and the guard its call."""
        for _ in polls(10.0):
            channels = self.pbx.cli("core show channels concise").splitlines()
            if len(channels) == 1 and "!Up!" in channels[0] and self.guard.ask("status")["edge"]["dialogs"] == 1:
                return True
        return False

    def is_over(self) -> bool:
        """Whether no call is left anywhere, and no meter of calls in progress holds one."""
        for _ in polls(10.0):
            status = self.guard.ask("status")
            held = [row for row in status["meters"] if row["quantity"] == "calls" and row["value"]]
            left = [each.cli("core show channels concise").strip() for each in (self.pbx, self.carrier)]
            if not held and not status["edge"]["dialogs"] and left == ["", ""]:
                return True
        return False

    def ends(self) -> list[str]:
        """How each call ended, by the ledger."""
        listed = self.guard.cli("log", "--kind", "ended", "--json", "--ledger", "state/ledger.db").stdout
        return [line.split('"cause": "')[1].split('"')[0] for line in listed.splitlines()]


@contextlib.contextmanager
def line(directory: Path, protocol: str, srtp: str, identity: str, asks: bool = False) -> Iterator[Line]:
    """`asks`: the carrier wants a registration, and a password for each call; the PBX has none."""
    pbx_at, carrier_at = ((host, free_ports(1, host, tcp=True)[0]) for host in (PBX, CARRIER))
    authority = Authority(directory)
    own = authority.issue("guard.example", [f"IP:{GUARD}"])
    listen = "" if protocol == "udp" else f'transport = "{protocol}"'
    trunk, source = f'identity = "{identity}"', ""
    if protocol == "tls":
        listen += f'\ncertificate = "{own.certificate}"\nkey = "{own.key}"'
        trunk += f'\nca = "{authority.path}"\ntls_name = "sbc.carrier.example"'
        source = f'ca = "{authority.path}"\ntls_peer = ["pbx.example"]\ntls_name = "pbx.example"'
    if asks:
        trunk += f'\nregister = {{ user = "1001", domain = "carrier.example", realm = "{REALM}" }}'
        with secret_file.changing(directory / "state" / "secrets") as held:
            owner = Owner("1001", REALM)
            held[0] = Secrets({owner: hashes_of(owner, PASSWORD, ALGORITHMS)})
    if srtp:
        trunk += '\nsrtp = "required"'
    inside = f'{listen}\nclient_ca = "{authority.path}"' if protocol == "tls" else listen
    guard = Guard(
        directory, pbx_at, carrier_at, trunk=trunk, source=source, listen_inside=inside, listen_outside=listen
    )

    wants = "auth=1001\naors=trunk1,1001" if asks else ""

    def asterisk(name: str, certificate: str, far: tuple[str, int], shown: str, dialplan: str) -> Asterisk:
        (directory / name).mkdir()
        how: Any = Tls(authority.issue(certificate), authority.path) if protocol == "tls" else protocol
        return Asterisk(
            directory / name,
            phone.address,
            far,
            sip=pbx_at if name == "pbx" else carrier_at,
            protocol=how,
            dialplan=dialplan,
            trunk=f"{srtp}\nfrom_user={shown}\n{wants if name == 'carrier' else ''}",
        )

    with (
        Peer(PHONE, name="phone") as phone,
        asterisk("pbx", "pbx.example", guard.inside, OWN, AT_THE_PBX) as pbx,
        asterisk("carrier", "sbc.carrier.example", guard.outside, "13125550177", AT_THE_CARRIER) as carrier,
        guard,
    ):
        yield Line(phone, pbx, guard, carrier)


SDES, DTLS = "media_encryption=sdes", "media_encryption=dtls\ndtls_auto_generate_cert=yes"


@pytest.fixture(
    scope="module",
    params=[
        ("udp", "", "transparent"),
        ("udp", "", "own"),
        ("tcp", "", "transparent"),
        ("tls", SDES, "transparent"),
        ("tls", DTLS, "own"),
    ],
    ids=["UDP", "UDP-own", "TCP", "TLS-SDES", "TLS-DTLS-own"],
)
def wired(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with line(tmp_path_factory.mktemp("line"), *request.param) as running:
        yield running


def test_a_call_out_that_the_caller_ends(wired: Line) -> None:
    dialog = wired.talk()
    dialog.send("BYE")
    wired.phone.expect(200, call_id=dialog.call_id, method="BYE")
    assert wired.is_over()
    assert wired.ends()[-1] == "bye-caller"


def test_a_call_out_that_the_carrier_ends(wired: Line) -> None:
    dialog = wired.talk()
    wired.carrier.cli("channel request hangup all")
    answer_ok(wired.phone, wired.phone.expect("BYE", call_id=dialog.call_id))
    assert wired.is_over()
    assert wired.ends()[-1] == "bye-callee"


def test_a_call_that_is_cut_by_order(wired: Line) -> None:
    dialog = wired.talk()
    wired.guard.ask("cut", id=wired.calls(1)[0]["id"])
    answer_ok(wired.phone, wired.phone.expect("BYE", call_id=dialog.call_id))
    assert wired.is_over()


def test_a_busy_line(wired: Line) -> None:
    made = wired.dial(BUSY)
    final = wired.phone.expect(0, call_id=made.call_id, method="INVITE", timeout_s=15.0)
    made.ack_refusal(final)
    assert final.status == 486
    assert wired.is_over()


def test_early_media_that_the_caller_gives_up(wired: Line) -> None:
    made = wired.dial(SILENT)
    wired.phone.expect(183, call_id=made.call_id, timeout_s=15.0)
    made.cancel()
    wired.phone.expect(200, method="CANCEL", call_id=made.call_id)
    made.ack_refusal(wired.phone.expect(487, call_id=made.call_id))
    assert wired.is_over()


def test_abroad_is_refused_before_the_carrier_hears_of_it(wired: Line) -> None:
    before = wired.carrier.cli("core show calls")
    made = wired.dial(ABROAD)
    made.ack_refusal(wired.phone.expect(0, call_id=made.call_id, method="INVITE", timeout_s=15.0))
    assert wired.carrier.cli("core show calls") == before
    assert wired.is_over()


def test_an_inbound_call(wired: Line) -> None:
    wired.carrier.cli(f"channel originate PJSIP/+{OWN}@trunk1 application Wait 30")
    assert wired.is_up()
    wired.pbx.cli("channel request hangup all")
    assert wired.is_over()


@pytest.mark.parametrize("who", ["caller", "carrier"])
def test_a_call_goes_on_after_the_guard_was_killed(wired: Line, who: str) -> None:
    dialog = wired.talk()
    wired.guard.process.kill()
    wired.guard.start()
    assert len(wired.guard.ask("calls")) == 1
    if who == "caller":
        dialog.send("BYE")
        wired.phone.expect(200, call_id=dialog.call_id, method="BYE")
    else:
        wired.carrier.cli("channel request hangup all")
        answer_ok(wired.phone, wired.phone.expect("BYE", call_id=dialog.call_id))
    assert wired.is_over()


@pytest.mark.parametrize(
    ("protocol", "srtp", "identity"), [("udp", "", "own"), ("tls", SDES, "own")], ids=["UDP-own", "TLS-SDES-own"]
)
def test_a_carrier_that_wants_registration_and_passwords(
    tmp_path: Path, protocol: str, srtp: str, identity: str
) -> None:
    with line(tmp_path, protocol, srtp, identity, asks=True) as wired:
        for _ in polls(15.0, every_s=0.2):
            if "registered" in [row["state"] for row in wired.guard.ask("status")["enrolments"]]:
                break
        assert "1001/sip:" in wired.carrier.cli("pjsip show contacts")
        dialog = wired.talk()
        dialog.send("BYE")
        wired.phone.expect(200, call_id=dialog.call_id, method="BYE")
        assert wired.is_over()
