"""Who is banned for what, for how long, and who never is; each threshold with a near miss."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ringfence.engine import banning as room_of_bans
from ringfence.engine import bans as table
from ringfence.engine import offenders as room
from ringfence.engine.banning import Banning
from ringfence.engine.bans import DAY_US, Bans, name_of
from ringfence.engine.engine import Engine
from ringfence.engine.snapshot import dump, load
from ringfence.engine.spared import Spared
from ringfence.model import SECOND, Alert, Allowed, Ban, Banned, Offended, Unbanned
from ringfence.model.fact import OURSELVES, Offence
from ringfence.model.settings import Bans as Settings
from ringfence.model.settings import Policy
from ringfence.testing.trial import Trial

HOST = "203.0.113.9"
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
START = 1_800_000_000 * SECOND


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return Trial(tmp_path, '[trunk.carrier]\npermit = ["US"]\n').engine.policy


class Play:
    """Offences one after the other, and what came of them."""

    def __init__(self, policy: Policy, **settings: object) -> None:
        self.banning = Banning(msgspec.structs.replace(policy, bans=Settings(**settings)))  # type: ignore[arg-type]
        self.now = START
        self.told: list[Banned] = []
        self.alerts: list[str] = []

    def offend(
        self, kind: Offence, what: str = "", host: str = HOST, *, source: str = "", users: int = 0, times: int = 1
    ) -> None:
        for _ in range(times):
            if self.banning.bans.covers(host, self.now):
                return
            fact = Offended(at=self.now, address=host, kind=kind, what=what, source=source, users=users)
            for command in self.banning.offended(fact):
                if isinstance(command, Ban):
                    self.told.append(command.fact)
                    self.banning.banned(command.fact)
                elif isinstance(command, Alert):
                    self.alerts.append(command.hit.text)

    def wrong(self, account: str = "1001", host: str = HOST, *, users: int = 0, every: int = 0, times: int = 1) -> None:
        """Wrong passwords for an account that there is, one each `every` microseconds."""
        for _ in range(times):
            self.offend("password", account, host, source="phones", users=users)
            self.later(every)

    def later(self, us: int) -> None:
        self.now += us
        self.banning.sweep(self.now)

    @property
    def found(self) -> list[tuple[str, int]]:
        """Reason and minutes of each ban."""
        return [(fact.reason, (fact.until - fact.at) // MINUTE) for fact in self.told]


# --- wrong passwords ------------------------------------------------------------------------------------------------


def test_three_wrong_passwords_in_a_minute_are_five_minutes(policy: Policy) -> None:
    play = Play(policy)
    play.wrong(times=2, every=SECOND)
    assert play.found == []
    play.wrong()
    assert play.found == [("password-guessing", 5)]
    assert (play.told[0].evidence, play.told[0].why) == (3, "3 wrong passwords for 1001 within a minute")


def test_three_in_more_than_a_minute_are_not(policy: Policy) -> None:
    play = Play(policy)
    play.wrong(times=4, every=31 * SECOND)
    assert play.found == []


def test_slow_guessing_is_found_by_six_hours(policy: Policy) -> None:
    """The recorded attack: one try in twenty seconds; here slower still."""
    play = Play(policy)
    play.wrong(times=5, every=80 * MINUTE)
    assert play.found == [("password-guessing", 24 * 60)]


def test_five_in_more_than_six_hours_are_not(policy: Policy) -> None:
    play = Play(policy)
    play.wrong(times=20, every=91 * MINUTE)
    assert play.found == []


def test_where_nobody_types_passwords_three_are_enough(policy: Policy) -> None:
    play = Play(policy, failures=3)
    play.wrong(times=3, every=HOUR)
    assert play.found == [("password-guessing", 24 * 60)]


def test_after_a_short_ban_comes_a_long_one(policy: Policy) -> None:
    play = Play(policy)
    play.wrong(times=3)
    play.later(6 * MINUTE)
    play.wrong(times=2)
    assert play.found == [("password-guessing", 5), ("password-guessing", 24 * 60)]


def test_a_phone_with_an_old_password_among_others_is_never_banned_for_long(policy: Policy) -> None:
    """The password was changed, and twenty phones are behind one address."""
    play = Play(policy)
    play.wrong(times=24 * 60, every=MINUTE, users=20)
    assert play.found == []
    play.wrong(times=5, every=SECOND, users=20)
    assert play.found == [("password-guessing", 5)]


def test_four_quick_ones_are_not_enough_where_others_are(policy: Policy) -> None:
    play = Play(policy)
    play.wrong(times=4, users=1)
    assert play.found == []


def test_who_tries_three_accounts_from_among_others_is_banned_for_long(policy: Policy) -> None:
    play = Play(policy)
    for number in range(5):
        play.wrong(f"100{number % 3}", users=20)
        play.later(10 * MINUTE)
    assert play.found == [("password-guessing", 24 * 60)]


@pytest.mark.parametrize("which", ["short_failures", "failures"])
def test_a_threshold_can_be_off(policy: Policy, which: str) -> None:
    play = Play(policy, **{which: None, "distributed": None})
    play.wrong(times=20)
    assert {minutes for _, minutes in play.found} == ({24 * 60} if which == "short_failures" else {5})


# --- one account from many addresses --------------------------------------------------------------------------------


def test_distributed_guessing_bans_all_of_them_and_each_that_comes_after(policy: Policy) -> None:
    play = Play(policy)
    hosts = [f"198.51.100.{n}" for n in range(1, 8)]
    for host in hosts[:4]:
        play.wrong(host=host, every=MINUTE)
    assert play.found == []
    for host in hosts[4:]:
        play.wrong(host=host, every=MINUTE)
    assert [fact.name for fact in play.told] == hosts
    assert {fact.reason for fact in play.told} == {"distributed-guessing"}


def test_an_address_of_them_is_banned_again_only_if_it_tries_again(policy: Policy) -> None:
    play = Play(policy)
    for n in range(1, 6):
        play.wrong(host=f"198.51.100.{n}")
    play.later(10 * MINUTE)
    play.wrong(host="198.51.100.6")
    assert [fact.name for fact in play.told[5:]] == ["198.51.100.6"]
    play.later(10 * MINUTE)
    play.wrong(host="198.51.100.1")
    assert [fact.name for fact in play.told[6:]] == ["198.51.100.1"]


def test_wrong_passwords_beside_its_own_phone_are_none_of_them(policy: Policy) -> None:
    play = Play(policy)
    for n in range(1, 9):
        play.wrong(host=f"198.51.100.{n}", users=1)
    assert play.found == []


def test_many_addresses_with_different_accounts_are_no_attack_on_one(policy: Policy) -> None:
    play = Play(policy)
    for n in range(1, 30):
        play.wrong(f"{1000 + n}", host=f"198.51.100.{n}")
    assert play.found == []


# --- names, numbers, agents, what can't be read ---------------------------------------------------------------------


def test_ten_accounts_that_nobody_has_are_a_sweep(policy: Policy) -> None:
    play = Play(policy)
    for number in range(100, 109):
        play.offend("name", str(number))
        play.later(MINUTE)
    play.offend("name", "100", times=50)
    assert play.found == []
    play.offend("name", "109")
    assert play.found == [("extension-sweep", 24 * 60)]


def test_passwords_for_accounts_that_nobody_has_are_both(policy: Policy) -> None:
    play = Play(policy, short_failures=None, failures=None)
    for number in range(10):
        play.offend("password", str(number))
    assert play.found == [("extension-sweep", 24 * 60)]


def test_one_number_behind_three_prefixes_is_probing(policy: Policy) -> None:
    """What a recorded attack dialled."""
    play = Play(policy)
    for prefix in ("011", "9011"):
        play.offend("number", f"{prefix}972598072172", times=5)
    assert play.found == []
    play.offend("number", "1010222011972598072172")
    assert play.found == [("prefix-probing", 24 * 60)]


def test_three_numbers_in_one_way_are_not(policy: Policy) -> None:
    play = Play(policy)
    for number in ("011972598072172", "011972598072173", "9011972598072174", "+12125550143", "911", "5550143"):
        play.offend("number", number)
    assert play.found == []


def test_short_numbers_that_end_alike_are_not(policy: Policy) -> None:
    play = Play(policy)
    for number in ("25550143", "925550143", "125550143", "825550143"):
        play.offend("number", number)
    assert play.found == []


def test_a_scanners_name_is_enough(policy: Policy) -> None:
    play = Play(policy)
    play.offend("agent", "friendly-scanner")
    assert (play.found, play.told[0].why) == ([("scanner", 24 * 60)], "calls itself friendly-scanner")
    other = Play(policy, scanners=False)
    other.offend("agent", "friendly-scanner")
    assert other.found == []


def test_ten_messages_in_ten_minutes_that_cant_be_read(policy: Policy) -> None:
    play = Play(policy)
    play.offend("malformed", "no Call-ID", times=9)
    play.later(11 * MINUTE)
    play.offend("malformed", "no Call-ID", times=9)
    assert play.found == []
    play.offend("malformed", "no CSeq")
    assert play.found == [("malformed", 5)]
    assert play.told[0].why.endswith("the last one: no CSeq")


# --- how long -------------------------------------------------------------------------------------------------------


def test_each_further_ban_lasts_twice_as_long_up_to_the_longest(policy: Policy) -> None:
    play = Play(policy, failures=None, distributed=None)
    for _ in range(14):
        play.wrong(times=3)
        play.later(play.told[-1].until - play.now + 1)
    assert [minutes for _, minutes in play.found] == [min(5 << n, 30 * 24 * 60) for n in range(14)]


def test_bans_by_itself_are_so_many_at_once_and_then_slow(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_of_bans, "AT_ONCE", 3)
    play = Play(policy)
    for n in range(1, 6):
        play.offend("agent", "sipvicious", f"198.51.100.{n}")
    assert (len(play.told), play.banning.forgone) == (3, 2)
    play.later(2 * SECOND)
    play.offend("agent", "sipvicious", "198.51.100.5", times=2)
    play.offend("agent", "sipvicious", "198.51.100.4")
    assert (len(play.told), play.banning.forgone) == (4, 3)


def test_after_a_month_it_begins_anew(policy: Policy) -> None:
    play = Play(policy)
    play.wrong(times=3)
    play.later(31 * DAY_US)
    play.wrong(times=3)
    assert play.found == [("password-guessing", 5)] * 2


def test_a_release_forgets_what_it_was_for(policy: Policy) -> None:
    play = Play(policy)
    play.wrong(times=3)
    play.banning.unbanned(Unbanned(at=play.now, name=HOST, owner="noc"))
    assert not play.banning.bans.covers(HOST, play.now)
    play.wrong(times=2)
    assert len(play.told) == 1
    play.wrong()
    assert play.found == [("password-guessing", 5)] * 2


def test_observe_tells_and_bans_nobody(policy: Policy) -> None:
    play = Play(policy, mode="observe")
    play.wrong(times=10)
    assert (play.told, len(play.alerts)) == ([], 1)
    assert play.alerts[0] == f"{HOST} would have been banned: 3 wrong passwords for 1001 within a minute"


def test_off_counts_nothing(policy: Policy) -> None:
    play = Play(policy, mode="off")
    play.wrong(times=10)
    assert (play.told, play.alerts) == ([], [])


# --- who never is ---------------------------------------------------------------------------------------------------


def test_nobody_whom_the_policy_names_is_banned(tmp_path: Path) -> None:
    policy = Trial(tmp_path, "").engine.policy
    hosts = [policy.trunks["carrier"].carrier_addresses[0].partition("/")[0], policy.sources["pbx"].addresses[0]]
    hosts += [policy.listens["inside"].host, "127.0.0.1", "::1", "192.0.2.77"]
    play = Play(policy, allow=("192.0.2.0/24",))
    for host in hosts:
        play.offend("agent", "sipvicious", host.partition("/")[0])
    play.offend("agent", "sipvicious", "198.51.101.9")
    assert [fact.name for fact in play.told] == ["198.51.101.9"]


def test_the_64_of_an_ipv6_address_is_banned_unless_somebody_else_is_in_it(policy: Policy) -> None:
    play = Play(policy, allow=("2001:db8:1::5",))
    play.offend("agent", "sipvicious", "2001:db8:2::9")
    play.offend("agent", "sipvicious", "2001:db8:1::9")
    play.offend("agent", "sipvicious", "2001:db8:1::5")
    assert [fact.name for fact in play.told] == ["2001:db8:2::/64", "2001:db8:1::9"]
    covers = play.banning.bans.covers
    assert covers("2001:db8:2::1", play.now) and not covers("2001:db8:3::1", play.now)
    assert covers("2001:db8:1::9", play.now) and not covers("2001:db8:1::8", play.now)


def test_a_network_that_holds_somebody_is_his(policy: Policy) -> None:
    spared = Spared(msgspec.structs.replace(policy, bans=Settings(allow=("192.0.2.77",))))
    assert spared.whose(table.ip_network("192.0.2.0/24")) == "bans.allow"
    assert spared.whose(table.ip_network("192.0.2.77")) == "bans.allow"
    assert spared.whose(table.ip_network("192.0.2.76")) == ""
    assert spared.whose(table.ip_network("192.0.3.0/24")) == ""


# --- the tables -----------------------------------------------------------------------------------------------------


def ban(name: str, until: int = START + HOUR, owner: str = OURSELVES) -> Banned:
    return Banned(at=START, name=name, until=until, reason="by-hand", why="", owner=owner)


def test_a_ban_ends() -> None:
    bans = Bans()
    bans.add(ban(HOST))
    assert bans.covers(HOST, START + HOUR - 1) and not bans.covers(HOST, START + HOUR)
    bans.expire(START + HOUR)
    assert len(bans) == 0


def test_another_end_takes_the_place_of_the_first() -> None:
    bans = Bans()
    bans.add(ban(HOST))
    bans.add(ban(HOST, START + 2 * HOUR))
    bans.expire(START + HOUR)
    assert bans.covers(HOST, START + HOUR)


def test_a_network_covers_what_is_in_it() -> None:
    bans = Bans()
    bans.add(ban("192.0.2.0/24"))
    assert bans.covers("192.0.2.200", START) and not bans.covers("192.0.3.1", START)
    assert not bans.covers("2001:db8::1", START)
    bans.release("192.0.2.0/24")
    assert not bans.covers("192.0.2.200", START)


def test_bans_are_bounded_and_those_that_end_first_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_BANS", 10)
    monkeypatch.setattr(table, "MAX_PAST", 10)
    bans = Bans()
    for n in range(1, 31):
        bans.add(ban(f"192.0.2.{n}", START + n))
    assert sorted(fact.name for fact in bans) == sorted(f"192.0.2.{n}" for n in range(21, 31))
    assert len(bans.dump()["past"]) == 10


def test_what_is_remembered_of_offenders_is_bounded(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_OFFENDERS", 10)
    monkeypatch.setattr(room, "MAX_VICTIMS", 5)
    settings = Settings(
        short_failures=None, failures=None, sweep=None, distributed=None, prefixes=None, malformed=None, scanners=False
    )
    offenders = room.Offenders()
    for n in range(1, 100):
        for kind in ("password", "name", "number", "malformed"):
            for more in range(4):
                fact = Offended(at=START, address="", kind=kind, what=f"{n}{more}{10**10 + more}", source="phones")  # type: ignore[arg-type]
                offenders.take(fact, f"192.0.2.{n}", settings)
    kept = offenders.dump()
    assert (len(kept["offenders"]), len(kept["victims"])) == (10, 5)
    busy = room.Offenders()
    for n in range(1000):
        for kind in ("password", "name", "number", "malformed"):
            fact = Offended(at=START, address="", kind=kind, what=f"{10**10 + n}")  # type: ignore[arg-type]
            busy.take(fact, HOST, settings)
    (one,) = busy.dump()["offenders"].values()
    assert {len(one.passwords), len(one.names), len(one.numbers), len(one.malformed)} <= set(range(room.MAX_KEPT + 1))


def test_what_is_old_is_forgotten(policy: Policy) -> None:
    play = Play(policy)
    play.wrong(times=2)
    play.later(7 * HOUR)
    kept = play.banning.dump()
    assert (kept["offenders"], kept["victims"]) == ({}, {})


def test_a_snapshot_has_all_of_it(policy: Policy) -> None:
    engine = Engine(policy, "n1")
    for _ in range(2):
        engine.apply(Offended(at=START, address=HOST, kind="password", what="1001", source="phones"), now=START)
    engine.apply(ban("192.0.2.0/24"), now=START)
    other = Engine(policy, "n1")
    load(other, dump(engine))
    assert other.banning.bans.covers("192.0.2.9", START)
    (command,) = other.apply(Offended(at=START, address=HOST, kind="password", what="1001", source="phones"), now=START)
    assert isinstance(command, Ban)


def test_a_snapshot_of_before_there_were_bans_is_taken(policy: Policy) -> None:
    state = msgspec.msgpack.decode(dump(Engine(policy, "n1")))
    del state["banning"]
    load(Engine(policy, "n1"), msgspec.msgpack.encode(state))


def test_an_ipv4_address_is_its_own_name() -> None:
    assert (name_of("192.0.2.1"), name_of("2001:db8::1")) == ("192.0.2.1", "2001:db8::/64")


def test_who_is_allowed_isnt_banned_for_what_he_does_until_the_end(policy: Policy) -> None:
    banning = Banning(policy)
    banning.allowed(Allowed(at=START, name=HOST, until=START + HOUR, why="", owner="noc"))
    other = Banning(policy)
    other.load(msgspec.msgpack.decode(msgspec.msgpack.encode(banning.dump())))
    for each in (banning, other):
        assert each.name(HOST) == ""
        each.use(policy)
        each.sweep(START + HOUR - 1)
        assert each.name(HOST) == ""
        each.sweep(START + HOUR)
        assert each.name(HOST) == HOST
