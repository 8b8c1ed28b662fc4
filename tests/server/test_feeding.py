"""From what feeds list to bans, and back; and a running guard that keeps them without their server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from ringfence.engine.banning import Banning
from ringfence.feeds.ask import Fetched
from ringfence.feeds.lists import FeedError
from ringfence.model import SECOND, Banned
from ringfence.model.settings import Bans, Feed, Policy
from ringfence.server import feeding
from ringfence.server.feeding import RETRY_US, Feeding
from ringfence.testing.certificates import Authority
from ringfence.testing.guard import CARRIER, PBX, Guard
from ringfence.testing.https import Https
from ringfence.testing.peer import Peer
from ringfence.testing.process import polls

HOUR = 3600 * SECOND
BAD = Feed(name="bad", url="https://lists.example/sip.txt")
POLICY = Policy(version="", home_country="US", time_zone="UTC", listens={}, trunks={}, sources={}, feeds={"bad": BAD})


class Play:
    """Feeds of a guard whose clock is ours, and which answers what is scripted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000 * SECOND
        self.banning = Banning(POLICY)
        self.answers: list[Fetched | Exception] = []
        self.asked: list[Fetched] = []
        guard = SimpleNamespace(
            engine=SimpleNamespace(banning=self.banning),
            clock=SimpleNamespace(now=lambda: self.now),
            note=self.note,
            edge=SimpleNamespace(banned=lambda now: None),
            rest=lambda: None,
        )
        self.feeding = Feeding(guard)
        monkeypatch.setattr(feeding, "ask_feed", self.ask)
        self.feeding.follow(POLICY)

    async def ask(self, feed: Feed, seen: Fetched) -> Fetched:
        self.asked.append(seen)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def note(self, fact: object) -> None:
        self.banning.banned(fact) if isinstance(fact, Banned) else self.banning.unbanned(fact)

    def look(self, *answers: Fetched | Exception, later: int = 0) -> list[str]:
        """Time passes, the feed answers; who is banned then."""
        self.now += later
        self.banning.sweep(self.now)
        self.answers = list(answers)

        async def chores() -> None:
            for _ in range(20):
                self.feeding.chore(self.now)
                await asyncio.sleep(0)

        asyncio.run(chores())
        assert self.answers == []
        return sorted(fact.name for fact in self.banning.bans)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    return Play(monkeypatch)


def listing(*names: str) -> Fetched:
    return Fetched(tuple(map(ip_network, names)))


MANY = [f"203.0.113.{number}" for number in range(40)]


def test_who_is_listed_is_banned_and_who_isnt_any_more_is_released(play: Play) -> None:
    assert play.look(listing("203.0.113.9", "203.0.114.0/24", "2001:db8::9")) == [
        "2001:db8::/64", "203.0.113.9", "203.0.114.0/24",
    ]  # fmt: skip
    fact = play.banning.bans.get("203.0.113.9")
    assert fact is not None
    assert (fact.reason, fact.why, fact.owner) == ("feed bad", "on the list of lists.example", "feed.bad")
    assert fact.until == play.now + 168 * HOUR
    assert play.look(listing("203.0.113.9", "203.0.113.8"), later=HOUR) == ["203.0.113.8", "203.0.113.9"]


def test_it_is_asked_when_it_is_due(play: Play) -> None:
    play.look(listing("203.0.113.9"))
    play.look(later=HOUR - SECOND)
    assert len(play.asked) == 1
    play.look(listing("203.0.113.9"), later=SECOND)
    assert len(play.asked) == 2


def test_never_whom_the_policy_names(play: Play) -> None:
    play.banning.use(msgspec.structs.replace(POLICY, bans=Bans(allow=("203.0.113.5/32",))))
    assert play.look(listing("203.0.113.5", "203.0.113.9")) == ["203.0.113.9"]
    assert play.feeding.status() == ["feed bad: left out: 1 of somebody who is never banned"]


def test_the_last_good_list_holds_until_its_end(play: Play) -> None:
    play.look(listing("203.0.113.9"))
    assert play.look(FeedError("the answer is 500"), later=HOUR) == ["203.0.113.9"]
    assert "the answer is 500" in play.feeding.status()[0]
    play.look(FeedError("the answer is 500"), later=RETRY_US)
    assert play.look(FeedError("x"), later=166 * HOUR) == ["203.0.113.9"]
    assert play.look(FeedError("x"), later=HOUR) == []


def test_a_list_that_stays_as_it_is_is_renewed(play: Play) -> None:
    play.look(listing("203.0.113.9"))
    for _ in range(4):
        assert play.look(Fetched(None), later=80 * HOUR) == ["203.0.113.9"]
    assert play.feeding.status() == []


def test_a_list_that_shrinks_suspiciously_releases_nobody(play: Play) -> None:
    assert len(play.look(listing(*MANY))) == 40
    assert len(play.look(listing(), later=HOUR)) == 40
    assert "has 0 entries, 40 before" in play.feeding.status()[0]
    assert len(play.look(listing(*MANY[:20]), later=HOUR)) == 20
    assert play.feeding.status() == []


def test_a_list_that_grows_suspiciously_is_told(play: Play) -> None:
    play.look(listing(*MANY[:10]))
    assert len(play.look(listing(*MANY), later=HOUR)) == 40
    assert "has 40 entries, 10 before" in play.feeding.status()[0]


def test_a_ban_of_our_own_stays(play: Play) -> None:
    own = Banned(at=play.now, name="203.0.113.9", until=play.now + 2 * HOUR, reason="scanner", why="x", owner="guard")
    play.banning.banned(own)
    play.look(listing("203.0.113.9", "203.0.113.8"))
    assert play.banning.bans.get("203.0.113.9") == own
    play.look(listing("203.0.113.8"), later=HOUR)
    assert play.banning.bans.get("203.0.113.9") == own


def test_a_feed_that_the_policy_no_longer_has_releases(play: Play) -> None:
    play.look(listing("203.0.113.9"))
    play.feeding.follow(msgspec.structs.replace(POLICY, feeds={}))
    assert play.look() == []


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    (tmp_path / "guard").mkdir()
    with (
        Peer(PBX, name="pbx") as pbx,
        Peer(CARRIER, name="carrier") as carrier,
        Guard(tmp_path / "guard", pbx.address, carrier.address) as running,
    ):
        yield running


def test_a_guard_takes_a_list_and_keeps_it_without_its_server(guard: Guard, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Https(authority.issue("localhost"), {"/list": f"203.0.113.9\n{CARRIER}\n".encode()}) as web:
        feed = f'[feed.bad]\nurl = "{web.url("/list")}"\nca = "{authority.path}"\n[control]'
        guard.edit("[control]", feed)
        guard.ask("reload")
        for _ in polls(20.0):
            if guard.ask("bans"):
                break
    assert [(fact["name"], fact["reason"]) for fact in guard.ask("bans")] == [("203.0.113.9", "feed bad")]
    assert "left out: 1 private or reserved" in guard.ask("status")["feeds"][0]
    guard.process.kill()
    guard.start()
    assert [fact["name"] for fact in guard.ask("bans")] == ["203.0.113.9"]
