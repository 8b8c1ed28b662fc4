"""One pattern of misuse or one limit a file; the tuples below list them in the order in which reasons are given."""

from ringfence.rules.base import CapRule, Named, Rule
from ringfence.rules.caller_id_not_owned import CallerIdNotOwned
from ringfence.rules.calls_per_second import CallsPerSecond
from ringfence.rules.calls_per_window import CallsPerWindow
from ringfence.rules.concurrent_calls import ConcurrentCalls
from ringfence.rules.contained import Contained
from ringfence.rules.destination_not_permitted import DestinationNotPermitted
from ringfence.rules.high_risk import HighRisk
from ringfence.rules.longest_call import LongestCall
from ringfence.rules.outside_hours import OutsideHours
from ringfence.rules.price_over_ceiling import PriceOverCeiling
from ringfence.rules.special_kind import SpecialKind
from ringfence.rules.spend import Spend
from ringfence.rules.unusable_number import UnusableNumber
from ringfence.rules.unverified_source import UnverifiedSource

UNVERIFIED = UnverifiedSource()
"""Comes before the others: without a source there is no case to show them."""

RULES: tuple[Rule, ...] = (
    CallerIdNotOwned(),
    UnusableNumber(),
    Contained(),
    DestinationNotPermitted(),
    SpecialKind(),
    HighRisk(),
    OutsideHours(),
    PriceOverCeiling(),
)
"""Identity, number, containment, destination, hours, price."""

CAP_RULES: tuple[CapRule, ...] = (ConcurrentCalls(), CallsPerWindow(), CallsPerSecond(), Spend())
"""Caps, money."""

LONGEST = LongestCall()

ALL: tuple[Named, ...] = (UNVERIFIED, *RULES, *CAP_RULES, LONGEST)
SLUGS: tuple[str, ...] = tuple(rule.slug for rule in ALL)

__all__ = ["ALL", "CAP_RULES", "LONGEST", "RULES", "SLUGS", "UNVERIFIED", "CapRule", "Named", "Rule"]
