"""The base of every error that Ringfence raises on purpose."""


class RingfenceError(Exception):
    """Something that Ringfence foresaw went wrong; each room derives its own class from this one."""
