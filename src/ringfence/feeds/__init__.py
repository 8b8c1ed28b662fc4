"""Lists of addresses that others keep: fetched, read, and what of them may be banned."""
