"""Which source and trunk a record belongs to, and the attempt it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from historykit import policy, record

from ringfence.history.placing import Place, Placing

TWO = """\
[trunk.second]
listen = "inside"
carrier_addresses = ["127.0.0.4"]
send_to = ["sip:127.0.0.4:5060"]
[trunk.shared]
listen = "inside"
carrier_addresses = ["127.0.0.5"]
send_to = ["sip:127.0.0.5:5060"]
[source.pbx]
trunks = ["carrier", "shared"]
[source.branch]
zone = "internal"
listen = "inside"
addresses = ["10.9.0.0/16", "2001:db8:9::/48"]
caller_ids = ["+12125550200"]
trunks = ["shared", "second"]
"""


@pytest.mark.parametrize(
    ("trunk", "address", "place"),
    [
        ("carrier", "", Place("pbx", "carrier")),
        ("carrier", "10.9.3.4", Place("pbx", "carrier")),
        ("second", "127.0.0.2", Place("branch", "second")),
        ("shared", "127.0.0.2", Place("pbx", "shared")),
        ("shared", "10.9.3.4", Place("branch", "shared")),
        ("shared", "2001:db8:9::1", Place("branch", "shared")),
        ("", "10.9.3.4", Place("branch", "shared")),
        ("unknown", "127.0.0.2", Place("pbx", "carrier")),
        ("shared", "10.10.0.1", None),
        ("shared", "", None),
        ("", "no address", None),
        ("unknown", "", None),
    ],
)
def test_a_trunk_of_one_source_then_the_address(trunk: str, address: str, place: Place | None, tmp_path: Path) -> None:
    assert Placing(policy(tmp_path, TWO)).of(trunk, address) == place


@pytest.mark.parametrize(
    ("trunk", "source", "way", "place"),
    [
        ("unknown", "branch", "", Place("branch", "shared")),
        ("unknown", "branch", "second", Place("branch", "second")),
        ("unknown", "branch", "carrier", Place("branch", "shared")),
        ("carrier", "branch", "second", Place("pbx", "carrier")),
        ("unknown", "nobody", "", None),
    ],
)
def test_what_is_said_holds_where_the_record_says_nothing(
    trunk: str, source: str, way: str, place: Place | None, tmp_path: Path
) -> None:
    assert Placing(policy(tmp_path, TWO), source, way).of(trunk, "") == place


def test_the_only_source_has_every_record(tmp_path: Path) -> None:
    assert Placing(policy(tmp_path)).of("whatever", "192.0.2.1") == Place("pbx", "carrier")


@pytest.mark.parametrize(("address", "peer"), [("127.0.0.2", "127.0.0.2:5060"), ("::1", "[::1]:5060"), ("", "")])
def test_the_attempt_of_a_record(address: str, peer: str, tmp_path: Path) -> None:
    call = record("c1", 0, source_ip=address, user_agent="phone", diverted_from="+12125550123")
    attempt = Placing(policy(tmp_path)).attempt(call, Place("pbx", "carrier"))
    assert (attempt.id, attempt.listener, attempt.peer) == ("c1", "inside", peer)
    assert (attempt.source, attempt.trunk, attempt.verified) == ("pbx", "carrier", "address")
    assert (attempt.caller, attempt.extension, attempt.dialled) == (call.caller, "+12125550123", call.dialled)
    assert (attempt.forwarded_by, attempt.user_agent) == ("+12125550123", "phone")


def test_no_diversion_is_none(tmp_path: Path) -> None:
    assert Placing(policy(tmp_path)).attempt(record("c1", 0), Place("pbx", "carrier")).forwarded_by is None


@pytest.mark.parametrize(
    ("caller", "lines", "shown"),
    [
        ("101", "", "+12125550100"),
        ("", "", "+12125550100"),
        ("101", '[source.pbx]\ncaller_id = "+12125550150"\n', "+12125550150"),
        ("5550143", "", "5550143"),
        ("anonymous", "", "anonymous"),
        ("101", "[source.pbx]\ncaller_ids = []\n", "101"),
        ("١٠١", "", "١٠١"),
    ],
)
def test_an_extension_is_not_taken_for_the_caller_id_that_was_shown(
    caller: str, lines: str, shown: str, tmp_path: Path
) -> None:
    call = record("c1", 0, caller=caller)
    assert Placing(policy(tmp_path, lines)).attempt(call, Place("pbx", "carrier")).caller == shown
