"""Where calls may go."""

from __future__ import annotations

from typing import Any

import pytest
from rulecase import GB, LV, US, exception, found, make_case, permit, told

from ringfence.rules.destination_not_permitted import DestinationNotPermitted

RULE = DestinationNotPermitted()
TRUNK, SOURCE, TENANT = ([("block", f"{place}.permit")] for place in ("trunk.carrier", "source.pbx", "tenant.hotel"))
PARTIES: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    (US, {}, []),
    (GB, {}, TRUNK),
    (GB, {"trunk": permit("US", "GB")}, []),
    (GB, {"trunk": permit("+44")}, []),
    (GB, {"trunk": permit("+4420")}, []),
    (GB, {"trunk": permit("+4421")}, TRUNK),
    (US, {"trunk": permit("GB")}, TRUNK),
    (US, {"trunk": permit()}, TRUNK),
    (GB, {"source": permit("GB")}, TRUNK),
    (GB, {"trunk": permit("GB"), "source": permit("US")}, SOURCE),
    (GB, {"trunk": permit("GB"), "source": permit()}, SOURCE),
    (GB, {"trunk": permit("GB"), "tenant": {}}, []),
    (GB, {"trunk": permit("GB"), "tenant": permit("GB", "LV")}, []),
    (GB, {"trunk": permit("GB"), "tenant": permit("LV")}, TENANT),
    (GB, {"source": permit("US"), "tenant": permit("LV")}, TRUNK + SOURCE + TENANT),
    ("+18769221234", {}, TRUNK),  # Jamaica: +1 is not one country
    ("8769221234", {}, TRUNK),
    ("+18769221234", {"trunk": permit("+1")}, []),
    ("+14165550123", {}, TRUNK),  # Canada
    ("12253442000", {}, []),  # Baton Rouge, not Ivory Coast
    ("+2250712345678", {"trunk": permit("US")}, TRUNK),
    ("18005551212", {"home": "CA"}, []),  # toll-free is at home in all of +1
    ("18005551212", {}, []),
    ("411", {}, []),
    ("411", {"trunk": permit("GB")}, TRUNK),
    ("411", {"trunk": permit("+4")}, TRUNK),  # a short number begins with no country code
    ("01137110000000", {"trunk": permit("LV")}, []),  # unlisted: another rule's business
    ("01137110000000", {}, TRUNK),
    ("12121550100", {}, []),
    ("alice", {}, []),  # no destination at all
    ("+881612345678", {"trunk": permit("US")}, TRUNK),
    ("+881612345678", {"trunk": permit("US", "+881")}, []),
]


@pytest.mark.parametrize(("dialled", "settings", "expected"), PARTIES)
def test_all_parties_permit(dialled: str, settings: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert told(RULE, make_case(dialled, **settings)) == expected


def test_a_trunk_without_a_list_permits_the_sites_home_whatever_the_sources_is() -> None:
    case = make_case(GB, home="GB", policy={"home_country": "US"})
    assert told(RULE, case) == TRUNK
    assert told(RULE, make_case("999", home="GB", policy={"home_country": "US"})) == TRUNK


def test_it_says_what_and_who() -> None:
    [finding] = found(RULE, make_case(LV, trunk=permit("US", "GB")))
    assert finding.text == "+37167000000 (fixed, LV) isn't permitted for trunk carrier"
    assert (finding.observed, finding.limit) == ("LV", "GB, US")


def test_an_exception_opens_it_and_is_named() -> None:
    exceptions = (exception("EE"), exception("LV"), exception("+37167"))
    case = make_case(LV, source=permit("US"), policy={"exceptions": exceptions})
    assert told(RULE, case) == [("info", "exception[3]")] * 2
    assert found(RULE, case)[0].text == (
        "+37167000000 (fixed, LV) isn't permitted for trunk carrier; "
        "permitted until Tue 2026-12-01 00:00 America/New_York by noc: ticket 4711"
    )
