"""What the guard says of the firewall."""

import asyncio
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from ringfence.model import Banned, Unbanned
from ringfence.model.settings import Policy
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.keeper import Keeper
from ringfence.platforms.firewall.wanted import Wanted, wanted
from ringfence.policy import load
from ringfence.server.firewall import keeper_of
from ringfence.server.firewall_watch import LOOK_EVERY_US, FirewallWatch, look

POLICY = """
[site]
home_country = "US"
time_zone = "America/New_York"
[listen.inside]
bind = "10.20.0.5:5060"
[trunk.carrier]
listen = "inside"
carrier_addresses = ["198.51.100.0/28"]
send_to = ["sip:198.51.100.1"]
[source.pbx]
zone = "internal"
listen = "inside"
addresses = ["10.20.0.10"]
trunks = ["carrier"]
"""


class Text:
    """A firewall that is as it was told."""

    name = "nftables"
    is_now = ""

    def render(self, wants: Wanted) -> str:
        return repr(wants)

    def back_to(self, listing: str) -> str:
        return listing

    def check(self, text: str) -> None:
        pass

    def put(self, text: str) -> None:
        self.is_now = text

    def listing(self) -> str:
        if self.is_now == "denied":
            raise FirewallError("nft may not do this: it needs root, or CAP_NET_ADMIN")
        return self.is_now


@pytest.fixture
def text(monkeypatch: pytest.MonkeyPatch) -> Text:
    made = Text()
    monkeypatch.setattr("ringfence.server.firewall.BACKENDS", (made,))
    return made


@pytest.fixture
def policy(tmp_path: Path, text: Text) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_text(f'{POLICY}[firewall]\nadmins = ["192.0.2.1"]\nstate = "{tmp_path}/state"\n')
    return load(str(path))


def applied(policy: Policy) -> Keeper:
    assert policy.firewall is not None
    keeper = keeper_of(policy.firewall)
    keeper.apply(wanted(policy, policy.firewall), "v1", 1, confirm_s=60, arm=lambda pending: None)
    return keeper


def test_rules_that_were_never_applied(policy: Policy) -> None:
    assert "aren't in force" in look(policy)


def test_a_change_that_waits_and_one_that_was_confirmed(policy: Policy) -> None:
    keeper = applied(policy)
    assert "waits" in look(policy)
    keeper.confirm()
    assert look(policy) == ""


def test_somebody_elses_change(policy: Policy, text: Text) -> None:
    applied(policy).confirm()
    text.is_now = ""
    assert "somebody else changed the firewall" in look(policy)


def test_a_service_that_may_not_know_which_start_of_the_machine_it_is_says_so(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit's ProcSubset=pid hides it; a change that waits can't be told then from one before the start."""
    applied(policy)
    monkeypatch.setattr("ringfence.platforms.firewall.state.BOOT_ID", Path("/nowhere/boot_id"))
    assert "ProcSubset=all" in look(policy)


def test_a_policy_that_wants_other_rules(policy: Policy) -> None:
    applied(policy).confirm()
    assert policy.firewall is not None
    firewall = msgspec.structs.replace(policy.firewall, other_ports="drop")
    assert "wants other rules" in look(msgspec.structs.replace(policy, firewall=firewall))


def test_a_firewall_that_may_not_be_looked_at_is_not_fine(policy: Policy, text: Text) -> None:
    text.is_now = "denied"
    assert "can't be looked at" in look(policy)
    assert look(msgspec.structs.replace(policy, firewall=None)) == ""


class House:
    """What a watch asks of a guard: its policy, its bans, whose address is shared."""

    def __init__(self, policy: Policy) -> None:
        self.engine = SimpleNamespace(policy=policy, banning=SimpleNamespace(bans=[banned("203.0.113.9")]))
        self.edge = SimpleNamespace(shares=lambda name: name == "203.0.113.77")
        self.clock = SimpleNamespace(now=lambda: 7)


def banned(name: str) -> Banned:
    return Banned(at=1, name=name, until=100, reason="scanner", why="", owner="ringfence")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """What the kernel is told; it refuses 10.0.0.66."""
    made: list[dict[str, int]] = []

    def tell(ends: dict[str, int], backend: Text, now: int) -> str:
        assert now == 7
        made.append(ends)
        return "refused" if "10.0.0.66" in ends else ""

    monkeypatch.setattr("ringfence.server.kernel_bans.tell", tell)
    monkeypatch.setattr("ringfence.server.firewall_watch.table", lambda backend: 1)
    return made


async def settled(watch: FirewallWatch) -> None:
    while watch._looks or watch._bans._busy:
        await asyncio.sleep(0)


def test_it_is_told_once_and_so_is_that_it_is_over(
    policy: Policy, text: Text, told: list[dict[str, int]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ringfence.firewall")
    applied(policy).confirm()
    is_right, text.is_now = text.is_now, ""
    watch = FirewallWatch(House(policy))  # type: ignore[arg-type]

    async def looks(now: int) -> None:
        watch.chore(now)
        await settled(watch)

    async def minute() -> None:
        await looks(0)
        assert "somebody else changed" in watch.status()[0]
        text.is_now = is_right
        await looks(1)
        assert watch.status() != [], "it isn't time yet"
        await looks(LOOK_EVERY_US)
        await looks(2 * LOOK_EVERY_US)

    asyncio.run(minute())
    assert watch.status() == []
    assert [text.partition(":")[0] for text in caplog.messages] == [
        "somebody else changed the firewall",
        "the firewall is as the policy wants it",
    ]


def test_all_bans_are_told_again_once_their_table_was_made_anew(
    policy: Policy, told: list[dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nobody saw that it was gone."""
    watch, tables = FirewallWatch(House(policy)), iter([7, 7, 8])  # type: ignore[arg-type]
    monkeypatch.setattr("ringfence.server.firewall_watch.table", lambda backend: next(tables))

    async def looks() -> None:
        for look_at in range(3):
            watch.chore(look_at * LOOK_EVERY_US)
            await settled(watch)

    asyncio.run(looks())
    assert told == [{"203.0.113.9": 100}] * 2


def test_the_kernel_is_told_of_bans_as_they_come(policy: Policy, told: list[dict[str, int]]) -> None:
    watch = FirewallWatch(House(policy))  # type: ignore[arg-type]

    async def bans() -> None:
        watch.banned(banned("203.0.113.1"))
        watch.banned(banned("203.0.113.2"))
        watch.banned(banned("203.0.113.3"))
        watch.banned(Unbanned(at=2, name="203.0.113.2", owner="ann"))
        await settled(watch)

    asyncio.run(bans())
    assert told == [{"203.0.113.1": 100}, {"203.0.113.2": 0, "203.0.113.3": 100}]


def test_who_is_logged_in_keeps_his_connection(
    policy: Policy, told: list[dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ip_address("203.0.113.1")
    monkeypatch.setattr("ringfence.server.firewall_watch.anybody_in", lambda network: there in network)
    watch = FirewallWatch(House(policy))  # type: ignore[arg-type]

    async def bans() -> None:
        watch.banned(banned("203.0.113.0/24"))
        watch.banned(banned("203.0.114.2"))
        await settled(watch)

    asyncio.run(bans())
    assert told == [{"203.0.113.0/24": 0}, {"203.0.114.2": 100}]


def test_an_address_with_phones_behind_it_is_left_to_the_edge(policy: Policy, told: list[dict[str, int]]) -> None:
    watch = FirewallWatch(House(policy))  # type: ignore[arg-type]

    async def bans() -> None:
        watch.banned(banned("203.0.113.77"))
        await settled(watch)

    asyncio.run(bans())
    assert told == [{"203.0.113.77": 0}]


def test_a_kernel_that_refuses_is_told_of(
    policy: Policy, told: list[dict[str, int]], caplog: pytest.LogCaptureFixture
) -> None:
    watch = FirewallWatch(House(policy))  # type: ignore[arg-type]

    async def bans() -> None:
        for _ in range(2):
            watch.banned(banned("10.0.0.66"))
            await settled(watch)
        assert watch.status() == ["refused"]
        watch.banned(banned("10.0.0.67"))
        await settled(watch)

    asyncio.run(bans())
    assert watch.status() == []
    assert caplog.messages == ["refused"]


def test_without_a_firewall_in_the_policy_nothing_is_looked_at(policy: Policy, told: list[dict[str, int]]) -> None:
    watch = FirewallWatch(House(msgspec.structs.replace(policy, firewall=None)))  # type: ignore[arg-type]

    async def minute() -> None:
        watch.chore(0)
        watch.banned(banned("203.0.113.1"))
        await settled(watch)

    asyncio.run(minute())
    assert (watch.status(), told) == ([], [])
