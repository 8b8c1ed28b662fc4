"""Hard negatives: honest traffic that looks like fraud to a rule that looks at one thing.

That these happen is everyday knowledge of those who run telephone systems; how often and how large is assumed, since
nobody publishes it. Each is a function that adds its calls to a campaign marked `honest`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ringfence.testing.simulate import directory
from ringfence.testing.simulate.call import BUSY, FAILED
from ringfence.testing.simulate.campaign import MINUTE, SECOND, Campaign, moved
from ringfence.testing.simulate.customer import Customer, anybody, has_people, in_us, somewhere
from ringfence.testing.simulate.draws import talk_s, whole
from ringfence.testing.simulate.parameters import section


def _abroad(run: Campaign) -> str:
    """A country that isn't habitual but that businesses do call."""
    pool: list[str] = [c for c in section("countries")[run.owner.home].split() if c not in run.owner.countries]
    return run.rng.choice(pool[:30] or run.owner.countries)


def _numbers(run: Campaign, country: str, count: int) -> list[str]:
    return [directory.number(run.rng, country, "fixed", "fixed_or_mobile", "mobile") for _ in range(count)]


def new_branch(run: Campaign) -> None:
    """A branch or a customer in a country that was never called: some calls each working day, by a few people."""
    numbers = _numbers(run, _abroad(run), 6)
    people = run.rng.sample(run.owner.people, min(4, len(run.owner.people)))
    for day in range(run.rng.randint(0, 1), 5):
        for _ in range(run.rng.randint(4, 14)):
            run.call(run.working_hour(day), run.rng.choice(people), run.rng.choice(numbers))


def abroad_campaign(run: Campaign) -> None:
    """A sales or survey campaign: a list of numbers of one country, often in their order, in quick succession."""
    country = run.rng.choice([*run.owner.countries[:4], _abroad(run)])
    numbers = directory.in_order(run.rng, country, directory.FIXED, run.rng.randint(60, 200))
    if run.rng.random() < 0.5:
        numbers = _numbers(run, country, len(numbers))
    day, people = run.rng.randint(0, 4), run.rng.sample(run.owner.people, min(8, len(run.owner.people)))
    at = run.working_hour(day, 9, 12)
    for number in numbers:
        run.call(at, run.rng.choice(people), number)
        at += int(run.rng.expovariate(1 / 25) * SECOND)


def night_shift(run: Campaign) -> None:
    """A shift at night for a few days: habitual countries at hours at which nobody called before."""
    people = run.rng.sample(run.owner.people, min(5, len(run.owner.people)))
    numbers = {country: _numbers(run, country, 3) for country in run.owner.countries[:3]}
    for day in range(run.rng.randint(0, 2), 5):
        for _ in range(run.rng.randint(8, 25)):
            country = run.rng.choice(list(numbers))
            at = run.at(day, run.rng.uniform(22, 30))
            run.call(at, run.rng.choice(people), run.rng.choice(numbers[country]))


def executive_abroad(run: Campaign) -> None:
    """Somebody travels and forwards the desk phone to one foreign mobile: every call that comes in goes out again."""
    number = directory.number(run.rng, _abroad(run), *directory.MOBILE)
    phone, home = run.somebody(), run.owner.home
    for day in range(run.rng.randint(0, 3), 5):
        for _ in range(run.rng.randint(3, 12)):
            caller = directory.number(run.rng, home, *directory.FIXED)
            leg = run.incoming(run.working_hour(day, 8, 19), phone, caller, talk_s(run.rng, "office"))
            run.onward(leg, phone, number, leg.talk_ms / 1000)


def fax_retries(run: Campaign) -> None:
    """A fax that doesn't get through: the same number each minute or so, again and again."""
    phone = next((phone for phone in run.owner.phones if phone.fax), run.somebody())
    number = directory.number(run.rng, run.rng.choice([*run.owner.countries, _abroad(run)]), *directory.FIXED)
    for _ in range(run.rng.randint(1, 3)):
        at = run.working_hour(run.rng.randint(0, 4), 8, 18)
        for _ in range(run.rng.randint(5, 15)):
            call = run.unanswered(at, phone, number, run.rng.choice((BUSY, FAILED, "NO ANSWER")))
            at = call.end_ms + run.rng.randint(50, 70) * SECOND
        run.call(at, phone, number, run.rng.uniform(40, 300))


def conference_bridge(run: Campaign) -> None:
    """A meeting on a bridge abroad: several people call one number at once and stay for hours."""
    number = directory.number(run.rng, run.rng.choice([*run.owner.countries, _abroad(run)]), *directory.FIXED)
    at = run.working_hour(run.rng.randint(0, 4), 8, 15)
    for phone in run.rng.sample(run.owner.people, min(run.rng.randint(3, 12), len(run.owner.people))):
        run.call(at + int(run.rng.gauss(0, 120) * SECOND), phone, number, talk_s(run.rng, "meeting"))


def replanning(run: Campaign) -> None:
    """A flight is cancelled: one evening somebody calls hotels, airlines and guests in many countries."""
    people = run.rng.sample(run.owner.people, min(3, len(run.owner.people)))
    pool = section("countries")[run.owner.home].split()
    at = run.at(run.rng.randint(0, 6), run.rng.uniform(17, 23))
    for _ in range(run.rng.randint(25, 70)):
        number = directory.number(run.rng, run.rng.choice(pool), *directory.FIXED, "mobile")
        run.call(at, run.rng.choice(people), number)
        at += int(run.rng.expovariate(1 / 90) * SECOND)


def traveller(run: Campaign) -> None:
    """Somebody works from a hotel abroad by softphone: another network and software, habitual countries and home."""
    phone = moved(run.somebody(), somewhere(run.rng), run.rng.choice(section("agents")["soft"]))
    for day in range(run.rng.randint(0, 2), 5):
        for _ in range(run.rng.randint(4, 15)):
            country = run.owner.home if run.rng.random() < 0.6 else run.owner.by_country.draw(run.rng)
            run.call(run.working_hour(day, 6, 22), phone, _numbers(run, country, 1)[0])


def new_phones(run: Campaign) -> None:
    """Phones of another make are handed out: the same people call as before, all from other addresses."""
    agent = run.rng.choice(section("agents")["phones"])
    people = run.rng.sample(run.owner.people, min(20, len(run.owner.people)))
    numbers = {country: _numbers(run, country, 4) for country in [run.owner.home, *run.owner.countries[:3]]}
    network = run.owner.pbx.rpartition(".")[0]
    for n, phone in enumerate(people):
        new = moved(phone, f"{network}.{230 + n % 20}", agent)
        for _ in range(run.rng.randint(2, 8)):
            country = run.owner.home if run.rng.random() < 0.8 else run.rng.choice(list(numbers))
            run.call(run.working_hour(run.rng.randint(0, 4)), new, run.rng.choice(numbers[country]))


def season_greetings(run: Campaign) -> None:
    """A feast of some country: half the house calls home on one evening."""
    pool = [*run.owner.countries, _abroad(run), _abroad(run)]
    day = run.rng.randint(3, 6)
    for phone in run.rng.sample(run.owner.people, len(run.owner.people) // 2 + 1)[:60]:
        for _ in range(run.rng.randint(1, 3)):
            number = directory.number(run.rng, run.rng.choice(pool), *directory.MOBILE)
            run.call(run.at(day, run.rng.uniform(17, 23)), phone, number)


def neighbour_island(run: Campaign) -> None:
    """A hotel or supplier in the Caribbean, dialled as if at home: honest calls where one-ring fraud calls from."""
    country = run.rng.choice(section("attack.targets")["caribbean"].split())
    number = directory.number(run.rng, country, *directory.FIXED)
    phone = run.somebody()
    for _ in range(run.rng.randint(2, 6)):
        run.call(run.working_hour(run.rng.randint(0, 4)), phone, number)


def missed_calls(run: Campaign) -> None:
    """Honest missed calls from abroad that are called back, minutes later."""
    for _ in range(whole(run.rng, (4, 12))):
        caller = directory.number(run.rng, run.owner.by_country.draw(run.rng), *directory.MOBILE)
        phone, at = run.somebody(), run.working_hour(run.rng.randint(0, 4))
        run.incoming(at, phone, caller, 0, run.rng.uniform(5, 25))
        if run.rng.random() < 0.6:
            run.call(at + run.rng.randint(3, 90) * MINUTE, phone, caller)


def _sells(owner: Customer) -> bool:
    return owner.kind.name not in ("medical", "hotel")


def _closes(owner: Customer) -> bool:
    return bool(owner.kind.opening) and has_people(owner)


def _forwards(owner: Customer) -> bool:
    return owner.kind.forwarded > 0


def _travels(owner: Customer) -> bool:
    return owner.kind.name in ("hotel", "travel-agency", "multi-site")


def _works_elsewhere(owner: Customer) -> bool:
    return owner.kind.remote > 0


def _has_a_house(owner: Customer) -> bool:
    return has_people(owner) and owner.kind.remote < 1


def _calls_abroad(owner: Customer) -> bool:
    return owner.kind.name not in ("dialler", "medical")


def _near_islands(owner: Customer) -> bool:
    return in_us(owner) and has_people(owner)


class Negative(NamedTuple):
    """A hard negative and whom it happens to."""

    kind: str
    what: str
    """What happens, in a line for people."""
    make: Callable[[Campaign], None]
    fits: Callable[[Customer], bool] = anybody


NEGATIVES: tuple[Negative, ...] = (
    Negative(
        "new-branch",
        "calls each day to a country that was never called",
        new_branch,
        has_people,
    ),
    Negative(
        "campaign",
        "a list of one country's numbers, called quickly",
        abroad_campaign,
        _sells,
    ),
    Negative(
        "night-shift",
        "habitual countries at night",
        night_shift,
        _closes,
    ),
    Negative(
        "executive-abroad",
        "a desk phone forwarded to one foreign mobile",
        executive_abroad,
        _forwards,
    ),
    Negative("fax-retries", "the same number each minute", fax_retries, has_people),
    Negative(
        "conference-bridge",
        "several long calls to one number abroad at once",
        conference_bridge,
        has_people,
    ),
    Negative(
        "replanning",
        "one evening's calls to many countries",
        replanning,
        _travels,
    ),
    Negative("traveller", "a softphone from another network", traveller, _works_elsewhere),
    Negative(
        "new-phones",
        "other phones and addresses in the house",
        new_phones,
        _has_a_house,
    ),
    Negative(
        "season-greetings",
        "half the house calls abroad one evening",
        season_greetings,
        _calls_abroad,
    ),
    Negative(
        "neighbour-island",
        "an honest number in the Caribbean",
        neighbour_island,
        _near_islands,
    ),
    Negative("missed-calls", "missed calls from abroad, called back", missed_calls, has_people),
)
