"""The whole policy."""

import msgspec

from ringfence.model.firewall import Firewall
from ringfence.model.settings.base import PRIVATE, Mode, Settings
from ringfence.model.settings.exceptions import AddressException, PermitException, TransportException
from ringfence.model.settings.house import Admit, Asterisk, Digest, Feed, Ledger, Listen, Shaken
from ringfence.model.settings.parties import Source, Tenant, Trunk
from ringfence.model.settings.requests import Requests
from ringfence.model.settings.watching import Bans, Behaviour, Containment
from ringfence.numbers.risk import RiskTable


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
    feeds: dict[str, Feed] = msgspec.field(default_factory=dict)
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
