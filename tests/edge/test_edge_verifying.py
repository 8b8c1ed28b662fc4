"""Inbound calls with signatures: what the PBX is told, what is remembered, and that no call waits for long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from table import CARRIER, INSIDE, NUMBER, OUTSIDE, Table

from ringfence.edge.shaken.material import Material
from ringfence.model import SECOND, Arrived
from ringfence.testing.certificates import Authority
from ringfence.testing.passports import ORIGID, claims, identity, key_of
from ringfence.testing.peer import Call, answer_ok, call, leg
from ringfence.testing.wire import Sip

CALLER, CALLED = "12155551212", "12125550123"
X5U = "https://certificates.example/1234.pem"
SHAKEN = """
[shaken]
trust = "roots.pem"
x5u_hosts = ["certificates.example"]
wait_ms = 500
"""
PASSED, FAILED, NOTHING = "TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation"


class Verifying(Table):
    """A table whose edge trusts an authority."""

    def __init__(self, directory: Path, more: str = "", **policy: Any) -> None:
        super().__init__(directory, rest=SHAKEN + more, **policy)
        issuer = Authority(directory)
        self.pair = issuer.issue_signer()
        self.key = key_of(self.pair.key)
        roots = tuple(x509.load_pem_x509_certificates(issuer.path.read_bytes()))
        self.edge.equip(Material(roots, None))
        leaf = x509.load_pem_x509_certificate(self.pair.certificate.read_bytes())
        self.now = (int(leaf.not_valid_before_utc.timestamp()) + 86_400) * SECOND

    def identity(self, **more: Any) -> tuple[str, str]:
        at = more.pop("iat", self.now // SECOND)
        says = claims(more.pop("orig", CALLER), more.pop("dest", CALLED), at, **more)
        return "Identity", identity(self.key, X5U, says)

    def ring(self, *headers: tuple[str, str], number: str = CALLED, caller: str = CALLER) -> Call:
        return call(self.carrier, OUTSIDE, number, caller, *headers)

    def there(self) -> None:
        """The certificate comes."""
        assert self.fetches == [X5U]
        self.edge.fetched(X5U, self.pair.certificate.read_bytes(), "", self.now)
        self.settle()

    def told(self) -> list[str]:
        return [fact.verstat for fact in self.facts if isinstance(fact, Arrived)]

    def offered_invite(self) -> Sip:
        return self.pbx.expect("INVITE")


@pytest.fixture
def table(tmp_path: Path) -> Verifying:
    return Verifying(tmp_path)


def test_a_verified_caller(table: Verifying) -> None:
    made = table.ring(table.identity())
    assert table.pbx.heard() == []
    table.there()
    invite = table.offered_invite()
    assert invite.value("P-Asserted-Identity") == f"<sip:{CALLER};verstat={PASSED}@127.0.2.1:5090>"
    assert invite.value("From") == made.invite.value("From")
    assert [invite.value(name) for name in ("X-Ringfence-Verstat", "Attestation-Info", "Origination-Id")] == [
        PASSED, "A", ORIGID,
    ]  # fmt: skip
    (fact,) = table.facts
    assert isinstance(fact, Arrived)
    assert (fact.verstat, fact.attestation, fact.origid, fact.verstat_why) == ("passed", "A", ORIGID, "")
    offered = leg(table.pbx, invite)
    offered.answer()
    dialog = made.confirm(table.carrier.expect(200))
    table.pbx.expect("ACK")
    dialog.send("BYE")
    answer_ok(table.pbx, table.pbx.expect("BYE"))
    assert table.carrier.expect(200, method="BYE")


def test_the_certificate_is_fetched_once(table: Verifying) -> None:
    table.ring(table.identity())
    table.there()
    table.offered_invite()
    table.run(5)
    table.ring(table.identity())
    assert table.offered_invite().value("X-Ringfence-Verstat") == PASSED
    assert table.fetches == [X5U]


def test_calls_that_come_meanwhile_wait_for_the_same(table: Verifying) -> None:
    for attest in ("A", "B"):
        table.ring(table.identity(attest=attest))
    table.there()
    assert sorted(m.value("Attestation-Info") for m in table.pbx.heard()) == ["A", "B"]


def test_no_call_waits_longer_than_the_policy_says(table: Verifying) -> None:
    table.ring(table.identity())
    table.run(0.4)
    assert table.pbx.heard() == []
    table.run(0.2)
    invite = table.offered_invite()
    assert (invite.value("X-Ringfence-Verstat"), table.told()) == (NOTHING, ["none"])
    assert "verstat=No-TN-Validation@" in invite.value("P-Asserted-Identity")
    table.there()
    assert table.pbx.heard() == []


def test_what_cannot_be_had_costs_one_call_the_wait(table: Verifying) -> None:
    table.ring(table.identity())
    table.edge.fetched(X5U, b"", "no route", table.now)
    table.settle()
    assert table.offered_invite().value("X-Ringfence-Verstat") == NOTHING
    table.ring(table.identity())
    assert table.offered_invite().value("X-Ringfence-Verstat") == NOTHING
    assert [f.verstat_why for f in table.facts if isinstance(f, Arrived)] == ["no route"] * 2
    table.run(61)
    table.ring(table.identity())
    assert table.fetches == [X5U] * 2


def test_the_caller_gives_up_while_it_waits(table: Verifying) -> None:
    made = table.ring(table.identity())
    made.cancel()
    assert table.carrier.expect(200, method="CANCEL")
    made.ack_refusal(table.carrier.expect(487))
    table.there()
    table.run(40)
    status = table.edge.status()
    assert (table.pbx.heard(), table.facts, status["waiting"], status["transactions"]) == ([], [], 0, 0)


FALSE = {
    "another caller": lambda table: table.identity(orig="12155551213"),
    "another called": lambda table: table.identity(dest="12125550199"),
    "old": lambda table: table.identity(iat=table.now // SECOND - 61),
    "another key": lambda table: ("Identity", Verifying.identity(_Other(table))[1]),
}


class _Other(Verifying):
    def __init__(self, table: Verifying) -> None:
        self.now, self.key = table.now, ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize("name", FALSE)
def test_a_false_signature(table: Verifying, name: str) -> None:
    table.ring(FALSE[name](table))
    table.there()
    invite = table.offered_invite()
    assert (invite.value("X-Ringfence-Verstat"), table.told(), invite.all("Attestation-Info")) == (
        FAILED,
        ["failed"],
        [],
    )


def test_a_signature_that_comes_with_another_call(table: Verifying) -> None:
    signed = table.identity()
    table.ring(signed)
    table.there()
    table.ring(signed)
    assert [m.value("X-Ringfence-Verstat") for m in table.pbx.heard()] == [PASSED, FAILED]


@pytest.mark.parametrize(
    "header",
    [
        None,
        ("Identity", "rubbish"),
        ("Identity", "a.b.c;info=<https://certificates.example/x>"),
    ],
)
def test_none_or_none_that_can_be_read(table: Verifying, header: tuple[str, str] | None) -> None:
    table.ring(*([header] if header else []))
    assert table.offered_invite().value("X-Ringfence-Verstat") == NOTHING
    assert table.fetches == []


def test_nothing_is_fetched_from_anywhere_else(table: Verifying) -> None:
    says = claims(CALLER, CALLED, table.now // SECOND)
    table.ring(("Identity", identity(table.key, "https://169.254.169.254/latest", says)))
    assert table.offered_invite().value("X-Ringfence-Verstat") == NOTHING
    assert table.fetches == []


def test_what_the_caller_says_of_it_is_taken_out(table: Verifying) -> None:
    claimed = f"<sip:{CALLER};verstat={PASSED}@carrier.example>"
    made = call(
        table.carrier, OUTSIDE, CALLED, f"{CALLER};verstat={PASSED}",
        ("P-Asserted-Identity", claimed), ("P-Asserted-Identity", f"<tel:+{CALLER};verstat={PASSED}>"),
        ("Attestation-Info", "A"), ("Origination-Id", ORIGID), ("X-Ringfence-Verstat", PASSED),
    )  # fmt: skip
    invite = table.offered_invite()
    said = [invite.value(name) for name in ("X-Ringfence-Verstat",)] + invite.all("Attestation-Info")
    assert (said, invite.all("Origination-Id")) == ([NOTHING], [])
    assert invite.all("P-Asserted-Identity") == [
        f"<sip:{CALLER};verstat={NOTHING}@carrier.example>",
        f"<tel:+{CALLER}>",
    ]
    assert "verstat" not in invite.value("From")
    offered = leg(table.pbx, invite)
    offered.answer()
    answer = table.carrier.expect(200)
    assert answer.value("From") == made.invite.value("From")
    made.confirm(answer)
    assert table.pbx.expect("ACK").value("From") == invite.value("From")
    offered.send("BYE")
    bye = table.carrier.expect("BYE")
    assert bye.value("To").partition(";tag")[0] == made.invite.value("From").partition(";tag")[0]
    answer_ok(table.carrier, bye)
    assert table.pbx.expect(200, method="BYE")


@pytest.mark.parametrize(
    "asserted", [f"tel:+{CALLER}", f"sip:+{CALLER}@c.example;user=phone", f"sip:2155551212@{CARRIER[0]}"]
)
def test_the_asserted_number_counts_however_it_is_written(table: Verifying, asserted: str) -> None:
    table.ring(table.identity(), ("P-Asserted-Identity", f'"A" <{asserted}>'), caller="anonymous")
    table.there()
    invite = table.offered_invite()
    assert invite.value("X-Ringfence-Verstat") == PASSED
    assert invite.value("P-Asserted-Identity").startswith('"A" <') and f";verstat={PASSED}" in invite.value(
        "P-Asserted-Identity"
    )


@pytest.mark.parametrize(("zone", "named"), [("internal", True), ("remote", False)])
def test_a_caller_who_asks_for_privacy_is_marked_to_nobody_who_is_not_trusted(
    tmp_path: Path, zone: str, named: bool
) -> None:
    table = Verifying(tmp_path, zone=zone)
    table.ring(table.identity(), ("P-Asserted-Identity", f"<sip:{CALLER}@c>"), ("Privacy", "id"), caller="anonymous")
    table.there()
    invite = table.offered_invite()
    assert invite.value("X-Ringfence-Verstat") == PASSED
    assert [CALLER in value for value in invite.all("P-Asserted-Identity")] == [True] * named


def test_a_trunk_that_sees_nothing_of_the_inside(tmp_path: Path) -> None:
    """A call that comes by it is verified as any; inside it From stays as the PBX knows it."""
    table = Verifying(tmp_path, trunk='identity = "own"')
    made = table.ring(table.identity(), caller=f"{CALLER};verstat={FAILED}")
    table.there()
    invite = table.offered_invite()
    assert (invite.value("X-Ringfence-Verstat"), "verstat" in invite.value("From")) == (PASSED, False)
    offered = leg(table.pbx, invite)
    offered.answer()
    answer = table.carrier.expect(200)
    assert answer.value("From") == made.invite.value("From")
    dialog = made.confirm(answer)
    assert table.pbx.expect("ACK").value("From") == invite.value("From")
    dialog.send("BYE")
    answer_ok(table.pbx, table.pbx.expect("BYE"))
    assert table.carrier.expect(200, method="BYE")


def test_headers_alone_where_the_policy_wants_that(tmp_path: Path) -> None:
    table = Verifying(tmp_path, "verstat = false\n")
    table.ring(table.identity())
    table.there()
    invite = table.offered_invite()
    assert (invite.value("X-Ringfence-Verstat"), invite.all("P-Asserted-Identity")) == (PASSED, [])


def test_a_caller_whose_signature_is_false_is_not_shown_on_a_forwarded_call(tmp_path: Path) -> None:
    table = Verifying(tmp_path, source='caller_id_policy = "owned_or_forwarded"')
    for signed, answer in ((table.identity(orig="12155551213"), 603), (table.identity(), 0)):
        table.ring(signed)
        if not table.edge.status().get("caller_failed"):
            table.there()
        leg(table.pbx, table.offered_invite()).answer()
        table.carrier.heard()
        table.pbx.heard()
        forwarded = call(table.pbx, INSIDE, NUMBER, "+" + CALLER, ("Diversion", f"<sip:{CALLED}@pbx>"))
        if answer:
            forwarded.ack_refusal(table.pbx.expect(answer))
        else:
            assert table.carrier.expect("INVITE").user == NUMBER


def test_without_trust_nothing_is_looked_at(tmp_path: Path) -> None:
    table = Verifying(tmp_path)
    table.edge.equip(Material())
    table.ring(table.identity(), ("Attestation-Info", "A"))
    invite = table.offered_invite()
    assert (invite.value("Attestation-Info"), invite.all("X-Ringfence-Verstat"), table.told()) == ("A", [], [""])


def test_the_source_is_gone_when_the_certificate_comes(table: Verifying) -> None:
    table.ring(table.identity())
    table.edge.use(msgspec.structs.replace(table.policy, sources={}))
    table.there()
    assert table.carrier.expect(0).status == 480
