"""A guard beside a real Asterisk 22: calls that nobody asked about are judged and cut, others are counted and ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ringfence.testing.asterisk import PASSWORD
from ringfence.testing.beside import pbx_site
from ringfence.testing.login import Login
from ringfence.testing.peer import Peer, alone, answer_ok, call, leg
from ringfence.testing.process import free_ports, polls

pytestmark = pytest.mark.e2e

HOME, ABROAD = "12125550143", "01137120000000"


def test_a_call_is_counted_while_it_is_up_and_settled_at_its_end(tmp_path: Path) -> None:
    with pbx_site(tmp_path) as site:
        _, dialog, offered = site.connect(HOME)
        (row,) = [row for row in site.calls(1) if row["state"] == "up"] or site.calls(1)
        assert (row["extension"], row["e164"], row["trunk"]) == ("phone", HOME, "carrier")
        dialog.send("BYE")
        answer_ok(site.carrier, site.carrier.expect("BYE", call_id=offered.call_id))
        assert site.calls(0) == []
        (ended,) = site.told("ended")
        assert ended["cause"] == "bye-caller"


def test_a_hand_written_dial_abroad_is_hung_up_before_it_is_answered(tmp_path: Path) -> None:
    with pbx_site(tmp_path) as site:
        assert site.refused(site.dial(ABROAD)) == 403
        assert site.calls(0) == []
        assert site.link()["hung_up"] == 1
        (decided,) = site.told("decided")
        assert decided["verdict"]["reason"] == "destination-not-permitted"


@pytest.mark.parametrize(
    "begin",
    [
        f"channel originate PJSIP/{ABROAD}@trunk1 application Echo",
        f"channel originate Local/{ABROAD}@from-internal application Echo",
        "call file",
    ],
)
def test_calls_that_begin_inside_asterisk_are_hung_up(tmp_path: Path, begin: str) -> None:
    with pbx_site(tmp_path) as site:
        if begin == "call file":
            file = site.asterisk.state / "spool/tmp/fraud.call"
            file.write_text(f"Channel: PJSIP/{ABROAD}@trunk1\nApplication: Echo\nMaxRetries: 0\n")
            file.rename(site.asterisk.state / "spool/outgoing/fraud.call")
        else:
            site.asterisk.cli(begin)
        offered = leg(site.carrier, site.carrier.expect("INVITE", timeout_s=15.0))
        offered.ring()
        site.carrier.expect("CANCEL", call_id=offered.call_id)
        assert site.link()["hung_up"] == 1
        assert site.calls(0) == []


def test_emergency_calls_go_out(tmp_path: Path) -> None:
    with pbx_site(tmp_path, trunk="concurrent = { block = 1 }") as site:
        site.connect(HOME)
        site.calls(1)
        site.connect("911")
        assert {row["dialled"] for row in site.calls(2)} == {HOME, "911"}
        assert site.refused(site.dial("12125550144")) == 403


def test_a_call_is_cut_by_order_and_all_of_an_extension(tmp_path: Path) -> None:
    with pbx_site(tmp_path) as site:
        site.connect(HOME)
        site.connect("12125550144")
        first = site.calls(2)[0]
        site.guard.ask("cut", id=first["id"])
        answer_ok(site.phone, site.phone.expect("BYE"))
        site.calls(1)
        nobody = site.guard.cli("calls", "hangup", "phon.", "--control", "control.sock")
        assert (nobody.returncode, nobody.stdout) == (1, "phon. has no call\n")
        phone = site.guard.cli("calls", "hangup", "phone", "--control", "control.sock")
        assert (phone.returncode, phone.stdout) == (0, "1 channels of phone are hung up\n")
        answer_ok(site.phone, site.phone.expect("BYE"))
        assert site.calls(0) == []


def test_calls_are_known_again_after_the_guard_was_killed(tmp_path: Path) -> None:
    with pbx_site(tmp_path) as site:
        _, dialog, _ = site.connect(HOME)
        site.connect("12125550144")
        site.calls(2)
        site.guard.process.kill()
        dialog.send("BYE")
        answer_ok(site.carrier, site.carrier.expect("BYE"))
        stray = site.dial("12125550145")
        site.carrier.expect("INVITE")
        fraud = site.dial(ABROAD)
        site.carrier.expect("INVITE")
        site.guard.start()
        site.up()
        assert site.refused(fraud) == 403
        assert {row["dialled"] for row in site.calls(2)} == {"12125550144", "12125550145"}
        known = next(row for row in site.calls(2) if row["dialled"] == "12125550144")
        assert site.guard.ask("cut", id=known["id"])
        answer_ok(site.phone, site.phone.expect("BYE"))
        stray.cancel()
        assert site.calls(0) == []


def test_asterisk_restarted_ends_its_calls(tmp_path: Path) -> None:
    with pbx_site(tmp_path) as site:
        site.connect(HOME)
        site.calls(1)
        site.asterisk.process.kill()
        site.asterisk.start()
        assert site.calls(0) == []
        site.up()
        assert [fact["cause"] for fact in site.told("ended")] == ["lost"]


def test_a_reload_leaves_an_asterisk_and_comes_back(tmp_path: Path) -> None:
    with pbx_site(tmp_path) as site:
        site.connect(HOME)
        site.calls(1)
        before = site.guard.policy.read_text()
        site.guard.edit('user = "guard"', 'user = "nobody"')
        site.guard.ask("reload")
        for _ in polls(10.0):
            if "refuses nobody" in site.link()["manager"]:
                break
        shown = site.guard.cli("status", "--control", "control.sock").stdout
        assert "asterisk office: NOT CONNECTED (it refuses nobody" in shown
        site.guard.policy.write_text(before)
        site.guard.ask("reload")
        site.up()
        assert (
            "asterisk office: connected, 1 calls to trunks"
            in site.guard.cli("status", "--control", "control.sock").stdout
        )
        assert site.refused(site.dial(ABROAD)) == 403
        assert [row["state"] for row in site.calls(1)] == ["up"]


def test_observe_mode_hangs_nothing_up(tmp_path: Path) -> None:
    with pbx_site(tmp_path, source='mode = "observe"') as site:
        site.connect(ABROAD)
        (row,) = site.calls(1)
        assert row["e164"] == "37120000000"


def test_wrong_passwords_and_registrations_are_noticed(tmp_path: Path) -> None:
    with pbx_site(tmp_path) as site, Peer("127.0.5.1", name="1001") as phone:
        wrong, right = Login("1001", "guess"), Login("1001", PASSWORD)
        uri, aor = "sip:{}:{}".format(*site.asterisk.sip), "sip:1001@{}:{}".format(*site.asterisk.sip)
        for login, last in ((wrong, 401), (right, 200)):
            asked = alone(phone, "REGISTER", uri, aor)
            phone.send(asked, site.asterisk.sip)
            login.challenged(phone.expect(401, call_id=asked.call_id))
            again = alone(phone, "REGISTER", uri, aor, login.answer("REGISTER", uri), cseq=2)
            phone.send(again, site.asterisk.sip)
            phone.expect(last, call_id=again.call_id)
        (failed,) = site.told("auth-failed")
        (registered,) = site.told("registered")
        assert (failed["account"], failed["count"]) == ("1001", 1)
        assert registered["peer"] == failed["peer"] == "{}:{}".format(*phone.address)
        assert site.told("strangers", 0) == []


def test_who_guesses_passwords_at_the_pbx_is_banned(tmp_path: Path) -> None:
    with pbx_site(tmp_path) as site, Peer("127.0.5.1", name="thief") as thief:
        uri, aor = "sip:{}:{}".format(*site.asterisk.sip), "sip:1001@{}:{}".format(*site.asterisk.sip)
        for number in range(6):
            login, asked = Login("1001", f"guess{number}"), alone(thief, "REGISTER", uri, aor)
            thief.send(asked, site.asterisk.sip)
            login.challenged(thief.expect(401, call_id=asked.call_id))
            again = alone(thief, "REGISTER", uri, aor, login.answer("REGISTER", uri), cseq=2)
            thief.send(again, site.asterisk.sip)
            thief.expect(401, call_id=again.call_id)
        (banned, *_) = site.told("banned")
        assert banned["name"] == "127.0.5.1"


INBOUND = """
[from-internal]
exten => _X.,1,Dial(PJSIP/${EXTEN}@trunk1,30)
[from-trunk]
exten => _X.,1,Dial(PJSIP/phone/sip:101@127.0.1.1:${FILTER(0-9,${PHONE})},20)
[globals]
PHONE=%d
"""


def test_a_transfer_abroad_is_charged_to_who_transferred_and_hung_up(tmp_path: Path) -> None:
    port = free_ports(1, "127.0.1.1")[0]
    with pbx_site(tmp_path, dialplan=INBOUND % port) as site, Peer("127.0.1.1", port, name="desk") as desk:
        made = call(site.carrier, site.asterisk.sip, "2125550100", "13055550100")
        offered = leg(desk, desk.expect("INVITE"))
        offered.answer()
        made.confirm(site.carrier.expect(200, call_id=made.call_id))
        desk.expect("ACK", call_id=offered.call_id)
        (arrived,) = site.told("arrived")
        assert arrived["trunk"] == "carrier"
        offered.send("REFER", ("Refer-To", "<sip:{}@{}:{}>".format(ABROAD, *site.asterisk.sip)))
        desk.expect(202, call_id=offered.call_id)
        (decided,) = site.told("decided")
        assert (decided["attempt"]["extension"], decided["attempt"]["forwarded_by"]) == ("phone", "phone")
        assert decided["verdict"]["reason"] == "destination-not-permitted"
        answer_ok(site.carrier, site.carrier.expect("BYE", call_id=made.call_id))
        assert site.calls(0) == []
        (incident,) = json.loads(site.guard.cli("incidents", "--control", "control.sock", "--json").stdout)
        shown = site.guard.cli("evidence", incident["id"])
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "phone" in shown.stdout
