"""Each lint finds what it is for, names the place, and keeps silent about the example and a near miss."""

from pathlib import Path

import pytest

from ringfence.numbers import overlay
from ringfence.policy import Loader
from ringfence.policy.lint import LINTS, Finding, lint
from ringfence.policy.lints.destinations import witness

EXAMPLE = Path(__file__).parents[2] / "examples"
TEXT = (EXAMPLE / "policy.toml").read_text(encoding="utf-8")
NOW = 1_798_761_600_000_000  # 2027-01-01
SOURCE_B = (
    "\n[source.b]\nprofile='office'\nzone='vendor'\nlisten='inside'\naddresses=['10.0.0.1']\ntrunks=['carrier']\n"
)
DIGEST = (
    "\n[digest]\nrealm='x'\n[source.d]\nprofile='office'\nlisten='inside'\nauth='digest'\naccounts=['d']\ndigest_algorithms=['MD5']\n"
    "zone='internal'\ntrunks=['carrier']\nnetworks=['0.0.0.0/0']\n"
)
TRUNK_B = (
    "\n[trunk.b]\nlisten='outside'\ncarrier_addresses=['192.0.2.1']\nsend_to=['sip:192.0.2.1']\n"
    "concurrent={block=1}\nspend={total={per_day=1}}\nmax_price_per_min=1\nmax_call_s=60\nbilling={rates='rates.csv'}\n"
)
EXCEPTION = "\n[[exception]]\nwhat='LV'\nowner='noc'\nwhy='x'\nuntil="
ADDRESS_EXCEPTION = EXCEPTION.replace("[[", "[[address_").replace("what='LV'", "source='pbx'\naddresses=['127.0.0.2']")
ADDRESS_EXCEPTION = ADDRESS_EXCEPTION.replace("'x'", "'y'")
ZONE = 'home_country = "US"                    # (1) a number without a country code is a US number\n'
CARRIER = 'carrier_addresses = ["127.0.0.3"]'
LINE = 'zone = "internal"\n'


def findings(tmp_path: Path, text: str, before: str | None = None) -> tuple[Finding, ...]:
    (tmp_path / "rates.csv").write_text((EXAMPLE / "rates.csv").read_text())
    path = tmp_path / "policy.toml"
    old = None
    if before is not None:
        path.write_text(before)
        old = Loader(str(path)).load().policy
    path.write_text(text)
    return lint(Loader(str(path)).load(), now=NOW, before=old)


def test_example_is_wise(tmp_path: Path) -> None:
    assert findings(tmp_path, TEXT) == ()


def edit(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


CONCURRENT = "concurrent = { expected = 2, alert = 4, block = 5, carrier_cap = 10 }"
INTERNATIONAL = "international = { per_day = 20, per_month = 200 }\n"
TRUNKS = 'trunks = ["carrier"]'
BOTH = edit(TRUNKS, 'trunks = ["carrier", "b"]') + TRUNK_B

ACCOUNTS = DIGEST.replace("['MD5']", "['SHA-256']").replace("0.0.0.0/0", "192.0.2.0/24")
ACCOUNTS += "caller_ids=['+12125550100']\ncaller_id='+12125550100'\n"
LISTENS = edit("[listen.inside]\n", "[listen.inside]\ndigest = true\n") + ACCOUNTS

CASES: list[tuple[str, str, str, str]] = [
    (
        "ban-too-hasty",
        TEXT + "\n[bans]\nshort_failures = 2",
        "bans.short_failures",
        "2 wrong passwords ban an address: a mistyped one does that",
    ),
    (
        "ban-too-hasty",
        TEXT + "\n[bans]\nshort_failures = 7",
        "bans.shared_failures",
        "5 failures are enough, where one",
    ),
    ("ban-too-hasty", TEXT + "\n[bans]\nshort_min = 120", "bans.short_min", "keeps an office out for 120 minutes"),
    ("guessing-goes-on", LISTENS + "\n[bans]\nmode = 'observe'", "bans.mode", "guesses are counted, but nobody"),
    ("guessing-goes-on", LISTENS + "\n[bans]\nmode = 'off'", "bans.mode", "guesses are not counted"),
    ("guessing-goes-on", LISTENS + "\n[bans]\nfailures = 'off'", "bans.failures", "slow guessing"),
    ("guessing-goes-on", LISTENS + "\n[bans]\nfailures = 50", "bans.failures", "50 wrong passwords are let through"),
    (
        "rate-under-cap",
        edit(LINE, LINE + "calls_per_second = { block = 20, burst = 20 }\n")
        + "\n[requests.party]\ninvite = { per_second = 19, burst = 20 }",
        "requests.party.invite",
        "source pbx may make 20 calls a second, and 19 INVITEs are taken",
    ),
    ("never-banned-too-wide", TEXT + "\n[bans]\nallow = ['10.0.0.0/8']", "bans.allow[0]", "in all of 10.0.0.0/8"),
    ("no-concurrent-cap", edit(CONCURRENT, ""), "trunk.carrier.concurrent", "no cap on calls in progress"),
    (
        "alert-without-block",
        edit("concurrent = { alert = 3, block = 4 }", "concurrent = { alert = 3 }"),
        "source.pbx.per_caller.concurrent.alert",
        "source.pbx.per_caller.concurrent alerts at 3, and no cap beside it refuses",
    ),
    (
        "alert-without-block",
        edit("concurrent = { alert = 3, block = 4 }", "calls_per_second = { alert = 0.5 }"),
        "source.pbx.per_caller.calls_per_second.alert",
        "alerts at 0.5, and no cap beside it refuses",
    ),
    (
        "expected-over-alert",
        edit("expected = 2", "expected = 5"),
        "trunk.carrier.concurrent.expected",
        "over its alert level of 4",
    ),
    (
        "no-burst",
        edit("block = 5, burst = 10, pace_ms = 300", "block = 5, pace_ms = 50"),
        "trunk.carrier.calls_per_second.block",
        "refuses a call less than 150 ms after the one before",
    ),
    ("no-spend-cap", edit(INTERNATIONAL, ""), "trunk.carrier.spend", "any amount on calls abroad"),
    (
        "spend-without-rates",
        edit(LINE, LINE + "spend = { total = { per_day = 5 } }\n")
        .replace('billing = { rates = "rates.csv", currency = "USD" }', "")
        .replace("max_price_per_min = 0.25", "")
        .replace("[trunk.carrier.spend]\ndomestic = { per_day = 50, per_month = 500 }", "")
        .replace(INTERNATIONAL, "")
        .replace("special = { per_day = 5, per_month = 20 }", ""),
        "source.pbx.spend",
        "calls on trunk carrier have no price",
    ),
    (
        "month-under-day",
        edit("per_day = 20, per_month = 200", "per_day = 20, per_month = 19"),
        "trunk.carrier.spend.international.per_month",
        "less in a month than in a day",
    ),
    (
        "cap-without-effect",
        edit("calls_per_day = { alert = 1500, block = 2000 }", "calls_per_day = { alert = 10, block = 20 }"),
        "trunk.carrier.calls_per_minute.block",
        "90 calls in a minute and 20 in a day",
    ),
    (
        "cap-without-effect",
        edit("concurrent = { alert = 3, block = 4 }", "concurrent = { alert = 3, block = 6 }"),
        "source.pbx.per_caller.concurrent.block",
        "6 calls in progress where all together may have 5",
    ),
    (
        "cap-without-effect",
        edit(
            "[trunk.carrier.max_call_s]",
            "[trunk.carrier.class.international]\nconcurrent = { block = 9 }\n\n[trunk.carrier.max_call_s]",
        ),
        "trunk.carrier.class.international.concurrent.block",
        "9 calls in progress where all together may have 5",
    ),
    (
        "both-sides",
        edit('addresses = ["127.0.0.2"]', 'addresses = ["127.0.0.3"]'),
        "source.pbx.addresses",
        "source pbx and the carrier of trunk carrier are both 127.0.0.3",
    ),
    (
        "no-price-ceiling",
        edit("max_price_per_min = 0.25", ""),
        "trunk.carrier.max_price_per_min",
        "at any price per minute",
    ),
    ("no-longest-call", edit("international = 3600", ""), "trunk.carrier.max_call_s", "may last for ever"),
    ("permits-high-risk", edit('"GB"]', '"GB", "CU", "+371", "+1876"]'), "trunk.carrier.permit", "+371 (30), CU (35)"),
    (
        "trunks-disagree",
        BOTH,
        "trunk.carrier.permit",
        "is refused CA, GB on trunk b and gets them on trunk carrier: for instance +1",
    ),
    (
        "trunks-disagree",
        edit(TRUNKS, 'trunks = ["carrier", "b"]') + TRUNK_B + "permit=['US','CA','GB']\nspecial=['satellite']",
        "trunk.b.special",
        "is refused satellite numbers on trunk carrier",
    ),
    (
        "permit-in-vain",
        edit(LINE, LINE + 'permit = ["US", "FR", "+4420"]\n'),
        "source.pbx.permit",
        "permits FR, which no trunk",
    ),
    (
        "broad-addresses",
        edit(CARRIER, 'carrier_addresses = ["127.0.0.3", "203.0.113.0/24", "198.51.0.0/16"]'),
        "trunk.carrier.carrier_addresses",
        "anybody in 198.51.0.0/16",
    ),
    (
        "broad-addresses",
        edit('addresses = ["127.0.0.2"]', 'addresses = ["9.0.0.0/16"]\ndeliver_to = "9.0.0.1"'),
        "source.pbx.addresses",
        "anybody in 9.0.0.0/16",
    ),
    ("any-caller-id", edit('"owned" ', '"any" '), "source.pbx.caller_id_policy", "any caller ID"),
    (
        "no-caller-ids",
        edit('caller_ids = ["+12125550100-+12125550199"]', ""),
        "source.pbx.caller_ids",
        "every call of it is refused",
    ),
    (
        "caller-id-not-own",
        edit('caller_id = "+12125550100"', 'caller_id = "+12125550200"'),
        "source.pbx.caller_id",
        "+12125550200",
    ),
    ("no-emergency-caller-id", edit('caller_id = "+12125550100"', ""), "source.pbx.caller_id", "none to call back"),
    (
        "vendor-originates",
        TEXT + SOURCE_B + "caller_ids=['+12125550100']\ncaller_id='+12125550100'",
        "source.b.directions",
        "is a vendor and may place calls",
    ),
    (
        "forwarded-unseen",
        edit(LINE, LINE + 'caller_id_policy = "owned_or_forwarded"\nredirect = {}\n').replace(
            '["out", "in"]', '["out"]'
        ),
        "source.pbx.caller_id_policy",
        "none is known as forwarded",
    ),
    (
        "md5-digest",
        edit('bind = "127.0.0.1:5060"', 'digest=true\nbind = "127.0.0.1:5060"') + DIGEST,
        "source.d.digest_algorithms",
        "may prove its passwords by MD5",
    ),
    ("observe-mode", edit(LINE, LINE + 'mode = "observe"\n'), "source.pbx.mode", "nothing is refused to source pbx"),
    ("observe-mode", TEXT + "\n[rules.spend]\nmode = 'off'", "rules.spend.mode", "rule spend is off"),
    ("exception-ends-soon", TEXT + EXCEPTION + "2027-01-13", "exception[1].until", "ends in 13 days (noc: x)"),
    ("exception-expired", TEXT + EXCEPTION + "2026-12-30", "exception[1].until", "has ended and is ignored"),
    ("open-when-down", edit('"national_only"', '"allow"'), "trunk.carrier.when_down", "lets every call pass"),
    (
        "exception-ends-soon",
        TEXT + ADDRESS_EXCEPTION + "2027-01-13",
        "address_exception[1].until",
        "for pbx at 127.0.0.2/32 ends in 13 days (noc: y)",
    ),
    ("exception-too-long", TEXT + EXCEPTION + "2028-01-03", "exception[1].until", "LV holds for 368 days"),
    (
        "holidays-over",
        edit(ZONE, ZONE + "holidays = [2026-12-25, 2026-12-30]\n").replace(
            LINE, LINE + "hours = 'daily 08:00-18:00'\n"
        ),
        "site.holidays",
        "the last holiday was 2026-12-30",
    ),
    (
        "exception-for-everybody",
        TEXT + EXCEPTION + "2027-06-01" + SOURCE_B,
        "exception[1].source",
        "every source may call LV (noc: x)",
    ),
    (
        "permitted-too-dear",
        edit('permit = ["US", "CA", "GB"]', 'permit = ["US", "CU", "FR"]'),
        "trunk.carrier.permit",
        "CU costs 0.92 in its first minute (+532100000), FR has no rate (+33",
    ),
    (
        "prefix-of-many-countries",
        edit('permit = ["US", "CA", "GB"]', 'permit = ["+1", "GB"]'),
        "trunk.carrier.permit",
        "trunk carrier permits +1, which is 25 countries: AG, AI, AS, BB, BM, BS and 19 more",
    ),
    ("broad-addresses", edit(ZONE, ZONE + "vpn = ['10.0.0.0/8', '128.0.0.0/1']\n"), "site.vpn", "in 128.0.0.0/1"),
    (
        "tenant-time-zone",
        edit(LINE, LINE + 'tenant = "t"\n') + "\n[tenant.t]\nhome_country = 'GB'",
        "tenant.t.home_country",
        "the site's America/New_York",
    ),
    ("unused", TEXT + TRUNK_B, "trunk.b", "nothing uses trunk.b"),
    (
        "include-without-files",
        'include = ["pol*.toml", "tenants/*.toml"]\n' + TEXT,
        "include[2]",
        "no file fits 'tenants/*.toml'",
    ),
    (
        "srtp-keys-in-clear",
        edit(CARRIER, CARRIER + '\nsrtp = "required"'),
        "trunk.carrier.srtp",
        "trunk carrier speaks UDP",
    ),
    (
        "srtp-keys-in-clear",
        edit(CARRIER, CARRIER + '\nsrtp = "offered"').replace(LINE, 'zone = "vendor"\n'),
        "source.pbx.listen",
        "source pbx, with trunk carrier speaks UDP",
    ),
    (
        "unused",
        edit(CARRIER, CARRIER + '\npass_headers = ["X-Account"]'),
        "trunk.carrier.pass_headers",
        "passes every header",
    ),
]


@pytest.mark.parametrize(("slug", "text", "key", "said"), [pytest.param(*c, id=f"{c[0]}-{c[2]}") for c in CASES])
def test_finds(tmp_path: Path, slug: str, text: str, key: str, said: str) -> None:
    found = [f for f in findings(tmp_path, text) if f.slug == slug]
    assert [f.key for f in found if said in f.text] == [key], found
    assert all(f.place.rpartition(":")[2].isdigit() for f in found)


def test_broader_than_before(tmp_path: Path) -> None:
    narrow = edit(CARRIER, 'carrier_addresses = ["127.0.0.3", "203.0.113.0/29", "203.0.113.8/29"]')
    broad = narrow.replace("203.0.113.0/29", "203.0.112.0/24")
    (found,) = findings(tmp_path, broad, before=narrow)
    assert (found.slug, found.key) == ("broader-than-before", "trunk.carrier.carrier_addresses")
    assert "more than before: 203.0.112.0/24" in found.text
    merged = narrow.replace('"203.0.113.0/29", "203.0.113.8/29"', '"203.0.113.0/28"')
    assert findings(tmp_path, merged, before=narrow) == ()
    near = edit(CARRIER, CARRIER + '\nmedia = ["198.51.100.64/27"]')
    (found,) = findings(tmp_path, near.replace("/27", "/26"), before=near)
    assert (found.slug, found.key) == ("broader-than-before", "trunk.carrier.media")


@pytest.mark.parametrize(
    "text",
    [
        TEXT + EXCEPTION + "2027-01-15",  # more than 14 days
        TEXT + "\n[bans]\nmode = 'observe'",  # nobody is challenged
        TEXT + "\n[bans]\nshort_failures = 3\nshared_failures = 3\nfailures = 3\nallow = ['10.1.0.0/16']",
        LISTENS + "\n[bans]\nfailures = 20",
        edit(LINE, LINE + "calls_per_second = { block = 20, burst = 20 }\n")
        + "\n[requests.party]\ninvite = { per_second = 20, burst = 20 }",
        edit("burst = 10, pace_ms = 300", "pace_ms = 200"),
        edit("block = 5, burst = 10, pace_ms = 300", "block = 5, burst = 2"),
        TEXT + EXCEPTION + "2027-12-31",  # not more than a year
        edit(ZONE, ZONE + "holidays = [2026-12-31]\n").replace(LINE, LINE + "hours = 'daily 08:00-18:00'\n"),  # today
        edit(ZONE, ZONE + "holidays = [2026-01-01]\n"),  # without opening hours
        edit(TRUNKS, 'trunks = ["carrier", "b"]') + TRUNK_B + "permit=['US','CA','GB']",
        BOTH.replace(LINE, LINE + "permit = ['US']\n"),
        BOTH.replace(LINE, LINE + "tenant = 't'\n") + "\n[tenant.t]\npermit = ['US']",
        BOTH.replace(LINE, LINE + "permit = ['US']\nspecial = ['premium']\n") + "special = ['satellite']",
        edit(LINE, LINE + 'tenant = "t"\n') + "\n[tenant.t]\nhome_country = 'GB'\ntime_zone = 'Europe/London'",
        edit(LINE, LINE + 'permit = ["US", "+4420"]\n'),
        TEXT + SOURCE_B + "directions=['in']\ndids=['+12125550199']".replace("199", "150"),
        edit(CARRIER, CARRIER + '\nsrtp = "forbidden"').replace(LINE, 'zone = "remote"\n'),
    ],
    ids=[
        "later",
        "nobody-to-ban",
        "three-are-enough",
        "twenty-are-not-too-many",
        "rate-is-the-cap",
        "paced",
        "burst",
        "within-a-year",
        "holiday-today",
        "holidays-without-hours",
        "trunks-agree",
        "source-permits-less",
        "tenant-permits-less",
        "source-names-other-kinds",
        "own-zone",
        "part-of-permitted",
        "vendor-inbound",
        "no-keys",
    ],
)
def test_near_miss(tmp_path: Path, text: str) -> None:
    assert findings(tmp_path, text.replace('directions = ["out", "in"]', 'directions = ["out"]')) == ()


def test_every_lint_has_a_case() -> None:
    assert {each.slug for each in LINTS} - {case[0] for case in CASES} == {"broader-than-before"}


def test_codes_are_unique() -> None:
    assert len({each.code for each in LINTS}) == len({each.slug for each in LINTS}) == len(LINTS)


@pytest.mark.parametrize("what", ["GB", "+447", "+371", "+1876", "LV", "US", "+12125550100", "KZ", "VA"])
def test_witness_is_an_ordinary_number_there(what: str) -> None:
    number = witness(what)
    label = overlay.table().label(number)
    assert label.type in ("fixed", "mobile", "fixed_or_mobile")
    assert number.startswith(what[1:]) if what.startswith("+") else label.region == what
