"""Feeds are asked over real TLS: what changed, what didn't, and what is no answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.feeds import fetch
from ringfence.feeds.ask import Fetched, ask_feed
from ringfence.feeds.lists import FeedError
from ringfence.model.settings import Feed
from ringfence.testing.certificates import Authority
from ringfence.testing.https import Https

LIST = b"203.0.113.9\n203.0.113.10\n203.0.113.11\n10.0.0.1\n203.0.0.0/8\nx\n"
KEY = "0123456789abcdef"


def page(addresses: list[str], following: str) -> bytes:
    return json.dumps({"ipaddress": addresses, "ID": following}).encode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("web"))


@pytest.fixture
def web(authority: Authority) -> Iterator[Https]:
    pages = {
        "/list": LIST,
        f"/api/{KEY}/banned": page(["203.0.113.9"], "7"),
        f"/api/{KEY}/banned/7": page(["203.0.113.10", "203.0.113.9"], "9"),
        f"/api/{KEY}/banned/9": page(["no new bans"], "none"),
    }
    with Https(authority.issue("localhost"), pages) as server:
        yield server


def asked(web: Https, authority: Authority, seen: Fetched = Fetched(None), path: str = "/list", **more) -> Fetched:  # noqa: B008
    feed = Feed(**{"name": "bad", "url": web.url(path), "ca": str(authority.path), **more})
    return asyncio.run(ask_feed(feed, seen))


def addresses(found: Fetched) -> list[str]:
    return [str(each.network_address) for each in found.networks or ()]


def test_a_list_and_the_same_list(web: Https, authority: Authority) -> None:
    first = asked(web, authority, most=2)
    assert addresses(first) == ["203.0.113.9", "203.0.113.10"]
    assert first.left_out == {"private or reserved": 1, "wider than /16": 1, "no address": 1, "over `most`": 1}
    assert asked(web, authority, first).networks is None
    web.pages["/list"] = b"203.0.113.12\n"
    assert addresses(asked(web, authority, first)) == ["203.0.113.12"]


def test_apiban_page_by_page_and_what_is_new(web: Https, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    more = {"path": "/api", "kind": "apiban", "key": str(tmp_path / "key")}
    first = asked(web, authority, **more)
    assert (addresses(first), first.following) == (["203.0.113.9", "203.0.113.10"], "9")
    web.asked.clear()
    assert addresses(asked(web, authority, first, **more)) == []
    assert web.asked == [f"/api/{KEY}/banned/9"]


def test_a_key_that_isnt_taken_is_told_without_it(web: Https, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("fedcba9876543210")
    with pytest.raises(FeedError, match="404") as told:
        asked(web, authority, path="/api", kind="apiban", key=str(tmp_path / "key"))
    assert "fedcba" not in str(told.value)
    (tmp_path / "key").write_text("../../etc")
    with pytest.raises(FeedError, match="no key in it"):
        asked(web, authority, path="/api", kind="apiban", key=str(tmp_path / "key"))


@pytest.mark.parametrize(("path", "why"), [("/not", "404"), ("/moved", "302")])
def test_what_is_no_answer(web: Https, authority: Authority, path: str, why: str) -> None:
    web.asked.clear()
    with pytest.raises(FeedError, match=why):
        asked(web, authority, path=path)
    assert web.asked == [path], "nothing is followed"


def test_a_server_that_proves_nothing(web: Https, authority: Authority) -> None:
    with pytest.raises(FeedError, match="CERTIFICATE_VERIFY_FAILED"):
        asked(web, authority, ca=None)


def test_bounds_in_size_and_time(web: Https, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 100)
    with pytest.raises(FeedError, match="more than 100 bytes"):
        asked(web, authority)
    monkeypatch.undo()
    monkeypatch.setattr(fetch, "WITHIN_S", 0.2)
    web.delay_s = 1.0
    with pytest.raises(FeedError, match="not whole within"):
        asked(web, authority)


@pytest.mark.parametrize(
    "answer",
    [b"", b"rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n203.0.1", b"HTTP/1.0 304 x\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
)  # fmt: skip
def test_half_an_answer_is_none(answer: bytes) -> None:
    with pytest.raises(FeedError):
        fetch._page(answer, fetch.UNSEEN)
