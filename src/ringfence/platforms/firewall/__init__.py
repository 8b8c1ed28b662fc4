"""This machine's firewall as nftables, iptables and firewalld all see it: what is wanted, and how a change is made."""
