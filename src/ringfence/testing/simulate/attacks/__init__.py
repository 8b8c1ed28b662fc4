"""Every attack kind that the simulator plays, by slug."""

from __future__ import annotations

from ringfence.testing.simulate.attacks import bursts, careful, inbound
from ringfence.testing.simulate.attacks.base import Attack

ATTACKS: tuple[Attack, ...] = (*bursts.ATTACKS, *careful.ATTACKS, *inbound.ATTACKS)
BY_KIND = {attack.kind: attack for attack in ATTACKS}

__all__ = ["ATTACKS", "BY_KIND", "Attack"]
