#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The analyzer as one static program: it works where there is nothing else, not even a library, and the tarball is
# the same bytes each time. In trees of other distributions: tests/tarball.sh ("make test-tarball").
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
verdict() { [ "$2" = 0 ] && echo "ok $1" || echo "not ok $1: $3"; }

if ! command -v dpkg-query >/dev/null; then
	echo "skip the static analyzer: needs debian, whose libraries it is made of"
	exit 0
fi
(umask 022 && packaging/tarball --no-sources "$work/1") >"$work/log" 2>&1
verdict "a tarball is made" $? "$(tail -n 1 "$work/log")"
rm -f build/static/skbox
(umask 077 && TZ=Asia/Tokyo packaging/tarball --no-sources "$work/2") >"$work/log" 2>&1
cmp "$work"/1/*.tar.gz "$work"/2/*.tar.gz
verdict "and has the same bytes the next time" $? "they differ"
tar -x -C "$work" -f "$work"/1/*.tar.gz && tree=$(echo "$work"/skbox-*-linux-*)
! readelf -ld "$tree/bin/skbox" | grep -E 'NEEDED|INTERP'
verdict "it needs no library" $? "it does"
for command in $(build/skbox help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | grep -vxE 'capture|help'); do
	[ -s "$tree/share/man/man1/skbox-$command.1" ] || echo "$command"
done >"$work/missing"
[ ! -s "$work/missing" ]
verdict "each command's manual is in it" $? "not of $(tr '\n' ' ' <"$work/missing")"
grep -oE '[a-z0-9.-]+(\*)?\.txt' "$tree/licences/README" | while read -r file; do
	compgen -G "$tree/licences/$file" >/dev/null || echo "$file"
done >"$work/missing"
[ ! -s "$work/missing" ] && [ "$(grep -c '\.txt' "$tree/licences/README")" -ge 8 ]
verdict "the terms of what is linked into it are in it" $? "not $(tr '\n' ' ' <"$work/missing")"

if [ "$(id -u)" != 0 ]; then
	echo "skip it works in an empty root: needs root"
	exit 0
fi
# a root with nothing, then with a file of names and a module for them that cannot be opened: a pipe nobody writes to
empty=$work/root
mkdir "$empty"
cp "$tree/bin/skbox" testdata/demo.skbx "$empty/"
in_root() { timeout 20 chroot "$empty" /skbox "$@"; }
for arguments in "print --utc" "sockets" "stats" "json --shape retis" "print -f tcp" "check no-retransmits"; do
	# shellcheck disable=SC2086 # words
	cmp <(in_root $arguments <testdata/demo.skbx 2>&1) <(build/skbox $arguments <testdata/demo.skbx 2>&1) >&2 || echo "$arguments"
done >"$work/missing"
[ ! -s "$work/missing" ]
verdict "in an empty root it prints what it prints elsewhere" $? "not $(tr '\n' ' ' <"$work/missing")"
in_root anonymize -o /a.skbx /demo.skbx >"$work/log" 2>&1 && in_root verify /a.skbx >"$work/log" 2>&1
verdict "and writes files" $? "$(tail -n 1 "$work/log")"
seen=$(in_root info -v /demo.skbx | grep '^sandbox')
[[ $seen == *"system calls limited"* ]]
verdict "and is in its sandbox" $? "$seen"
mkdir -p "$empty"/etc "$empty"/lib
echo 'services: strange files' >"$empty/etc/nsswitch.conf"
echo 'closed 81/tcp' >"$empty/etc/services"
mkfifo "$empty/lib/libnss_strange.so.2"
[ "$(in_root print --format single-line -f 'tcp port closed' /demo.skbx | grep -c ' \[tp\] ')" = \
	"$(build/skbox print --format single-line -f 'tcp port 81' testdata/demo.skbx | grep -c ' \[tp\] ')" ]
verdict "and loads no module of the system to look up names" $? "it hung or found nothing"
exit 0
