"""Where a live play happens: beside a guard that runs, or with one of its own that is started for it.

The customer is one whose numbers and way of dialling the guard's policy knows: with a guard of its own the policy is
his; beside a running guard he takes over the first source's caller IDs, addresses and outside digit.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import NamedTuple

import msgspec

from ringfence.errors import RingfenceError
from ringfence.model.settings import Policy, Source
from ringfence.policy import Loader
from ringfence.server.control import ask
from ringfence.sip.uri import parse_uri
from ringfence.testing.guard import CARRIER, GUARD, PBX, READY
from ringfence.testing.peer import Peer
from ringfence.testing.process import Process, free_ports
from ringfence.testing.simulate.attacks import Attack
from ringfence.testing.simulate.call import Call
from ringfence.testing.simulate.customer import Customer, customer
from ringfence.testing.simulate.days import ZONES, days_from
from ringfence.testing.simulate.deck import deck_text
from ringfence.testing.simulate.honest import Day
from ringfence.testing.simulate.kinds import Kind
from ringfence.testing.simulate.knock import Knock
from ringfence.testing.simulate.knocking import Strangers
from ringfence.testing.simulate.negatives import Negative
from ringfence.testing.simulate.plan import FRAUD, HONEST, Planned
from ringfence.testing.simulate.player import Player
from ringfence.testing.simulate.policies import Places, policy_text
from ringfence.testing.wire import Address, host_port

ENFORCED = '\n[behaviour]\nmode = "enforce"\n'


class LiveError(RingfenceError):
    """A play that can't be staged."""


class Stage(NamedTuple):
    """A guard that runs, the customer that is played, and the two peers beside it."""

    owner: Customer
    player: Player
    control: Path
    """The guard's control socket."""


@contextlib.contextmanager
def own_guard(owner: Customer, speed: float, *, everything: bool, enforce: bool = False) -> Iterator[Stage]:
    """A guard with the customer's policy, on free ports of loopback, with state in a directory that is removed.

    `enforce` lets its behaviour rules refuse.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringfence-live-")))
        pbx, carrier = stack.enter_context(Peer(PBX, name="pbx")), stack.enter_context(Peer(CARRIER, name="carrier"))
        inside, outside = ((GUARD, port) for port in free_ports(2, GUARD))
        places = Places(
            host_port(inside), host_port(outside), CARRIER, host_port(carrier.address), PBX, host_port(pbx.address)
        )
        today = date(2026, 1, 1)  # Holidays are left out: the play is at any time.
        (folder / "rates.csv").write_text(deck_text(owner.home))
        policy = policy_text(owner, today, today, everything=everything, places=places)
        (folder / "policy.toml").write_text(policy + (ENFORCED if enforce else ""))
        command = (sys.executable, "-m", "ringfence", "serve", "--policy", folder / "policy.toml")
        guard = stack.enter_context(Process(command, folder, "guard"))
        guard.until(lambda: READY in guard.said(), "readiness line", timeout_s=30.0)
        player = Player(pbx, carrier, inside, outside, speed, stack.enter_context(Strangers()))
        yield Stage(owner, player, folder / Loader(str(folder / "policy.toml")).load().policy.control)


@contextlib.contextmanager
def running_guard(policy_file: Path, kind: Kind, seed: int, speed: float) -> Iterator[Stage]:
    """The guard that runs with this policy; the peers are where the policy says that PBX and carrier are."""
    policy = Loader(str(policy_file)).load().policy
    source = next(iter(policy.sources.values()))
    trunk = policy.trunks[source.trunks[0]]
    sockets = ask(Path(policy.control), "status")["sockets"]
    carrier = parse_uri(trunk.send_to[0].encode())
    at_pbx, at_carrier = _delivery(source), (carrier.host, carrier.port or 5060)
    with _peer(at_pbx, "pbx") as pbx, _peer(at_carrier, "carrier") as peer, Strangers() as strangers:
        inside, outside = (_address(sockets[name]["address"]) for name in (source.listen, trunk.listen))
        player = Player(pbx, peer, inside, outside, speed, strangers)
        yield Stage(_as_source(policy, source, kind, seed), player, Path(policy.control))


def _delivery(source: Source) -> Address:
    """Where the source takes inbound calls."""
    return _address(source.deliver_to) if source.deliver_to else (source.addresses[0].partition("/")[0], 5060)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":") if text.count(":") == 1 or "]" in text else (text, "", "")
    return host.strip("[]"), int(port or 5060)


def _peer(address: Address, name: str) -> Peer:
    """A socket there; raises LiveError where it isn't an address of this machine."""
    try:
        return Peer(*address, name=name)
    except OSError as error:
        text = f"the policy has the {name} at {host_port(address)}, which can't be played here: {error.strerror}"
        raise LiveError(f"{text}; a play needs a policy whose PBX and carrier are on loopback") from error


def _as_source(policy: Policy, source: Source, kind: Kind, seed: int) -> Customer:
    """A customer of this kind with the source's home, numbers and outside digit."""
    home = source.plan.home
    if home not in ZONES:
        raise LiveError(f"source {source.name} is at home in {home}; there are customers in {', '.join(ZONES)} only")
    if not source.caller_ids:
        raise LiveError(f"source {source.name} has no caller_ids to call with")
    found = customer(seed, 0, msgspec.structs.replace(kind, homes=(home,)))
    first, last = source.caller_ids[0]
    span = int(last) - int(first) + 1
    phones = [replace(phone, did=str(int(first) + n % span).zfill(len(first))) for n, phone in enumerate(found.phones)]
    dialling = found.dialling._replace(outside=source.plan.outside[0] if source.plan.outside else "", plus=False)
    own = {phone.extension: phone for phone in phones}
    owners = {country: [own[phone.extension] for phone in people] for country, people in found.owners.items()}
    return replace(found, phones=phones, dids=(first, last), dialling=dialling, owners=owners)


def scripts_of(
    seed: int,
    owner: Customer,
    monday: date,
    attacks: Sequence[Attack],
    negatives: Sequence[Negative] = (),
    *,
    everyday: bool,
) -> list[Call | Knock]:
    """The calls and knocks of these events, in order of start; with everyday calls of the same hours among them."""
    marked = [(FRAUD, one) for one in attacks] + [(HONEST, one) for one in negatives]
    runs = [Planned(monday, label, one, f"{owner.name}/{one.kind}").made(seed, owner) for label, one in marked]
    found: list[Call | Knock] = [knock for run in runs for knock in run.knocks]
    found += [call for run in runs for call in run.calls]
    found.sort(key=lambda one: one.start_ms)
    if everyday and found:
        first, last = found[0].start_ms, found[-1].start_ms
        day = Day(seed, owner)
        beside = [call for when in days_from(monday, 8) for call in day.calls(when)]
        found += [call for call in beside if first <= call.start_ms <= last]
        found.sort(key=lambda one: one.start_ms)
    return found
