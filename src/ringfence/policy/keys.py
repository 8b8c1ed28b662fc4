"""Every key of the policy file: what it may be, its default, what it means; sections and trunks here.

Reading, JSON Schema (`schema.py`) and docs/policy.md (`reference.py`) all come from these tables. Defaults are those of
the settings structs (`model/settings`).
"""

from __future__ import annotations

from ringfence.model.settings import Behaviour, Containment, Ledger, Listen, Policy, Trunk
from ringfence.policy.keys_accounts import DIGEST, REGISTER
from ringfence.policy.keys_asterisk import ADMIT, ASTERISK
from ringfence.policy.keys_bans import BANS
from ringfence.policy.keys_feeds import FEED
from ringfence.policy.keys_firewall import FIREWALL, SERVICE
from ringfence.policy.keys_limits import BOUNDS
from ringfence.policy.keys_party import (
    ADDRESS_EXCEPTION,
    EXCEPTION,
    MEDIA,
    PROFILE,
    SOURCE,
    TENANT,
    TRANSPORT_EXCEPTION,
)
from ringfence.policy.keys_requests import REQUESTS
from ringfence.policy.keys_shaken import SHAKEN
from ringfence.policy.keys_tls import LISTEN_TLS, PARTY_TLS
from ringfence.policy.kinds import Either, Key, ListOf, Table
from ringfence.policy.leaves import MONEY, NAME, choice, flag, integer, or_off, pattern, text
from ringfence.policy.leaves_net import NETWORK, SEND_TO, address
from ringfence.policy.leaves_number import REGION
from ringfence.policy.leaves_time import DAY, TIME_ZONE
from ringfence.rules import SLUGS, TRANSFER, UNVERIFIED

FORMAT = pattern('"+E164", "E164", "national" or digits before E164 such as "011E164"', r"(\+|[0-9]{0,8})E164|national")
FLAT = choice("flat", otherwise="a table with rates", write="{{ rates = {} }}")

SITE = Table(
    doc="What holds everywhere. Required, in the main file.",
    keys=(
        Key(name="home_country", kind=REGION, doc="Where numbers without a country code belong.", required=True),
        Key(
            name="time_zone", kind=TIME_ZONE, doc="The zone of opening hours and of days without a zone.", required=True
        ),
        Key(name="holidays", kind=ListOf(DAY), doc="Days on which opening hours are closed.", default="none"),
        Key(
            name="vpn",
            kind=ListOf(NETWORK, least=1),
            doc='Where remote users come from: every address of a source with `zone = "remote"` is in here, or has an '
            "`[[address_exception]]`.",
            default="private addresses: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7, loopback",
        ),
        Key(
            name="risks",
            kind=text("the path of a CSV file"),
            doc="Your own risk scores, a CSV file (prefix or country, score, source, date) over the shipped "
            "ones; the path is relative to the file that names it.",
            default="none",
        ),
        Key(
            name="max_calls",
            kind=integer(1, 1_000_000, "calls"),
            doc="Calls in progress the edge holds at most; more are refused as overload.",
        ),
    ),
    defaults=Policy,
)
LISTEN = Table(
    doc="A socket that SIP comes in on and goes out of, by name.",
    keys=(
        Key(
            name="bind",
            kind=address(names=False),
            doc="Address and port of this machine; without a port 5060, over TLS 5061; port 0 takes a free one.",
            required=True,
        ),
        Key(
            name="advertise",
            kind=address(names=True),
            doc="What we write into Via, Record-Route and Contact: behind NAT the outer address. Required "
            "when `bind` is 0.0.0.0 or [::].",
            default="the address of `bind`",
        ),
        Key(name="transport", kind=choice("udp", "tcp", "tls"), doc="How SIP is carried, to us and from us."),
        Key(
            name="digest",
            kind=flag(),
            doc='Strangers who send REGISTER or INVITE here are challenged, so that sources with `auth = "digest"` can '
            "prove who they are. Without it strangers get no answer.",
        ),
        Key(
            name="connections",
            kind=integer(1, 10_000, "connections"),
            doc="Connections that one address may have open to us; more are refused.",
        ),
        Key(
            name="idle_s",
            kind=integer(60, 86_400, "seconds"),
            doc="How long a connection may be silent before it is closed, seconds; a keep-alive (CRLF) counts.",
        ),
        *LISTEN_TLS,
    ),
    defaults=Listen,
)
BILLING = Table(
    doc="What calls on a trunk cost.",
    keys=(
        Key(
            name="rates",
            kind=text("the path of a CSV file"),
            doc="The carrier's rate deck, a CSV file; the path is relative to the file that names it.",
            required=True,
        ),
        Key(
            name="currency",
            kind=pattern("a currency of three capital letters", "[A-Z]{3}"),
            doc="What the deck, caps and ceilings of the trunk count in; nothing is converted. It is shown, and tells "
            "the behaviour rules what is dear: 1.00 a minute in `JPY` isn't what it is in `EUR`.",
        ),
    ),
    defaults=Trunk,
)
TRUNK = Table(
    doc="A billable way out to a carrier, by name.",
    keys=(
        Key(
            name="listen",
            kind=NAME,
            doc="The `[listen]` it is reached through. Required, unless an `[asterisk.NAME]` carries it.",
            default="none",
        ),
        Key(
            name="carrier_addresses",
            kind=ListOf(NETWORK, least=1),
            doc="Where the carrier's signalling comes from; anything else is a stranger. Required with `listen`.",
            default="none",
        ),
        Key(
            name="send_to",
            kind=ListOf(SEND_TO, least=1),
            doc="Where calls go, in order of preference; the next one is taken when one doesn't answer. Addresses are "
            "among `carrier_addresses`. Required with `listen`.",
            default="none",
        ),
        Key(name="dial_format", kind=FORMAT, doc="How the carrier wants the called number written."),
        Key(
            name="tech_prefix",
            kind=pattern("at most 15 of the characters 0-9 * # +", "[0-9*#+]{1,15}"),
            doc="Put before the called number for the carrier.",
            default="none",
        ),
        Key(name="from_format", kind=FORMAT, doc="How the carrier wants the caller ID written."),
        *BOUNDS,
        Key(
            name="transfers",
            kind=choice("refuse", "judge"),
            doc="REFER of a source to this carrier, which would place the call itself: refused; or the number is "
            "judged like that of a direct call, charged, and the REFER passed on. Such a call can't be cut, and counts "
            "as long as a call may last.",
        ),
        Key(
            name="unlisted",
            kind=ListOf(REGION),
            doc="Countries abroad whose unlisted number ranges may be called.",
            default="none",
        ),
        Key(
            name="block_lists",
            kind=ListOf(text("the path of a CSV file")),
            doc="CSV files of numbers and prefixes that are refused; paths are relative to the file that names them.",
            default="none",
        ),
        Key(
            name="risk_alert",
            kind=or_off(integer(0, 100)),
            doc="Risk of a destination (0 to 100) from which people are told.",
        ),
        Key(
            name="risk_block",
            kind=or_off(integer(0, 100)),
            doc="Risk of a destination (0 to 100) from which calls are refused.",
            default="off",
        ),
        Key(
            name="max_price_per_min",
            kind=MONEY,
            doc="Calls dearer than this per minute are refused, and calls whose price isn't known.",
            default="no ceiling",
        ),
        Key(
            name="shared_cost_ceiling",
            kind=MONEY,
            doc="Everyday shared-cost numbers at home (0845, 0180) pass up to this price per minute.",
            default="they are refused",
        ),
        Key(
            name="billing",
            kind=Either(FLAT, BILLING),
            doc='What calls cost; `"flat"`: nothing by the minute, so no money is counted.',
            default='`"flat"`',
        ),
        Key(
            name="when_down",
            kind=choice("national_only", "refuse", "allow"),
            doc="What happens to new calls while the engine or the ledger can't answer. Emergency calls always pass.",
        ),
        Key(
            name="register",
            kind=REGISTER,
            doc="How the guard registers there itself; without it the carrier knows us by address, or the PBX "
            "registers through the guard.",
            default="it doesn't",
        ),
        Key(
            name="identity",
            kind=choice("transparent", "own"),
            doc="What the carrier sees of the inside. transparent: calls as the source sent them, one proxy further; "
            "own: a Contact, Call-ID, CSeq and Via of ours, and nothing that names the inside "
            "([identity toward carriers](identity.md)).",
        ),
        Key(
            name="pass_headers",
            kind=ListOf(pattern("the name of a header, of letters, digits and hyphens", "[A-Za-z0-9-]{1,64}")),
            doc='Headers that pass toward the carrier beside those that SIP needs, with `identity = "own"`; one that '
            "names the inside is left out all the same.",
            default="none",
        ),
        Key(
            name="sign",
            kind=flag(),
            doc="Sign calls to it with the key of `[shaken]` (docs/shaken.md); emergency calls aren't.",
        ),
        Key(name="ring_limit_s", kind=integer(10, 600, "seconds"), doc="Longest ringing, seconds."),
        Key(
            name="session_timer_s",
            kind=or_off(integer(90, 86_400, "seconds")),
            doc="Session-Expires put in where the far side supports session timers (RFC 4028), seconds.",
        ),
        Key(
            name="srtp",
            kind=choice("required", "offered", "forbidden"),
            doc="What is asked of the media of its calls, both ways ([media](media.md)). required: SRTP in every offer "
            "and answer; offered: SRTP in the first offer, at best effort too, kept once answered; forbidden: none.",
            default="nothing is asked",
        ),
        MEDIA,
        *PARTY_TLS,
    ),
    defaults=Trunk,
)
RULE = Table(
    doc="How one rule acts, by its slug.",
    keys=(
        Key(
            name="mode",
            kind=choice("enforce", "observe", "off"),
            doc="enforce refuses; observe records and lets pass; off doesn't look.",
            required=True,
        ),
    ),
)
BEHAVIOUR = Table(
    doc="How the evidence of the behaviour rules is used: they learn what is usual, and weigh what isn't.",
    keys=(
        Key(
            name="mode",
            kind=choice("enforce", "observe", "off"),
            doc="Of all behaviour rules but those with a mode of their own under `[rules]`: enforce counts their "
            "evidence, observe records what it would have done, off doesn't look.",
        ),
        Key(name="alert", kind=or_off(integer(1, 1000)), doc="Evidence against a call from which people are told."),
        Key(
            name="block",
            kind=integer(1, 1000),
            doc="Evidence against a call, of rules that enforce, from which it is refused.",
        ),
        Key(
            name="settle_h",
            kind=integer(1, 720, "hours"),
            doc="How long ago something has to be seen first to be no longer new, hours.",
        ),
        Key(
            name="memory_days",
            kind=integer(7, 730, "days"),
            doc="What wasn't seen for so long is new again, days.",
        ),
    ),
    build=lambda values: Behaviour(**values),
    defaults=Behaviour,
)
CONTAINMENT = Table(
    doc="What is done about an incident by itself, narrowest first. Numbers count the different numbers that were "
    "refused, or cut, for the evidence against them, within a day.",
    keys=(
        Key(
            name="mode",
            kind=choice("enforce", "observe", "off"),
            doc="enforce: it is done; observe: it is told what would have been done; off: nothing. Without behaviour "
            "rules that enforce, nothing is done in any mode.",
        ),
        Key(
            name="hold_min",
            kind=integer(1, 1440, "minutes"),
            doc="How long it holds, minutes; twice as long each time the same is contained again, up to a day.",
        ),
        Key(
            name="slow_down",
            kind=or_off(integer(1, 1000)),
            doc="Numbers after which the extension gets one call abroad in 30 seconds.",
        ),
        Key(
            name="refuse_range",
            kind=or_off(integer(1, 1000)),
            doc="Numbers of one range of a thousand after which the source is refused the range.",
        ),
        Key(
            name="quarantine_extension",
            kind=or_off(integer(1, 1000)),
            doc="Numbers after which the extension may call no new number abroad.",
        ),
        Key(
            name="quarantine_source",
            kind=or_off(integer(1, 1000)),
            doc="Extensions with such numbers within an hour after which their source may call no new number abroad.",
        ),
        Key(
            name="international_off",
            kind=or_off(integer(1, 1000)),
            doc="Sources with such numbers within an hour after which their trunk takes no call to a new number abroad "
            "from anybody. Whoever gets at that many sources can use it against you.",
        ),
        Key(
            name="ban_address",
            kind=or_off(integer(1, 1000)),
            doc="Numbers after which no call is taken from the address that a source of the zone remote called from.",
        ),
        Key(
            name="cut_calls",
            kind=flag(),
            doc="A quarantine also ends the calls in progress to numbers that were new.",
        ),
    ),
    build=lambda values: Containment(**values),
    defaults=Containment,
)
LEDGER = Table(
    doc="Where facts and decisions are kept. Main file only.",
    keys=(
        Key(
            name="path",
            kind=text("a path"),
            doc="The database file, relative to the directory the guard is started in.",
        ),
        Key(
            name="durability",
            kind=choice("process", "power"),
            doc="process: what was answered survives a crash of the guard, at most 100 ms are lost in a power failure; "
            "power: nothing is lost, each commit waits for the disk.",
        ),
        Key(name="keep_days", kind=integer(1, 3650, "days"), doc="How long facts are kept, days."),
        Key(name="messages", kind=flag(), doc="Keep SIP messages in segment files beside the ledger."),
        Key(
            name="stranger_rows_per_10s",
            kind=integer(0, 100_000, "rows"),
            doc="Unknown addresses that get a row of their own in ten seconds; the rest is summed up.",
        ),
    ),
    build=lambda values: Ledger(**values),
    defaults=Ledger,
)
CONTROL = Table(
    doc="How the guard is commanded. Main file only.",
    keys=(
        Key(
            name="socket",
            kind=text("a path", longest=100),
            doc="The control socket, relative to the directory the guard is started in; for its owner only.",
            default="`state/control.sock`",
        ),
    ),
)

NAMED: dict[str, Table] = {
    "listen": LISTEN,
    "trunk": TRUNK,
    "profile": PROFILE,
    "source": SOURCE,
    "tenant": TENANT,
    "asterisk": ASTERISK,
    "rules": RULE,
    "service": SERVICE,
    "feed": FEED,
}
"""Sections of named tables: `[trunk.carrier]`."""

LISTED: dict[str, Table] = {
    "exception": EXCEPTION,
    "address_exception": ADDRESS_EXCEPTION,
    "transport_exception": TRANSPORT_EXCEPTION,
}
"""Sections of tables without a name: `[[exception]]`."""

SINGLE: dict[str, Table] = {
    "site": SITE,
    "behaviour": BEHAVIOUR,
    "containment": CONTAINMENT,
    "ledger": LEDGER,
    "control": CONTROL,
    "admit": ADMIT,
    "digest": DIGEST,
    "bans": BANS,
    "requests": REQUESTS,
    "shaken": SHAKEN,
    "firewall": FIREWALL,
}
"""Sections that are there once, in the main file."""

INCLUDE = Key(
    name="include",
    kind=ListOf(text("a path, which may have * in it")),
    doc="More files, relative to this one: `tenants/*.toml`. They hold named tables and exceptions, nothing else. "
    "A path without `*` has to be there; that nothing fits a pattern is told by `ringfence policy lint`.",
    default="none",
)

RULE_SLUGS = tuple(slug for slug in SLUGS if slug not in (UNVERIFIED.slug, TRANSFER.slug))
"""Rules that have a mode. Who sends has to be known for anything else to be judged, and what transfers may do is said
with their trunk and source, so those rules have none."""
