"""fail2ban, for those who keep it: filters and jails that name nobody but who failed, and its bans, read."""
