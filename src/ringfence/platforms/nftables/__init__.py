"""nftables: the rules of the policy as a table of our own, and bans in the kernel."""
