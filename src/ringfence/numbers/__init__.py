"""Numbers: from a dialled string to a destination, its price and its risk."""

from ringfence.numbers.blocklist import BlockList, Listed
from ringfence.numbers.calling import calling_code, counts_as, is_domestic
from ringfence.numbers.csvtext import TableError
from ringfence.numbers.deck import Rate, RateDeck
from ringfence.numbers.number import FLAGS, REASONS, SHORT_TYPES, SUSPECT, TYPES, Number
from ringfence.numbers.outgoing import OutgoingFormat
from ringfence.numbers.plan import DialPlan, PlanError, PlanSettings, Step
from ringfence.numbers.prefix import PrefixTable
from ringfence.numbers.risk import Risk, RiskTable
from ringfence.numbers.table import numbering

__all__ = [
    "FLAGS",
    "REASONS",
    "SHORT_TYPES",
    "SUSPECT",
    "TYPES",
    "BlockList",
    "DialPlan",
    "Listed",
    "Number",
    "OutgoingFormat",
    "PlanError",
    "PlanSettings",
    "PrefixTable",
    "Rate",
    "RateDeck",
    "Risk",
    "RiskTable",
    "Step",
    "TableError",
    "calling_code",
    "counts_as",
    "is_domestic",
    "numbering",
]
