"""Time as the engine knows it: an argument, never a clock."""

Instant = int
"""Microseconds since 1970-01-01T00:00:00Z."""

SECOND = 1_000_000
"""One second as a difference of two instants."""
