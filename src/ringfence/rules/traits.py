"""What is unusual about an attempt: the numbers that the behaviour rules put into words and weigh.

The engine works them out once an attempt from what it remembers of the extension, the source, the tenant and the trunk
(`engine/behaviour.py`). What is *settled* was seen first at least `behaviour.settle_h` ago, in calls that nothing
spoke against; everything else is new. `usual_…` are the highest settled values of the time before.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Whose = Literal["", "extension", "source", "tenant", "trunk"]
"""The widest entity that something is new for; empty where it is new for none."""

Calls = Literal["all", "abroad", "new"]
"""Calls that a behaviour rule can say something of: all; those abroad or of a special kind; those among them to
something new (`Traits.new`)."""
WIDER: dict[Calls, tuple[Calls, ...]] = {"all": ("all",), "abroad": ("all", "abroad"), "new": ("all", "abroad", "new")}
"""Calls of a kind are of these kinds too."""

OFFICE_CALLS = 30
"""An office's hours are assumed of a source, and weigh as much as so many calls of its own."""
NOVEL = 0.05
"""Share of calls abroad to a new country, and of calls to a country that go to a new area, where little is known."""
QUIET = 0.15
"""Share of the mean hour under which an hour is one where hardly anybody calls."""


class Traits(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Of one attempt.

    From `new_region` on all is worked out for calls abroad or to special kinds only, and from `usual_calls_hour` on for
    those among them to something `new`.
    """

    foreign: bool
    """Abroad or of a special kind."""
    channels: int = 0
    """Calls in progress on the trunk, with this one."""
    usual_channels: int = 0
    """Most at once on the trunk in this hour of the week; 0 = not known."""
    toll_free_hour: int = 0
    """Calls of the extension to toll-free numbers within an hour, with this one."""
    usual_toll_free_hour: int = 0
    toll_free_source: int = 0
    """The same of the source."""
    usual_toll_free_source: int = 0

    new_region: Whose = ""
    new_area: Whose = ""
    """Calling code and the next three digits."""
    novelty: float = NOVEL
    """Share of the source's calls that go to a new country, or for a known country to a new area of it."""
    new_number: Whose = ""
    new_block: bool = False
    """Whether the thousand numbers around it are new for the source."""
    tier: int = -1
    """Price class of the call, 0 (cheap) to 4; -1 = not known."""
    new_tier: Whose = ""
    history: int = 0
    """Calls that the source has made altogether."""
    hour_share: float = 1.0
    """Calls usual in this hour of the week, as a share of the mean hour; of all calls."""
    foreign_hour_share: float = 1.0
    """The same of calls abroad."""
    calls_hour: int = 0
    """Calls abroad of the extension within an hour, refused ones too, with this one."""
    numbers_hour: int = 0
    """New numbers among them."""
    regions_hour: int = 0
    """Countries among them."""
    forms: int = 0
    """Ways in which this number was dialled at the source within 24 hours, with this one."""
    parallel: int = 0
    """Calls abroad of the extension that are up, with this one."""
    same_number: int = 0
    """Calls of the source to this number that are up, with this one."""
    usual_same_number: int = 0

    usual_calls_hour: int = 0
    usual_numbers_hour: int = 0
    usual_regions_hour: int = 0
    hour_counts: tuple[tuple[int, int], ...] = ()
    """Calls of the source in this clock hour, with this one, and the most in such an hour of the week before: to the
    country, to the area, of the price class."""
    block_numbers: int = 0
    """Numbers of the block that the source called within 24 hours, with this one."""
    run: int = 0
    """Calls of the extension in a row to numbers next to each other, with this one."""
    usual_parallel: int = 0
    tests: int = 0
    """Short calls of the source to new numbers of this area within a day before."""
    nights: int = 0
    """Earlier nights of two weeks in which the source called a new area in an hour where it never calls."""
    uniform: int = 0
    """The last answered calls abroad of the extension to new areas that took equally long."""
    uniform_s: int = 0
    """How long."""
    tried: int = 0
    """Calls abroad of the extension to new numbers that came to an end within a day, at most 20."""
    failed: int = 0
    """Those among them that nobody answered."""
    refused_numbers: int = 0
    """Numbers abroad that the extension was refused within an hour."""
    up_s: int = 0
    """Seconds that the call is up; 0 before it is answered."""
    usual_up_s: int = 0
    """Longest usual call abroad of the source."""
    new_network: str = ""
    """The network it comes from, if the extension is known and never came from there."""
    new_agent: str = ""
    """The user agent, if the extension is known and never used it."""
    wrong_passwords: int = 0
    """Wrong passwords for the extension within a day before it was registered from a network it isn't known from."""
    guessed_from: str = ""
    """That network."""
    guessed_s: int = 0
    """Seconds since that registration."""
    forwarded_by: str = ""
    """The party that forwarded the call."""
    inbound_before_s: int = -1
    """Seconds since a call to this extension came in that is still up; -1 = none is."""
    knocks: int = 0
    """Short inbound calls that overlapped or came right before, by the party of the inbound call that is up."""
    rings: int = 0
    """Missed calls from this number or its block within two days."""
    rung: int = 0
    """Numbers of ours that they rang."""

    @property
    def new(self) -> bool:
        """Whether the extension never called the number, its area or its country, or the source its block."""
        return bool(self.new_number or self.new_block or self.new_area or self.new_region)

    @property
    def calls(self) -> Calls:
        """The narrowest kind of calls that it is of."""
        if not self.foreign:
            return "all"
        return "new" if self.new else "abroad"

    @property
    def new_destination(self) -> bool:
        """Whether country or area is new for the source."""
        return self.new_region not in ("", "extension") or self.new_area not in ("", "extension")
