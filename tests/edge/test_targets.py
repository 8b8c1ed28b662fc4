"""Where requests go, once names are looked up."""

from __future__ import annotations

from pathlib import Path

import pytest
from table import NUMBER, OUTSIDE, Table

from ringfence.edge.targets import Address, Name, Targets
from ringfence.policy import Loader
from ringfence.testing.peer import call, leg
from ringfence.testing.trial import merged

SBC = Name("sbc.carrier.example", 0, False)


def targets(folder: Path, lines: str) -> Targets:
    path = folder / "policy.toml"
    path.write_text(merged(lines))
    found = Targets()
    found.use(Loader(str(path)).load().policy)
    return found


def trunk(*uris: str) -> str:
    return (
        '[trunk.carrier]\ncarrier_addresses = ["127.0.9.0/24"]\nsend_to = [' + ", ".join(f'"{u}"' for u in uris) + "]\n"
    )


@pytest.mark.parametrize(
    ("uri", "name", "found", "domain"),
    [
        ("sip:sbc.carrier.example", SBC, ("127.0.9.5", 5062), "sbc.carrier.example"),
        ("sip:SBC.Carrier.example", SBC, ("127.0.9.5", 5060), "sbc.carrier.example"),
        ("sip:sbc.carrier.example:5070", SBC._replace(port=5070), ("127.0.9.5", 5070), "sbc.carrier.example:5070"),
    ],
)
def test_a_name_is_asked_for_and_its_address_used_with_the_name_in_the_uri(
    tmp_path: Path, uri: str, name: Name, found: Address, domain: str
) -> None:
    table = targets(tmp_path, trunk(uri))
    assert (table.names(), table.of("carrier", 1)) == ([name], [])
    table.resolved(name, (found,))
    [target] = table.of("carrier", 1)
    assert (target.host, target.port, target.domain.lower()) == (*found, domain)


@pytest.mark.parametrize("uri", ["sip:127.0.9.3", "sip:127.0.9.3:5060"])
def test_an_address_needs_no_answer(tmp_path: Path, uri: str) -> None:
    table = targets(tmp_path, trunk(uri))
    assert (table.names(), table.of("carrier", 1)) == ([], [("127.0.9.3", 5060, "")])


def test_addresses_stay_in_the_order_of_send_to_and_of_the_answer(tmp_path: Path) -> None:
    table = targets(tmp_path, trunk("sip:127.0.9.3:5090", "sip:sbc.carrier.example", "sip:127.0.9.4"))
    table.resolved(SBC, (("127.0.9.7", 5060), ("127.0.9.6", 5061)))
    assert [t[:2] for t in table.of("carrier", 1)] == [
        ("127.0.9.3", 5090), ("127.0.9.7", 5060), ("127.0.9.6", 5061), ("127.0.9.4", 5060),
    ]  # fmt: skip


def test_the_address_of_a_stranger_is_not_used_and_told(tmp_path: Path) -> None:
    table = targets(tmp_path, trunk("sip:sbc.carrier.example"))
    table.resolved(SBC, (("192.0.2.66", 5060), ("127.0.9.6", 5060)))
    assert [t.host for t in table.of("carrier", 1)] == ["127.0.9.6"]
    [said] = table.unusable()
    assert said.startswith(
        "trunk carrier: sbc.carrier.example has the address 192.0.2.66, which isn't among its carrier_"
    )


def test_a_failed_address_is_tried_last_for_a_while(tmp_path: Path) -> None:
    table = targets(tmp_path, trunk("sip:127.0.9.3", "sip:127.0.9.4"))
    table.mark_down("127.0.9.3", 5060, 1)
    assert [t.host for t in table.of("carrier", 2)] == ["127.0.9.4", "127.0.9.3"]
    assert [t.host for t in table.of("carrier", 40_000_000)] == ["127.0.9.3", "127.0.9.4"]


def test_another_policy_keeps_what_is_known(tmp_path: Path) -> None:
    table = targets(tmp_path, trunk("sip:sbc.carrier.example"))
    table.resolved(SBC, (("127.0.9.6", 5060),))
    (tmp_path / "policy.toml").write_text(merged(trunk("sip:new.carrier.example", "sip:sbc.carrier.example")))
    table.use(Loader(str(tmp_path / "policy.toml")).load().policy)
    assert table.names() == [Name("new.carrier.example", 0, False), SBC]
    assert [t.host for t in table.of("carrier", 1)] == ["127.0.9.6"]


@pytest.mark.parametrize(
    ("source", "names", "found"),
    [
        ("", [], [("127.0.0.2", 5060, "")]),
        ('deliver_to = "127.0.0.2:5070"', [], [("127.0.0.2", 5070, "")]),
        ('deliver_to = "pbx.example:5070"', [Name("pbx.example", 5070, False)], []),
        ('deliver_to = "pbx.example"', [Name("pbx.example", 5060, False)], []),
    ],
)
def test_where_a_source_takes_its_calls(tmp_path: Path, source: str, names: list[Name], found: list[Address]) -> None:
    table = targets(tmp_path, f'[source.pbx]\ndirections = ["out", "in"]\n{source}\n')
    assert (table.names(), table.of_source("pbx", 1)) == (names, found)


def test_a_listener_of_ipv6_wants_addresses_of_ipv6(tmp_path: Path) -> None:
    six = '[listen.six]\nbind = "[::1]:5060"\n[trunk.carrier]\nlisten = "six"\ncarrier_addresses = ["2001:db8::/48"]\n'
    table = targets(tmp_path, six + 'send_to = ["sip:[2001:db8::7]:5061", "sip:sbc.carrier.example"]\n')
    assert table.names() == [SBC._replace(v6=True)]
    assert table.of("carrier", 1) == [("2001:db8::7", 5061, "")]


# --- through the edge -----------------------------------------------------------------------------------------------


def test_a_call_to_a_trunk_without_addresses_fails_and_goes_on_once_there_are_some(tmp_path: Path) -> None:
    table = Table(tmp_path, send_to='"sip:sbc.carrier.example"')
    made = table.dial()
    made.ack_refusal(table.pbx.expect(500))
    assert table.slots == 0
    table.edge.resolved(SBC, (("127.0.2.1", 5090),))
    table.dial()
    assert table.offered().invite.start == f"INVITE sip:{NUMBER}@sbc.carrier.example SIP/2.0"


def test_an_inbound_call_waits_for_the_name_of_its_source_and_then_tries_each_address(tmp_path: Path) -> None:
    table = Table(tmp_path, deliver_to="pbx.example:5070")
    unknown = call(table.carrier, OUTSIDE, "+12125550100", NUMBER)
    unknown.ack_refusal(table.carrier.expect(480))
    table.edge.resolved(Name("pbx.example", 5070, False), (("127.0.1.1", 5079), ("127.0.1.1", 5070)))
    call(table.carrier, OUTSIDE, "+12125550100", NUMBER)
    assert table.pbx.inbox == []
    table.run(5)
    offered = leg(table.pbx, table.pbx.expect("INVITE"))
    assert offered.invite.start.startswith("INVITE sip:+12125550100@127.0.1.1:5070")
