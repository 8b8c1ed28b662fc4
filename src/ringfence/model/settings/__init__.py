"""What the administrator set, resolved and typed: what rules, engine and edge read, and `policy` loads from its file.

Defaults are here, beside the meaning and the unit of each field, and nowhere else. Profiles are already merged into
their sources, files (decks, block lists, risks) already read. Amounts of money are integer micro-units of the trunk's
currency; clock times are minutes since local midnight.
"""

from ringfence.model.settings.base import ANYWHERE, PRIVATE, CallerIdPolicy, Mode, Protecting, Settings, WhenDown
from ringfence.model.settings.caps import Bounds, CallRate, CallWindows, Caps, Levels, Spend, Window
from ringfence.model.settings.exceptions import AddressException, PermitException, TransportException
from ringfence.model.settings.house import Admit, Asterisk, Digest, Feed, Ledger, Listen, Shaken
from ringfence.model.settings.parties import Party, Redirect, Register, Registrations, Source, Tenant, Trunk
from ringfence.model.settings.policy import Policy
from ringfence.model.settings.requests import Pace, Rate, Requests
from ringfence.model.settings.watching import Bans, Behaviour, Containment

__all__ = [
    "ANYWHERE",
    "PRIVATE",
    "AddressException",
    "Admit",
    "Asterisk",
    "Bans",
    "Behaviour",
    "Bounds",
    "CallRate",
    "CallWindows",
    "CallerIdPolicy",
    "Caps",
    "Containment",
    "Digest",
    "Feed",
    "Ledger",
    "Levels",
    "Listen",
    "Mode",
    "Pace",
    "Party",
    "PermitException",
    "Policy",
    "Protecting",
    "Rate",
    "Redirect",
    "Register",
    "Registrations",
    "Requests",
    "Settings",
    "Shaken",
    "Source",
    "Spend",
    "Tenant",
    "TransportException",
    "Trunk",
    "WhenDown",
    "Window",
]
