"""The keys of an Asterisk that carries calls itself and is asked, watched and told to hang up (docs/asterisk.md)."""

from __future__ import annotations

from ringfence.model.settings import Asterisk
from ringfence.policy.keys_tls import DOMAIN, PEM
from ringfence.policy.kinds import Key, Table, TableOf
from ringfence.policy.leaves import NAME, flag, pattern, text
from ringfence.policy.leaves_net import address

REASON = pattern("a rule, or default", "[a-z0-9-]{1,64}")
SOUND = pattern("the name of a sound: letters, digits and / _ - (at most 100)", "[A-Za-z0-9/_-]{1,100}")
CHANNEL = pattern(
    "what Asterisk calls a trunk: letters, digits and . _ + - (at most 64)", "[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"
)

ASTERISK = Table(
    doc="A PBX that isn't behind the guard but beside it, by name: it carries the calls, the guard watches them over "
    "its manager interface (AMI) and hangs up what may not be (docs/asterisk.md).",
    keys=(
        Key(
            name="manager",
            kind=address(names=True),
            doc="Where its manager interface is; without a port 5038, over TLS 5039.",
            required=True,
        ),
        Key(
            name="user",
            kind=pattern("a user of manager.conf", "[A-Za-z0-9._-]{1,64}"),
            doc="Who the guard is there. It needs `read = call,cdr,security,system` and `write = call,reporting`, no "
            "more.",
        ),
        Key(
            name="secret",
            kind=text("a path"),
            doc="A file with that user's secret in its first line, for its owner only; relative to the directory the "
            "guard is started in.",
            default="`state/asterisk-NAME.secret`",
        ),
        Key(name="tls", kind=flag(), doc="The manager interface is spoken to over TLS."),
        Key(
            name="tls_name",
            kind=DOMAIN,
            doc="The name that its certificate has to have.",
            default="the host of `manager`",
        ),
        Key(
            name="ca", kind=PEM, doc="The authorities that may have issued it.", default="those that the system trusts"
        ),
        Key(
            name="source",
            kind=NAME,
            doc="The `[source]` that its calls are of: its phones are that source's extensions.",
            required=True,
        ),
        Key(
            name="trunks",
            kind=TableOf(CHANNEL, "TRUNK", NAME),
            doc="What Asterisk calls each trunk (the endpoint in its channels' names; on FreePBX also the trunk's "
            "number), and which `[trunk]` that is.",
            required=True,
        ),
        Key(
            name="announcements",
            kind=TableOf(REASON, "RULE", SOUND),
            doc="What a refused caller hears before the call ends, where the dial plan asks "
            "(docs/asterisk.md#the-hook): the rule that refuses, or `default`, and the name of a sound of Asterisk's. "
            "Who hears it learns why.",
            default="none: the call just fails",
        ),
    ),
    defaults=Asterisk,
)
ADMIT = Table(
    doc="Where the dial plan of an `[asterisk.NAME]` asks before it dials (docs/asterisk.md#the-hook). Without this "
    "section nobody can ask. Main file only; changed by a restart.",
    keys=(
        Key(
            name="http",
            kind=address(names=False),
            doc="Address and port of `/v1/admit`; without a port 8573. It isn't encrypted: keep it on this machine or "
            "in your network.",
            default="none",
        ),
        Key(
            name="fastagi",
            kind=address(names=False),
            doc="Address and port for FastAGI; without a port 4573.",
            default="none",
        ),
    ),
)
