"""One pattern of misuse or one limit a file; the tuples below list them in the order in which reasons are given."""

from ringfence.rules.base import BehaviourRule, CapRule, Named, Rule
from ringfence.rules.caller_id_not_owned import CallerIdNotOwned
from ringfence.rules.calls_per_second import CallsPerSecond
from ringfence.rules.calls_per_window import CallsPerWindow
from ringfence.rules.channels_over_usual import ChannelsOverUsual
from ringfence.rules.concurrent_calls import ConcurrentCalls
from ringfence.rules.contained import Contained
from ringfence.rules.dearer_than_usual import DearerThanUsual
from ringfence.rules.destination_not_permitted import DestinationNotPermitted
from ringfence.rules.dialled_through import DialledThrough
from ringfence.rules.failing_calls import FailingCalls
from ringfence.rules.fast_while_busy import FastWhileBusy
from ringfence.rules.first_ever_destination import FirstEverDestination
from ringfence.rules.forwarded_abroad import ForwardedAbroad
from ringfence.rules.guessed_password import GuessedPassword
from ringfence.rules.high_risk import HighRisk
from ringfence.rules.international_burst import InternationalBurst
from ringfence.rules.little_to_lose import LittleToLose
from ringfence.rules.long_call import LongCall
from ringfence.rules.longest_call import LongestCall
from ringfence.rules.many_countries import ManyCountries
from ringfence.rules.media_elsewhere import MediaElsewhere
from ringfence.rules.more_than_usual import MoreThanUsual
from ringfence.rules.new_network import NewNetwork
from ringfence.rules.one_range import OneRange
from ringfence.rules.outside_hours import OutsideHours
from ringfence.rules.parallel_calls import ParallelCalls
from ringfence.rules.prefix_probing import PrefixProbing
from ringfence.rules.price_over_ceiling import PriceOverCeiling
from ringfence.rules.refused_before import RefusedBefore
from ringfence.rules.sequential_numbers import SequentialNumbers
from ringfence.rules.slow_at_night import SlowAtNight
from ringfence.rules.slowed_down import SlowedDown
from ringfence.rules.special_kind import SpecialKind
from ringfence.rules.spend import Spend
from ringfence.rules.srtp_mismatch import SrtpMismatch
from ringfence.rules.suspicious_call import SuspiciousCall
from ringfence.rules.test_then_burst import TestThenBurst
from ringfence.rules.toll_free_pumping import TollFreePumping
from ringfence.rules.transfer_not_permitted import TransferNotPermitted
from ringfence.rules.uniform_durations import UniformDurations
from ringfence.rules.unusable_number import UnusableNumber
from ringfence.rules.unusual_hour import UnusualHour
from ringfence.rules.unverified_source import UnverifiedSource
from ringfence.rules.wangiri import Wangiri
from ringfence.rules.weaker_trunk import WeakerTrunk

UNVERIFIED = UnverifiedSource()
"""Comes before the others: without a source there is no case to show them."""

TRANSFER = TransferNotPermitted()
"""Asked of transfers only, before the others: it refuses in every mode."""

CONTAINED = Contained()

SRTP = SrtpMismatch()

RULES: tuple[Rule, ...] = (
    CallerIdNotOwned(),
    UnusableNumber(),
    CONTAINED,
    DestinationNotPermitted(),
    SpecialKind(),
    HighRisk(),
    OutsideHours(),
    PriceOverCeiling(),
    SRTP,
    WeakerTrunk(),
)
"""Identity, number, containment, destination, hours, price, media."""

SLOWED = SlowedDown()
RATE = CallsPerSecond()
CAP_RULES: tuple[CapRule, ...] = (SLOWED, ConcurrentCalls(), CallsPerWindow(), RATE, Spend())
"""Caps, money."""

BUSY = FastWhileBusy()
"""What two caps say together."""

LONGEST = LongestCall()

ELSEWHERE = MediaElsewhere()

BEHAVIOUR_RULES: tuple[BehaviourRule, ...] = (
    FirstEverDestination(),
    DearerThanUsual(),
    UnusualHour(),
    InternationalBurst(),
    MoreThanUsual(),
    ManyCountries(),
    OneRange(),
    PrefixProbing(),
    SequentialNumbers(),
    ParallelCalls(),
    TestThenBurst(),
    SlowAtNight(),
    UniformDurations(),
    FailingCalls(),
    RefusedBefore(),
    NewNetwork(),
    GuessedPassword(),
    ForwardedAbroad(),
    DialledThrough(),
    Wangiri(),
    TollFreePumping(),
    ChannelsOverUsual(),
    LongCall(),
    ELSEWHERE,
)
"""Evidence: each weighs something, none refuses alone."""

CHEAP = LittleToLose()
"""What speaks for a call against which something speaks."""

SUSPICIOUS = SuspiciousCall()
"""What the evidence of one call comes to."""

ALL: tuple[Named, ...] = (UNVERIFIED, TRANSFER, *RULES, *CAP_RULES, BUSY, LONGEST, SUSPICIOUS, *BEHAVIOUR_RULES, CHEAP)
SLUGS: tuple[str, ...] = tuple(rule.slug for rule in ALL)

__all__ = [
    "ALL",
    "BEHAVIOUR_RULES",
    "BUSY",
    "CAP_RULES",
    "CHEAP",
    "CONTAINED",
    "ELSEWHERE",
    "LONGEST",
    "RATE",
    "RULES",
    "SLOWED",
    "SLUGS",
    "SRTP",
    "SUSPICIOUS",
    "TRANSFER",
    "UNVERIFIED",
    "CapRule",
    "Named",
    "Rule",
]
