"""The keys of who may call: sources, profiles, tenants, and the exceptions made for them."""

from __future__ import annotations

from ringfence.model.settings import Redirect, Source
from ringfence.numbers.settings import PlanSettings
from ringfence.policy.keys_accounts import AUTH, DIGEST_KEYS
from ringfence.policy.keys_limits import BOUNDS, PER_CALLER
from ringfence.policy.keys_tls import PARTY_TLS
from ringfence.policy.kinds import Key, ListOf, Table
from ringfence.policy.leaves import NAME, choice, flag, integer, pattern, text
from ringfence.policy.leaves_net import NETWORK, address
from ringfence.policy.leaves_number import DESTINATION, E164, NUMBER_RANGE, REGION
from ringfence.policy.leaves_time import MOMENT, TIME_ZONE

DIGITS = pattern("digits", "[0-9]{1,15}")

PLAN = Table(
    doc="How a source dials.",
    keys=(
        Key(name="outside", kind=ListOf(DIGITS), doc="Digits dialled for an outside line.", default="none"),
        Key(name="outside_required", kind=flag(), doc="Refuse a number dialled without them."),
        Key(
            name="ext_len",
            kind=ListOf(integer(1, 15, "digits"), least=2),
            doc="Shortest and longest internal extension, digits: `[3, 4]`.",
            default="none",
        ),
        Key(name="area", kind=DIGITS, doc="Area code put before local numbers.", default="none"),
        Key(
            name="extra_idd",
            kind=ListOf(DIGITS),
            doc="International prefixes the PBX accepts beside the home country's.",
            default="none",
        ),
        Key(
            name="emergency",
            kind=ListOf(pattern("digits", "[0-9]{1,15}")),
            doc="Emergency numbers beside the home country's, dialled exactly so.",
            default="none",
        ),
        Key(name="e164_noplus", kind=flag(), doc="A string that is no home number may be E.164 without its plus."),
        Key(name="vanity", kind=flag(), doc="Letters are digits of a telephone keypad."),
    ),
    defaults=PlanSettings,
)
MEDIA = Key(
    name="media",
    kind=ListOf(NETWORK, least=1),
    doc="Where its media is ([media](media.md#ranges)): another address in its session descriptions is a hit of the "
    "rule `media-elsewhere`.",
    default="nobody looks",
)
PARTY = (
    Key(
        name="zone",
        kind=choice("internal", "remote", "vendor"),
        doc="Where it stands: in the house, elsewhere, or somebody else's.",
        required=True,
    ),
    Key(
        name="listen",
        kind=NAME,
        doc="The `[listen]` it comes in on. Required, unless its calls are those of an `[asterisk.NAME]`.",
        default="none",
    ),
    Key(name="directions", kind=ListOf(choice("out", "in"), least=1), doc="What it may do.", default='`["out"]`'),
    Key(name="trunks", kind=ListOf(NAME, least=1), doc="The trunks it may use, in order of preference.", required=True),
    Key(name="tenant", kind=NAME, doc="The `[tenant]` whose caps it shares.", default="none"),
    Key(
        name="home_country",
        kind=REGION,
        doc="Where its numbers without a country code belong.",
        default="the tenant's or site's",
    ),
    Key(name="plan", kind=PLAN, doc="How it dials.", default="the home country's plan, no outside line"),
    Key(name="caller_ids", kind=ListOf(NUMBER_RANGE), doc="The numbers it may show as caller.", default="none"),
    Key(
        name="caller_id_policy",
        kind=choice("owned", "owned_or_forwarded", "substitute", "any"),
        doc="What happens to a caller ID outside `caller_ids`: refused; refused unless the call is forwarded from a "
        "live inbound one; replaced by `caller_id`; passed as it is.",
    ),
    Key(
        name="caller_id",
        kind=E164,
        doc="Put in where the caller ID isn't owned and is substituted, and on emergency calls.",
        default="none",
    ),
    *BOUNDS,
    Key(
        name="transfers",
        kind=choice("refuse", "judge"),
        doc="REFER of the carrier's side to this source, which would place the call: refused; or the number is judged "
        "like that of a direct call, and the REFER passed on.",
    ),
    Key(name="per_caller", kind=PER_CALLER, doc="Caps of each extension.", default="no caps"),
    MEDIA,
    Key(
        name="mode",
        kind=choice("enforce", "observe"),
        doc="observe: everything is judged and recorded, nothing refused.",
    ),
    *DIGEST_KEYS,
)
REDIRECT = Table(
    doc="The source's calls don't go through the guard: it answers INVITE with where to send it (302), and the source, "
    "an SBC, does so (docs/redirect.md).",
    keys=(
        Key(
            name="hold_s",
            kind=integer(10, 86_400, "seconds"),
            doc="How long a call is taken to last of which nobody tells the end, seconds: so long it counts as in "
            "progress, and for so long its money is reserved with the verdict.",
        ),
    ),
    build=lambda values: Redirect(**values),
    defaults=Redirect,
)
SOURCE = Table(
    doc="A party that may originate calls, by name; known by the address it comes from, by its certificate, or by its "
    "accounts.",
    keys=(
        *AUTH,
        Key(
            name="addresses",
            kind=ListOf(NETWORK, least=1),
            doc="Where it sends from; no two sources or carriers of one `[listen]` overlap. Required unless it has "
            "accounts or `tls_peer`.",
            default="none; anywhere with `tls_peer`",
        ),
        Key(
            name="profile",
            kind=NAME,
            doc="The `[profile]` it takes every key from that it doesn't have.",
            default="none",
        ),
        *PARTY,
        Key(
            name="deliver_to",
            kind=address(names=True),
            doc="Where inbound calls go, host and port (5060 without one, over TLS 5061); an address is among "
            "`addresses`.",
            default="its only address; of a digest source the registered contact",
        ),
        Key(
            name="redirect",
            kind=REDIRECT,
            doc="That its calls are answered with where to send them, `{}` for the defaults; it takes no calls from us "
            "then.",
            default="its calls go through the guard",
        ),
        *PARTY_TLS,
        Key(
            name="dids",
            kind=ListOf(NUMBER_RANGE),
            doc="Inbound numbers that are its own; ranges of at most 10,000.",
            default="every number of its trunks",
        ),
    ),
    defaults=Source,
)
PROFILE = Table(
    doc="Keys that sources take over by name. A table in the source is merged with the profile's, key by key; "
    "a list or value replaces the profile's.",
    keys=tuple(
        Key(name=key.name, kind=key.kind, doc=key.doc, default=key.default or ("none" if key.required else ""))
        for key in PARTY
    ),
    defaults=Source,
)
TENANT = Table(
    doc="A customer whose sources share caps, by name.",
    keys=(
        Key(
            name="home_country",
            kind=REGION,
            doc="Where its numbers without a country code belong.",
            default="the site's",
        ),
        Key(name="time_zone", kind=TIME_ZONE, doc="The zone of its opening hours.", default="the site's"),
        *BOUNDS,
    ),
)
OWNED = (
    Key(name="owner", kind=text("a name or address of who answers for it"), doc="Who answers for it.", required=True),
    Key(name="why", kind=text("the reason"), doc="The reason, or a ticket.", required=True),
    Key(
        name="until",
        kind=MOMENT,
        doc="The last day on which it holds, or the moment it ends; in the site's time zone if it names none.",
        required=True,
    ),
)
EXCEPTION = Table(
    doc="A destination permitted for somebody until a day. It ends by itself. One that names a number or prefix also "
    "lifts the rules on special kinds, risk and unlisted ranges; one that names a country doesn't.",
    keys=(
        Key(name="what", kind=DESTINATION, doc="A number, prefix or country.", required=True),
        Key(name="source", kind=NAME, doc="Only for this source.", default="every source"),
        Key(name="trunk", kind=NAME, doc="Only on this trunk.", default="every trunk"),
        *OWNED,
    ),
)
TRANSPORT_EXCEPTION = Table(
    doc="A trunk that protects less than one before it, and that a source may fail over to until a day. It ends by "
    "itself: then the failover isn't made.",
    keys=(
        Key(name="source", kind=NAME, doc="Whose calls may go there.", required=True),
        Key(name="trunk", kind=NAME, doc="That trunk, among the source's `trunks`.", required=True),
        Key(
            name="gives_up",
            kind=ListOf(choice("tls", "srtp"), least=1),
            doc="What is missing there: TLS, or as much SRTP as `srtp` asks for before.",
            default='`["tls"]`',
        ),
        *OWNED,
    ),
)
ADDRESS_EXCEPTION = Table(
    doc="Addresses that a source may send from until a day, though they may be somebody else's tomorrow: a remote user "
    "behind NAT or with a dynamic address, who isn't in `site.vpn`. It ends by itself: new calls from there are "
    "refused, calls in progress go on.",
    keys=(
        Key(name="source", kind=NAME, doc="Whose addresses they are.", required=True),
        Key(
            name="addresses",
            kind=ListOf(NETWORK, least=1),
            doc="Addresses of that source; its `addresses` have them too.",
            required=True,
        ),
        *OWNED,
    ),
)
