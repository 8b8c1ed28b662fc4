"""The one error of the sip room."""

from ringfence.errors import RingfenceError


class SipParseError(RingfenceError):
    """What a peer sent isn't SIP that we accept.

    `status` is the SIP status to answer a request with (a response is dropped instead), `offset` where in the
    parsed bytes the trouble starts (0 when unknown), `reason` a phrase for the log and the Reason-Phrase.
    """

    def __init__(self, reason: str, *, status: int = 400, offset: int = 0) -> None:
        super().__init__(f"{reason} (at byte {offset}, answer {status})")
        self.status = status
        self.offset = offset
        self.reason = reason
