#!/usr/bin/env bash
# The real peers that the end-to-end tests and the benchmark talk to: SIPp, SIPVicious, baresip, faketime,
# Kamailio, Chromium, MariaDB, nftables, fail2ban; or those that are named.
# Debian's packages, installed as root only; run again it does nothing. Exit code 3: they are missing and this user may not
# install them; any other failure has its own.
set -euo pipefail

packages=("$@")
[ $# -gt 0 ] || packages=(sip-tester sipvicious baresip-core faketime kamailio chromium mariadb-server
    nftables iptables ipset conntrack firewalld fail2ban dbus-daemon iproute2 iputils-ping)
missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=""
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "Needed: apt install ${missing[*]}   (run it as root; nothing was installed)" >&2
    exit 3
fi
export DEBIAN_FRONTEND=noninteractive
# A package must not start its daemon on this machine: the tests start what they need, on free ports of loopback.
# Exit code 101 is invoke-rc.d's word for "not allowed" (deb-systemd-invoke asks the same file).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
