"""What an installation writes where, what stands in its way, and what has to ask."""

from __future__ import annotations

import pytest
from pbxkit import PLAN, asterisk

from ringfence.model.settings import Source, Trunk
from ringfence.platforms.asterisk.dialplan import Door
from ringfence.platforms.asterisk.install import Kind, blocks, dials, obstacles

SOURCE = Source(name="office", zone="internal", trunks=("carrier",), plan=PLAN)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("asterisk", {"ringfence.conf", "extensions.conf", "manager.conf"}),
        ("freepbx", {"extensions_custom.conf", "manager_custom.conf"}),
    ],
)
def test_nothing_that_freepbx_generates_is_written(kind: Kind, names: set[str]) -> None:
    door = Door("http", "127.0.0.1:8573", "k" * 32)
    found = blocks(
        kind, asterisk(), SOURCE, {"carrier": Trunk(name="carrier")}, door, "secret", "10.0.0.1/255.255.255.255"
    )
    assert set(found) == names
    manager = next(text for name, text in found.items() if name.startswith("manager"))
    assert "permit = 10.0.0.1/255.255.255.255" in manager
    assert all("system" not in line for line in manager.splitlines() if line.startswith("write"))


def test_somebody_elses_hook_and_user_are_named_with_their_lines() -> None:
    texts = {
        "extensions_custom.conf": "; mine\n[macro-dialout-trunk-predial-hook]\nexten => s,1,Return()\n",
        "manager_custom.conf": "[ringfence]\nsecret = other\n",
    }
    assert [each.partition(" is")[0] for each in obstacles("freepbx", asterisk(), texts)] == [
        "extensions_custom.conf:2: [macro-dialout-trunk-predial-hook]",
        "manager_custom.conf:1: [ringfence]",
    ]
    assert list(obstacles("asterisk", asterisk(), texts)) == []


def test_the_lines_that_dial_a_trunk_are_found_and_no_others() -> None:
    plan = """\
exten => _X.,1,Dial(PJSIP/${EXTEN}@trunk1,30)
 same => n,dial(PJSIP/trunk1/sip:${EXTEN}@host)
 same => n,Dial(PJSIP/1001&PJSIP/${EXTEN}@trunk1)
;same => n,Dial(PJSIP/${EXTEN}@trunk1)
 same => n,Dial(PJSIP/${EXTEN}@trunk10)
 same => n,Dial(PJSIP/1001)
"""
    found = list(dials(asterisk(), {"extensions.conf": plan}))
    assert [each.split(":")[1] for each in found] == ["1", "2", "3"]
