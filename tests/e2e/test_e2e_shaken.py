"""Signatures of callers with a real guard: certificates from a web server, PASSporTs made and checked by other code."""

import time

import pytest
from rig import CALLER, NUMBER, OWNED, Site, site

from ringfence.testing import scenarios as play
from ringfence.testing import sipp
from ringfence.testing.certificates import Authority
from ringfence.testing.guard import CARRIER, PBX
from ringfence.testing.https import Https
from ringfence.testing.passports import ORIGID, claims, identity, key_of, opened
from ringfence.testing.peer import answer_ok, call, leg
from ringfence.testing.process import polls

pytestmark = pytest.mark.e2e

PASSED, FAILED, NOTHING = "TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation"
PATH = "/1234.pem"
X5U = "https://certificates.example/us.pem"
CALLED = OWNED.removeprefix("+")
FROM = NUMBER.removeprefix("+")


class Signed(Site):
    """A site that verifies, and somebody who signs."""

    web: Https

    def identity(self, orig: str = FROM, dest: str = CALLED, age_s: int = 0, **more: str) -> str:
        says = claims(orig, dest, time.time_ns() // 1_000_000_000 - age_s, **more)
        return identity(self.key, self.web.url(PATH), says)

    def rings(self, *identities: str) -> list[str]:
        """An inbound call with these headers: what the PBX is told of it."""
        headers = [("Identity", one) for one in identities]
        made = call(self.carrier, self.guard.outside, OWNED, NUMBER, *headers)
        invite = self.pbx.expect("INVITE", call_id=made.call_id)
        leg(self.pbx, invite).refuse(486, "Busy Here")
        made.ack_refusal(self.carrier.expect(486, call_id=made.call_id))
        return [invite.value("X-Ringfence-Verstat"), invite.value("P-Asserted-Identity")]


@pytest.fixture
def stage(tmp_path):
    authority = Authority(tmp_path)
    signer = authority.issue_signer()
    pages = {PATH: signer.certificate.read_bytes()}
    with Https(authority.issue("localhost"), pages) as web, site(tmp_path, start=False) as made:
        with made.guard.policy.open("a") as policy:
            policy.write(
                f'\n[shaken]\ntrust = "authority.pem"\nx5u_ca = "authority.pem"\nx5u_hosts = ["localhost:{web.port}"]\n'
                "wait_ms = 3000\n"
            )
        made.guard.start()
        running = Signed(made.pbx, made.carrier, made.guard)
        running.web, running.key, running.directory = web, key_of(signer.key), tmp_path
        yield running


def test_good_and_bad_signatures(stage):
    said = [
        stage.rings(stage.identity()),
        stage.rings(stage.identity(orig="12125550144")),
        stage.rings(stage.identity(age_s=120)),
        stage.rings(),
    ]
    assert [one[0] for one in said] == [PASSED, FAILED, FAILED, NOTHING]
    assert f";verstat={PASSED}@" in said[0][1]
    assert stage.web.asked == [PATH], "fetched once"
    for _ in polls(10.0, every_s=0.2):
        listed = stage.guard.cli("log", "--kind", "arrived", "--ledger", "state/ledger.db").stdout
        if listed.count("verstat") == 4:
            break
    said = " ".join(listed.split())
    assert f"verstat passed, attestation A, origid {ORIGID}" in said
    assert "signed for a call from 12125550144" in said


def test_sipp_calls_in_signed_and_falsely_signed(stage, tmp_path):
    for name, value, told in (("good", stage.identity(), PASSED), ("bad", stage.identity(dest="12125550199"), FAILED)):
        with sipp.caller(
            play.signed_caller(value), tmp_path, stage.guard.outside, numbers=[(OWNED, NUMBER)], name=name, host=CARRIER
        ) as caller:
            invite = stage.pbx.expect("INVITE")
            offered = leg(stage.pbx, invite)
            offered.answer()
            stage.pbx.expect("ACK", call_id=invite.call_id)
            bye = stage.pbx.expect("BYE", call_id=invite.call_id)
            answer_ok(stage.pbx, bye)
            assert caller.finish(30).succeeded == 1, caller.complaints()
        assert invite.value("X-Ringfence-Verstat") == told


def test_sipp_calls_out_and_each_is_signed(tmp_path):
    """The signature is checked by code of its own, with the certificate; a new key takes no restart and no call."""
    authority = Authority(tmp_path)
    signer = authority.issue_signer(days=20)
    with site(tmp_path, start=False, trunk="sign = true") as stage:
        with stage.guard.policy.open("a") as policy:
            policy.write(f'\n[shaken]\nkey = "signer.key"\ncertificate = "signer.crt"\nx5u = "{X5U}"\n')
        stage.guard.start()
        shown = stage.guard.cli("status", "--control", str(stage.guard.control)).stdout
        assert "shaken: " in shown
        assert "in 19 days" in shown
        stage.guard.process.until_says("renew it, then `ringfence reload`")
        for attempt in (1, 2):
            with sipp.caller(
                play.signed_caller("forged"), tmp_path, stage.guard.inside, numbers=[(NUMBER, CALLER)], talk_ms=3000,
                name=f"out{attempt}", host=PBX,
            ) as caller:  # fmt: skip
                invite = stage.carrier.expect("INVITE")
                offered = leg(stage.carrier, invite)
                offered.answer()
                stage.carrier.expect("ACK", call_id=invite.call_id)
                (value,) = invite.all("Identity")
                header, says = opened(value, signer.certificate)
                assert (header["x5u"], says["attest"]) == (X5U, "A")
                assert (says["orig"]["tn"], says["dest"]["tn"]) == (CALLER.removeprefix("+"), [FROM])
                assert abs(says["iat"] - time.time_ns() // 1_000_000_000) < 30
                signer = authority.issue_signer()
                assert stage.guard.cli("reload", "--control", str(stage.guard.control)).returncode == 0
                answer_ok(stage.carrier, stage.carrier.expect("BYE", call_id=invite.call_id, timeout_s=10.0))
                assert caller.finish(30).succeeded == 1, caller.complaints()
        signer.key.chmod(0o644)
        done = stage.guard.cli("reload", "--control", str(stage.guard.control))
        assert (done.returncode, "chmod go= it" in done.stderr) == (2, True)


def test_a_web_server_that_does_not_answer_holds_up_nobody_for_long(stage):
    stage.guard.edit("wait_ms = 3000", "wait_ms = 200")
    assert stage.guard.cli("reload", "--control", str(stage.guard.control)).returncode == 0
    stage.web.delay_s = 4.0
    assert stage.rings(stage.identity())[0] == NOTHING
    made = stage.dial(NUMBER, CALLER)
    stage.offered(made)  # Others aren't held up meanwhile.
    stage.web.delay_s = 0.0


def test_authorities_are_changed_without_a_restart(stage):
    assert stage.rings(stage.identity())[0] == PASSED
    _, dialog, _ = stage.connect()
    other = Authority(stage.directory, "other")
    stage.guard.edit('trust = "authority.pem"', f'trust = "{other.path.name}"')
    assert stage.guard.cli("reload", "--control", str(stage.guard.control)).returncode == 0
    assert stage.rings(stage.identity())[0] == NOTHING
    stage.guard.edit(f'trust = "{other.path.name}"', 'trust = "none.pem"')
    done = stage.guard.cli("reload", "--control", str(stage.guard.control))
    assert (done.returncode, "shaken.trust" in done.stderr) == (2, True)
    stage.hang_up(dialog, stage.carrier)
