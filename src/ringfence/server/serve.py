"""The life of the guard process: load, open, recover, say ready, serve, reload, stop.

Order matters. The policy is read before anything is touched; sockets are bound before the ledger is opened, so that a
taken port costs nothing; before the first datagram is read recovery is over, and names have had a moment to be looked
up. At the end nothing is said to anybody: calls go on between PBX and carrier, and their next messages find the guard
that is started after this one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import ringfence
from ringfence.edge.bind import bind
from ringfence.edge.core import EdgeCore
from ringfence.edge.effects import Send
from ringfence.edge.listening import StreamSocket
from ringfence.edge.lookup import Dns
from ringfence.edge.resolve import Resolver
from ringfence.edge.revocation import RevocationList
from ringfence.edge.secrets import Secrets, SecretsError
from ringfence.edge.shaken.material import Material, ShakenError
from ringfence.edge.shaken.material import load as load_shaken
from ringfence.edge.streams import Streams
from ringfence.edge.tls import Certificate, Tls, TlsError
from ringfence.edge.tls import load as load_tls
from ringfence.edge.udp import Deliver, UdpSocket
from ringfence.engine.destinations import plan_of
from ringfence.engine.engine import Engine
from ringfence.history import baseline
from ringfence.ledger.ledger import SWITCH_INTERVAL_S, Ledger
from ringfence.model import SECOND
from ringfence.model.settings import Admit, Listen, Policy
from ringfence.policy import Loaded, Loader, PolicyErrors
from ringfence.server import told, views
from ringfence.server.admit import Doors
from ringfence.server.ban_orders import BAN_ORDERS, BanOrders
from ringfence.server.beside import Beside
from ringfence.server.clock import Clock
from ringfence.server.control import ControlError, ControlServer
from ringfence.server.erasing import erase
from ringfence.server.feeding import Feeding
from ringfence.server.fetching import Fetcher
from ringfence.server.firewall_watch import FirewallWatch
from ringfence.server.garbage import Collector
from ringfence.server.guard import Guard
from ringfence.server.orders import ORDERS, Orders
from ringfence.server.pbx import Links, PbxError
from ringfence.server.recovery import recover, take_snapshot
from ringfence.server.reloading import what_is_fixed
from ringfence.server.secret import load_secret
from ringfence.server.trusted import trusted

log = logging.getLogger("ringfence.serve")

WATCH_EVERY_S = 0.1
MAX_DESCRIPTORS = 65_536
RESOLVE_WITHIN_S = 3.0
"""How long the start waits for DNS before it goes on without."""
SNAPSHOT_EVERY_US = 60 * SECOND
PURGE_EVERY_US = 3600 * SECOND
DAY_US = 86_400 * SECOND


class Options(NamedTuple):
    """How `ringfence serve` was called."""

    policy: Path
    free_port: bool
    """Take the next free port where one is taken."""
    node: str
    baseline: Path | None = None
    """What was learned from call records."""


class Server:
    """One guard with everything around it. Made and run in one event loop."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = Clock()
        self.loader = Loader(str(options.policy))
        self.loaded: Loaded = self.loader.load()
        self.tls: Tls = load_tls(self.loaded.policy)
        self.shaken: Material = load_shaken(self.loaded.policy)
        Links.check(self.loaded.policy)
        self.baseline = baseline.read(options.baseline) if options.baseline is not None else None
        self.sockets: dict[str, UdpSocket | StreamSocket] = {}
        self.beside: dict[str, Beside] = {}
        """By the name that `ringfence status` has for each."""
        self.started = self.clock.now()
        self._stop = asyncio.Event()
        self._snapshot_at = self.started + SNAPSHOT_EVERY_US
        self._purge_at = self.started
        self._warn_at = self.started

    # Start.

    async def run(self, ready: Callable[[Server], None]) -> None:
        """Serve until a signal; `ready` is called once calls are taken."""
        try:
            policy = self._bind(self.loaded.policy)
            control = ControlServer(Path(policy.control), self._commands())
            await control.start()
            try:
                await self._serve(policy, ready)
            finally:
                await control.stop()
        finally:
            self._hear_nobody()

    async def _serve(self, policy: Policy, ready: Callable[[Server], None]) -> None:
        loop = asyncio.get_running_loop()
        self.ledger = Ledger.open(
            policy.ledger,
            self.options.node,
            wake=loop.call_soon_threadsafe,
            clock=self.clock.now,
            on_state=_ledger_state,
        )
        try:
            self._start(policy)
            await self.doors.open()
            self._signals(loop)
            self.resolver.follow()
            await self.resolver.settle(RESOLVE_WITHIN_S)
            self._listen()
            ready(self)
            await self._watch()
        finally:
            await self._close()

    def _bind(self, policy: Policy) -> Policy:
        """Open the sockets; gives the policy with the ports that were really taken."""
        listens: dict[str, Listen] = {}
        for name, listen in policy.listens.items():
            socket = bind(listen.host, listen.port, listen.transport, free_port=self.options.free_port)
            found = UdpSocket(socket) if listen.transport == "udp" else StreamSocket(socket, listen)
            self.sockets[name] = found
            listens[name] = _with_port(listen, found.port)
        return msgspec.structs.replace(policy, listens=listens)

    def _start(self, policy: Policy) -> None:
        found = recover(self.ledger, policy, self.options.node)
        secret = load_secret(Path(policy.ledger.path).with_suffix(".secret"))
        now = self.clock.now()
        self._learned(found.engine, now)
        self.secrets = trusted(policy, Secrets())
        edge = EdgeCore(policy, self.options.node, secret, self.secrets, found.engine.banning.bans)
        edge.equip(self.shaken)
        edge.restore(found.open_facts, now)
        self.guard = Guard(found.engine, edge, self.ledger, self.clock)
        firewall = FirewallWatch(self.guard)
        self.guard.told_ban = firewall.banned
        self.streams = Streams(self.guard, first_flow=now, tls=self.tls)
        self.fetcher = Fetcher(self.guard.fetched, self.shaken.hosts)
        self.guard.transmit, self.guard.hang_up = self._transmit, self.streams.hang_up
        self.guard.fetch = self.fetcher.fetch
        self.guard.in_force(self.loaded, "start")
        self.links = Links(self.guard)
        self.beside = {"asterisk": self.links, "firewall": firewall, "feeds": Feeding(self.guard)}
        for each in self.beside.values():
            each.follow(policy)
        self.doors = Doors(policy.admit or Admit(), self.links.decide)
        self.guard.obey(found.engine.reconcile(now=now))
        self.guard.spare(now)
        _prepare(policy)
        log.info("recovered %d calls in progress, %d facts after the snapshot", len(found.engine.calls), found.tail)
        self.resolver = Resolver(edge, _dns, self.options.node)

    def _learned(self, engine: Engine, now: int) -> None:
        """Take over what call records taught, once: what was unlearned since, on request too, stays so."""
        if self.baseline is None:
            return
        path, known = self.baseline.path, len(self.baseline.habits)
        if not baseline.take_over(self.baseline, engine, now):
            log.info("%s was taken over before; what is learned since holds", path)
            return
        log.info("took over from %s what is usual for %d extensions, sources and trunks", path, known)
        idle = now // baseline.DAY_US - self.baseline.day
        if idle > engine.policy.behaviour.memory_days:
            log.warning("%s ends %d days ago, before behaviour.memory_days: nothing in it counts as known", path, idle)
        take_snapshot(self.ledger, engine, now)

    def _listen(self) -> None:
        """Take datagrams; those that came since the sockets were bound are waiting in them."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        _raise_descriptors()
        self.collector = Collector(self.clock.now())
        for name, socket in self.sockets.items():
            if isinstance(socket, UdpSocket):
                socket.listen(self._deliver(name))
            else:
                self.streams.add(socket)
        self._prepare_connections()

    def _prepare_connections(self) -> None:
        self.streams.prepare(self.guard.edge.secured(self.clock.now()))

    def _deliver(self, listener: str) -> Deliver:
        return lambda batch, came_ns: self.guard.received(listener, batch, came_ns)

    def _transmit(self, send: Send) -> None:
        hop = send.hop
        socket = self.sockets.get(hop.listener)
        if isinstance(socket, UdpSocket):
            socket.send(send.data, hop.host, hop.port)
        elif socket is not None:
            self.streams.transmit(send)

    def _signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    # While it runs.

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        while not self._stop.is_set():
            due = clock() + WATCH_EVERY_S
            try:
                await asyncio.wait_for(self._stop.wait(), WATCH_EVERY_S)
            except TimeoutError:
                if self.streams.carry:  # The kernel doesn't say how long what comes over TCP has waited.
                    self.guard.edge.waited(round((clock() - due) * SECOND))
                self._chores()

    def _chores(self) -> None:
        self.guard.watch()
        now = self.clock.now()
        for each in self.beside.values():
            each.chore(now)
        self.collector.watch(sum(socket.received for socket in self.sockets.values()), self.streams.failed, now)
        if now >= self._snapshot_at:
            self._snapshot_at = now + SNAPSHOT_EVERY_US
            take_snapshot(self.ledger, self.guard.engine, now)
        if now >= self._warn_at:
            self._warn_at = now + DAY_US
            self._warn(now)
        if now >= self._purge_at:
            self._purge_at = now + PURGE_EVERY_US
            self._purge(now)

    def _warn(self, now: int) -> None:
        """Tell of our certificates and of lists of revoked ones that end soon: each day, and after each reload."""
        for name, certificate in self._certificates().items():
            says = certificate.says(now // SECOND)
            if says:
                log.warning("%s: %s %s: renew it, then `ringfence reload`", name, certificate.path, says)

    def _certificates(self) -> dict[str, Certificate | RevocationList]:
        """What we prove ourselves by, and what others are held against, by who names it in the policy."""
        found: dict[str, Certificate | RevocationList] = {
            f"listen.{name}": certificate for name, certificate in self.tls.certificates.items()
        }
        found |= self.tls.lists
        return found if self.shaken.certificate is None else {**found, "shaken": self.shaken.certificate}

    def _purge(self, now: int) -> None:
        if self.ledger.down is None:
            self.ledger.purge(now - self.guard.engine.policy.ledger.keep_days * DAY_US).add_done_callback(_purged)

    def _hang_up(self) -> None:
        with suppress(ControlError):  # It is in the log already.
            self.reload("SIGHUP")

    def reload(self, by: str) -> str:
        """Read the policy again and swap it; raises ControlError with all that is wrong, and the old one stays."""
        try:
            told = self._reload(by)
        except ControlError as error:
            log.error("%s", error)
            raise
        log.info("%s", told)
        return told

    def _reload(self, by: str) -> str:
        old = self.guard.engine.policy
        try:
            loaded = self.loader.load()
        except PolicyErrors as failed:
            mistakes = "\n".join(str(error) for error in failed.errors)
            raise ControlError(f"the policy has mistakes, the one before stays in force:\n{mistakes}") from failed
        fixed = what_is_fixed(old, loaded.policy, free_port=self.options.free_port)
        if fixed:
            raise ControlError(
                f"{fixed} can't change while the guard runs, the policy before stays in force: restart it"
            )
        try:
            secrets, tls = trusted(loaded.policy, self.secrets), load_tls(loaded.policy)
            shaken = load_shaken(loaded.policy)
            Links.check(loaded.policy)
        except (PbxError, SecretsError, ShakenError, TlsError) as failed:
            raise ControlError(f"the policy before stays in force: {failed}") from failed
        self.loaded, self.secrets, self.tls, self.shaken, self._warn_at = loaded, secrets, tls, shaken, 0
        _prepare(loaded.policy)
        listens = {name: _with_port(new, old.listens[name].port) for name, new in loaded.policy.listens.items()}
        self.guard.in_force(loaded, by)
        self.guard.use(msgspec.structs.replace(loaded.policy, listens=listens), secrets)
        self.guard.edge.equip(shaken)
        self.fetcher.use(shaken.hosts)
        for each in self.beside.values():
            each.follow(loaded.policy)
        self.streams.use(listens, tls)
        self._prepare_connections()
        self.resolver.follow()
        kept = "".join(f"\nkept as it was: {error}" for error in loaded.kept)
        return f"policy {loaded.policy.version[:12]} is in force{kept}"

    # Commands.

    def _commands(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        return {
            "status": self._status,
            "accounts": lambda _: self.guard.edge.registered(self.clock.now()),
            "calls": lambda _: views.calls(self.guard.engine, self.clock.now()),
            "cut": lambda arguments: told.cut(self.guard, arguments),
            "ended": lambda arguments: told.ended(self.guard, arguments),
            "hangup": self._hang_up_extension,
            "reload": lambda _: self.reload("control socket"),
            "erase": lambda arguments: erase(self.guard, arguments),
            **{name: partial(self._order, Orders, name) for name in ORDERS},
            **{name: partial(self._order, BanOrders, name) for name in BAN_ORDERS},
        }

    def _status(self, arguments: dict[str, Any]) -> dict[str, Any]:
        now = self.clock.now()
        found = views.status(self.guard.engine, now, callers=bool(arguments.get("callers")))
        return {
            **found,
            "up_s": (now - self.started) // SECOND,
            "errors": self.guard.errors,
            "tasks": len(asyncio.all_tasks()),
            "ledger": {
                "path": str(self.ledger.path),
                "state": self.ledger.down or "writing",
                "oldest_pending_us": self.ledger.oldest_pending_us(now),
            },
            "edge": self.guard.edge.status(),
            "enrolments": self.guard.edge.enrolments(now),
            "names": self.resolver.status(),
            "admit": {"addresses": self.doors.addresses(), **self.doors.counters},
            "sockets": {name: {"address": s.shown, **s.counts()} for name, s in self.sockets.items()},
            "streams": self.streams.status(),
            "certificates": views.certificates(self._certificates(), now),
            **{name: each.status() for name, each in self.beside.items()},
        }

    def _order(self, orders: type[Orders | BanOrders], name: str, arguments: dict[str, Any]) -> Any:
        return getattr(orders(self.guard, self.clock.now), name)(arguments)

    async def _hang_up_extension(self, arguments: dict[str, Any]) -> int:
        return await self.links.hang_up(str(arguments.get("extension", "")), str(arguments.get("asterisk", "")))

    # Stop.

    async def _close(self) -> None:
        log.info("stopping; calls in progress go on")
        if hasattr(self, "doors"):
            await self.doors.close()
        for each in self.beside.values():
            await each.close()
        if hasattr(self, "resolver"):
            await self.resolver.close()
            await self.fetcher.close()
            await self.streams.close()
        self._hear_nobody()
        if hasattr(self, "guard"):
            self.guard.stop()
            take_snapshot(self.ledger, self.guard.engine, self.clock.now())
        self.ledger.close()

    def _hear_nobody(self) -> None:
        while self.sockets:
            self.sockets.popitem()[1].close()


def _raise_descriptors() -> None:
    """Have room for as many connections as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _dns() -> Dns:
    """Made for the first name: dnspython takes 140 ms and 7 MB, and most policies have addresses only."""
    from ringfence.edge.system_dns import SystemDns

    return SystemDns()


def _with_port(listen: Listen, port: int) -> Listen:
    advertised = port if listen.advertise_port in (0, listen.port) else listen.advertise_port
    return msgspec.structs.replace(listen, port=port, advertise_port=advertised)


def _prepare(policy: Policy) -> None:
    """Make the dial plans and the tables under them now: the first call would wait 13 ms for them."""
    for source in policy.sources.values():
        plan_of(source.plan)


def _ledger_state(down: str | None) -> None:
    if down is None:
        log.warning("the ledger works again")
    else:
        log.error("the ledger is down, when_down of each trunk holds: %s", down)


def _purged(done: Any) -> None:
    error = done.exception()
    if error is not None:
        log.error("old facts could not be purged: %s", error)


def serve(options: Options, ready: Callable[[Server], None]) -> None:
    """Run the guard until it is told to stop."""
    asyncio.run(_run(options, ready))


async def _run(options: Options, ready: Callable[[Server], None]) -> None:
    server = Server(options)
    log.info(
        "ringfence %s, process %d, policy %s", ringfence.__version__, os.getpid(), server.loaded.policy.version[:12]
    )
    await server.run(ready)
