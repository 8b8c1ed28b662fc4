"""STIR/SHAKEN: who an inbound caller is by a signature, and our own signature of outbound calls (control A13)."""
