"""The built-in SIP edge: a stateful record-routing proxy that asks before it forwards.

`core.EdgeCore` is the whole proxy without I/O and without a clock; `udp` and `resolve` are its shells in asyncio.
"""
