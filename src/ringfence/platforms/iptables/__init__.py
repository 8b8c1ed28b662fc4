"""iptables, ip6tables and ipset: for machines whose firewall is theirs already."""
