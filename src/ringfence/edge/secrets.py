"""Secrets of accounts: hashes, never passwords; and which passwords are too weak to be one (control A6).

One line a secret, `ALGORITHM:HASH:USER:REALM`, where HASH is the HA1 of RFC 7616. A hash of it is all that is needed to
log in by that algorithm, so the file is as secret as the passwords are; but they can't be read from it, and it is good
for its realm alone.

Passwords are weighed twice. Where one is set it is seen: it has to be long and mixed. Where the file is read only the
hash is there, so the passwords that attackers try first are tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from ringfence.errors import RingfenceError
from ringfence.sip.digest import ALGORITHMS, Algorithm, ha1, is_ha1

SHORTEST = 16
"""Characters of a password."""
LONGEST = 128
CLASSES = 3
"""How many of lower case, upper case, digits and others are needed."""
FEWEST_DIFFERENT = 8
"""Characters that differ from each other."""

_USER = re.compile(r"[!-9;-~]{1,64}", re.ASCII)
_REALM = re.compile(r"[ -~]{1,200}", re.ASCII)
_CLASSES = ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]")

_WORDS = (
    "password passwort passwd passw0rd p@ssw0rd pass secret geheim changeme change_me default letmein welcome qwerty "
    "qwertz asdf asdfgh abc abcd abcdef admin administrator root toor user guest test tester testing demo temp "
    "asterisk freepbx trixbox elastix issabel vicidial freeswitch kamailio opensips fusionpbx 3cx pbx pbxpbx ippbx sip "
    "sipuser sippass siptrunk trunk voip voice phone telephone telefon polycom yealink grandstream snom cisco linksys "
    "sipura mitel avaya aastra panasonic unifi gxp spa cucm linphone zoiper xlite bria microsip office company "
    "reception lobby fax hello monkey dragon master football iloveyou sunshine princess superman trustno1 zaq12wsx "
    "1q2w3e 1q2w3e4r 1qaz2wsx a1b2c3 a1b2c3d4"
)
WORDS = frozenset(_WORDS.split())
"""What is in every list of passwords, and what PBXs and phones come with."""
_ENDS = ("", "1", "12", "123", "1234", "12345", "123456", "!", "1!", "123!", "01", "2024", "2025", "2026")


class SecretsError(RingfenceError):
    """Secrets can't be read or changed; the text says why and what to do."""


class Owner(NamedTuple):
    """Whose password it is."""

    user: str
    realm: str


Hashes = Mapping[Algorithm, str]


class Secrets:
    """Hashes by owner. Not changed once made."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Mapping[Owner, Hashes] | None = None) -> None:
        self._rows: dict[Owner, Hashes] = dict(rows or {})

    def of(self, user: str, realm: str) -> Hashes:
        """The hashes of a user in a realm; empty where there are none."""
        return self._rows.get(Owner(user, realm), {})

    def __iter__(self) -> Iterator[Owner]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def having(self, owner: Owner, hashes: Hashes) -> Secrets:
        """The same with these hashes for this owner; with none, without him."""
        rows = {known: kept for known, kept in self._rows.items() if known != owner}
        return Secrets({**rows, owner: hashes} if hashes else rows)

    def text(self) -> str:
        """As the file has them."""
        lines = [
            f"{algorithm}:{hashes[algorithm]}:{owner.user}:{owner.realm}\n"
            for owner, hashes in sorted(self._rows.items())
            for algorithm in ALGORITHMS
            if algorithm in hashes
        ]
        return _HEAD + "".join(lines)


_HEAD = (
    "# Written by `ringfence secret`. Each line is as good as a password: nobody but the guard's user may read it.\n"
)


def read_secrets(text: str, path: str) -> Secrets:
    """What a file holds; raises SecretsError with the number of the line that is wrong."""
    rows: dict[Owner, dict[Algorithm, str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        algorithm, owner, found = _row(line, f"{path}:{number}")
        if algorithm in rows.setdefault(owner, {}):
            raise SecretsError(f"{path}:{number}: {owner.user} has a {algorithm} secret already; remove one")
        rows[owner][algorithm] = found
    return Secrets(rows)


def _row(line: str, place: str) -> tuple[Algorithm, Owner, str]:
    kind, _, rest = line.partition(":")
    found, _, rest = rest.partition(":")
    user, _, realm = rest.partition(":")
    algorithm = next((each for each in ALGORITHMS if each == kind), None)
    if algorithm is None or not is_ha1(algorithm, found) or not is_user(user) or not _REALM.fullmatch(realm):
        raise SecretsError(f"{place}: is no ALGORITHM:HASH:USER:REALM; `ringfence secret add` writes such lines")
    return algorithm, Owner(user, realm), found


def is_user(name: str) -> bool:
    """Whether a user can be called so: printable ASCII without space and colon (RFC 7616 §3.4.4)."""
    return _USER.fullmatch(name) is not None


def hashes_of(owner: Owner, password: str, algorithms: tuple[Algorithm, ...]) -> dict[Algorithm, str]:
    """What is kept of a password."""
    return {algorithm: ha1(algorithm, owner.user, owner.realm, password) for algorithm in algorithms}


# --- weak passwords -------------------------------------------------------------------------------------------------


def weakness(password: str, user: str) -> str:
    """Why a password is too weak, in words; empty where it isn't."""
    lower, name = password.lower(), user.lower()
    if not password.isascii() or not password.isprintable() or password != password.strip():
        return "has characters that phones write in different ways: printable ASCII, no space at either end"
    if len(password) < SHORTEST:
        return f"has {len(password)} characters, {SHORTEST} are needed"
    if len(password) > LONGEST:
        return f"has more than {LONGEST} characters"
    if len(name) > 2 and (name in lower or name[::-1] in lower):
        return "has the account's name in it"
    if sum(re.search(kind, password) is not None for kind in _CLASSES) < CLASSES:
        return f"needs {CLASSES} of: lower case, upper case, digits, other characters"
    if len(set(lower)) < FEWEST_DIFFERENT:
        return f"repeats itself: fewer than {FEWEST_DIFFERENT} different characters"
    if lower.strip("0123456789!@#$%^&*()_-+=.,?;: ") in WORDS:
        return "is a common password with something around it"
    return ""


def guessed(owner: Owner, hashes: Hashes, *, pins: bool = False) -> str:
    """The password, where it is among those that are tried first; empty where it isn't.

    With `pins` all numbers of up to four digits are tried too: some ten milliseconds a secret.
    """
    for algorithm, kept in hashes.items():
        for word in (*_tried_first(owner.user), *(_pins() if pins else ())):
            if ha1(algorithm, owner.user, owner.realm, word) == kept:
                return word
    return ""


def _tried_first(user: str) -> list[str]:
    bases = {user, user[::-1], user * 2, user.lower(), user.upper(), user.capitalize()}
    with_ends = [base + end for base in bases for end in _ENDS]
    return [*with_ends, *(f"{before}{user}" for before in ("a", "ext", "sip", "pass", "1", "0")), *_common()]


@lru_cache(maxsize=1)
def _common() -> tuple[str, ...]:
    numbers = [str(digit) * times for digit in range(10) for times in (1, 2, 3, 4, 5, 6, 8)]
    runs = ["1234567890"[:length] for length in range(2, 11)] + ["0987654321", "4321", "54321", "654321", "87654321"]
    words = [word + end for word in _WORDS.split() for end in ("", "1", "123", "1234")]
    return tuple(dict.fromkeys([*words, *numbers, *runs, *(word.capitalize() for word in words)]))


@lru_cache(maxsize=1)
def _pins() -> tuple[str, ...]:
    return tuple(f"{number:0{length}d}" for length in range(1, 5) for number in range(10**length))
