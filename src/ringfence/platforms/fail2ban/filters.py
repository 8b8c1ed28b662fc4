"""Filters for fail2ban: which lines of a log are a failed login, and of whom.

What an attacker wrote (From, Call-ID, account) stands in the same line as his address, and may quote the rest of such a
line with another address in it. Each expression is anchored at both ends, and where attacker's text is on both sides of
the address, the words before it may be in the line once only: a line that has them twice names nobody.

What counts is a wrong answer to a challenge, so its sender hears what is sent to his address (control B6). A
challenge, a request of somebody unknown over UDP and "No matching endpoint found" (which a phone's first request is
told too) don't.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Format = Literal["asterisk", "freeswitch", "kamailio"]
MARK = "# Made by `ringfence install fail2ban`; changes are lost."
"""First line of each file of ours."""


class Filter(NamedTuple):
    """How one product's log is read."""

    log: str
    """Where Debian's package of it, or its own default, writes."""
    dates: tuple[str, ...]
    """fail2ban's datepattern."""
    expressions: tuple[str, ...]
    """fail2ban's failregex, over a line without its date."""


_ASTERISK = r"^\s*%s\[\d+\](?:\[C-[\da-f]+\])?:? [\w./-]+\.c:(?:\d+ in \w+:)? "
_SECURITY = _ASTERISK % "SECURITY" + (
    r'SecurityEvent="%s",EventTV="[^"]*",Severity="\w+",Service="(?:PJ)?SIP",EventVersion="\d+",'
    r'AccountID="(?:(?!,RemoteAddress=").)*,RemoteAddress="IPV[46]/%s/<ADDR>/\d+"(?:(?!,RemoteAddress=").)*$'
)
_NOTICE = _ASTERISK % "NOTICE"
_SOFIA = r"^\s*(?:\d+\.\d+%% )?\[WARNING\] sofia_reg\.c:\d+ "

FILTERS: dict[Format, Filter] = {
    "asterisk": Filter(
        log="/var/log/asterisk/security.log",
        dates=(r"^\[%%Y-%%m-%%d %%H:%%M:%%S(?:\.%%f)?\]",),
        expressions=(
            _SECURITY % ("(?:ChallengeResponseFailed|InvalidPassword)", "(?:UDP|TCP|TLS|WSS?)"),
            _SECURITY % ("(?:InvalidAccountID|FailedACL)", "(?:TCP|TLS|WSS?)"),
            _NOTICE + r"Request '[A-Z]{1,20}' from '(?:(?!' failed for ').)*' failed for '<ADDR>:\d+' "
            r"\(callid: (?:(?!' failed for ').)*\) - (?:Failed|Error) to authenticate\s*$",
            _NOTICE + r"Registration from '.*' failed for '<ADDR>(?::\d+)?' - "
            r"(?:Wrong password|Username/auth name mismatch)\s*$",
        ),
    ),
    "freeswitch": Filter(
        log="/var/log/freeswitch/freeswitch.log",
        dates=(r"^(?:[\da-f-]{36} )?%%Y-%%m-%%d %%H:%%M:%%S\.%%f",),
        expressions=(
            _SOFIA + r"SIP auth failure \((?:REGISTER|INVITE)\) on sofia profile '[^']+' "
            r"for \[.*\] from ip <ADDR>\s*$",
        ),
    ),
    "kamailio": Filter(
        log="/var/log/kamailio.log",
        dates=("^%%b %%d %%H:%%M:%%S", r"^%%Y-%%m-%%dT%%H:%%M:%%S(?:\.%%f)?%%z"),
        expressions=(
            r"^\s*\S+ (?:\S*/)?kamailio\[\d+\]: NOTICE: (?:\{[^{}]*\} )?<script>: "
            r"ringfence: wrong password from <ADDR>\s*$",
        ),
    ),
}
KAMAILIO_LINE = r'xlog("L_NOTICE", "ringfence: wrong password from $si\n");'
"""What Kamailio's script says where an answer to its challenge was wrong: nothing in it is the sender's."""


def filter_conf(name: Format) -> str:
    """A file of filter.d."""
    found = FILTERS[name]
    lines, dates = "\n            ".join(found.expressions), "\n              ".join(found.dates)
    return f"{MARK}\n[Definition]\nfailregex = {lines}\nignoreregex =\ndatepattern = {dates}\n"
