"""The kinds of customers. Shapes, sizes and habits are assumed unless `data/parameters.toml` names a source."""

from __future__ import annotations

import msgspec


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What customers of one kind have in common; a pair is drawn from evenly, once for each customer."""

    name: str
    homes: tuple[str, ...]
    week: str
    """The shape of a week, in the parameters under `week`."""
    extensions: tuple[int, int]
    out_per_extension: tuple[float, float]
    """Outbound calls of an extension on a working day. A PBX station makes 0.25 to 0.75 calls in the busy hour, which
    is a tenth of the day, and a third of them go out (Avaya Aura traffic engineering)."""
    inbound: tuple[float, float]
    """Inbound calls for each outbound one."""
    abroad: tuple[float, float]
    """Share of outbound calls that go abroad."""
    countries: tuple[int, int]
    """How many countries are habitual."""
    repeat: tuple[float, float]
    """Share of calls to numbers that were called before."""
    answered: tuple[float, float]
    """Answer-seizure ratio."""
    talk: str = "office"
    talk_abroad: str = "office"
    toll_free: float = 0.05
    """Share of domestic calls; one enterprise had 35 % (CIO Insight)."""
    forwarded: float = 0.01
    """Share of inbound calls that go on to somebody's mobile."""
    remote: float = 0.1
    """Share of extensions that work from elsewhere, by softphone."""
    fax: int = 0
    """Extensions that are fax machines."""
    opening: str = ""
    """Opening hours as a policy writes them; empty: always open."""
    outside: str = ""
    """Digit for an outside line."""
    dialler: bool = False
    """Calls are made by a predictive dialler: one user agent, one address, seats rather than people."""


_OFFICE_HOURS = "Mon-Fri 07:00-19:00"

KINDS: tuple[Kind, ...] = (
    Kind(
        name="office",
        homes=("US", "GB", "DE"),
        week="office",
        extensions=(8, 30),
        out_per_extension=(3, 9),
        inbound=(0.7, 1.2),
        abroad=(0.01, 0.06),
        countries=(3, 6),
        repeat=(0.75, 0.9),
        answered=(0.6, 0.72),
        fax=1,
        opening=_OFFICE_HOURS,
    ),
    Kind(
        name="dialler",
        homes=("US",),
        week="campaign",
        extensions=(45, 55),
        out_per_extension=(60, 110),
        inbound=(0.02, 0.06),
        abroad=(0.001, 0.004),
        countries=(2, 3),
        repeat=(0.05, 0.2),
        answered=(0.3, 0.45),
        talk="dialler",
        talk_abroad="dialler",
        toll_free=0.002,
        forwarded=0.0,
        remote=0.0,
        opening="Mon-Sat 08:00-21:00",
        dialler=True,
    ),
    Kind(
        name="call-centre",
        homes=("US", "GB", "DE"),
        week="shifts",
        extensions=(60, 120),
        out_per_extension=(10, 25),
        inbound=(1.5, 3.0),
        abroad=(0.02, 0.08),
        countries=(5, 12),
        repeat=(0.3, 0.5),
        answered=(0.6, 0.75),
        talk="agent",
        talk_abroad="agent",
        forwarded=0.002,
        remote=0.25,
    ),
    Kind(
        name="hotel",
        homes=("US", "GB", "DE"),
        week="hotel",
        extensions=(60, 180),
        out_per_extension=(0.8, 2.0),
        inbound=(0.8, 1.4),
        abroad=(0.06, 0.18),
        countries=(15, 30),
        repeat=(0.35, 0.5),
        answered=(0.55, 0.68),
        talk_abroad="guest",
        remote=0.0,
        fax=1,
        outside="9",
    ),
    Kind(
        name="travel-agency",
        homes=("US", "GB", "DE"),
        week="always",
        extensions=(15, 40),
        out_per_extension=(10, 20),
        inbound=(0.8, 1.4),
        abroad=(0.2, 0.4),
        countries=(20, 30),
        repeat=(0.6, 0.75),
        answered=(0.6, 0.7),
        talk="support",
        remote=0.2,
    ),
    Kind(
        name="medical",
        homes=("US", "GB", "DE"),
        week="office",
        extensions=(6, 20),
        out_per_extension=(5, 12),
        inbound=(1.5, 2.5),
        abroad=(0.0005, 0.003),
        countries=(1, 2),
        repeat=(0.7, 0.85),
        answered=(0.6, 0.7),
        fax=2,
        forwarded=0.03,
        remote=0.0,
        opening=_OFFICE_HOURS,
        outside="9",
    ),
    Kind(
        name="multi-site",
        homes=("US", "GB", "DE"),
        week="office",
        extensions=(80, 200),
        out_per_extension=(3, 8),
        inbound=(0.7, 1.1),
        abroad=(0.05, 0.15),
        countries=(8, 16),
        repeat=(0.75, 0.9),
        answered=(0.62, 0.74),
        toll_free=0.15,
        forwarded=0.02,
        remote=0.2,
        fax=2,
    ),
    Kind(
        name="wholesale",
        homes=("US", "GB"),
        week="always",
        extensions=(40, 120),
        out_per_extension=(6, 14),
        inbound=(0.3, 0.6),
        abroad=(0.12, 0.3),
        countries=(20, 30),
        repeat=(0.6, 0.8),
        answered=(0.5, 0.65),
        talk="support",
        talk_abroad="guest",
        remote=1.0,
    ),
    Kind(
        name="exporter",
        homes=("DE", "GB", "US"),
        week="office",
        extensions=(20, 60),
        out_per_extension=(4, 10),
        inbound=(0.6, 1.0),
        abroad=(0.15, 0.35),
        countries=(8, 18),
        repeat=(0.8, 0.9),
        answered=(0.6, 0.72),
        forwarded=0.02,
        fax=1,
        opening=_OFFICE_HOURS,
        outside="0",
    ),
    Kind(
        name="helpdesk",
        homes=("US", "GB"),
        week="always",
        extensions=(25, 60),
        out_per_extension=(8, 18),
        inbound=(1.0, 2.0),
        abroad=(0.1, 0.25),
        countries=(6, 14),
        repeat=(0.5, 0.7),
        answered=(0.6, 0.72),
        talk="support",
        talk_abroad="support",
        remote=0.3,
    ),
)

BY_NAME = {kind.name: kind for kind in KINDS}
