#!/usr/bin/env bash
# fetch_asterisk.sh [DEST [SUITE]]: a real Asterisk for the end-to-end tests, unpacked with its own libc and libraries into
# .peers/asterisk-SUITE (or DEST). Debian's stable release has none, so 22 comes from testing (forky), 16.28 from bullseye. Needs apt, dpkg and tar; no root: nothing is installed, and
# the packages of this machine stay as they are. Run again it does nothing.
set -euo pipefail
suite=${2:-forky}
dest=$(realpath -m "${1:-$(dirname "$0")/../.peers/asterisk-$suite}")
if [ -x "$dest/bin/asterisk" ]; then exit 0; fi

. /etc/os-release # the mirror that this machine uses already
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
    awk -v release="$VERSION_CODENAME" '$2 == release && $3 == "main" && !found {print $1; found = 1}')}
[ -n "$mirror" ] || { echo "apt has no package lists: run apt-get update, or set DEBIAN_MIRROR" >&2; exit 1; }

mkdir -p "$(dirname "$dest")"
exec 9>"$dest.lock" # two test runs at once fetch it once
flock 9
if [ -x "$dest/bin/asterisk" ]; then exit 0; fi
work=$dest.tmp.$$
trap 'rm -rf "$work"' EXIT
state=$work/apt root=$work/root
mkdir -p "$state/lists/partial" "$state/archives/partial" "$root" "$work/bin"
: >"$state/status" # "nothing is installed": the whole closure is fetched, its libc too
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$state/sources.list"
apt_() {
    apt-get -qq -y -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::State::lists="$state/lists" \
        -o Dir::Cache="$state" -o Dir::Cache::archives="$state/archives" -o Dir::Log="$state" \
        -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o APT::Sandbox::User="$(id -un)" -o APT::Install-Recommends=0 -o APT::Keep-Downloaded-Packages=1 \
        -o Acquire::Check-Valid-Until=false -o Acquire::Retries=3 -o Acquire::Languages=none \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}
apt_ update
apt_ --download-only install asterisk >/dev/null
find "$state/archives" -name '*.deb' -print0 | xargs -0 -P 2 -I{} dpkg-deb -x {} "$root"
rm -rf "$state" "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale" "$root/usr/share/perl"
find "$root" -xdev -perm /6000 -type f -exec chmod a-s {} +
cat >"$work/bin/asterisk" <<'WRAPPER'
#!/bin/sh
# The unpacked Asterisk on its own dynamic loader and libraries.
root=$(dirname "$(dirname "$(readlink -f "$0")")")/root
loader=$(find "$root/lib" "$root/lib64" "$root/usr/lib" "$root/usr/lib64" -name 'ld-*.so*' -type f 2>/dev/null | head -1)
libraries=$(echo "$root"/usr/lib/*-linux-gnu "$root"/lib/*-linux-gnu "$root"/usr/lib | tr ' ' ':')
exec "$loader" --library-path "$libraries" "$root/usr/sbin/asterisk" "$@"
WRAPPER
chmod +x "$work/bin/asterisk"
"$work/bin/asterisk" -V
rm -rf "$dest"
mv "$work" "$dest"
