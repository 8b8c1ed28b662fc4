"""Calls of the past through the engine of today: CDR readers, replay, learning."""
