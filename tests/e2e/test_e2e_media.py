"""SRTP per trunk with real peers: calls of SIPp, two phones of baresip, a fallback after `kill -9`, no key on disk."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import CALLER, NUMBER, Meters, Site, site

from ringfence.testing import scenarios, sipp
from ringfence.testing.asterisk import HOST as ASTERISK
from ringfence.testing.asterisk import Asterisk
from ringfence.testing.baresip import Baresip
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.peer import Peer, answer_ok, call, leg
from ringfence.testing.process import polls
from ringfence.testing.wire import SDP, host_port

pytestmark = pytest.mark.e2e

SECRET = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
SRTP = SDP.replace("RTP/AVP", "RTP/SAVP") + f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{SECRET}\r\n"
PRINT = "a=fingerprint:SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\na=setup:active\r\n"
DTLS = SDP.replace("RTP/AVP", "UDP/TLS/RTP/SAVP") + PRINT
REQUIRED = 'srtp = "required"'


def kept(directory: Path) -> bytes:
    """All that the guard has on disk, unpacked, and its logs."""
    raw = b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())
    segments = [*directory.rglob("*.seg"), *directory.rglob("*.open")]
    return raw + b"".join(gzip.decompress(path.read_bytes()) for path in segments)


def facts(stage: Site, kind: str) -> list[str]:
    """Lines of `ringfence log --kind`, once there are some."""
    for _ in polls(10.0, every_s=0.2):
        listed = stage.guard.cli("log", "--kind", kind, "--json", "--ledger", "state/ledger.db").stdout.splitlines()
        if listed:
            break
    return listed


CALLS = {
    # srtp, the caller has it, the callee has it: what the caller gets, whether the carrier hears of it
    "required, both": ("required", True, True, "answered", True),
    "required, the caller hasn't": ("required", False, True, "refused_488", False),
    "required, the carrier falls back": ("required", True, False, "refused_488", True),
    "offered, the carrier falls back": ("offered", True, False, "answered", True),
    "offered, the caller hasn't": ("offered", False, False, "refused_488", False),
    "forbidden, none": ("forbidden", False, False, "answered", True),
    "forbidden, the caller has": ("forbidden", True, True, "refused_488", False),
}


@pytest.mark.parametrize("case", CALLS.values(), ids=CALLS)
def test_forty_calls_of_sipp(tmp_path: Path, case: tuple[str, bool, bool, str, bool]) -> None:
    """A machine that is busy otherwise may have the guard turn some away in overload."""
    srtp, near, far, outcome, heard_of = case
    calling, called = scenarios.caller(), scenarios.callee()
    called = scenarios.with_srtp(called) if far else called
    with sipp.Sipp(called, tmp_path, "uas", host=CARRIER) as answering:
        xml, numbers = scenarios.with_srtp(calling) if near else calling, [(NUMBER, CALLER)]
        with started(tmp_path, answering.address, f'srtp = "{srtp}"') as guard:
            with sipp.caller(xml, tmp_path, guard.inside, calls=40, host=PBX, numbers=numbers) as placing:
                made = placing.finish(60.0)
            judged = 40 - made["refused_503"]
            assert (made[outcome], made.failed) == (judged, 0), placing.complaints()
            assert judged > 0
            over(guard)
        told = answering.stop()
    assert (told["offered"], told.failed) == (judged if heard_of else 0, 0), answering.complaints()
    assert SECRET.encode() not in kept(tmp_path / "state")


def started(directory: Path, carrier: tuple[str, int], trunk: str, pbx: str = PBX) -> Guard:
    """A guard before a carrier, for a PBX that takes no calls."""
    return Guard(directory, (pbx, 5060), carrier, trunk=trunk)


def over(guard: Guard) -> None:
    """No call is up any more."""
    for _ in polls(10.0, every_s=0.2):
        if not guard.ask("calls"):
            return
    pytest.fail(f"calls are up: {guard.ask('calls')}")


def test_a_fallback_after_a_kill_ends_the_call_and_no_key_is_on_disk(tmp_path: Path) -> None:
    with site(tmp_path, trunk=REQUIRED) as stage:
        made = call(stage.pbx, stage.guard.inside, NUMBER, CALLER, body=SRTP)
        offered = stage.offered(made)
        offered.answer(body=SRTP)
        dialog = made.confirm(stage.pbx.expect(200, call_id=made.call_id))
        stage.carrier.expect("ACK")
        assert stage.settled(Meters(1, 1, stage.meters().money)).calls == 1
        assert facts(stage, "answered")
        stage.guard.process.kill()
        stage.guard.start()
        dialog.send("INVITE", body=SDP)
        assert stage.pbx.expect(488, call_id=made.call_id, method="INVITE")
        for peer in (stage.pbx, stage.carrier):
            answer_ok(peer, peer.expect("BYE", call_id=made.call_id))
        assert stage.settled(Meters(0, 1, stage.meters().money)).calls == 0
        (fact,) = facts(stage, "media-mismatch")
        assert '"what": "INVITE"' in fact and "audio is in the clear" in fact
        said = stage.guard.process.said()
        assert "srtp-mismatch: source pbx says in INVITE" in said
    assert b"a=crypto" in kept(tmp_path)  # The messages are kept, without their keys.
    assert SECRET.encode() not in kept(tmp_path)


def test_an_emergency_call_in_the_clear_passes(tmp_path: Path) -> None:
    with site(tmp_path, trunk=REQUIRED) as stage:
        _, dialog, _ = stage.connect(stage.dial("911"))
        stage.hang_up(dialog, stage.carrier)


@contextlib.contextmanager
def before_asterisk(directory: Path, lines: str) -> Iterator[tuple[Peer, Asterisk, Guard, Peer]]:
    """A phone, Asterisk with these lines in the endpoint of its trunk, a guard that requires SRTP, a carrier."""
    with (
        Peer(PBX, name="phone") as phone,
        Peer(CARRIER, name="carrier") as carrier,
        started(directory, carrier.address, REQUIRED, pbx=ASTERISK) as guard,
        Asterisk(directory, phone.address, guard.inside, trunk=f"{lines}\nfrom_user={CALLER}") as asterisk,
    ):
        yield phone, asterisk, guard, carrier


@pytest.mark.parametrize(
    ("lines", "answer"),
    [("media_encryption=sdes", SRTP), ("media_encryption=dtls\ndtls_auto_generate_cert=yes", DTLS)],
    ids=["sdes", "dtls"],
)
def test_asterisk_that_encrypts_is_let_through(tmp_path: Path, lines: str, answer: str) -> None:
    with before_asterisk(tmp_path, lines) as (phone, asterisk, guard, carrier):
        made = call(phone, asterisk.sip, NUMBER[1:], "1001")
        offered = leg(carrier, carrier.expect("INVITE"))
        offered.answer(body=answer)
        made.confirm(phone.expect(200, call_id=made.call_id))
        carrier.expect("ACK", call_id=offered.call_id)
        offered.send("INVITE", body=SDP)
        assert carrier.expect(488, call_id=offered.call_id, method="INVITE")
        answer_ok(carrier, carrier.expect("BYE", call_id=offered.call_id))
        assert phone.expect("BYE", call_id=made.call_id)
        over(guard)


@pytest.mark.parametrize(
    "lines", ["", "media_encryption=sdes\nmedia_encryption_optimistic=yes"], ids=["plain", "optimistic"]
)
def test_asterisk_that_leaves_it_to_the_far_side_is_refused(tmp_path: Path, lines: str) -> None:
    with before_asterisk(tmp_path, lines) as (phone, asterisk, guard, carrier):
        made = call(phone, asterisk.sip, NUMBER[1:], "1001")
        assert phone.expect(0, call_id=made.call_id).status >= 400
        (line,) = guard.cli("log", "--json", "--ledger", "state/ledger.db").stdout.splitlines()
        assert '"reason": "srtp-mismatch"' in line
        assert carrier.heard(0.1) == []


PHONES = {
    # srtp of the trunk, mediaenc of both phones: whether they talk
    ("required", "srtp-mand", "srtp-mand"): True,
    ("required", "dtls_srtp", "dtls_srtp"): True,
    ("required", "srtp", "srtp"): False,
    ("required", "", ""): False,
    ("offered", "srtp", ""): True,
    ("forbidden", "", ""): True,
    ("forbidden", "srtp", ""): False,
    ("forbidden", "srtp-mand", "srtp-mand"): False,
}
MODULES = "module srtp.so\nmodule dtls_srtp.so\n"


@pytest.mark.parametrize(
    ("how", "talk"), PHONES.items(), ids=[", ".join(one or "none" for one in how) for how in PHONES]
)
def test_two_phones_of_baresip(tmp_path: Path, how: tuple[str, str, str], talk: bool) -> None:
    srtp, near, far = how
    account = _account(NUMBER, CARRIER, far) + ";answermode=auto"
    with (
        Baresip(tmp_path / "carrier", CARRIER, account, MODULES) as called,
        started(tmp_path, (CARRIER, called.port), f'srtp = "{srtp}"') as guard,
    ):
        account = f'{_account(CALLER, PBX, near)};outbound="sip:{host_port(guard.inside)}"'
        with Baresip(tmp_path / "pbx", PBX, account, MODULES) as phone:
            phone.dial(f"sip:{NUMBER}@{host_port(guard.inside)}")
            phone.until_says("Call established" if talk else "488 Media Encryption Mismatch")
            if talk:
                called.until_says("Call established")
                assert len(guard.ask("calls")) == 1
                phone.hang_up()
            over(guard)


def _account(number: str, host: str, mediaenc: str) -> str:
    return f"<sip:{number}@{host}>;regint=0" + (f";mediaenc={mediaenc}" if mediaenc else "")
