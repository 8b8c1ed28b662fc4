"""A password is guessed over SIP, the thief registers and calls abroad: one story, refused at its first call (E4)."""

from __future__ import annotations

import json

import pytest
from rig import CALLER, Site, site

from ringfence.testing import wire
from ringfence.testing.guard import CARRIER, RATES
from ringfence.testing.peer import alone, response_to

pytestmark = pytest.mark.e2e

ABROAD = "+37129100001"
LATVIA = "371,Latvia,0,0.50,60,60,\n"


@pytest.fixture
def stage(tmp_path):
    with site(tmp_path, start=False) as running:
        (tmp_path / "rates.csv").write_text(RATES + LATVIA)
        running.guard.edit('permit = ["US", "CA", "GB"]', 'permit = ["US", "LV"]')
        with running.guard.policy.open("a") as policy:
            # What the hour of the day adds would make the test one of the time it runs at.
            policy.write('\n[behaviour]\nmode = "enforce"\n\n[rules.unusual-hour]\nmode = "off"\n')
        running.guard.start()
        yield running


def register(stage: Site, status: int, challenge: str = "", nonce: str = "") -> None:
    """The extension registers with the registrar behind the guard; `nonce`: with a password, for that challenge."""
    headers = [("Contact", f"<sip:{CALLER}@{wire.host_port(stage.pbx.address)}>;expires=300")]
    if nonce:
        headers.append(("Authorization", f'Digest username="{CALLER}", realm="r", nonce="{nonce}", response="0"'))
    asking = alone(stage.pbx, "REGISTER", f"sip:{CARRIER}", f"sip:{CALLER}@{CARRIER}", *headers)
    stage.pbx.send(asking, stage.guard.inside)
    asked = stage.carrier.expect("REGISTER")
    answer = [("WWW-Authenticate", f'Digest realm="r", nonce="{challenge}"')] if challenge else []
    contact = ("Contact", f"<{wire.uri_of(asked.value('Contact'))}>;expires=300")
    stage.carrier.send(response_to(asked, status, "Said", contact, *answer), asked.origin)
    stage.pbx.expect(status, method="REGISTER")


def found(stage: Site) -> dict[str, str]:
    """What was found of the last call: texts by rule."""
    decided = [json.loads(line) for line in stage.guard.cli("log", "--json").stdout.splitlines()]
    return {hit["rule"]: hit["text"] for hit in decided[-1]["hits"]}


def test_a_guessed_password_is_refused_at_its_first_call_abroad(stage):
    for number in range(6):
        register(stage, 401, f"asked{number}")
        register(stage, 401, f"wrong{number}", f"asked{number}")
    register(stage, 401, "right")
    register(stage, 200, nonce="right")
    assert stage.refused(stage.dial(ABROAD)).status == 603
    story = found(stage)["guessed-password"]
    assert "6 wrong passwords for this extension, then a registration from 127.0." in story


def test_a_mistyped_password_refuses_nothing(stage):
    register(stage, 401, "asked")
    register(stage, 401, "again", "asked")
    register(stage, 200, nonce="again")
    _, dialog, _ = stage.connect(stage.dial(ABROAD))
    assert "guessed-password" not in found(stage)
    stage.hang_up(dialog, stage.carrier)
