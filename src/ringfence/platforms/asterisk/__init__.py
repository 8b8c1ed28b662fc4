"""Asterisk: its manager interface (AMI), what its events mean, the hook in its dial plan."""
