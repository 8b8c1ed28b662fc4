"""Changing the configuration of others: shown first, with a backup, and taken back byte for byte."""
