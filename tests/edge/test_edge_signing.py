"""Calls that are signed for the carrier: what the signature says, who gets which attestation, and what isn't signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from msgspec import structs
from table import CALLER, CARRIER, NUMBER, OUTSIDE, Table

from ringfence.edge.shaken.material import ShakenError, load
from ringfence.model import SECOND
from ringfence.model.settings import Shaken
from ringfence.testing.certificates import Authority, Pair, tn_auth_list
from ringfence.testing.passports import claims, identity, key_of, opened
from ringfence.testing.peer import call, leg
from ringfence.testing.wire import Sip

X5U = "https://certificates.example/us.pem"
OURS, DIALLED = CALLER.removeprefix("+"), NUMBER.removeprefix("+")


class Signing(Table):
    """A table whose edge signs calls to the first trunk."""

    def __init__(self, directory: Path, more: str = "", *, pair: Pair | None = None, **policy: Any) -> None:
        shaken = f'\n[shaken]\nkey = "signer.key"\ncertificate = "signer.crt"\nx5u = "{X5U}"\n{more}'
        self.pair = pair or Authority(directory).issue_signer()
        super().__init__(directory, rest=shaken, trunk="sign = true\n" + policy.pop("trunk", ""), **policy)
        self.now = _during(self.pair)
        self.edge.equip(load(self.policy))

    def says(self, invite: Sip) -> dict[str, Any]:
        """The claims of the one Identity that an INVITE has."""
        (value,) = invite.all("Identity")
        assert value.endswith(f";info=<{X5U}>;alg=ES256;ppt=shaken")
        header, says = opened(value, self.pair.certificate)
        assert header == {"alg": "ES256", "typ": "passport", "ppt": "shaken", "x5u": X5U}
        return says


def _during(pair: Pair) -> int:
    leaf = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    return (int(leaf.not_valid_before_utc.timestamp()) + 86_400) * SECOND


@pytest.fixture
def table(tmp_path: Path) -> Signing:
    return Signing(tmp_path)


def test_an_owned_number_gets_full_attestation(table: Signing) -> None:
    table.dial()
    invite = table.offered().invite
    says = table.says(invite)
    assert says == {
        "attest": "A",
        "dest": {"tn": [DIALLED]},
        "iat": table.now // SECOND,
        "orig": {"tn": OURS},
        "origid": says["origid"],
    }
    assert invite.value("Date").endswith(" GMT")


def test_a_carrier_that_sees_nothing_of_the_inside_gets_the_signature_too(tmp_path: Path) -> None:
    table = Signing(tmp_path, trunk='identity = "own"')
    table.dial(NUMBER, CALLER, ("Identity", "theirs"))
    invite = table.offered().invite
    assert table.says(invite)["orig"] == {"tn": OURS}
    assert invite.call_id.startswith("rf-")


def test_where_it_began_is_the_same_for_a_source_and_after_a_restart(table: Signing) -> None:
    found = []
    for _ in range(2):
        table.dial()
        found.append(table.says(table.offered().invite)["origid"])
        table.restart()
        table.edge.equip(load(table.policy))
    assert found[0] == found[1]
    assert len(found[0]) == 36


@pytest.mark.parametrize(
    ("policy", "caller", "attest"),
    [
        ("any", "+13105550100", "B"),
        ("any", CALLER, "A"),
        ("owned", "2125550101", "A"),
        ("substitute", "+13105550100", "A"),
    ],
)
def test_attestation_says_what_was_verified(tmp_path: Path, policy: str, caller: str, attest: str) -> None:
    table = Signing(tmp_path, source=f'caller_id_policy = "{policy}"')
    table.dial(NUMBER, caller)
    invite = table.offered().invite
    assert table.says(invite)["attest"] == attest
    assert table.says(invite)["orig"]["tn"] in invite.value("From")


def test_a_forwarded_call_is_only_let_in(tmp_path: Path) -> None:
    table = Signing(tmp_path, source='caller_id_policy = "owned_or_forwarded"')
    call(table.carrier, OUTSIDE, CALLER, "+13105550100")
    leg(table.pbx, table.pbx.expect("INVITE")).answer()
    table.carrier.heard()
    table.dial(NUMBER, "+13105550100", ("Diversion", f"<sip:{CALLER}@pbx>"))
    assert table.says(table.offered().invite)["attest"] == "C"


def test_what_the_caller_shows_is_signed_as_the_carrier_reads_it(tmp_path: Path) -> None:
    table = Signing(tmp_path, trunk='from_format = "national"\ndial_format = "011E164"')
    asserted = ("P-Asserted-Identity", f"<sip:{CALLER}@{CARRIER[0]}>")
    table.dial("2125550143", "anonymous", asserted)
    says = table.says(table.offered().invite)
    assert (says["orig"], says["dest"]) == ({"tn": OURS}, {"tn": [DIALLED]})


def test_what_the_source_says_of_it_is_taken_out(table: Signing) -> None:
    false = ("Identity", identity(key_of(table.pair.key), X5U, claims("19005550100", DIALLED, 1)))
    marked = ("P-Asserted-Identity", f"<sip:{CALLER};verstat=TN-Validation-Passed@x>")
    table.dial(NUMBER, CALLER, false, marked, ("Attestation-Info", "A"), ("Origination-Id", "x"))
    invite = table.offered().invite
    assert table.says(invite)["orig"] == {"tn": OURS}
    assert (invite.all("Attestation-Info"), invite.all("Origination-Id")) == ([], [])
    assert "verstat" not in invite.value("P-Asserted-Identity")


def test_each_try_is_signed_anew(tmp_path: Path) -> None:
    table = Signing(tmp_path, two_addresses=True)
    table.dial()
    first = table.says(table.offered().invite)
    table.run(5)
    second = table.says(table.offered(table.spare).invite)
    assert second["iat"] - first["iat"] == 4


def test_a_trunk_that_wants_none_gets_none(tmp_path: Path) -> None:
    table = Signing(tmp_path, two_trunks=True)
    table.lost.add("carrier")
    table.dial()
    table.run(6)
    assert table.offered(table.second).invite.all("Identity") == []


def unsigned(table: Signing, number: str = NUMBER, caller: str = CALLER) -> bool:
    table.dial(number, caller)
    return table.offered().invite.all("Identity") == []


def test_emergency_calls_are_not_held_up_by_it(table: Signing) -> None:
    assert unsigned(table, "911")


def test_who_shows_no_number_is_not_signed_for(tmp_path: Path) -> None:
    table = Signing(tmp_path, source='caller_id_policy = "any"')
    assert unsigned(table, caller="anonymous")
    assert table.edge.status()["unsigned"] == 1


def test_a_certificate_that_does_not_cover_the_number_signs_nothing(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue_signer(authority=tn_auth_list(one="12125550199"))
    table = Signing(tmp_path, pair=pair)
    assert unsigned(table)
    table.dial(NUMBER, "+12125550199")
    assert table.says(table.offered().invite)["orig"] == {"tn": "12125550199"}


def test_an_ended_certificate_signs_nothing_and_calls_go_on(table: Signing) -> None:
    table.now += 366 * 86_400 * SECOND
    assert unsigned(table)


def test_another_key_after_a_reload(table: Signing, tmp_path: Path) -> None:
    _, offered = table.connect()
    table.pair = Authority(tmp_path, "another").issue_signer()
    table.edge.equip(load(table.policy))
    table.dial()
    table.says(table.offered().invite)
    with pytest.raises(InvalidSignature):
        opened(offered.invite.value("Identity"), table.pair.certificate)


def test_a_carrier_that_sees_nothing_of_the_inside_gets_the_signature_all_the_same(tmp_path: Path) -> None:
    table = Signing(tmp_path, trunk='identity = "own"')
    table.dial(NUMBER, CALLER, ("P-Asserted-Identity", f"<sip:{CALLER};verstat=TN-Validation-Passed@x>"))
    invite = table.offered().invite
    assert table.says(invite)["orig"] == {"tn": OURS}
    assert "verstat" not in str(invite.headers)


def test_an_inbound_call_is_not_signed(table: Signing) -> None:
    call(table.carrier, OUTSIDE, CALLER, "+13105550100")
    assert table.pbx.expect("INVITE").all("Identity") == []


def test_a_challenged_call_is_signed_again(table: Signing) -> None:
    made = table.dial()
    table.offered().refuse(407, "x", ("Proxy-Authenticate", 'Digest realm="c", nonce="1"'))
    table.carrier.heard()
    made.ack_refusal(table.pbx.expect(407))
    table.run(3)
    made.again()
    assert table.says(table.offered().invite)["iat"] == table.now // SECOND


# --- files ----------------------------------------------------------------------------------------------------------


def wrong(table: Signing, **keys: str) -> str:
    shaken = structs.replace(table.policy.shaken, **keys)
    with pytest.raises(ShakenError) as failed:
        load(structs.replace(table.policy, shaken=shaken))
    return str(failed.value)


def test_a_key_that_others_may_read_is_refused(table: Signing) -> None:
    table.pair.key.chmod(0o640)
    assert "shaken.key: " in wrong(table)
    assert "chmod go= it" in wrong(table)


def test_a_key_that_is_not_the_certificates(table: Signing, tmp_path: Path) -> None:
    other = Authority(tmp_path, "another").issue_signer(file="other")
    assert f"isn't the key of {table.pair.certificate}" in wrong(table, key=str(other.key))


@pytest.mark.parametrize("kind", ["P-384", "RSA"])
def test_a_key_of_another_kind(table: Signing, tmp_path: Path, kind: str) -> None:
    key = ec.generate_private_key(ec.SECP384R1()) if kind == "P-384" else rsa.generate_private_key(65537, 2048)
    path = tmp_path / "odd.key"
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    assert "it is no P-256 key" in wrong(table, key=str(path))


def test_a_certificate_that_nobody_would_believe(table: Signing, tmp_path: Path) -> None:
    web = Authority(tmp_path, "web").issue("us.example")
    assert "names no provider and no numbers" in wrong(table, key=str(web.key), certificate=str(web.certificate))
    assert "shaken.certificate: nowhere.pem: no such file" in wrong(table, certificate="nowhere.pem")
    assert load(structs.replace(table.policy, shaken=Shaken())).signing is None
