"""SIP on the wire (RFC 3261): bytes in, values out. Pure: no sockets, no clock.

`parse.parse` reads a datagram or one frame of `framing.Framer`; `build` makes requests and responses;
`uri`, `address` and `via` are the grammars. Import from those modules.
"""
