"""Certificates are fetched within bounds, and whatever goes wrong is said once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.server import fetching
from ringfence.server.fetching import MAX_BYTES, Fetcher
from ringfence.testing.certificates import Authority
from ringfence.testing.https import Https

PEM = b"-----BEGIN CERTIFICATE-----\nwhatever\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("web"))


@pytest.fixture(scope="module")
def web(authority: Authority) -> Iterator[Https]:
    pages = {"/there": PEM, "/large": b"x" * (MAX_BYTES + 1)}
    with Https(authority.issue("localhost"), pages) as server:
        yield server


def fetched(*urls: str, ca: Path | None) -> list[tuple[str, bytes, str]]:
    found: list[tuple[str, bytes, str]] = []

    async def run() -> None:
        context = ssl.create_default_context(cafile=ca)
        fetcher = Fetcher(lambda url, pem, why: found.append((url, pem, why)), context)
        for url in urls:
            fetcher.fetch(url)
        while len(found) < len(urls):
            await asyncio.sleep(0.01)
        await fetcher.close()

    asyncio.run(run())
    return found


def test_what_is_there(web: Https, authority: Authority) -> None:
    url = web.url("/there")
    assert fetched(url, ca=authority.path) == [(url, PEM, "")]
    assert web.asked[-1] == "/there"


@pytest.mark.parametrize(
    ("path", "why"),
    [("/not", "the answer is 404"), ("/moved", "the answer is 302"), ("/large", f"more than {MAX_BYTES} bytes")],
)
def test_what_is_not(web: Https, authority: Authority, path: str, why: str) -> None:
    web.asked.clear()
    ((_, pem, told),) = fetched(web.url(path), ca=authority.path)
    assert (pem, told) == (b"", f"its certificate can't be fetched: {why}")
    assert web.asked == [path], "nothing is followed"


def test_a_host_that_proves_nothing(web: Https) -> None:
    ((_, pem, why),) = fetched(web.url("/there"), ca=None)
    assert (pem, "CERTIFICATE_VERIFY_FAILED" in why) == (b"", True)


def test_nobody_there(web: Https, authority: Authority) -> None:
    ((_, pem, why),) = fetched("https://localhost:9/x", ca=authority.path)
    assert (pem, why.startswith("its certificate can't be fetched: ")) == (b"", True)


def test_who_takes_too_long(web: Https, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "WITHIN_S", 0.2)
    web.delay_s = 1.0
    try:
        ((_, pem, why),) = fetched(web.url("/there"), ca=authority.path)
    finally:
        web.delay_s = 0.0
    assert (pem, why) == (b"", "no certificate within 0.2 s")


def test_several_at_once(web: Https, authority: Authority) -> None:
    found = fetched(*(web.url(path) for path in ("/there", "/not", "/there")), ca=authority.path)
    assert sorted(pem for _, pem, _ in found) == [b"", PEM, PEM]


def test_what_is_not_there_yet_is_given_up_at_the_end(web: Https, authority: Authority) -> None:
    told: list[str] = []

    async def run() -> None:
        fetcher = Fetcher(lambda url, pem, why: told.append(url), ssl.create_default_context(cafile=authority.path))
        fetcher.fetch(web.url("/there"))
        await fetcher.close()

    asyncio.run(run())
    assert told == []
