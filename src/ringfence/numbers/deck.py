"""What a call costs."""

from typing import NamedTuple


class Rate(NamedTuple):
    """One row of a rate deck; money in micro-units of the trunk's currency."""

    prefix: str
    name: str
    connect_fee_micros: int
    price_micros_per_min: int
    first_s: int
    """First billing increment, seconds."""
    next_s: int
    """Every further increment, seconds."""

    def cost_micros(self, duration_s: int) -> int:
        """Price of a call that was answered for `duration_s` seconds; increments and micro-units round up."""
        extra = max(0, duration_s - self.first_s)
        billed_s = self.first_s + -(-extra // self.next_s) * self.next_s
        return self.connect_fee_micros + -(-self.price_micros_per_min * billed_s // 60)
