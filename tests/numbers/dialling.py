"""Strategies for what people, PBXs and attackers dial."""

from hypothesis import strategies as st

from ringfence.numbers import PlanSettings, numbering

HOMES = (
    "US",
    "CA",
    "JM",
    "GB",
    "JE",
    "DE",
    "FR",
    "IT",
    "RU",
    "BR",
    "AU",
    "JP",
    "MX",
    "HU",
    "SG",
    "HK",
    "IN",
    "AR",
    "KR",
    "CL",
    "NO",
)
REGIONS = numbering().region_names
digits = st.text("0123456789", min_size=1, max_size=17)
"""Any digits."""


@st.composite
def listed(draw: st.DrawFn) -> str:
    """E.164 digits that are likely to be a number."""
    table = numbering().plain
    place = draw(st.integers(0, len(table.starts) - 1))
    start, row = table.starts[place], table.rows[place]
    sizes = [size for size, label in enumerate(row) if label.type and size >= len(start)]
    size = draw(st.sampled_from(sizes)) if sizes else len(start) + draw(st.integers(0, 8))
    return (start + draw(st.text("0123456789", min_size=size - len(start), max_size=size - len(start)))) or "1"


PIECES = """
011 00 0 9 1 + *67 *72 #31# 1010288 01 184 044 15 911 112 999 810 010 , ; # * - p w x12 alice % %00 %2B < > "
sip: sips: tel: urn:service:sos @192.0.2.1 ;phone-context=+44 ;phone-context=+1-212 ;phone-context=example.com
;ext=42 ;rn=+53 ;user=phone \u0661 \u00b2 \uff0b \u200e
"""
_PIECES = st.sampled_from([*PIECES.split(), " ", "\u00a0", "ext 3"])

dialled = st.one_of(
    st.lists(st.one_of(_PIECES, digits, listed()), min_size=1, max_size=6).map("".join),
    st.text(max_size=40),
    digits,
)
"""Strings between a plain number and noise."""

_FORMS = (
    "+{}", "011{}", "00{}", "sip:+{}@192.0.2.1;user=phone", "tel:+{};rn=+53", "sip:%2B{}@x", "+{},42", "\u200e+ {}",
    "{}", "*67+{}", "9{}", "9,011{}", "9 00 {}", "+011{}", "1010288011{}", "0{}", "01{}", "+{} ext. 7", "{}#",
    "sip:{}@x",
)  # fmt: skip


@st.composite
def reachable(draw: st.DrawFn) -> str:
    """A number as somebody would dial it who means it."""
    number = draw(listed())
    national = draw(st.booleans()) and number.startswith("1")
    return draw(st.sampled_from(_FORMS)).format(number[1:] if national else number)


_prefixes = st.lists(st.sampled_from(["9", "0", "8", "91"]), max_size=2, unique=True).map(tuple)

settings_of_a_plan = st.builds(
    PlanSettings,
    home=st.sampled_from(HOMES),
    outside=_prefixes,
    outside_required=st.booleans(),
    ext_len=st.none() | st.tuples(st.integers(1, 4), st.integers(4, 7)),
    area=st.sampled_from(["", "", "212", "30", "030", "11", "161"]),
    extra_idd=st.sampled_from([(), (), ("00",), ("011", "00")]),
    e164_noplus=st.booleans(),
    vanity=st.booleans(),
    emergency=st.sampled_from([(), ("5911",)]),
)
"""Any settings that make sense."""
