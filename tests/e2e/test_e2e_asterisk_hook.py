"""The hook in the dial plan of a real Asterisk 22: asked before the trunk is dialled, and without an answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.model.settings import Asterisk as Settings
from ringfence.model.settings import Source, Trunk, WhenDown
from ringfence.numbers.settings import PlanSettings
from ringfence.platforms.asterisk.dialplan import Door, dialplan
from ringfence.platforms.asterisk.hook import key_of
from ringfence.testing.asterisk import SECRET
from ringfence.testing.beside import PbxSite, pbx_site
from ringfence.testing.peer import answer_ok, leg
from ringfence.testing.process import free_ports

pytestmark = pytest.mark.e2e

HOME, ABROAD, PREMIUM = "12125550143", "01137120000000", "19005550100"
ASKS = """
[from-internal]
exten => _[0-9+*#].,1,Gosub(ringfence-admit,s,1(trunk1,${EXTEN}))
 same => n,GotoIf($["${GOSUB_RETVAL}" = "allow"]?go)
 same => n,Hangup(21)
 same => n(go),Dial(PJSIP/${EXTEN}@trunk1,30)
 same => n,Dial(PJSIP/${EXTEN}@trunk1,30)
exten => 911,1,Goto(0911,1)
exten => 0911,1,Gosub(ringfence-admit,s,1(trunk1,911))
 same => n,GotoIf($["${GOSUB_RETVAL}" = "allow"]?go)
 same => n,Hangup(21)
 same => n(go),Dial(PJSIP/911@trunk1,30)
"""


def asks(port: int, kind: str = "http", when_down: WhenDown = "national_only") -> str:
    """A dial plan that asks at this port before it dials, twice if the trunk fails."""
    settings = Settings(name="office", host="", port=0, secret="", source="pbx", trunks={"trunk1": "carrier"})
    source = Source(name="pbx", zone="internal", trunks=("carrier",), plan=PlanSettings(home="US"))
    trunk = Trunk(name="carrier", when_down=when_down)
    return ASKS + dialplan(settings, source, {"carrier": trunk}, Door(kind, f"127.0.0.1:{port}", key_of(SECRET)))


@contextlib.contextmanager
def asking(
    directory: Path, *, kind: str = "http", when_down: WhenDown = "national_only", start: bool = True, **more: str
) -> Iterator[PbxSite]:
    """A site whose Asterisk asks the guard."""
    port = free_ports(1, tcp=True)[0]
    admit = f'[admit]\n{"http" if kind == "http" else "fastagi"} = "127.0.0.1:{port}"\n'
    plan = asks(port, kind, when_down)
    with pbx_site(directory, dialplan=plan, admit=admit, start=start, **more) as site:
        yield site


@pytest.mark.parametrize("kind", ["http", "fastagi"])
def test_what_may_not_be_never_reaches_the_carrier(tmp_path: Path, kind: str) -> None:
    with asking(tmp_path, kind=kind) as site:
        assert site.refused(site.dial(ABROAD)) == 403
        site.connect(HOME)
        (row,) = site.calls(1)
        assert (row["extension"], row["e164"]) == ("phone", HOME)
        assert [message for message in site.carrier.heard(0.5) if message.method == "INVITE"] == []
        (refused, allowed) = site.told("decided", 2)
        assert refused["verdict"]["reason"] == "destination-not-permitted"
        assert allowed["attempt"]["dialled"] == HOME
        assert "hung_up" not in site.link()
        assert "not_asked_before" not in site.link()


def test_a_try_again_on_the_same_trunk_counts_once(tmp_path: Path) -> None:
    with asking(tmp_path) as site:
        made = site.dial(HOME)
        for status in (486, 503):
            offered = leg(site.carrier, site.carrier.expect("INVITE"))
            offered.refuse(status)
            site.carrier.expect("ACK", call_id=offered.call_id)
        site.refused(made)
        assert len(site.told("decided")) == 1
        assert site.calls(0) == []
        meters = site.guard.status()["meters"]
        spent = {
            row["value"]
            for row in meters
            if (row["scope"], row["quantity"], row["window_s"]) == ("trunk", "attempts", 86_400)
        }
        assert max(spent) == 1


def test_a_call_has_its_longest_duration_in_the_dial_plan_too(tmp_path: Path) -> None:
    with asking(tmp_path, trunk="max_call_s = 3600\nring_limit_s = 20") as site:
        site.connect(HOME)
        assert "Channel will hangup at" in site.asterisk.process.said()
        assert "TIMEOUT(absolute)=3620" in site.asterisk.process.said()


def test_a_refused_caller_hears_why_where_the_policy_says_so(tmp_path: Path) -> None:
    sound = tmp_path / "not-there"
    sound.with_suffix(".ulaw").write_bytes(bytes(800))
    with asking(tmp_path, asterisk=f'announcements = {{ destination-not-permitted = "{sound}" }}') as site:
        heard = site.dial(ABROAD)
        assert site.phone.expect(183, call_id=heard.call_id).body.startswith("v=0")
        assert site.refused(heard) == 403
        assert f"Playing '{sound}.ulaw'" in site.asterisk.process.said()
        assert "CDR(userfield)=ringfence:destination-not-permitted" in site.asterisk.process.said()
        assert site.refused(site.dial(PREMIUM)) == 403
        assert site.asterisk.process.said().count("Playing '") == 1
        assert [message for message in site.carrier.heard(0.2) if message.method == "INVITE"] == []


# --- without an answer ----------------------------------------------------------------------------------------------


class Rubbish:
    """Somebody at the guard's port who says the wrong thing, or nothing. A context manager."""

    def __init__(self) -> None:
        self.says: bytes | None = None
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.held: list[socket.socket] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.server.accept()
                self.held.append(connection)
                if self.says is not None:
                    connection.recv(4096)
                    connection.sendall(self.says)
                    connection.close()

    def __enter__(self) -> Rubbish:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for connection in self.held:
            connection.close()
        self.thread.join(5)


def http(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status.encode(), len(body), body)


WRONG = {
    "hangs": None,
    "closes": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a page": http(b"<html>allow allow allow</html>"),
    "an error": http(b"allow - 0 -\n", "503 Service Unavailable"),
    "forbidden": http(b"allow - 0 -\n", "403 Forbidden"),
    "other words": http(b"allowed - 0 -\n"),
    "an expression": http(b'allow"="allow"|"1 ${SHELL(id)} 0 -\n'),
    "nothing": http(b""),
}


def goes_out(site: PbxSite, number: str) -> bool:
    """Whether a call to this number reaches the carrier."""
    made = site.dial(number)
    message = site.carrier.expect("INVITE", timeout_s=6.0) if number in EXPECTED else None
    if message is None:
        return site.refused(made) != 403
    offered = leg(site.carrier, message)
    offered.answer()
    dialog = made.confirm(site.phone.expect(200, call_id=made.call_id))
    site.carrier.expect("ACK", call_id=offered.call_id)
    dialog.send("BYE")
    answer_ok(site.carrier, site.carrier.expect("BYE"))
    return True


EXPECTED = (HOME, f"+{HOME}", HOME[1:], "911")
OTHERS = (ABROAD, PREMIUM, "18765550100", "9011442079460000")


def test_whatever_is_no_verdict_lets_home_and_emergency_calls_out_and_nothing_else(tmp_path: Path) -> None:
    with Rubbish() as rubbish, pbx_site(tmp_path, dialplan=asks(rubbish.port), start=False) as site:
        for what, says in WRONG.items():
            rubbish.says = says
            for number in (HOME, ABROAD):
                assert goes_out(site, number) == (number in EXPECTED), (what, number)
        for number in (*EXPECTED, *OTHERS):
            assert goes_out(site, number) == (number in EXPECTED), number
        assert "no verdict" in site.asterisk.process.said()


@pytest.mark.parametrize(("when_down", "passes"), [("refuse", False), ("allow", True)])
def test_without_a_guard_the_policys_word_holds(tmp_path: Path, when_down: WhenDown, passes: bool) -> None:
    port = free_ports(1, tcp=True)[0]
    with pbx_site(tmp_path, dialplan=asks(port, when_down=when_down), start=False) as site:
        made = site.dial(ABROAD)
        if passes:
            site.carrier.expect("INVITE")
        else:
            assert site.refused(made) == 403
        assert goes_out(site, "911")


def test_fastagi_that_never_answers_is_left(tmp_path: Path) -> None:
    with Rubbish() as silent, pbx_site(tmp_path, dialplan=asks(silent.port, "fastagi"), start=False) as site:
        assert goes_out(site, HOME)
        assert site.refused(site.dial(ABROAD)) == 403


def test_no_more_channels_at_a_time_than_are_written_into_the_dial_plan(tmp_path: Path) -> None:
    port = free_ports(1, tcp=True)[0]
    with pbx_site(tmp_path, dialplan=asks(port), start=False) as site:
        for index in range(10):
            site.connect(f"1212555{index:04}")
        assert site.refused(site.dial(HOME)) == 403
        site.connect("911")


def test_a_guard_that_comes_back_hangs_up_what_it_would_have_refused(tmp_path: Path) -> None:
    with asking(tmp_path, when_down="allow", start=False) as site:
        site.connect(ABROAD)
        site.connect(HOME)
        site.guard.start()
        site.phone.expect("BYE", timeout_s=20.0)
        assert [row["e164"] for row in site.calls(1)] == [HOME]
