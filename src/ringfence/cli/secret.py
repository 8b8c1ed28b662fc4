"""`ringfence secret`: the passwords of accounts. Only their hashes are kept, for the realm that the policy names."""

from __future__ import annotations

import getpass
import json
import secrets as chance
import string
import sys
from pathlib import Path
from typing import NamedTuple

from cyclopts import App, Group

from ringfence.cli.options import CONTROL, Control, Flag, Json, Text
from ringfence.cli.tables import counted, note, show
from ringfence.cli.tell import tell
from ringfence.edge.secrets import SHORTEST, Hashes, Owner, SecretsError, guessed, hashes_of, weakness
from ringfence.edge.wanted import Wanted, wanted
from ringfence.model.settings import Policy
from ringfence.policy import load
from ringfence.policy.kinds import listing
from ringfence.server import secret_file
from ringfence.sip.digest import Algorithm

POLICY = Path("policy.toml")
GENERATED = 24
"""Characters of a password of ours: over 130 bits."""
_ALPHABET = "".join(c for c in string.ascii_letters + string.digits if c not in "Il1O0")
"""What people copy right."""


def add(
    account: str, /, *, policy: Path = POLICY, realm: Text = "", generate: Flag = False, control: Control = CONTROL
) -> int:
    """Set the password of an account: asks for it without showing it, and keeps its hash alone.

    A password needs 16 characters of three kinds, and must not be a common one or have the account's name in it; only a
    remark is made about one that a carrier gave. It is the account's password from the next REGISTER or call on; what
    is registered by another one is dropped. Without a terminal the password is one line of standard input.

    Parameters
    ----------
    account
        One of `accounts` of a source in the policy, or the `user` of a trunk's `register`.
    policy
        The main policy file.
    realm
        Which one, where the name is an account here and a user at a carrier.
    generate
        Make a strong password and print it, once.
    control
        Control socket of the guard, which is told.
    """
    loaded = load(str(policy))
    one, path = _one(loaded, account, realm), loaded.digest.secrets
    password = generated() if generate else _asked(account)
    why = weakness(password, account)
    if why and not one.given:
        raise SecretsError(f"the password of {account} isn't taken: it {why}; --generate makes a strong one")
    if why:
        note(f"the carrier's password {why}: ask the carrier for another")
    with secret_file.changing(Path(path)) as held:
        known = bool(held[0].of(*one.owner))
        held[0] = held[0].having(one.owner, hashes_of(one.owner, password, one.algorithms))
    if generate:
        print(password)
    done = "replaced" if known else "added"
    note(f"secret of {account} {done}: realm {one.owner.realm}, {' and '.join(one.algorithms)}, in {path}")
    tell(control)
    return 0


def remove(account: str, /, *, policy: Path = POLICY, realm: Text = "", control: Control = CONTROL) -> int:
    """Take the password of an account away: it can neither register nor call any more.

    Parameters
    ----------
    account
        An account, also one that the policy no longer has.
    policy
        The main policy file.
    realm
        Which one, where several realms have the name.
    control
        Control socket of the guard, which is told.
    """
    path = load(str(policy)).digest.secrets
    with secret_file.changing(Path(path)) as held:
        owners = [owner for owner in held[0] if owner.user == account and realm in ("", owner.realm)]
        if not owners:
            raise SecretsError(f"there is no secret of {account}; `ringfence secret list` shows those there are")
        if len(owners) > 1:
            raise SecretsError(f"{account} is in {listing(owner.realm for owner in owners)}: say which, --realm")
        held[0] = held[0].having(owners[0], {})
    note(f"secret of {account} removed from {path}")
    tell(control)
    return 0


def show_all(*, policy: Path = POLICY, as_json: Json = False) -> int:
    """Show which accounts have a password, and what is wrong about them; passwords can't be shown, only set anew.

    Each secret is tried with the passwords that attackers try first, and with all numbers of up to four digits.

    Exit code 0: every account of the policy has one, and none was guessed; 1: something is wrong.

    Parameters
    ----------
    policy
        The main policy file.
    as_json
        Write JSON instead of text.
    """
    loaded = load(str(policy))
    secrets = secret_file.load(Path(loaded.digest.secrets))
    accounts = {one.owner: one for one in wanted(loaded)}
    owners = sorted({*secrets, *accounts})
    rows = [_row(owner, secrets.of(*owner), accounts.get(owner)) for owner in owners]
    if as_json:
        print(json.dumps([row._asdict() for row in rows], indent=1))
    else:
        cells = [[row.account, row.party, ", ".join(row.algorithms), row.wrong or "ok"] for row in rows]
        show(("account", "of", "secret", "state"), cells, sentences=("state",))
    wrong = sum(bool(row.wrong) for row in rows)
    if wrong:
        note(f"{counted(wrong, 'account')} can't be used as the policy says; `ringfence secret add ACCOUNT`")
    return int(wrong > 0)


class _Row(NamedTuple):
    account: str
    realm: str
    party: str
    algorithms: list[Algorithm]
    wrong: str


def _row(owner: Owner, hashes: Hashes, account: Wanted | None) -> _Row:
    party = account.party if account is not None else ""
    return _Row(owner.user, owner.realm, party, list(hashes), _wrong(owner, hashes, account))


def _wrong(owner: Owner, hashes: Hashes, account: Wanted | None) -> str:
    if account is None:
        return f"not in the policy (realm {owner.realm}): remove it"
    if not hashes:
        return "no secret: nobody can use it"
    if guessed(owner, hashes, pins=True):
        return (
            "guessed at once: ask the carrier" if account.given else "guessed at once: it is refused, set another one"
        )
    missing = [algorithm for algorithm in account.algorithms if algorithm not in hashes]
    if missing:
        return f"none for {' and '.join(missing)}: set it anew"
    return ""


def generated() -> str:
    """A strong password."""
    while True:
        password = "".join(chance.choice(_ALPHABET) for _ in range(GENERATED))
        if not weakness(password, ""):
            return password


def _asked(account: str) -> str:
    """What somebody types twice, unseen; without a terminal a line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"Password of {account}, {SHORTEST} characters or more: ")
    if first != getpass.getpass("Again: "):
        raise SecretsError("that wasn't the same twice; nothing is changed")
    return first


def _one(policy: Policy, name: str, realm: str) -> Wanted:
    """The secret that is meant."""
    found = [one for one in wanted(policy) if one.owner.user == name and realm in ("", one.owner.realm)]
    if len(found) > 1:
        raise SecretsError(f"{name} is of {listing(one.party for one in found)}: say which realm, --realm")
    if not found:
        known = listing(sorted(one.owner.user for one in wanted(policy)))
        raise SecretsError(f"no source or trunk has the account {name}; there is {known or 'none'}")
    return found[0]


def secret_app(group: Group) -> App:
    """`ringfence secret`, with what can be done under it."""
    app = App(name="secret", group=group, help="Passwords of accounts (docs/accounts.md).")
    app.command(add, name="add")
    app.command(show_all, name="list")
    app.command(remove, name="remove")
    return app
