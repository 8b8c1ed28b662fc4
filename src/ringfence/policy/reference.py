"""docs/policy.md, made from the tables that the file is read by."""

from __future__ import annotations

from typing import Any

import msgspec

from ringfence.policy.keys import BILLING, INCLUDE, LISTED, NAMED, RULE_SLUGS, SINGLE
from ringfence.policy.keys_accounts import REGISTER, REGISTRATIONS
from ringfence.policy.keys_limits import BOUNDS, CALL_RATE, CLASS_CAPS, LEVELS, PER_CALLER, SPEND
from ringfence.policy.keys_party import PLAN, REDIRECT
from ringfence.policy.keys_requests import PACE, RATE
from ringfence.policy.kinds import Either, Key, Kind, MapOf, Table, listing
from ringfence.policy.lint import LINTS

INTRODUCTION = """\
# The policy file

*This page is made from the code (`tools/policy_reference.py`); don't edit it.*

The policy is one TOML file, which may include others. `examples/policy.toml` is a whole one to start from.

- `ringfence policy check FILE` names every mistake at once, each with file, line, key, what is allowed and what to do.
- `ringfence policy lint FILE` finds what is legal but unwise ([below](#lints)).
- `ringfence policy explain FILE --source S --dial N --at "Sun 03:12"` says what would happen to a call, and which line
  decides.
- `ringfence policy schema` writes a JSON Schema for editors.

An unknown key is an error: a misspelled cap must not be a missing cap. Names of tables are letters, digits, `-` and
`_`. Money is in units of the trunk's currency, exact to six decimals, as a number or in quotes. Keys that end in `_s`
are seconds, in `_ms` milliseconds. Windows of money and calls roll: nothing is reset at midnight.

Destination classes are `domestic`, `international` and `special` (premium, shared cost, personal, satellite and other
numbers that share revenue). Emergency calls have no limits: they are never refused.

A call must be within every limit that applies: the trunk's, the source's, its tenant's and its extension's. The caps of
all of them are taken together or not at all. A key that a source doesn't have comes from its profile, then has its
default.
"""

_PARTS: tuple[tuple[str, str, Table], ...] = (
    ("limits", "Limits", Table(doc="What a trunk, source, profile or tenant may do.", keys=BOUNDS)),
    ("class-caps", "Caps of a class", CLASS_CAPS),
    ("per-caller", "Caps of each extension", PER_CALLER),
    ("levels", "Levels", LEVELS),
    ("call-rate", "Calls per second", CALL_RATE),
    ("money", "Money", SPEND),
    ("plan", "Dial plan", PLAN),
    ("registrations", "Registrations", REGISTRATIONS),
    ("register", "Registering at the carrier", REGISTER),
    ("redirect", "Redirect", REDIRECT),
    ("billing", "Billing", BILLING),
    ("pace", "Requests by kind", PACE),
    ("rate", "Rate", RATE),
)
"""Tables that stand inside others: anchor, title, keys."""


_CONTROLS = (
    ("A1", "signalling from named addresses only", "`source.addresses`, `trunk.carrier_addresses`"),
    ("A2", "media in named ranges alone", "`media`, rule `media-elsewhere`; the firewall keeps others out"),
    ("A3", "this machine's firewall made from the policy", "`[firewall]`, `[service]`"),
    ("A4", "a range that grows is noticed", "lint `broader-than-before`"),
    (
        "A6",
        "digest where there is no fixed address",
        "`auth`, `accounts`, `digest_algorithms`, `[digest]`, `listen.digest`",
    ),
    ("A7", "TLS with validation both ways", "`transport`, `certificate`, `client_ca`, `tls_name`, `tls_peer`, `ca`"),
    ("A8", "SRTP as each trunk asks, judged in every offer and answer", "`trunk.srtp`"),
    ("A9", "only owned caller IDs", "`caller_ids`, `caller_id_policy`, `caller_id`"),
    ("A10", "each source within its zone", "`zone`, `directions`, `trunks`, `permit`, `dids`"),
    ("A11", "registrations from permitted networks, few contacts", "`networks`, `registrations`"),
    (
        "A12",
        "remote users through the VPN; anything else has an owner and an end",
        "`site.vpn`, `[[address_exception]]`",
    ),
    ("A13", "callers verified by their signature, calls signed (STIR/SHAKEN)", "`[shaken]`, `sign`"),
    ("A14", "nothing of the inside shown to the carrier", "`identity`, `pass_headers`"),
    ("A15", "no failover to less TLS or SRTP without an owner and an end", "`[[transport_exception]]`"),
    ("B1", "requests of one address by method", "`[requests]`"),
    ("B2", "who guesses passwords is banned", "`[bans]`"),
    ("B4", "so are scanners, sweeps and probing, and who is on a list of others", "`[bans]`, `[feed.NAME]`"),
    ("B5", "calls that wait for an answer", "`requests.half_open`"),
    (
        "B6",
        "whom the policy names never is",
        "`bans.allow`, `firewall.admins`, lints `ban-too-hasty`, `never-banned-too-wide`",
    ),
    ("C2", "default deny", "`permit`"),
    ("C3", "premium, satellite and the like by name", "`special`, `shared_cost_ceiling`"),
    ("C5", "unlisted ranges abroad by name", "`unlisted`"),
    ("C6", "risk with your own scores", "`site.risks`, `risk_alert`, `risk_block`, `block_lists`"),
    ("C7", "opening hours", "`hours`, `site.time_zone`, `site.holidays`"),
    ("C8", "emergency calls pass everything; test routes end", "`plan.emergency`, `caller_id`, `[[exception]]`"),
    ("C9", "one policy over several trunks", "lint `trunks-disagree`"),
    ("C10", "transfers judged like calls", "`transfers`; [every path](paths.md)"),
    ("C11", "a refused caller hears why", "`asterisk.NAME.announcements`"),
    ("D1", "calls in progress", "`concurrent`, `class.CLASS.concurrent`, `per_caller.concurrent`"),
    ("D2", "new calls in several windows at once", "`calls_per_second`, `..._minute`, `..._hour`, `..._day`"),
    ("D4", "money and price", "`spend`, `max_price_per_min`, `billing`"),
    ("D5", "longest call", "`max_call_s`"),
    ("E6", "PBX events live", "`[asterisk.NAME]`, `[admit]`"),
    ("E10", "how long records are kept", "`ledger.keep_days`"),
    ("F6", "behaviour when down", "`when_down`"),
)
"""Which key does which control of the catalogue."""


def reference() -> str:
    """The whole page."""
    sections = [INTRODUCTION, _section("include", "Top of the main file", INCLUDE.doc, (INCLUDE,))]
    sections += [_table(name, f"`[{name}]`", table) for name, table in SINGLE.items()]
    sections += [_table(name, f"`[{name}.{_own(name)}]`", table) for name, table in NAMED.items()]
    sections += [
        f"Slugs: {', '.join(f'`{slug}`' for slug in RULE_SLUGS)}.\n",
        *(_table(section, f"`[[{section}]]`", table) for section, table in LISTED.items()),
    ]
    sections += [_table(anchor, title, table) for anchor, title, table in _PARTS]
    return "\n".join([*sections, _lints(), _controls()])


def _own(section: str) -> str:
    return "SLUG" if section == "rules" else "NAME"


def _table(anchor: str, title: str, table: Table) -> str:
    limits = anchor != "limits" and BOUNDS[0] in table.keys
    keys = tuple(key for key in table.keys if not limits or key not in BOUNDS)
    keys = tuple(msgspec.structs.replace(key, default=key.default or default_of(table, key.name)) for key in keys)
    more = "\nAnd the keys of [limits](#limits).\n" if limits else ""
    return _section(anchor, title, table.doc, keys) + more


def _section(anchor: str, title: str, doc: str, keys: tuple[Key, ...]) -> str:
    head = "| key | value | default | meaning |\n|---|---|---|---|\n"
    return f'<a id="{anchor}"></a>\n\n## {title}\n\n{doc}\n\n{head}{"".join(map(_row, keys))}'


def _row(key: Key) -> str:
    cells = (f"`{key.name}`", _says(key.kind), _default(key), key.doc)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _says(kind: Kind) -> str:
    """What is allowed; of a table where its keys are."""
    if isinstance(kind, Table):
        return next(f"a table of [{title.lower()}](#{anchor})" for anchor, title, table in _PARTS if table is kind)
    if isinstance(kind, MapOf):
        return f"a table with {listing(f'`{name}`' for name in kind.names)}, each {_says(kind.item)}"
    if isinstance(kind, Either):
        return f"{kind.plain.says}, or {_says(kind.container)}"
    return kind.says


def _default(key: Key) -> str:
    return "*required*" if key.required else key.default


def default_of(table: Table, name: str) -> str:
    """The default of the settings struct, as the file would have it."""
    fields = {field.name: field.default for field in msgspec.structs.fields(table.defaults)} if table.defaults else {}
    return _toml(fields[name]) if name in fields and fields[name] is not msgspec.NODEFAULT else ""


def _toml(value: Any) -> str:
    if value is None:
        return "off"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _lints() -> str:
    rows = "".join(f"| {each.code} | `{each.slug}` | {each.why} |\n" for each in LINTS)
    head = "| code | slug | why it matters |\n|---|---|---|\n"
    return f'<a id="lints"></a>\n\n## Lints\n\nWhat `policy lint` finds.\n\n{head}{rows}'


def _controls() -> str:
    rows = "".join(f"| {code} | {what} | {keys} |\n" for code, what, keys in _CONTROLS)
    return f'<a id="controls"></a>\n\n## Controls\n\n| control | what | keys |\n|---|---|---|\n{rows}'
