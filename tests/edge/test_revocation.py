"""Lists of revoked certificates: real handshakes by the contexts of a policy, with certificates of an authority."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest

from ringfence.edge import tls
from ringfence.edge.revocation import DAY_S, WHY
from ringfence.policy import Loader
from ringfence.testing.certificates import Authority, Pair

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "127.0.0.1:5061"
transport = "tls"
certificate = "guard.crt"
key = "guard.key"
client_ca = "authority.pem"
{client_crl}
[listen.outside]
bind = "127.0.0.1:5081"
transport = "tls"
certificate = "guard.crt"
key = "guard.key"
[trunk.carrier]
listen = "outside"
carrier_addresses = ["127.0.2.1"]
send_to = ["sip:carrier.example:5061"]
ca = "authority.pem"
{crl}
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["127.0.1.1"]
trunks = ["carrier"]
"""


def now_s() -> float:
    return time.time_ns() / 1e9


class House:
    """An authority, what it issued, and the contexts of a policy over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.guard, self.far = self.authority.issue("guard"), self.authority.issue("carrier.example")

    def load(self, crl: Path | None) -> tls.Tls:
        written = {name: f'{name} = "{crl.name}"' if crl is not None else "" for name in ("crl", "client_crl")}
        path = self.folder / "policy.toml"
        path.write_text(POLICY.format(**written))
        return tls.load(Loader(str(path)).load().policy)

    def meets(self, found: tls.Tls, *, dialled: bool) -> str:
        """Why the far end isn't believed; empty where the handshake is done."""
        if dialled:
            (client,) = found.clients.values() if len(found.clients) == 1 else _outside(found)
            return _shake(client, _far(self.far, ssl.PROTOCOL_TLS_SERVER))
        far = _far(self.far, ssl.PROTOCOL_TLS_CLIENT)
        return _shake(far, found.servers["inside"])


def _outside(found: tls.Tls) -> list[ssl.SSLContext]:
    return [context for (listener, *_), context in found.clients.items() if listener == "outside"]


def _far(pair: Pair, protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(pair.certificate, pair.key)
    return context


def _shake(client: ssl.SSLContext, server: ssl.SSLContext) -> str:
    """What either end says against the other in a whole handshake."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_side=False, server_hostname="carrier.example"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    done: set[int] = set()
    for _ in range(10):
        for at, end in enumerate(ends):
            try:
                end.do_handshake()
                done.add(at)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return tls.why(error)
    assert done == {0, 1}
    return ""


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(params=[True, False], ids=["we connect", "it connects"])
def dialled(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_without_a_list_nobody_looks(house: House, dialled: bool) -> None:
    house.authority.revoke(house.far)
    assert house.meets(house.load(None), dialled=dialled) == ""


def test_what_is_not_in_the_list_is_believed(house: House, dialled: bool) -> None:
    assert house.meets(house.load(house.authority.revoke(house.guard)), dialled=dialled) == ""


def test_what_was_revoked_is_not(house: House, dialled: bool) -> None:
    assert house.meets(house.load(house.authority.revoke(house.far)), dialled=dialled) == WHY[23]


def test_a_reload_takes_a_newer_list(house: House, dialled: bool) -> None:
    crl = house.authority.revoke()
    before = house.load(crl)
    house.authority.revoke(house.far)
    assert house.meets(before, dialled=dialled) == ""
    assert house.meets(house.load(crl), dialled=dialled) == WHY[23]


def test_where_the_list_has_ended_nobody_is_believed(house: House, dialled: bool) -> None:
    found = house.load(house.authority.revoke(days=-1))
    assert house.meets(found, dialled=dialled) == WHY[12]
    said = {listed.says(now_s()) for listed in found.lists.values()}
    assert len(said) == 1
    assert "so no certificate of CN=authority is believed" in said.pop()


def test_nor_by_a_list_of_somebody_else(house: House, dialled: bool) -> None:
    other = Authority(house.folder, "other").revoke(file="other")
    assert house.meets(house.load(other), dialled=dialled) == WHY[3]


def test_nor_by_one_that_somebody_signed_in_its_name(house: House, dialled: bool, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    forged = Authority(elsewhere, "authority").revoke()
    (house.folder / "revoked.crl").write_bytes(forged.read_bytes())
    assert house.meets(house.load(house.folder / "revoked.crl"), dialled=dialled) == WHY[8]


def test_lists_of_several_authorities_are_one_file(house: House, dialled: bool) -> None:
    both = house.folder / "both.crl"
    other = Authority(house.folder, "other").revoke(file="other", days=2)
    both.write_bytes(other.read_bytes() + house.authority.revoke(house.far).read_bytes())
    found = house.load(both)
    assert house.meets(found, dialled=dialled) == WHY[23]
    assert found.lists["trunk.carrier.crl"].subject == "CN=other"  # It ends first.


@pytest.mark.parametrize(
    ("since", "days", "told"), [(1, 6, False), (1, 1, False), (6, 1, True), (60, 2.5, True), (60, 4, False)]
)
def test_the_end_of_a_list_is_told_ahead(house: House, since: float, days: float, told: bool) -> None:
    """A quarter of what it holds for, at most three days."""
    before = now_s()
    found = house.load(house.authority.revoke(since=since, days=days)).lists["listen.inside.client_crl"]
    assert int(before) <= found.until_s - days * DAY_S <= now_s()
    assert bool(found.says(now_s())) == told


@pytest.mark.parametrize("spoil", ["empty", "certificate", "broken", "missing"])
def test_a_file_that_cant_be_used_is_refused_with_its_key(house: House, spoil: str) -> None:
    crl = house.authority.revoke()
    text = {"empty": b"", "certificate": house.far.certificate.read_bytes(), "broken": crl.read_bytes()[:80]}
    if spoil == "missing":
        crl.unlink()
    else:
        crl.write_bytes(text[spoil])
    with pytest.raises(tls.TlsError) as failed:
        house.load(crl)
    said = str(failed.value).splitlines()
    assert [line.partition(":")[0] for line in said] == ["listen.inside.client_crl", "trunk.carrier.crl"]
