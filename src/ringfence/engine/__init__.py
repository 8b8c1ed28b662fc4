"""The engine: judges attempts, keeps the meters, says what has to be done; no I/O, no clock, no randomness."""
