"""Every attack kind that the simulator plays, by slug."""

from __future__ import annotations

from ringfence.testing.simulate.attacks import bursts, careful, inbound, knocks
from ringfence.testing.simulate.attacks.base import Attack

ATTACKS: tuple[Attack, ...] = (*bursts.ATTACKS, *careful.ATTACKS, *inbound.ATTACKS)
KNOCKS = knocks.ATTACKS
"""Those that are played live only: a call record tells nothing of them."""
BY_KIND = {attack.kind: attack for attack in (*ATTACKS, *KNOCKS)}

__all__ = ["ATTACKS", "BY_KIND", "KNOCKS", "Attack"]
