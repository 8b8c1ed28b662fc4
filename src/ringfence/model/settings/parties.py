"""Who is at the other end of a listener: trunks, sources, tenants."""

from typing import Literal

import msgspec

from ringfence.model.attempt import Zone
from ringfence.model.media import Srtp
from ringfence.model.settings.base import CallerIdPolicy, Settings, WhenDown
from ringfence.model.settings.caps import Bounds, Caps
from ringfence.numbers.blocklist import BlockList
from ringfence.numbers.deck import RateDeck
from ringfence.numbers.settings import PlanSettings
from ringfence.sip.digest import Algorithm


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
    crl: str | None = None
    """Path of what they revoked; None: nobody looks."""
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
