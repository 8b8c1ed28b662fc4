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

from ringfence.cli.options import CONTROL, Control, Flag, Json
from ringfence.cli.tables import counted, note, show
from ringfence.cli.tell import tell
from ringfence.edge.secrets import SHORTEST, Hashes, Owner, SecretsError, guessed, hashes_of, weakness
from ringfence.model.settings import Digest, Policy
from ringfence.policy import load
from ringfence.policy.kinds import listing
from ringfence.server import secret_file
from ringfence.sip.digest import Algorithm

POLICY = Path("policy.toml")
GENERATED = 24
"""Characters of a password of ours: over 130 bits."""
_ALPHABET = "".join(c for c in string.ascii_letters + string.digits if c not in "Il1O0")
"""What people copy right."""


class Account(NamedTuple):
    """An account of the policy."""

    owner: Owner
    source: str
    algorithms: tuple[Algorithm, ...]


def add(account: str, /, *, policy: Path = POLICY, generate: Flag = False, control: Control = CONTROL) -> int:
    """Set the password of an account: asks for it without showing it, and keeps its hash alone.

    A password needs 16 characters of three kinds, and must not be a common one or have the account's name in it. It is
    the account's password from the next REGISTER or call on; what is registered by another one is dropped. Without a
    terminal the password is one line of standard input.

    Parameters
    ----------
    account
        One of `accounts` of a source in the policy.
    policy
        The main policy file.
    generate
        Make a strong password and print it, once.
    control
        Control socket of the guard, which is told.
    """
    digest, found = _account(load(str(policy)), account)
    password = generated() if generate else _asked(account)
    why = weakness(password, account)
    if why:
        raise SecretsError(f"the password of {account} isn't taken: it {why}; --generate makes a strong one")
    with secret_file.changing(Path(digest.secrets)) as held:
        known = bool(held[0].of(*found.owner))
        held[0] = held[0].having(found.owner, hashes_of(found.owner, password, found.algorithms))
    if generate:
        print(password)
    done = "replaced" if known else "added"
    note(f"secret of {account} {done}: realm {digest.realm}, {' and '.join(found.algorithms)}, in {digest.secrets}")
    tell(control)
    return 0


def remove(account: str, /, *, policy: Path = POLICY, control: Control = CONTROL) -> int:
    """Take the password of an account away: it can neither register nor call any more.

    Parameters
    ----------
    account
        An account, also one that the policy no longer has.
    policy
        The main policy file.
    control
        Control socket of the guard, which is told.
    """
    digest = _digest(load(str(policy)))
    owner = Owner(account, digest.realm)
    with secret_file.changing(Path(digest.secrets)) as held:
        if not held[0].of(*owner):
            raise SecretsError(f"there is no secret of {account} in realm {digest.realm}; `ringfence secret list`")
        held[0] = held[0].having(owner, {})
    note(f"secret of {account} removed from {digest.secrets}")
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
    digest = _digest(loaded)
    secrets = secret_file.load(Path(digest.secrets))
    accounts = {account.owner: account for account in _accounts(loaded, digest)}
    owners = sorted({*secrets, *accounts})
    rows = [_row(owner, secrets.of(*owner), accounts.get(owner)) for owner in owners]
    if as_json:
        print(json.dumps([row._asdict() for row in rows], indent=1))
    else:
        cells = [[row.account, row.source, ", ".join(row.algorithms), row.wrong or "ok"] for row in rows]
        show(("account", "source", "secret", "state"), cells, sentences=("state",))
    wrong = sum(bool(row.wrong) for row in rows)
    if wrong:
        note(f"{counted(wrong, 'account')} can't be used as the policy says; `ringfence secret add ACCOUNT`")
    return int(wrong > 0)


class _Row(NamedTuple):
    account: str
    realm: str
    source: str
    algorithms: list[Algorithm]
    wrong: str


def _row(owner: Owner, hashes: Hashes, account: Account | None) -> _Row:
    source = account.source if account is not None else ""
    return _Row(owner.user, owner.realm, source, list(hashes), _wrong(owner, hashes, account))


def _wrong(owner: Owner, hashes: Hashes, account: Account | None) -> str:
    if account is None:
        return f"not in the policy (realm {owner.realm}): remove it"
    if not hashes:
        return "no secret: nobody can use it"
    if guessed(owner, hashes, pins=True):
        return "guessed at once: it is refused, set another one"
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


def _digest(policy: Policy) -> Digest:
    if policy.digest is None:
        raise SecretsError('the policy has no [digest]: write it, with realm = "phones.example.net"')
    return policy.digest


def _accounts(policy: Policy, digest: Digest) -> list[Account]:
    return [
        Account(Owner(name, digest.realm), source.name, source.digest_algorithms)
        for source in policy.sources.values()
        for name in source.accounts
    ]


def _account(policy: Policy, name: str) -> tuple[Digest, Account]:
    digest = _digest(policy)
    accounts = _accounts(policy, digest)
    for account in accounts:
        if account.owner.user == name:
            return digest, account
    known = listing(sorted(account.owner.user for account in accounts))
    raise SecretsError(f"no source has the account {name}; there is {known or 'none'}")


def secret_app(group: Group) -> App:
    """`ringfence secret`, with what can be done under it."""
    app = App(name="secret", group=group, help="Passwords of accounts (docs/accounts.md).")
    app.command(add, name="add")
    app.command(show_all, name="list")
    app.command(remove, name="remove")
    return app
