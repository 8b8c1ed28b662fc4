"""SIP over TLS: who is let in, where calls go, and what is said where they don't (A7, A15, RFC 5922)."""

import contextlib
import re
import signal
import socket
import ssl
from pathlib import Path

import pytest
from house import House
from rig import CALLER, NUMBER, Meters, Site

from ringfence.edge.revocation import WHY
from ringfence.testing import wire
from ringfence.testing.certificates import Authority
from ringfence.testing.guard import CARRIER, PBX, STRANGER
from ringfence.testing.peer import Peer, answer_ok, call, leg
from ringfence.testing.process import polls
from ringfence.testing.stream_peer import StreamPeer, TlsPeer, tls_peer

pytestmark = pytest.mark.e2e


OPTIONS = (
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.1.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
    b"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


def refused_for(stage: Site, why: str) -> None:
    """A call that gets no further than to us, since the carrier isn't believed."""
    made = stage.dial()
    for _ in polls(8.0):
        stage.carrier.heard(0.05)
        if answers := stage.pbx.arrived(0.05):
            break
    assert [answer.status for answer in answers] == [500]
    made.ack_refusal(answers[0])
    assert troubles(stage) == [why]


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def troubles(stage: Site) -> list[str]:
    return [f"{row['party']}: {row['error']}" for row in stage.guard.status()["streams"]["troubles"]]


def talked(stage: Site, attempts: int = 1) -> None:
    """A call from one end to the other and its BYE."""
    _, dialog, _ = stage.connect()
    stage.hang_up(dialog, stage.carrier)
    for _ in polls(5.0, every_s=0.2):
        left = stage.meters()
        if not left.calls:
            break
    assert (left.calls, left.attempts) == (0, attempts)


def refused(stage: Site) -> None:
    """A call that gets no further than to us."""
    assert stage.refused(stage.dial()).status == 500
    assert stage.carrier.heard(0.2) == []


def inbound(stage: Site) -> None:
    """A call from the carrier, and its BYE."""
    made = stage.dialled_in()
    dialog, _ = stage.answer(made, stage.offered(made))
    stage.hang_up(dialog, stage.pbx)


def test_calls_both_ways_with_certificates_on_all_sides(house):
    with house.site() as stage:
        _, dialog, offered = stage.connect()
        assert offered.invite.value("Via").startswith("SIP/2.0/TLS ")
        assert ";transport=tls;lr>" in offered.invite.all("Record-Route")[0]
        stage.hang_up(dialog, stage.carrier)
        talked(stage, 2)
        inbound(stage)
        listed = stage.guard.cli("log", "--kind", "decided", "--json", "--ledger", "state/ledger.db").stdout
        assert listed.replace(" ", "").count('"verified":"certificate"') == 2
        assert troubles(stage) == []


def test_tls_on_one_side_alone(house):
    """The PBX in the same house speaks UDP, the carrier TLS."""
    with house.site(inside=Peer, listen_inside="", source="") as stage:
        talked(stage)
        inbound(stage)


@pytest.mark.parametrize("end", ["caller", "callee"])
def test_calls_survive_kill_9(house, end):
    with house.site() as stage:
        _, dialog, offered = stage.connect()
        assert stage.settled(Meters(1, 1, 600)).calls == 1
        stage.guard.process.kill()
        stage.guard.start()
        if end == "caller":
            stage.hang_up(dialog, stage.carrier)
        else:
            stage.hang_up(offered, stage.pbx)
        assert stage.settled(Meters(0, 1, 600)).calls == 0


# --- where we connect -----------------------------------------------------------------------------------------------


def _of_another_name(house: House, tmp_path: Path) -> type[TlsPeer]:
    return house.kind(house.authority.issue("sbc.other.example"))


def _wildcard(house: House, tmp_path: Path) -> type[TlsPeer]:
    return house.kind(house.authority.issue("any", ["DNS:*.carrier.example"]))


def _uri_before_dns(house: House, tmp_path: Path) -> type[TlsPeer]:
    """Where a sip: URI is among its names the DNS names don't count (RFC 5922 §7.1)."""
    names = ["URI:sip:other.example", "DNS:sbc.carrier.example"]
    return house.kind(house.authority.issue("both", names))


def _only_an_address(house: House, tmp_path: Path) -> type[TlsPeer]:
    return house.kind(house.authority.issue("sbc.carrier.example", [f"IP:{CARRIER}"], file="address"))


def _expired(house: House, tmp_path: Path) -> type[TlsPeer]:
    return house.kind(house.authority.issue("sbc.carrier.example", days=-0.5, file="expired"))


def _of_another_authority(house: House, tmp_path: Path) -> type[TlsPeer]:
    return house.kind(Authority(tmp_path, "impostor").issue("sbc.carrier.example", file="impostor"))


def _in_the_clear(house: House, tmp_path: Path) -> type[StreamPeer]:
    """What it takes for a broken message it answers."""

    class Clear(StreamPeer):
        protocol = "TLS"

        def _secured(self, opened: socket.socket, *, server: bool) -> socket.socket:
            opened.sendall(b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return opened

    return Clear


def _of_old(house: House, tmp_path: Path) -> type[TlsPeer]:
    kind = house.kind(house.carrier)
    kind.context.set_ciphers("DEFAULT:@SECLEVEL=0")
    kind.context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    kind.context.maximum_version = ssl.TLSVersion.TLSv1_1
    return kind


def _distrusts_us(house: House, tmp_path: Path) -> type[TlsPeer]:
    return tls_peer(house.carrier, Authority(tmp_path, "elsewhere").path)


NOT_TRUSTED = "its certificate isn't of an authority that is trusted here; `ca` names one that is"
FAR_ENDS = [
    (_of_another_name, "its certificate is of sbc.other.example, not of sbc.carrier.example"),
    (_wildcard, "its certificate is of nobody, not of sbc.carrier.example"),
    (_uri_before_dns, "its certificate is of other.example, not of sbc.carrier.example"),
    (_only_an_address, "its certificate is of nobody, not of sbc.carrier.example"),
    (_expired, "its certificate has expired"),
    (_of_another_authority, NOT_TRUSTED),
    (_in_the_clear, "it doesn't speak TLS there"),
    (_of_old, "it speaks no TLS 1.2 or newer"),
    (_distrusts_us, "it doesn't trust the authority of our certificate"),
]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(("kind", "why"), FAR_ENDS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_carrier_that_isnt_who_it_should_be_gets_no_calls(house, tmp_path, kind, why):
    """Nothing is said to it, the caller hears 500, and log and status say in plain words why."""
    with house.site(outside=kind(house, tmp_path)) as stage:
        made = stage.dial()
        for _ in polls(8.0):
            stage.carrier.heard(0.05)
            if answers := stage.pbx.arrived(0.05):
                break
        assert [answer.status for answer in answers] == [500]
        made.ack_refusal(answers[0])
        assert troubles(stage) == [f"trunk carrier: {why}"]
        where = wire.host_port(stage.carrier.address)
        told = f"trunk carrier: no connection to {where} by listen.outside, so no calls go there: {why}"
        assert stage.guard.process.said().count(told) == 1
        assert f"trunk carrier at {where} (listen.outside): {why}" in stage.guard.cli(
            "status", "--control", str(stage.guard.control)
        ).stdout.replace("\n", " ").replace("  ", " ")
        assert not any("INVITE" in line for line in stage.carrier.transcript)


def test_a_carrier_whose_certificate_is_revoked_gets_calls_until_the_reload_and_then_none(house):
    crl = house.authority.revoke(house.pbx)
    with house.site(trunk=f'{house.trunk}\ncrl = "{crl}"') as stage:
        talked(stage)
        house.authority.revoke(house.carrier)
        stage.guard.ask("reload")
        stage.carrier.hang_up()
        refused_for(stage, "trunk carrier: its certificate was revoked by its authority")


def test_a_list_that_has_ended_is_told_and_nobody_of_it_is_believed(house):
    crl = house.authority.revoke(days=-1)
    with house.site(trunk=f'{house.trunk}\ncrl = "{crl}"') as stage:
        refused_for(stage, f"trunk carrier: {WHY[12]}")
        assert "trunk.carrier.crl: " in stage.guard.process.said()
        (row,) = [row for row in stage.guard.status()["certificates"] if row["of"] == "trunk.carrier.crl"]
        assert row["says"].startswith("ended on ")


def test_what_is_wrong_is_known_before_the_first_call(house, tmp_path):
    with house.site(outside=_of_another_name(house, tmp_path)) as stage:
        for _ in polls(8.0):
            stage.carrier.heard(0.05)
            if troubles(stage):
                break
        assert troubles(stage) == ["trunk carrier: its certificate is of sbc.other.example, not of sbc.carrier.example"]
        assert stage.pbx.transcript == []


def test_over_ipv6(tmp_path):
    house = House(tmp_path)
    with house.site(pbx_host="::1", carrier_host="::1") as stage:
        talked(stage)
        inbound(stage)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("common name only", []),
        ("URI", ["URI:sip:sbc.carrier.example"]),
        ("capitals", ["DNS:SBC.Carrier.Example"]),
        ("one of many", ["DNS:a.example", "DNS:sbc.carrier.example", "DNS:*.b.example"]),
    ],
)
def test_names_that_are_the_carriers(house, name, names):
    pair = house.authority.issue("sbc.carrier.example", names, file="other")
    with house.site(outside=house.kind(pair)) as stage:
        talked(stage)


def test_what_was_wrong_is_over_once_it_goes_well(house, tmp_path):
    with house.site(outside=_of_another_name(house, tmp_path)) as stage:
        made = stage.dial()
        for _ in polls(5.0):
            stage.carrier.heard(0.05)
            if troubles(stage):
                break
        stage.refused(made)
        stage.carrier.context = house.kind(house.carrier).context
        talked(stage, 2)
        assert troubles(stage) == []
        assert "works again" in stage.guard.process.said()


# --- who connects to us ---------------------------------------------------------------------------------------------


def stays_out(stage: Site, kind: type[TlsPeer], host: str = PBX) -> None:
    """Somebody else at the PBX's address connects, says something and hears nothing."""
    with kind(host, name="other") as other:
        with contextlib.suppress(OSError):
            other.connect(stage.guard.inside).write(OPTIONS)
        with contextlib.suppress(OSError):
            assert [one.until_closed() for one in other.wires] in ([], [b""])


@pytest.fixture
def stage(house):
    with house.site() as running:
        yield running


def test_who_connects_has_to_have_the_name(house, stage):
    stays_out(stage, house.kind(house.authority.issue("other.example")))
    why = "its certificate is of other.example, which is no tls_peer of whoever has that address"
    assert troubles(stage) == [f"source pbx: {why}"]
    assert f"source pbx: no connection from {PBX} is let in at listen.inside: {why}" in stage.guard.process.said()
    talked(stage)
    assert troubles(stage) == []


@pytest.mark.parametrize("shows", [True, False], ids=["of another authority", "no certificate"])
def test_who_connects_has_to_have_a_certificate_of_the_authority(house, stage, tmp_path, shows):
    stranger = Authority(tmp_path, "impostor").issue("pbx.example", file="impostor")
    kind = house.kind(stranger, shows=shows)
    stays_out(stage, kind)
    (said,) = troubles(stage)
    assert said == f"source pbx: {NOT_TRUSTED if shows else 'it shows no certificate, and client_ca asks for one'}"
    talked(stage)


def test_who_connects_with_a_revoked_certificate_stays_out(house):
    lost = house.authority.issue("pbx.example", file="lost")
    crl = house.authority.revoke(lost)
    with house.site(listen_inside=f'{house.mutual}\nclient_crl = "{crl}"') as stage:
        stays_out(stage, house.kind(lost))
        assert troubles(stage) == ["source pbx: its certificate was revoked by its authority"]
        talked(stage)


def test_a_stranger_isnt_even_answered_with_our_certificate(house, stage):
    stays_out(stage, house.kind(house.pbx), STRANGER)
    assert stage.guard.status()["sockets"]["inside"]["refused"] == 1


def test_a_source_known_by_its_certificate_alone(house):
    """It may call from anywhere; whoever else connects stays out."""
    with house.site(start=False) as stage:
        stage.guard.edit('addresses = ["127.0.1.1"]\n', "")
        stage.guard.start()
        talked(stage)
        with house.kind(house.pbx)(STRANGER, name="pbx") as moved:
            made = call(moved, stage.guard.inside, NUMBER, CALLER)
            offered = leg(stage.carrier, stage.carrier.expect("INVITE"))
            offered.answer()
            dialog = made.confirm(moved.expect(200))
            stage.hang_up(dialog, stage.carrier)
        stays_out(stage, house.kind(house.authority.issue("other.example")), STRANGER)


ROAMING = """
[source.roaming]
zone = "internal"
listen = "inside"
tls_peer = ["roaming.example"]
trunks = ["carrier"]
"""


def test_calls_go_on_while_strangers_leave_handshakes_open(house):
    """Everybody may begin a handshake where a source comes from anywhere; it holds up nobody known by address."""
    with house.site(start=False) as stage, contextlib.ExitStack() as held:
        with stage.guard.policy.open("a") as policy:
            policy.write(ROAMING)
        stage.guard.start()
        for number in range(400):
            opened = held.enter_context(socket.socket())
            opened.bind((f"127.0.5.{1 + number % 20}", 0))
            with contextlib.suppress(ConnectionError):
                opened.connect(stage.guard.inside)
                if number % 2:
                    opened.sendall(b"\x16\x03\x01\x02\x00\x01")  # The beginning of a ClientHello.
        for attempts in range(1, 6):
            stage.pbx.hang_up()
            talked(stage, attempts)
        counted = stage.guard.status()["sockets"]["inside"]
        assert counted["refused"] > 0
        assert counted["accepted"] > 100


def test_a_connection_stands_for_the_address_that_it_names(house, stage):
    """Both have shown who they are, so requests to us and to it share one connection (RFC 5923)."""
    _, dialog, _ = stage.connect()
    opened = list(stage.pbx.wires)
    stage.hang_up(dialog, stage.carrier)
    made = stage.dial()
    via = made.invite.value("Via")
    stage.offered(made).refuse(486, "Busy Here")
    stage.refused(made)
    again = made.invite.having(("Via", f"{via};alias".replace("z9hG4bK", "z9hG4bKa")), ("Call-ID", "alias@pbx"))
    stage.pbx.send(again, stage.guard.inside)
    leg(stage.carrier, stage.carrier.expect("INVITE", call_id="alias@pbx")).refuse(486, "Busy Here")
    stage.pbx.expect(486, call_id="alias@pbx")
    inbound(stage)
    assert stage.pbx.wires == opened


def test_an_inbound_call_goes_to_a_connection_of_its_own_without_that(house, stage):
    _, dialog, _ = stage.connect()
    stage.hang_up(dialog, stage.carrier)
    assert len(stage.pbx.wires) == 1
    inbound(stage)
    assert len(stage.pbx.wires) == 2


# --- certificates that change ---------------------------------------------------------------------------------------


def shown(stage: Site) -> str:
    """The certificate that the guard shows, as PEM."""
    with stage.pbx.own.wrap_socket(socket.create_connection(stage.guard.inside, source_address=(PBX, 0))) as opened:
        return ssl.DER_cert_to_PEM_cert(opened.getpeercert(binary_form=True) or b"")


@pytest.mark.parametrize("by", ["signal", "command"])
def test_a_renewed_certificate_is_taken_without_dropping_a_call(house, stage, by):
    _, dialog, offered = stage.connect()
    before = shown(stage)
    wires = [*stage.pbx.wires, *stage.carrier.wires]
    house.authority.issue("guard.example")
    assert shown(stage) == before
    if by == "signal":
        stage.guard.process.signal(signal.SIGHUP)
        stage.guard.process.until_says("is in force")
    else:
        assert stage.guard.cli("reload", "--control", str(stage.guard.control)).returncode == 0
    assert shown(stage) == house.guard.certificate.read_text() != before
    offered.send("INFO")
    answer_ok(stage.pbx, stage.pbx.expect("INFO"))
    stage.carrier.expect(200, method="INFO")
    stage.hang_up(dialog, stage.carrier)
    assert [one for one in (*stage.pbx.wires, *stage.carrier.wires) if one in wires] == wires


def broken_key(house: House) -> str:
    house.authority.issue("other.example").key.rename(house.guard.key)
    return "listen.inside.key: {}: the key isn't the certificate's"


def no_certificate(house: House) -> str:
    house.guard.certificate.unlink()
    return "listen.inside.certificate: {}: no such file or directory"


def open_key(house: House) -> str:
    house.guard.key.chmod(0o644)
    return "listen.inside.key: {}: can't be read: everybody may read it: chmod o= it"


def not_a_ca(house: House) -> str:
    house.authority.path.write_text("nothing")
    return "listen.inside.client_ca: {}: there is no certificate in it"


BROKEN = [broken_key, no_certificate, open_key, not_a_ca]


@pytest.mark.parametrize("spoil", BROKEN, ids=lambda spoil: spoil.__name__)
def test_files_that_cant_be_used_change_nothing(house, stage, spoil):
    talked(stage)
    before = shown(stage)
    said = re.escape(spoil(house)).replace(r"\{\}", r"\S+")
    done = stage.guard.cli("reload", "--control", str(stage.guard.control))
    assert done.returncode == 2
    assert "the policy before stays in force" in done.stderr
    assert re.search(said, done.stderr)
    assert shown(stage) == before
    for peer in (stage.pbx, stage.carrier):
        peer.hang_up()
    talked(stage, 2)


@pytest.mark.parametrize("spoil", BROKEN, ids=lambda spoil: spoil.__name__)
def test_it_doesnt_start_with_them(house, spoil):
    with house.site(start=False) as stage:
        said = re.escape(spoil(house)).replace(r"\{\}", r"\S+")
        process = stage.guard.start(ready=False)
        assert process.wait(20) == 2
        assert re.search(said, process.said())


@pytest.mark.parametrize(("days", "says"), [(29.5, "expires on"), (-0.5, "expired on"), (30.5, "")])
def test_the_end_of_our_certificate_is_told_ahead(house, days, says):
    house.authority.issue("guard.example", days=days)
    with house.site() as stage:
        (inside, outside) = stage.guard.status()["certificates"]
        assert (inside["of"], outside["of"]) == ("listen.inside", "listen.outside")
        assert says in inside["says"]
        assert bool(inside["says"]) == bool(says)
        shown_ = stage.guard.cli("status", "--control", str(stage.guard.control)).stdout
        assert ("guard.example.crt" in shown_) == bool(says)
        told = "renew it, then `ringfence reload`"
        if says:
            stage.guard.process.until_says(told)
        else:
            talked(stage)
            assert told not in stage.guard.process.said()


def test_the_end_of_the_carriers_certificate_is_told_ahead(house):
    pair = house.authority.issue("sbc.carrier.example", days=12.5)
    with house.site(outside=house.kind(pair)) as stage:
        talked(stage)
        assert re.search(rf"the certificate of {CARRIER} expires on \S+, in 12 days", stage.guard.process.said())


def test_a_carrier_that_is_expected_under_another_name_is_connected_to_anew(house, stage):
    """A connection that was checked against the name before isn't used any more (A15)."""
    talked(stage)
    stage.guard.edit('tls_name = "sbc.carrier.example"', 'tls_name = "sbc.new.example"')
    assert stage.guard.cli("reload", "--control", str(stage.guard.control)).returncode == 0
    made = stage.dial()
    for _ in polls(5.0):
        stage.carrier.heard(0.05)
        if troubles(stage):
            break
    stage.refused(made)
    assert troubles(stage) == ["trunk carrier: its certificate is of sbc.carrier.example, not of sbc.new.example"]
