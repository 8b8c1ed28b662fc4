"""Which registrations failed for a wrong password, and which came after it (controls B4, E4).

The registrar knows; what passes here tells. A 401 to a REGISTER without credentials, or with those of an old nonce, is
how digest works and no failure (RFC 7616 §3.3). It is one if the request answered the challenge that was passed back to
this account last, and is refused all the same.

    wrong    told at once; what follows within ten seconds is counted and told as one
    right    told if it is the account's first, comes from elsewhere or by another user agent, or after failures

The table is bounded: what is forgotten costs a failure that isn't counted, or a registration that is told again.
"""

from __future__ import annotations

from ringfence.edge.identity import MAX_AGENT
from ringfence.edge.records import Account, Origin, Registering
from ringfence.edge.state import Edge
from ringfence.model.fact import AuthFailed, Registered
from ringfence.model.time import SECOND
from ringfence.sip.credentials import digest_params
from ringfence.sip.errors import SipParseError
from ringfence.sip.grammar import host_port_bytes, text
from ringfence.sip.message import Request, Response

SUMMED_US = 10 * SECOND
MAX_ACCOUNTS = 20_000
MAX_NAME = 64
"""Characters of an account that are kept."""
REFUSED = (401, 403, 407)
CHALLENGES = {401: "www-authenticate", 407: "proxy-authenticate"}


def registering(request: Request, source: str, origin: Origin) -> Registering:
    """What has to be known of a REGISTER when its answer comes."""
    expires = [value.partition(b";expires=")[2].partition(b";")[0].strip() for value in request.all("contact")]
    return Registering(
        source,
        (request.to.uri.user or "")[:MAX_NAME],
        host_port_bytes(origin.host, origin.port).decode(),
        text(request.first("user-agent") or b"")[:MAX_AGENT],
        _nonces(request.all("authorization") + request.all("proxy-authorization")),
        (request.first("expires") or b"").strip() == b"0" or b"0" in expires,
    )


def answered(edge: Edge, register: Registering, response: Response, now: int) -> None:
    """The registrar's final answer."""
    account = _account(edge, register)
    if response.status in REFUSED:
        if _wrong(account, register, response):
            _failed(edge, account, register, now)
        account.challenged = _nonces(response.all(CHALLENGES.get(response.status, "www-authenticate")))
    elif 200 <= response.status < 300:
        account.challenged = frozenset()
        if not register.leaves:
            _registered(edge, account, register, now)


def wrong(edge: Edge, register: Registering, now: int) -> None:
    """A password that we judge ourselves was wrong."""
    _failed(edge, _account(edge, register), register, now)


def right(edge: Edge, register: Registering, now: int) -> None:
    """One was right, with a REGISTER or a call."""
    _registered(edge, _account(edge, register), register, now)


def due(edge: Edge, account: Account, now: int) -> None:
    """Ten seconds are over: tell of what was counted."""
    if account.untold:
        _tell(edge, account, now)


def _account(edge: Edge, register: Registering) -> Account:
    key = register.source, register.account
    account = edge.accounts.get(key)
    if account is None:
        if len(edge.accounts) >= MAX_ACCOUNTS:
            del edge.accounts[next(iter(edge.accounts))]
        account = edge.accounts[key] = Account()
    return account


def _nonces(values: list[bytes]) -> frozenset[str]:
    found = set()
    for value in values:
        try:
            found.add(digest_params(value).get("nonce", ""))
        except SipParseError:
            continue  # Another scheme, or what the registrar refuses as well.
    return frozenset(found - {""})


def _wrong(account: Account, register: Registering, response: Response) -> bool:
    return not account.challenged.isdisjoint(register.nonces) and not _stale(response)


def _stale(response: Response) -> bool:
    """Whether the password was right and the nonce too old (RFC 7616 §3.3)."""
    for value in response.all("www-authenticate") + response.all("proxy-authenticate"):
        try:
            if digest_params(value).get("stale", "").lower() == "true":
                return True
        except SipParseError:
            continue
    return False


def _failed(edge: Edge, account: Account, register: Registering, now: int) -> None:
    account.failed, account.last = True, register
    account.untold += 1
    if not account.wake:
        _tell(edge, account, now)


def _tell(edge: Edge, account: Account, now: int) -> None:
    """Tell of the wrong passwords so far, and wait for more."""
    register, count = account.last, account.untold
    if register is None:
        return
    edge.note(
        AuthFailed(
            at=now,
            source=register.source,
            account=register.account,
            peer=register.peer,
            user_agent=register.agent,
            count=count,
        )
    )
    account.untold = 0
    edge.agenda.arm(account, now + SUMMED_US, edge.accounts, (register.source, register.account))


def _registered(edge: Edge, account: Account, register: Registering, now: int) -> None:
    where = register.peer.rpartition(":")[0], register.agent
    if account.told == where and not account.failed:
        return
    if account.untold:
        _tell(edge, account, now)
    account.told, account.failed = where, False
    edge.note(
        Registered(
            at=now, source=register.source, account=register.account, peer=register.peer, user_agent=register.agent
        )
    )
