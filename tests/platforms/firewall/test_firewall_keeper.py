"""Changing a firewall that is a piece of text: what waits, what goes back, what is noticed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ringfence.platforms.firewall.bans import BanSet
from ringfence.platforms.firewall.errors import FirewallError
from ringfence.platforms.firewall.keeper import Keeper
from ringfence.platforms.firewall.state import Pending, State
from ringfence.platforms.firewall.wanted import Admitted, Wanted


class Text:
    """A firewall that is as it was told."""

    name = "text"

    def __init__(self) -> None:
        self.is_now = ""
        self.refuses = False

    def render(self, wanted: Wanted) -> str:
        return f"rules for {wanted.never_banned[0].who}"

    def back_to(self, listing: str) -> str:
        return listing

    def bans(self) -> BanSet:
        raise NotImplementedError

    def check(self, text: str) -> None:
        if text == "rules for nonsense":
            raise FirewallError("nonsense")

    def put(self, text: str) -> None:
        if self.refuses:
            raise FirewallError("not now")
        self.is_now = text

    def listing(self) -> str:
        return self.is_now


class Clock:
    """The clock that counts since the start of the machine, and which start that was."""

    def __init__(self) -> None:
        self.now_s, self.boot = 100.0, "first"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in ("state", "keeper"):
        monkeypatch.setattr(f"ringfence.platforms.firewall.{module}.now_s", lambda: made.now_s)
        monkeypatch.setattr(f"ringfence.platforms.firewall.{module}.boot", lambda: made.boot)
    return made


class House:
    """A keeper and what it was told to arm."""

    def __init__(self, directory: Path) -> None:
        self.text = Text()
        self.keeper = Keeper(self.text, State(directory / "state"))
        self.armed: list[tuple[Pending, str]] = []

    def apply(self, who: str, confirm_s: int = 120) -> bool:
        return self.keeper.apply(wants(who), "v1", 7, confirm_s=confirm_s, arm=self._arm)

    def _arm(self, pending: Pending) -> None:
        self.armed.append((pending, self.text.is_now))

    def confirmed(self, who: str) -> None:
        self.apply(who)
        self.keeper.confirm()


def wants(who: str) -> Wanted:
    return Wanted(never_banned=(Admitted(who, ()),), listeners=(), services=(), other_ports="leave")


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> House:
    return House(tmp_path)


def test_the_rollback_is_armed_before_anything_is_changed(house: House) -> None:
    house.text.is_now = "before"
    assert house.apply("a")
    [(pending, then)] = house.armed
    assert then == "before"
    assert pending.change.before == "before"
    assert house.text.is_now == "rules for a"


def test_a_change_that_cant_be_rolled_back_isnt_made(house: House) -> None:
    def broken(pending: Pending) -> None:
        raise FirewallError("no process")

    with pytest.raises(FirewallError, match="no process"):
        house.keeper.apply(wants("a"), "v1", 7, confirm_s=60, arm=broken)
    assert house.text.is_now == ""
    assert house.keeper.state.pending() is None


def test_a_change_that_is_refused_leaves_nothing_waiting(house: House) -> None:
    with pytest.raises(FirewallError, match="nonsense"):
        house.apply("nonsense")
    house.text.refuses = True
    with pytest.raises(FirewallError, match="not now"):
        house.apply("a")
    assert house.keeper.state.pending() is None


def test_what_is_confirmed_in_time_stays(house: House, clock: Clock) -> None:
    house.apply("a")
    clock.now_s += 119
    assert house.keeper.confirm().text == "rules for a"
    clock.now_s += 1000
    assert house.keeper.settle() is None
    assert not house.keeper.expire(house.armed[0][0].id)
    assert house.text.is_now == "rules for a"


def test_what_nobody_confirms_goes_back(house: House, clock: Clock) -> None:
    house.confirmed("a")
    house.apply("b")
    name = house.armed[-1][0].id
    assert house.keeper.expire(name)
    assert house.text.is_now == "rules for b"
    clock.now_s += 120
    assert house.keeper.expire(name)
    assert house.text.is_now == "rules for a"
    assert not house.keeper.look().drifted
    with pytest.raises(FirewallError, match="no change waits"):
        house.keeper.confirm()


def test_a_rollback_that_nobody_made_is_made_by_the_next_command(house: House, clock: Clock) -> None:
    """The process that should have done it was killed."""
    house.apply("a")
    clock.now_s += 121
    with pytest.raises(FirewallError, match="it was rolled back"):
        house.keeper.confirm()
    assert house.text.is_now == ""


def test_a_restart_of_the_machine_ends_the_waiting(house: House, clock: Clock) -> None:
    """Rules don't survive it, and the clock begins anew."""
    house.confirmed("a")
    house.apply("b")
    clock.now_s, clock.boot, house.text.is_now = 5.0, "second", ""
    assert house.keeper.look().then.text == "rules for a"
    with pytest.raises(FirewallError, match="gone with a restart"):
        house.keeper.confirm()
    assert house.keeper.restore()
    assert house.text.is_now == "rules for a"


def test_a_second_change_waits_for_the_first(house: House) -> None:
    house.apply("a")
    with pytest.raises(FirewallError, match="a change waits"):
        house.apply("b")
    with pytest.raises(FirewallError, match="a change waits"):
        house.keeper.restore()
    assert house.text.is_now == "rules for a"


def test_what_is_in_force_isnt_applied_again_unless_somebody_changed_it(house: House) -> None:
    house.confirmed("a")
    assert not house.apply("a")
    house.text.is_now = "something else"
    assert house.keeper.look().drifted
    assert house.apply("a")
    assert not house.keeper.look().drifted


def test_rolling_back_brings_back_what_others_had_changed(house: House) -> None:
    house.confirmed("a")
    house.text.is_now = "a and more"
    house.apply("b")
    house.keeper.rollback()
    assert house.text.is_now == "a and more"
    assert house.keeper.look().drifted


def test_confirmed_changes_are_undone_one_by_one(house: House) -> None:
    house.confirmed("a")
    house.confirmed("b")
    assert house.keeper.rollback().text == "rules for b"
    assert house.text.is_now == "rules for a"
    assert house.keeper.rollback().text == "rules for a"
    assert house.text.is_now == ""
    assert not house.keeper.look().drifted
    with pytest.raises(FirewallError, match="nothing to roll back"):
        house.keeper.rollback()


def test_a_rollback_that_fails_is_tried_again(house: House, clock: Clock) -> None:
    house.apply("a")
    clock.now_s += 120
    house.text.refuses = True
    with pytest.raises(FirewallError, match="not now"):
        house.keeper.expire(house.armed[0][0].id)
    house.text.refuses = False
    assert house.keeper.expire(house.armed[0][0].id)
    assert house.text.is_now == ""


def test_rules_that_nobody_applied_are_drift(house: House) -> None:
    assert not house.keeper.look().drifted
    house.text.is_now = "somebody's"
    assert house.keeper.look().drifted


def test_what_was_remembered_and_cant_be_read_is_told(house: House) -> None:
    house.confirmed("a")
    (house.keeper.state.directory / "confirmed.json").write_text("{")
    with pytest.raises(FirewallError, match="isn't what was written there"):
        house.keeper.look()


def test_two_commands_dont_change_it_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.platforms.firewall.state.LOCK_WITHIN_S", 0.0)
    with house.keeper.state.locked(), pytest.raises(FirewallError, match="another command"):
        house.apply("a")
    assert house.apply("a")


def test_everybody_may_read_what_is_remembered_and_its_owner_alone_write(house: House) -> None:
    house.confirmed("a")
    files = [path for path in house.keeper.state.directory.iterdir() if path.suffix == ".json"]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o644]
    assert msgspec.json.decode(files[0].read_bytes())["text"] == "rules for a"
