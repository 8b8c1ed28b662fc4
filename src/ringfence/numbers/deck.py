"""Rate decks: what a carrier charges, by longest prefix and date, in integer millionths of the currency.

The longest prefix wins first, then the newest of its rows that is valid already; a prefix of which no row is valid yet
gives way to the next shorter one.
"""

from __future__ import annotations

from typing import NamedTuple

from ringfence.numbers import csvtext
from ringfence.numbers.csvtext import Problem, Rows
from ringfence.numbers.prefix import PrefixTable

REQUIRED = (
    "prefix", "name", "connect_fee", "price_per_min", "first_increment_s", "next_increment_s", "valid_from",
)  # fmt: skip


class Rate(NamedTuple):
    """The price of calls to one prefix."""

    prefix: str
    name: str
    connect_fee_micros: int
    price_micros_per_min: int
    first_s: int
    next_s: int

    def billed_s(self, duration_s: int) -> int:
        """Seconds that are charged for an answered call of `duration_s`: whole increments, the first at least."""
        beyond = max(0, duration_s - self.first_s)
        return self.first_s + -(-beyond // self.next_s) * self.next_s

    def cost_micros(self, duration_s: int) -> int:
        """The price of an answered call, rounded up to whole millionths; a call that wasn't answered isn't rated."""
        return self.connect_fee_micros - (-self.price_micros_per_min * self.billed_s(duration_s) // 60)


class RateDeck:
    """The rates of one carrier."""

    def __init__(self, rows: dict[str, list[tuple[int, Rate]]]) -> None:
        self._table = PrefixTable({prefix: sorted(dated, reverse=True) for prefix, dated in rows.items()})

    @classmethod
    def from_csv(cls, text: str, name: str = "rate deck") -> RateDeck:
        """The deck in a CSV file's text; raises TableError with every problem."""
        rows = Rows(name, text, REQUIRED)
        deck: dict[str, list[tuple[int, Rate]]] = {}
        lines: dict[tuple[str, int], int] = {}
        for line, cells in rows:
            read = _read(rows, line, cells)
            if read is None:
                continue
            since, rate = read
            first = lines.setdefault((rate.prefix, since), line)
            if first != line:
                found = f"{rate.prefix} from {cells['valid_from'] or 'always'}"
                rows.problems.append(Problem(line, "prefix", found, f"is on line {first} already: keep one of the two"))
            deck.setdefault(rate.prefix, []).append((since, rate))
        if not deck and not rows.problems:
            rows.problems.append(Problem(0, "deck", "", "holds no rate: add at least one row under the header"))
        rows.finish_if(bool(rows.problems))
        return cls(deck)

    def rate(self, e164: str, at_us: int) -> Rate | None:
        """The rate of a number at an instant (microseconds since 1970), or None if the deck has no price for it."""
        for dated in self._table.chain(e164):
            for since, rate in dated:
                if since <= at_us:
                    return rate
        return None

    def __len__(self) -> int:
        return len(self._table)


def _read(rows: Rows, line: int, cells: dict[str, str]) -> tuple[int, Rate] | None:
    prefix = rows.read(line, "prefix", cells["prefix"], csvtext.prefix, csvtext.PREFIX_ALLOWED)
    fee = rows.read(line, "connect_fee", cells["connect_fee"], csvtext.micros, csvtext.MONEY_ALLOWED)
    price = rows.read(line, "price_per_min", cells["price_per_min"], csvtext.micros, csvtext.MONEY_ALLOWED)
    first, following = (
        rows.read(line, column, cells[column], csvtext.seconds, csvtext.SECONDS_ALLOWED)
        for column in ("first_increment_s", "next_increment_s")
    )
    since = rows.read(line, "valid_from", cells["valid_from"], csvtext.instant_us, csvtext.INSTANT_ALLOWED)
    if prefix is None or fee is None or price is None or first is None or following is None or since is None:
        return None
    return since, Rate(prefix, cells["name"], fee, price, first, following)
