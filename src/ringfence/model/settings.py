"""What the administrator set, resolved and typed: what rules, engine and edge read, and `policy` loads from its file.

Defaults are here, beside the meaning and the unit of each field, and nowhere else. Profiles are already merged into
their sources, files (decks, block lists, risks) already read. Amounts of money are integer micro-units of the trunk's
currency; clock times are minutes since local midnight.
"""

from typing import Literal

import msgspec

from ringfence.model.attempt import DestinationClass, Zone
from ringfence.model.firewall import Firewall
from ringfence.model.media import Srtp
from ringfence.numbers.blocklist import BlockList
from ringfence.numbers.deck import RateDeck
from ringfence.numbers.risk import RiskTable
from ringfence.numbers.settings import PlanSettings
from ringfence.sip.digest import Algorithm
from ringfence.sip.hop import Transport

Mode = Literal["enforce", "observe", "off"]
WhenDown = Literal["national_only", "refuse", "allow"]
Protecting = Literal["tls", "srtp"]
"""What a failover could give up: TLS of signalling, SRTP of media."""
CallerIdPolicy = Literal["owned", "owned_or_forwarded", "substitute", "any"]

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "::1/128")
"""Networks that nobody has on the internet."""
ANYWHERE = ("0.0.0.0/0", "::/0")
"""Where somebody is who is known by a certificate alone."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all settings: immutable, keyword arguments only."""


class Levels(Settings, frozen=True, kw_only=True):
    """A cap with its alert below it; None switches a level off."""

    expected: int | None = None
    alert: int | None = None
    block: int | None = None
    carrier_cap: int | None = None
    """What the carrier itself allows; the lint refuses a block level over it."""


class CallRate(Settings, frozen=True, kw_only=True):
    """Calls per second as a token bucket; rates may be fractions."""

    expected: float | None = None
    alert: float | None = None
    block: float | None = None
    burst: int = 1
    """How many may come at once after a pause."""
    pace_ms: int = 0
    """How long a call may be delayed rather than refused."""


class CallWindows(Settings, frozen=True, kw_only=True):
    """Attempts in rolling windows, never reset at midnight."""

    per_minute: Levels = Levels()
    per_hour: Levels = Levels()
    per_day: Levels = Levels()


class Spend(Settings, frozen=True, kw_only=True):
    """Money in rolling windows (24 hours, 30 days), micro-units; calls in progress count."""

    per_day: int | None = None
    per_month: int | None = None


class Window(Settings, frozen=True, kw_only=True):
    """Opening hours: days (0 = Monday), minutes since local midnight; `until` at or before `since` ends next day."""

    days: frozenset[int]
    since: int
    until: int


class Caps(Settings, frozen=True, kw_only=True):
    """Every cap that one entity may have, for all calls or for one destination class."""

    concurrent: Levels = Levels()
    calls_per_second: CallRate = CallRate()
    calls: CallWindows = CallWindows()
    spend: Spend = Spend()


class Bounds(Settings, frozen=True, kw_only=True):
    """What a trunk, source or tenant may do: caps, destinations, hours."""

    caps: Caps = Caps()
    class_caps: dict[DestinationClass, Caps] = msgspec.field(default_factory=dict)
    permit: frozenset[str] | None = None
    """Regions (`GB`) and prefixes (`+4420`); None: no limit of its own (a trunk without one permits its home only)."""
    special: frozenset[str] = frozenset()
    """Special kinds of number permitted by name: premium, shared_cost, personal, satellite, iprs, upt, global."""
    hours: dict[DestinationClass, tuple[Window, ...]] = msgspec.field(default_factory=dict)
    max_call_s: dict[DestinationClass, int] = msgspec.field(default_factory=dict)
    """Longest duration by class, seconds."""


class Party(Settings, frozen=True, kw_only=True):
    """Somebody at the other end of a listener."""

    name: str
    listen: str = ""
    """Empty where a PBX carries its calls."""
    transfers: Literal["refuse", "judge"] = "refuse"
    """What becomes of a REFER that would have it place a call."""
    tls_peer: tuple[str, ...] = ()
    """Names one of which its certificate has to have when it connects to us; none: its address is enough."""
    tls_name: str | None = None
    """The name that its certificate has to have where we connect; None: the host that we connect to."""
    ca: str | None = None
    """Path of the authorities that may have issued it; None: those that the system trusts."""
    media: tuple[str, ...] = ()
    """Networks in CIDR form that its media is in; none: nobody looks."""


class Register(Settings, frozen=True, kw_only=True):
    """How we register at a carrier and answer its challenges."""

    user: str
    domain: str
    """Host of its registrar, in Request-URI, From and To."""
    realm: str
    """What its challenges say; the secret is good for it alone."""
    expires_s: int = 3600
    digest_algorithms: tuple[Algorithm, ...] = ("SHA-256", "MD5")


class Trunk(Party, frozen=True, kw_only=True):
    """A billable way out to a carrier."""

    carrier_addresses: tuple[str, ...] = ()
    """Networks in CIDR form; signalling from elsewhere isn't the carrier."""
    send_to: tuple[str, ...] = ()
    """SIP URIs in order of preference."""
    dial_format: str = "+E164"
    tech_prefix: str = ""
    from_format: str = "+E164"
    bounds: Bounds = Bounds()
    unlisted: frozenset[str] = frozenset()
    """Regions abroad whose unlisted ranges are permitted."""
    block_lists: tuple[BlockList, ...] = ()
    risk_alert: int | None = 60
    risk_block: int | None = None
    max_price_per_min: int | None = None
    shared_cost_ceiling: int | None = None
    """Everyday shared-cost numbers at home pass under this price per minute."""
    deck: RateDeck | None = None
    currency: str = "USD"
    when_down: WhenDown = "national_only"
    register: Register | None = None
    """None: the carrier knows us by address, or the PBX registers through us."""
    identity: Literal["transparent", "own"] = "transparent"
    """What the carrier sees of the inside."""
    pass_headers: frozenset[str] = frozenset()
    """Lower-case names of headers that pass toward a carrier which sees nothing of the inside."""
    ring_limit_s: int = 180
    sign: bool = False
    """Whether calls to it are signed."""
    session_timer_s: int = 1800
    """Session-Expires inserted where the far side supports RFC 4028; 0 = never."""
    srtp: Srtp | None = None
    """What is asked of media; None: nothing."""


class Registrations(Settings, frozen=True, kw_only=True):
    """What the accounts of a digest source may register."""

    contacts: int = 1
    min_expires_s: int = 60
    max_expires_s: int = 3600
    called_as: Literal["contact", "number"] = "contact"
    """What the Request-URI of an inbound call names."""


class Redirect(Settings, frozen=True, kw_only=True):
    """How a source is answered that sends its calls on by itself."""

    hold_s: int = 3600
    """How long a call is taken to last of which nobody tells the end."""


class Source(Party, frozen=True, kw_only=True, eq=False):
    """A party that may originate; a key of caches, and so compared by identity."""

    zone: Zone
    auth: Literal["address", "digest"] = "address"
    addresses: tuple[str, ...] = ()
    """Where a source without digest sends from."""
    accounts: dict[str, frozenset[str]] = msgspec.field(default_factory=dict)
    """Of a digest source: account to the E.164 digits of its inbound numbers."""
    networks: tuple[str, ...] = ()
    """Where its accounts may send from, in CIDR form."""
    digest_algorithms: tuple[Algorithm, ...] = ("SHA-256",)
    registrations: Registrations = Registrations()
    directions: frozenset[Literal["out", "in"]] = frozenset({"out"})
    trunks: tuple[str, ...] = ()
    plan: PlanSettings
    """How its dialled strings are read."""
    caller_ids: tuple[tuple[str, str], ...] = ()
    """Owned numbers as inclusive ranges of E.164 digits of equal length."""
    caller_id_policy: CallerIdPolicy = "owned"
    caller_id: str | None = None
    """E.164 digits put in where the caller ID isn't owned and the policy substitutes, and on emergency calls."""
    bounds: Bounds = Bounds()
    per_caller: Caps = Caps()
    """Caps of each extension."""
    tenant: str | None = None
    mode: Literal["enforce", "observe"] = "enforce"
    redirect: Redirect | None = None
    """None: its calls go through us."""
    deliver_to: str | None = None
    """host:port that inbound calls go to; None: the source's only address."""
    dids: frozenset[str] = frozenset()
    """E.164 digits of inbound numbers that are this source's; with none it takes every number of its trunks."""


class Tenant(Settings, frozen=True, kw_only=True):
    """A customer whose sources share caps."""

    name: str
    home_country: str
    time_zone: str
    bounds: Bounds = Bounds()


class Asterisk(Settings, frozen=True, kw_only=True):
    """A PBX that carries calls itself: watched over its manager interface, told to hang up."""

    name: str
    host: str
    port: int
    user: str = "ringfence"
    secret: str
    """Path of the file that the user's secret is in."""
    tls: bool = False
    tls_name: str | None = None
    ca: str | None = None
    source: str
    """Whose its calls are."""
    trunks: dict[str, str]
    """What it calls a trunk, to the trunk of this policy."""
    announcements: dict[str, str] = msgspec.field(default_factory=dict)
    """Rule slug, or `default`, to the sound that a refused caller hears."""


class Admit(Settings, frozen=True, kw_only=True):
    """Where dial plans ask."""

    http: tuple[str, int] | None = None
    fastagi: tuple[str, int] | None = None


class Listen(Settings, frozen=True, kw_only=True):
    """A socket."""

    name: str
    host: str
    port: int
    advertise_host: str
    advertise_port: int
    transport: Transport = "udp"
    digest: bool = False
    """Whether strangers are challenged here, so that digest sources can prove who they are."""
    connections: int = 256
    """TCP connections that one address may have open to it."""
    idle_s: int = 1800
    """How long a connection may be silent, keep-alives included."""
    certificate: str | None = None
    """Path of the PEM file that we prove ourselves by over TLS."""
    key: str | None = None
    client_ca: str | None = None
    """Path of the authorities whose certificate who connects needs; None: none is asked for."""


class PermitException(Settings, frozen=True, kw_only=True):
    """A destination permitted for somebody until a day."""

    what: str
    """`+371…` number or prefix, or a region."""
    source: str | None = None
    trunk: str | None = None
    owner: str
    why: str
    until: int
    """First instant at which it no longer holds."""


class TransportException(Settings, frozen=True, kw_only=True):
    """A trunk that protects less than one before it, and that a source may fail over to until a day (control A15)."""

    source: str
    trunk: str
    gives_up: tuple[Protecting, ...] = ("tls",)
    """What may be missing there."""
    owner: str
    why: str
    until: int
    """First instant at which it no longer holds."""


class AddressException(Settings, frozen=True, kw_only=True):
    """Addresses that a source may send from until a day (control A12)."""

    source: str
    addresses: tuple[str, ...]
    """Networks in CIDR form."""
    owner: str
    why: str
    until: int
    """First instant at which it no longer holds."""


class Behaviour(Settings, frozen=True, kw_only=True):
    """What is learned and weighed: how the behaviour rules' evidence becomes an alert, a refusal, a containment."""

    mode: Mode = "observe"
    """Of every behaviour rule that `rule_modes` doesn't name."""
    alert: int | None = 60
    """Sum of weights of a call that is told; a call under it teaches what is usual. None: none is told."""
    block: int = 100
    """Sum of enforced weights of a call that refuses it, and cuts it where it is up."""
    settle_h: int = 24
    """What was first seen so many hours ago, in clean calls, is no longer new."""
    memory_days: int = 90
    """What wasn't seen for so long is new again."""


class Containment(Settings, frozen=True, kw_only=True):
    """What is done about an incident by itself, narrowest first; None: never.

    Numbers count the different numbers that were refused, or cut, for the evidence against them.
    """

    mode: Mode = "enforce"
    hold_min: int = 240
    """How long a containment holds, minutes."""
    slow_down: int | None = 1
    """Numbers after which the extension is slowed down abroad."""
    refuse_range: int | None = 1
    """Numbers of one range of a thousand after which the source is refused the range."""
    quarantine_extension: int | None = 3
    """Numbers after which the extension may call no new number abroad."""
    quarantine_source: int | None = 5
    """Extensions of a source with such numbers after which the source may call no new number abroad."""
    international_off: int | None = None
    """Sources on a trunk with such numbers after which the trunk takes no call to a new number abroad."""
    ban_address: int | None = None
    """Numbers after which the address is banned that a remote source called from."""
    cut_calls: bool = True
    """Whether a quarantine ends the calls in progress to numbers that were new."""


class Bans(Settings, frozen=True, kw_only=True):
    """Which addresses of strangers are banned for what they do, and for how long; None: never for that (B2, B4)."""

    mode: Mode = "enforce"
    allow: tuple[str, ...] = ()
    """Networks that are never banned, beside those of all parties."""
    short_failures: int | None = 3
    """Wrong passwords in a minute after which an address is banned for `short_min`."""
    shared_failures: int | None = 5
    """The same where an account was right at the address before: others are behind it."""
    short_min: int = 5
    failures: int | None = 5
    """Wrong passwords in six hours after which an address that nobody was right at is banned for `hours`."""
    hours: int = 24
    distributed: int | None = 5
    """Addresses from which one account was tried in six hours, after which each of them is banned for `short_min`."""
    sweep: int | None = 10
    """Accounts that aren't there, asked for in six hours, after which an address is banned for `hours`."""
    prefixes: int | None = 3
    """Ways in which one number was dialled without a password in six hours, after which likewise."""
    malformed: int | None = 10
    """Messages in ten minutes that can't be read after which an address is banned for `short_min`."""
    scanners: bool = True
    """Whether who calls itself by the name of a scanner is banned at once, for `hours`."""
    agents: tuple[str, ...] = ()
    """Further such names, in lower case: what a User-Agent contains."""
    longest_days: int = 30
    """Each further ban of the same address within so many days lasts twice as long as the one before, up to so many."""


class Rate(Settings, frozen=True, kw_only=True):
    """Requests of one kind that one address may send: a token bucket."""

    per_second: int
    burst: int
    """How many may come at once after a pause."""


class Pace(Settings, frozen=True, kw_only=True):
    """The rates of one address by kind of request; None: any. What ends or confirms something is never limited."""

    register: Rate | None
    invite: Rate | None
    options: Rate | None
    other: Rate | None


class Requests(Settings, frozen=True, kw_only=True):
    """How many requests are taken, and how many calls may wait for their answer (B1, B5)."""

    stranger: Pace = Pace(
        register=Rate(per_second=10, burst=40),
        invite=Rate(per_second=10, burst=40),
        options=Rate(per_second=10, burst=40),
        other=Rate(per_second=10, burst=40),
    )
    """Of who has to prove himself: an office whose phones all come back after a power failure is through in seconds."""
    account: Pace = Pace(
        register=Rate(per_second=20, burst=200),
        invite=Rate(per_second=50, burst=200),
        options=Rate(per_second=20, burst=200),
        other=Rate(per_second=200, burst=1000),
    )
    """Of an address at which an account's password was right."""
    party: Pace = Pace(
        register=Rate(per_second=200, burst=4000),
        invite=Rate(per_second=1000, burst=3000),
        options=Rate(per_second=100, burst=1000),
        other=None,
    )
    """Of whom the policy knows by address or certificate."""
    strangers_per_second: int = 1000
    """Requests of all strangers together that are read."""
    half_open: int = 2000
    """INVITEs without final answer of one party."""
    half_open_account: int = 500
    """Of one account."""
    half_open_in_all: int = 10_000


class Ledger(Settings, frozen=True, kw_only=True):
    """Where facts are kept."""

    path: str = "state/ledger.db"
    durability: Literal["process", "power"] = "process"
    keep_days: int = 90
    messages: bool = True
    """Keep SIP messages in segment files beside the ledger."""
    stranger_rows_per_10s: int = 100


class Digest(Settings, frozen=True, kw_only=True):
    """How sources without a fixed address prove who they are."""

    realm: str = ""
    """Of the accounts; empty where there are none."""
    secrets: str = "state/secrets"
    """Path of the file of secrets."""
    nonce_s: int = 300


class Shaken(Settings, frozen=True, kw_only=True):
    """Signatures of callers (STIR/SHAKEN)."""

    trust: str | None = None
    """Path of the authorities of those who sign, a PEM file or a directory of such; None: nothing is verified."""
    x5u_hosts: tuple[str, ...] = ()
    """Where certificates may be fetched: hosts, with a port where it is neither 443 nor 8443."""
    x5u_ca: str | None = None
    """Path of the authorities of those hosts; None: those that the system trusts."""
    fresh_s: int = 60
    wait_ms: int = 500
    """How long a call waits for a certificate."""
    cache_h: int = 24
    verstat: bool = True
    """Whether the outcome is written into P-Asserted-Identity."""
    key: str | None = None
    """Path of the key that we sign with; None: nothing is signed."""
    certificate: str | None = None
    """Path of its certificate."""
    x5u: str | None = None
    """Where others fetch that."""


class Policy(Settings, frozen=True, kw_only=True):
    """Everything, resolved; `version` is a digest over the policy and every file it names."""

    version: str
    home_country: str
    time_zone: str
    vpn: tuple[str, ...] = PRIVATE
    """Networks that remote sources send from, but for exceptions (control A12)."""
    holidays: frozenset[str] = frozenset()
    """ISO dates on which opening hours are closed."""
    risks: RiskTable | None = None
    """The operator's own scores over the shipped ones; None: only those."""
    digest: Digest = Digest()
    shaken: Shaken = Shaken()
    listens: dict[str, Listen]
    trunks: dict[str, Trunk]
    sources: dict[str, Source]
    tenants: dict[str, Tenant] = msgspec.field(default_factory=dict)
    asterisks: dict[str, Asterisk] = msgspec.field(default_factory=dict)
    exceptions: tuple[PermitException, ...] = ()
    address_exceptions: tuple[AddressException, ...] = ()
    transport_exceptions: tuple[TransportException, ...] = ()
    rule_modes: dict[str, Mode] = msgspec.field(default_factory=dict)
    """By rule slug, where it isn't the default."""
    behaviour: Behaviour = Behaviour()
    containment: Containment = Containment()
    bans: Bans = Bans()
    requests: Requests = Requests()
    ledger: Ledger = Ledger()
    admit: Admit | None = None
    """None: no dial plan can ask."""
    control: str = "state/control.sock"
    firewall: Firewall | None = None
    """None: the firewall of this machine is somebody else's."""
    max_calls: int = 20_000
    """Bound of calls in progress that the edge holds."""
