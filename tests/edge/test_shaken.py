"""Signatures of callers: whom a certificate may sign for, and what is made of each way of cheating."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ringfence.edge.shaken.chain import Authority, ChainError, Signer, read_authority, signer_of
from ringfence.edge.shaken.material import Material, ShakenError, load
from ringfence.edge.shaken.signers import MAX_ASKED, MAX_KNOWN, MAX_SEEN, Signers, is_allowed
from ringfence.edge.shaken.verify import Asked, Verification, is_signed, needed, verify
from ringfence.model.settings import Policy, Shaken
from ringfence.model.time import SECOND
from ringfence.sip.passport import parse_identity
from ringfence.testing import passports
from ringfence.testing.certificates import Authority as Issuer
from ringfence.testing.certificates import Pair, tn_auth_list
from ringfence.testing.passports import ORIGID, claims, identity, key_of
from ringfence.testing.trial import Trial

NOW_S = 1_800_000_000
CALLER, CALLED, OTHER = "12155551212", "12125550123", "12125550199"
X5U = "https://certificates.example/1234.pem"
ASKED = Asked(CALLER, CALLED, CALLED)


class World:
    """An authority, a provider, and what a call of it is taken for."""

    def __init__(self, directory: Path) -> None:
        self.issuer = Issuer(directory)
        self.roots = tuple(x509.load_pem_x509_certificates(self.issuer.path.read_bytes()))
        self.pair = self.issuer.issue_signer()
        self.key = key_of(self.pair.key)

    def signer(self, pair: Pair, *between: Path, now_s: int = 0) -> Signer:
        pem = b"".join(path.read_bytes() for path in (pair.certificate, *between))
        leaf = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        return signer_of(pem, self.roots, now_s or int(leaf.not_valid_before_utc.timestamp()) + 86_400)

    def verified(self, *values: str, asked: Asked = ASKED, at: int = 0, pair: Pair | None = None) -> Verification:
        signers = {X5U: self.signer(pair or self.pair)}
        given = [parse_identity(value.encode()) for value in values]
        return verify(given, asked, lambda url: signers.get(url, "no certificate"), NOW_S + at, 60)

    def signed(self, *, key: ec.EllipticCurvePrivateKey | None = None, **more: Any) -> str:
        says = claims(more.pop("orig", CALLER), more.pop("dest", CALLED), NOW_S, **more)
        return identity(key or self.key, X5U, says)

    def diverted(self, div: str, dest: str, **more: Any) -> str:
        key = more.pop("key", self.key)
        says = claims(CALLER, dest, more.pop("iat", NOW_S), attest=None, origid=None, div={"tn": div}, **more)
        return identity(key, X5U, says, ppt="div")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


# --- signatures -----------------------------------------------------------------------------------------------------

DRAFT_KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH
78YTU8qLS8I5HLHSSmlATLcslQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==
-----END PUBLIC KEY-----
"""
DRAFT_TOKEN = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9"
    ".eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEy"
    "MTIifX0.rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w"
)


def test_the_example_of_the_drafts_of_rfc_8225() -> None:
    key = serialization.load_pem_public_key(DRAFT_KEY)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    signed, _, signature = DRAFT_TOKEN.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    assert is_signed(key, signed.encode(), raw)
    assert not is_signed(key, signed.encode(), raw[:-1] + bytes([raw[-1] ^ 1]))
    assert not is_signed(key, signed.encode() + b"x", raw)
    assert not is_signed(key, signed.encode(), bytes(64))


def test_passed(world: World) -> None:
    found = world.verified(world.signed(attest="B"))
    assert (found.verstat, found.why, found.attestation, found.origid) == ("passed", "", "B", ORIGID)


@pytest.mark.parametrize("at", [-60, 60])
def test_just_fresh_enough(world: World, at: int) -> None:
    assert world.verified(world.signed(), at=at).verstat == "passed"


def test_a_plain_one_says_who_calls_and_how_sure_nobody(world: World) -> None:
    says = claims(CALLER, CALLED, NOW_S, attest=None, origid=None)
    found = world.verified(identity(world.key, X5U, says, ppt=""))
    assert (found.verstat, found.attestation) == ("passed", "")


def failed(world: World, name: str) -> Verification:
    other = ec.generate_private_key(ec.SECP256R1())
    good = world.signed()
    _, says, signature = good.partition(";")[0].split(".")
    premium = "19005550100"
    tampered = passports.encoded(passports.plain(claims(premium, CALLED, NOW_S)))
    claimed = Asked(premium, CALLED, CALLED)
    return {
        "the claims changed": lambda: world.verified(good.replace(says, tampered), asked=claimed),
        "the signature changed": lambda: world.verified(good.replace(signature, passports.encoded(bytes(range(64))))),
        "another key": lambda: world.verified(world.signed(key=other)),
        "another caller": lambda: world.verified(good, asked=ASKED._replace(caller=OTHER)),
        "a caller that is no number": lambda: world.verified(good, asked=ASKED._replace(caller="")),
        "another called": lambda: world.verified(good, asked=Asked(CALLER, OTHER, OTHER)),
        "old": lambda: world.verified(good, at=61),
        "of the future": lambda: world.verified(good, at=-61),
        "not its number": lambda: world.verified(
            good, pair=world.issuer.issue_signer("one", tn_auth_list(one="12155551213"), key=world.key, file="one")
        ),
    }[name]()  # fmt: skip


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("the claims changed", "the signature is false"),
        ("the signature changed", "the signature is false"),
        ("another key", "the signature is false"),
        ("another caller", f"signed for a call from {CALLER}"),
        ("a caller that is no number", f"signed for a call from {CALLER}"),
        ("another called", f"signed for a call to {CALLED}"),
        ("old", "signed 61 s ago"),
        ("of the future", "signed 61 s ahead of time"),
        ("not its number", f"signed by somebody who may not sign for {CALLER}"),
    ],
)
def test_failed(world: World, name: str, why: str) -> None:
    assert failed(world, name) == Verification("failed", why)


def test_numbers_of_its_own_are_enough(world: World) -> None:
    range_ = tn_auth_list(first="12155551200", count=100)
    pair = world.issuer.issue_signer("range", range_, key=world.key, file="range")
    assert world.verified(world.signed(), pair=pair).verstat == "passed"


def test_nothing_is_said(world: World) -> None:
    says = claims(CALLER, CALLED, NOW_S)
    assert world.verified() == Verification("none", "not signed")
    other = identity(world.key, X5U, {**says, "mky": []}, ppt="rph")
    assert world.verified(other) == Verification("none", "no signature that says who calls")
    elsewhere = identity(world.key, "https://elsewhere.example/x.pem", says)
    assert world.verified(elsewhere) == Verification("none", "no certificate")


# --- forwarded ------------------------------------------------------------------------------------------------------


def test_a_signature_for_to_alone_says_nothing_of_a_call_to_somebody_else(world: World) -> None:
    """Whoever overheard it could send it anywhere with that To."""
    found = world.verified(world.signed(), asked=Asked(CALLER, CALLED, OTHER))
    assert (found.verstat, "nobody signed that it was forwarded" in found.why) == ("none", True)


def test_forwarded_and_signed(world: World) -> None:
    asked = Asked(CALLER, CALLED, OTHER)
    assert world.verified(world.signed(), world.diverted(CALLED, OTHER), asked=asked).verstat == "passed"
    third = "12125550150"
    twice = [world.signed(), world.diverted(CALLED, third), world.diverted(third, OTHER)]
    assert world.verified(*twice, asked=asked).verstat == "passed"


def test_forwarded_by_whom_it_was_not_for(world: World) -> None:
    asked = Asked(CALLER, CALLED, OTHER)
    assert world.verified(world.signed(), world.diverted("12125550150", OTHER), asked=asked).verstat == "none"


def test_a_false_forward(world: World) -> None:
    asked = Asked(CALLER, CALLED, OTHER)
    other = ec.generate_private_key(ec.SECP256R1())
    found = world.verified(world.signed(), world.diverted(CALLED, OTHER, key=other), asked=asked)
    assert found == Verification("failed", "forwarded: the signature is false")
    late = world.verified(world.signed(), world.diverted(CALLED, OTHER, iat=NOW_S - 99), asked=asked)
    assert late == Verification("failed", "forwarded: signed 99 s ago")


# --- compact --------------------------------------------------------------------------------------------------------


def compact(world: World) -> str:
    says = claims(CALLER, CALLED, NOW_S, attest=None, origid=None)
    whole = identity(world.key, X5U, says, ppt="")
    return ".." + whole.split(".", 2)[2]


def test_the_compact_form_is_made_whole_of_the_request(world: World) -> None:
    assert world.verified(compact(world), asked=ASKED._replace(date_s=NOW_S)).verstat == "passed"


def test_the_compact_form_over_another_call(world: World) -> None:
    asked = ASKED._replace(date_s=NOW_S + 1)
    assert world.verified(compact(world), asked=asked) == Verification("failed", "the signature is false")
    assert world.verified(compact(world)).verstat == "none"


# --- certificates ---------------------------------------------------------------------------------------------------


def test_who_may_sign(world: World) -> None:
    found = world.signer(world.pair)
    assert (found.authority, found.authority.covers("1")) == (Authority(("1234",), ()), True)


def test_an_authority_between(world: World, tmp_path: Path) -> None:
    between = Issuer(tmp_path, "between", by=world.issuer)
    pair = between.issue_signer()
    assert world.signer(pair, between.path).authority.codes == ("1234",)
    with pytest.raises(ChainError, match="isn't of an authority that is trusted"):
        world.signer(pair)


def bad_chain(world: World, directory: Path, name: str) -> tuple[Pair, tuple[Path, ...]]:
    between = Issuer(directory, "between", by=world.issuer, path_length=0)
    if name == "strange":
        return Issuer(directory, "strange").issue_signer(), ()
    if name == "ended":
        return world.issuer.issue_signer(days=-1, file=str(directory / "ended")), ()
    if name == "no TNAuthList":
        return world.issuer.issue_signer(authority=b"", file=str(directory / "none")), ()
    if name == "no signer":
        return world.issuer.issue_signer(more=[_usage(sign=False)], file=str(directory / "usage")), ()
    if name == "unknown critical":
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
        return world.issuer.issue_signer(more=[unknown], file=str(directory / "critical")), ()
    if name == "an authority itself":
        return world.issuer.issue_signer(more=[x509.BasicConstraints(True, None)], file=str(directory / "ca")), ()
    if name == "issued by a signer":
        leaf = between.issue_signer(file="leaf")
        lying = Issuer.__new__(Issuer)
        lying._directory, lying._key = directory, key_of(leaf.key)
        lying._name = x509.load_pem_x509_certificate(leaf.certificate.read_bytes()).subject
        return lying.issue_signer(file="below"), (leaf.certificate, between.path)
    if name == "too long":
        second = Issuer(directory, "second", by=between)
        return second.issue_signer(), (second.path, between.path)
    ended = Issuer(directory, "old", by=world.issuer, days=-1)
    return ended.issue_signer(), (ended.path,)


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(sign, False, not sign, False, False, False, False, False, False)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("strange", "isn't of an authority that is trusted"),
        ("ended", "has expired"),
        ("no TNAuthList", "names no provider and no numbers"),
        ("no signer", "may not sign"),
        ("unknown critical", "a critical extension that isn't known"),
        ("an authority itself", "is an authority's"),
        ("issued by a signer", "issued by one that may not issue any"),
        ("too long", "longer than it may be"),
        ("between ended", "has expired"),
    ],
)
def test_who_may_not(world: World, tmp_path: Path, name: str, why: str) -> None:
    pair, between = bad_chain(world, tmp_path, name)
    with pytest.raises(ChainError, match=why):
        root = world.roots[0]
        world.signer(pair, *between, now_s=int(root.not_valid_before_utc.timestamp()) + 2 * 86_400)


@pytest.mark.parametrize("pem", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate(world: World, pem: bytes) -> None:
    with pytest.raises(ChainError, match="can't be read"):
        signer_of(pem, world.roots, NOW_S)


def test_a_list_of_everything() -> None:
    found = read_authority(tn_auth_list(code="709J", first="12155551200", count=300, one="442079460000"))
    assert found == Authority(("709J",), ((11, 12_155_551_200, 12_155_551_499), (12, 442_079_460_000, 442_079_460_000)))
    only = Authority((), found.ranges)
    assert [only.covers(tn) for tn in ("12155551499", "12155551500", "442079460000", "2155551200", "", "x")] == [
        True, False, True, False, False, False,
    ]  # fmt: skip


@given(st.binary(max_size=60))
def test_noise_names_nobody(der: bytes) -> None:
    for tried in (der, b"\x30" + bytes([len(der)]) + der):
        try:
            read_authority(tried)
        except ChainError:
            continue


# --- the table ------------------------------------------------------------------------------------------------------

HOSTS = ("certificates.example", "other.example:9443")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        (X5U, True),
        ("https://certificates.example:8443/a", True),
        ("https://CERTIFICATES.example/a", True),
        ("https://other.example:9443/a", True),
        ("https://other.example/a", False),
        ("https://certificates.example:22/a", False),
        ("http://certificates.example/a", False),
        ("https://certificates.example.evil/a", False),
        ("https://certificates.example@evil.example/a", False),
        ("https://evil.example/https://certificates.example/", False),
        ("https://certificates.example/a?b=c", False),
        ("https://certificates.example/a#b", False),
        ("https://certificates.example", False),
        ("https://certificates.example:99999/a", False),
        ("https://certificates.example/\r\nX: y", False),
        (X5U + "a" * 600, False),
    ],
)
def test_where_certificates_may_be(url: str, allowed: bool) -> None:
    assert is_allowed(url, HOSTS) is allowed


def test_what_is_known_ends(world: World) -> None:
    signers, now = Signers(), NOW_S * SECOND
    signers.trust(world.roots)
    assert (signers.look(X5U, now), signers.ask(X5U, "a"), signers.ask(X5U, "b")) == (None, True, False)
    assert signers.learn(X5U, b"", "no answer", 3600 * SECOND, now) == ["a", "b"]
    assert [signers.look(X5U, now + at * SECOND) for at in (0, 59, 60)] == ["no answer", "no answer", None]
    leaf = x509.load_pem_x509_certificate(world.pair.certificate.read_bytes())
    end = int(leaf.not_valid_after_utc.timestamp()) * SECOND
    now = end - 100 * SECOND
    signers.learn(X5U, world.pair.certificate.read_bytes(), "", 3600 * SECOND, now)
    assert isinstance(signers.look(X5U, end - 1), Signer)
    assert signers.look(X5U, end) is None
    signers.trust(())
    assert (signers.look(X5U, now), signers.verifying) == (None, False)


def test_tables_that_strangers_fill_have_a_bound(world: World) -> None:
    signers = Signers()
    asked = [signers.ask(f"{X5U}{number}", "a") for number in range(MAX_ASKED + 5)]
    assert asked.count(True) == MAX_ASKED
    for number in range(MAX_KNOWN + 50):
        signers.learn(f"{X5U}{number}", b"", "x", 1, 0)
    for number in range(MAX_SEEN + 50):
        signers.came_before(b"%d" % number, "a", 1, 0)
    assert (len(signers._known), len(signers._seen), len(signers._waiting)) == (MAX_KNOWN, MAX_SEEN, 0)


def test_a_signature_that_comes_with_another_call() -> None:
    signers, within = Signers(), 120 * SECOND
    assert [signers.came_before(b"m", call, within, at * SECOND) for call, at in (("a", 0), ("a", 5), ("b", 6))] == [
        False, False, True,
    ]  # fmt: skip
    assert not signers.came_before(b"m", "a", within, 7 * SECOND), "the first call may repeat its own"
    assert not signers.came_before(b"m", "b", within, 200 * SECOND)


def test_which_certificates_are_needed(world: World) -> None:
    given = [parse_identity(value.encode()) for value in (world.diverted(CALLED, OTHER), world.signed())]
    assert needed(given) == [X5U]
    assert needed(given[:1]) == []


# --- files ----------------------------------------------------------------------------------------------------------


def using(directory: Path, **keys: str) -> Policy:
    found = Trial(directory).engine.policy
    return structs.replace(found, shaken=Shaken(**keys))  # type: ignore[arg-type]


def test_authorities_in_a_file_or_a_directory(tmp_path: Path) -> None:
    directory = tmp_path / "roots"
    directory.mkdir()
    first, second = Issuer(directory, "first"), Issuer(directory, "second")
    assert len(load(using(tmp_path, trust=str(first.path))).roots) == 1
    (directory / "both.pem").write_bytes(first.path.read_bytes() + second.path.read_bytes())
    found = load(using(tmp_path, trust=str(directory), x5u_ca=str(second.path)))
    assert (len(found.roots), found.hosts is not None) == (2, True)
    assert load(using(tmp_path)) == Material()


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.pem").write_text("x")
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "README").write_text("x")
    with pytest.raises(ShakenError, match=r"shaken\.trust: .*mixed: can't be read: README: "):
        load(using(tmp_path, trust=str(tmp_path / "mixed")))
    for trust, why in (("empty", "there is no certificate in it"), ("none.pem", "no such file"), ("x.pem", "be read")):
        with pytest.raises(ShakenError, match=f"shaken.trust: .*{trust}: .*{why}"):
            load(using(tmp_path, trust=str(tmp_path / trust)))
    with pytest.raises(ShakenError, match=r"shaken.trust: .*\n?shaken.x5u_ca: "):
        load(using(tmp_path, trust=str(tmp_path / "x.pem"), x5u_ca=str(tmp_path / "x.pem")))
